//! Not faster than so many items a second.

use std::time::Duration;

/// When the next items are due.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Items a second at most; none: as fast as it goes.
    rate: Option<f64>,
    /// When the items until now are paid for, since the beginning.
    due: Duration,
}

/// What was not used of the rate is lost after so long: who was held up does not
/// make it good by a flood.
const SAVED_MAX: Duration = Duration::from_secs(1);

impl Pace {
    pub(crate) fn new(rate: Option<f64>) -> Self {
        Self { rate, due: Duration::ZERO }
    }

    /// Notes `items` that were made by `now`. How long to wait for the next ones.
    pub(crate) fn after(&mut self, items: usize, now: Duration) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let takes = Duration::from_secs_f64(f64::from(items) / rate);
        self.due = self.due.max(now.saturating_sub(SAVED_MAX)) + takes;
        self.due.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn without_a_rate_nobody_waits() {
        assert_eq!(Pace::new(None).after(1_000_000, SECOND), Duration::ZERO);
    }

    #[test]
    fn so_many_items_take_so_long() {
        let mut pace = Pace::new(Some(100.0));
        assert_eq!(pace.after(50, Duration::ZERO), SECOND / 2);
        // Half of it has been waited for by other means.
        assert_eq!(pace.after(50, SECOND / 4), SECOND * 3 / 4);
    }

    #[test]
    fn what_was_missed_is_made_good_for_a_second_only() {
        let mut pace = Pace::new(Some(100.0));
        assert_eq!(pace.after(100, 60 * SECOND), Duration::ZERO);
        assert_eq!(pace.after(100, 60 * SECOND), SECOND);
    }
}
