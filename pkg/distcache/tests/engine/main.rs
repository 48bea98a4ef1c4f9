//! The engine as those who embed it see it.

mod asynchronous;
mod database;
mod ends;
mod herd;
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
mod writes;
