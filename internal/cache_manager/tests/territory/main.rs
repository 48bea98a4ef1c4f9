//! Keys that are shared with other processes.

#[path = "../support/mod.rs"]
mod support;

mod claims;
mod copies;
mod fields;
mod passage;
