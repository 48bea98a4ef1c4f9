//! `/v1`: everything of the engine.

mod batch;
mod cache_status;
mod key;
mod verbs;

pub(super) use batch::{Batch, OfBatch};
pub(super) use key::Call;
