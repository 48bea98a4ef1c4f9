//! `/v1`: everything of the engine.

mod batch;
mod cache_status;
mod events;
mod key;
mod keyspaces;
mod verbs;

pub(super) use batch::{Batch, OfBatch};
pub(super) use events::open as open_events;
pub(super) use key::Call;
pub(super) use keyspaces::{Changes, OfKeyspace, Spaces};
