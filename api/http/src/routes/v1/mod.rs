//! `/v1`: everything of the engine.

mod cache_status;
mod key;
mod verbs;

pub(super) use key::Call;
