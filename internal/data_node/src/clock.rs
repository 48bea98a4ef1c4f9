//! Time as a node sees it: milliseconds on a clock that only goes forward.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An instant, in milliseconds since the clock was made.
///
/// Never a wall-clock time: setting the system's clock neither expires nor
/// prolongs anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The instant the clock was made.
    pub const ZERO: Self = Self(0);
    /// Later than every deadline (34 years of uptime): what never expires. An
    /// entry has 40 bits for it.
    pub const NEVER: Self = Self((1 << 40) - 1);

    /// The tick `ms` milliseconds after the clock was made; at most `NEVER`.
    pub fn from_ms(ms: u64) -> Self {
        Self(ms.min(Self::NEVER.0))
    }

    /// Milliseconds since the clock was made.
    pub fn as_ms(self) -> u64 {
        self.0
    }

    /// The tick `ttl` later, rounded down to the millisecond: a value may go
    /// early, never late. At most `NEVER`.
    #[must_use]
    pub fn after(self, ttl: Duration) -> Self {
        let ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// The tick `time` earlier, at the earliest [`ZERO`](Self::ZERO); `NEVER`
    /// stays.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        if self == Self::NEVER {
            return self;
        }
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(ms))
    }

    /// The time since an earlier tick; zero if that is a later one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Where a node learns what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The present tick; never before one that was returned earlier.
    fn now(&self) -> Tick;
}

/// The system's monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    zero: Instant,
}

impl SystemClock {
    /// A clock that stands at [`Tick::ZERO`] now.
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that others take")]
    pub fn new() -> Self {
        Self { zero: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Tick {
        Tick::ZERO.after(self.zero.elapsed())
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at [`Tick::ZERO`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Tick {
        Tick::from_ms(self.now_ms.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_that_no_clock_can_hold_means_never() {
        assert_eq!(Tick::ZERO.after(Duration::MAX), Tick::NEVER);
        assert_eq!(Tick::NEVER.after(Duration::from_millis(1)), Tick::NEVER);
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_rounded_down() {
        assert_eq!(Tick::from_ms(5).after(Duration::from_micros(1_999)).as_ms(), 6);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new();
        assert_eq!(clock.now(), Tick::ZERO);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now().as_ms(), 2_000);
    }
}
