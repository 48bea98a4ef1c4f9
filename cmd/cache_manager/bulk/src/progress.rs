//! How far one is: a line a second, for who wants to see it.

use std::fmt;
use std::io::Write;
use std::time::Duration;

/// How often something is told.
const EVERY: Duration = Duration::from_secs(1);

/// Tells how far one is.
#[derive(Debug)]
pub(crate) struct Progress {
    is_wanted: bool,
    told_at: Duration,
}

impl Progress {
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self { is_wanted, told_at: Duration::ZERO }
    }

    /// Tells `what`, if the last line is a second old. `now` is since the beginning.
    pub(crate) fn tell(&mut self, now: Duration, what: impl fmt::Display) {
        if self.is_due(now) {
            // Where it goes is closed: there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{what}");
        }
    }

    fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.is_wanted && EVERY <= now.saturating_sub(self.told_at);
        if is_due {
            self.told_at = now;
        }
        is_due
    }
}

/// Items a second, since the beginning.
pub(crate) fn rate(items: u64, now: Duration) -> u64 {
    let ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).max(1);
    items.saturating_mul(1_000) / ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_is_told_and_none_to_who_wants_none() {
        let mut progress = Progress::new(true);
        let told: Vec<_> = (0..50).filter(|n| progress.is_due(EVERY * *n / 10)).collect();
        assert_eq!(told, [10, 20, 30, 40]);
        assert!(!Progress::new(false).is_due(EVERY * 9));
    }

    #[test]
    fn a_rate_is_items_by_seconds() {
        assert_eq!(rate(500, EVERY / 2), 1_000);
        assert_eq!(rate(0, Duration::ZERO), 0);
    }
}
