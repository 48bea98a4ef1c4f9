//! How long something takes, in real time.

use std::time::{Duration, Instant};

use crate::deadline::now;

/// Runs from the moment it is made. What it measures is told to people: nothing
/// expires by it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    pub fn start() -> Self {
        Self(now())
    }

    /// The time since then.
    pub fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.0)
    }
}
