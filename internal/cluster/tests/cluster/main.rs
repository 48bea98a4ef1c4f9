//! Whole processes, joined: caches whose keys are shared, links, and the agreement.

mod handover;
mod holders;
mod hot;
mod keys;
mod near;
mod process;
mod quorum;
mod replicas;
mod weather;
