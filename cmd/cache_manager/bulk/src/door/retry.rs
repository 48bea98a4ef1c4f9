//! How long to wait before the same is asked again.

use std::time::Duration;

/// Before the first time.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// However often it was tried.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// However long the server wants it to be.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// The pause before the `number`th time, from 0: twice as long each time, and as
/// long as the server has asked for.
pub(super) fn pause(number: u32, wanted: Option<Duration>) -> Duration {
    let own = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(number)).min(PAUSE_MAX);
    own.max(wanted.unwrap_or_default().min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_end() {
        let ms = |number| pause(number, None).as_millis();
        assert_eq!([0, 1, 5, 6, 99].map(ms), [100, 200, 3_200, 5_000, 5_000]);
        // Of the default number of tries: long enough for a server to begin anew.
        let sum: Duration = (0..12).map(|number| pause(number, None)).sum();
        assert!(Duration::from_secs(30) < sum);
    }

    #[test]
    fn what_the_server_asks_for_is_kept_within_reason() {
        assert_eq!(pause(0, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pause(6, Some(Duration::from_secs(1))), PAUSE_MAX);
        assert_eq!(pause(0, Some(Duration::MAX)), RETRY_AFTER_MAX);
    }
}
