//! A load balancer behind its door, before members that are made up: whatever they do,
//! clients are told the truth.

mod bodies;
mod connections;
mod courses;
mod headers;
mod hedges;
mod looks;
mod own;
mod retries;
mod shared;
mod support;
