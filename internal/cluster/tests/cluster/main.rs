//! Whole processes, joined: caches whose keys are shared, links, and the agreement.

mod handover;
mod hot;
mod keys;
mod near;
mod process;
mod replicas;
mod weather;
