//! Whole processes, joined: caches whose keys are shared, links, and the agreement.

mod keys;
mod process;
