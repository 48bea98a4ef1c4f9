//! `/v1`: everything of the engine.

pub(crate) mod batch;
mod cache_status;
mod events;
mod key;
pub(crate) mod keyspaces;
pub(super) mod limits;
pub(super) mod status;
pub(super) mod trace;
mod verbs;

pub(super) use batch::{Batch, OfBatch};
pub(super) use events::open as open_events;
pub(super) use key::{Call, cache_status, not_found};
pub(super) use keyspaces::{OfKeyspace, Spaces};
