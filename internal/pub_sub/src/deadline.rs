//! How long a caller is willing to wait.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A caller's patience, counted from the moment it first has to wait.
///
/// Reading the clock costs as much as a tenth of a cache hit, and nearly every
/// call finds its node free; so the instant is fixed only when somebody asks
/// for it, at the first obstacle, and then stays.
#[derive(Debug, Clone)]
pub struct Deadline {
    timeout: Duration,
    at: Cell<Option<Instant>>,
}

impl Deadline {
    /// A deadline `timeout` after the first obstacle.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, at: Cell::new(None) }
    }

    /// A deadline at a fixed instant.
    pub fn at(instant: Instant) -> Self {
        Self { timeout: Duration::ZERO, at: Cell::new(Some(instant)) }
    }

    /// The instant at which the caller leaves.
    pub fn instant(&self) -> Instant {
        if let Some(at) = self.at.get() {
            return at;
        }
        let now = now();
        // A timeout beyond what the clock can say means "a very long time".
        let at = now.checked_add(self.timeout).unwrap_or_else(|| now + FAR_FUTURE);
        self.at.set(Some(at));
        at
    }

    /// Whether the caller's time is up.
    pub fn is_over(&self) -> bool {
        self.instant() <= now()
    }

    /// Time that is left; zero when it is over.
    pub fn remaining(&self) -> Duration {
        self.instant().saturating_duration_since(now())
    }

    /// The instant of the deadline, or `slice` from now if that is sooner.
    pub(crate) fn or_sooner(&self, slice: Duration) -> Instant {
        self.instant().min(now() + slice)
    }
}

/// A year: stands for timeouts that an `Instant` cannot hold.
const FAR_FUTURE: Duration = Duration::from_hours(365 * 24);

/// The one place where the bus reads the clock. Waiting is real: a test that
/// hands in a clock of its own still parks real threads.
#[expect(clippy::disallowed_methods, reason = "waits are measured in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instant_is_fixed_at_the_first_question_and_stays() {
        let deadline = Deadline::within(Duration::from_mins(1));
        assert_eq!(deadline.instant(), deadline.instant());
        assert!(!deadline.is_over());
    }

    #[test]
    fn no_patience_is_over_at_once() {
        assert!(Deadline::within(Duration::ZERO).is_over());
    }

    #[test]
    fn a_timeout_beyond_the_clock_is_a_long_time_and_no_panic() {
        assert!(!Deadline::within(Duration::MAX).is_over());
    }
}
