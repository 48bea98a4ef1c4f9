//! The real program, a client to speak to it with, and the repository's files.

mod client;
mod curl;
mod door;
mod process;
mod repository;
mod server;
mod transcript;

pub(crate) use client::{Client, escaped, head};
pub(crate) use curl::Curl;
pub(crate) use door::{Door, on_each_door};
pub(crate) use process::{Ended, Process};
pub(crate) use repository::{
    cargo_metadata, code_blocks, files, markdown_files, path_of, relative_links, text_of,
};
pub(crate) use server::Server;

use std::thread;
use std::time::Duration;

/// No test waits longer for one thing; none is meant to come near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("it never came about that {what}"))
}

/// Looks until there is something to see, or until `bound` is over.
fn within<T>(bound: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let tries = bound.as_millis() / POLL_EVERY.as_millis();
    (0..tries).find_map(|_| {
        let seen = look();
        if seen.is_none() {
            thread::sleep(POLL_EVERY);
        }
        seen
    })
}
