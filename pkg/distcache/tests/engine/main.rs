//! The engine as those who embed it see it.

mod asynchronous;
mod database;
mod herd;
mod herd_long;
mod keyspaces;
mod listeners;
mod outage;
mod races;
mod stale_checker;
mod staleness;
mod stats;
mod stores;
mod support;
mod times;
mod told;
mod writes;
