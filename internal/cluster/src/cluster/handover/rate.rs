//! So many bytes a second.

use std::num::NonZeroU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// So many bytes a second, on average: whoever has moved some lets others wait for as
/// long as these take.
///
/// How many bytes a page has is known only when it is there. So those who have their turn
/// at once may be above the rate by a page each; those after them wait the longer.
#[derive(Debug)]
pub(super) struct Rate {
    bytes_per_second: NonZeroU64,
    /// Nobody has a turn before that.
    next: Mutex<Instant>,
}

impl Rate {
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits until something may be moved.
    pub(super) async fn turn(&self) {
        let next = *self.next.lock();
        sleep_until(next).await;
    }

    /// Some was moved.
    pub(super) fn spend(&self, bytes: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a millionth of a second more or less")]
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.get() as f64);
        let mut next = self.next.lock();
        // What was not used before is not saved up: it would be a burst.
        *next = (*next).max(Instant::now()) + takes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_rate_is_moved_however_many_are_at_it() {
        let rate = Rate::new(NonZeroU64::new(1_000).unwrap());
        let began = Instant::now();
        let work = async || {
            for _ in 0..10 {
                rate.turn().await;
                rate.spend(100);
            }
        };
        tokio::join!(work(), work(), work());
        rate.turn().await;
        let took = began.elapsed();
        assert!(Duration::from_secs(3) <= took, "3,000 bytes took {took:?}");
        assert!(took < Duration::from_millis(3_100), "3,000 bytes took {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_saved_up() {
        let rate = Rate::new(NonZeroU64::new(1_000).unwrap());
        tokio::time::sleep(Duration::from_mins(1)).await;
        let began = Instant::now();
        for _ in 0..10 {
            rate.turn().await;
            rate.spend(100);
        }
        rate.turn().await;
        assert!(Duration::from_secs(1) <= began.elapsed());
    }
}
