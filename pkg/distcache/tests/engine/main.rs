//! The engine as those who embed it see it.

mod async_stores;
mod asynchronous;
mod content_types;
mod database;
mod ends;
mod herd;
mod herd_long;
mod hot_keys;
mod keyspaces;
mod limits;
mod listeners;
mod outage;
mod races;
mod requests;
mod runtimes;
mod stale_checker;
mod staleness;
mod stats;
mod stores;
mod support;
mod times;
mod told;
mod traces;
mod twins;
#[cfg(feature = "json")]
mod typed;
mod write_behind;
mod writes;
