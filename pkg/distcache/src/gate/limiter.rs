//! Spares a source that has enough to do.

use std::time::Duration;

use distcache_manager::Tick;
use parking_lot::Mutex;

/// How many loads a source is asked for.
///
/// A bucket holds `burst` tokens and gets `per_second` new ones each second; a
/// load takes one. Without a token it waits for up to `wait_max`, or fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    per_second: f64,
    burst: u32,
    wait_max: Duration,
}

impl RateLimit {
    /// So many loads a second on the long run, and as many at once; a load
    /// without a token fails at once.
    ///
    /// # Panics
    /// If `per_second` is not above 0: nothing would ever be loaded.
    pub fn per_second(per_second: f64) -> Self {
        assert!(0.0 < per_second && per_second.is_finite(), "a rate is above 0");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "above 0, and a cast saturates"
        )]
        let burst = (per_second as u32).max(1);
        Self { per_second, burst, wait_max: Duration::ZERO }
    }

    /// So many loads at once after a quiet time; at least 1. Default: those of
    /// one second.
    #[must_use]
    pub fn burst(self, burst: u32) -> Self {
        Self { burst: burst.max(1), ..self }
    }

    /// How long a load waits for its token. Default: not at all.
    #[must_use]
    pub fn wait_max(self, wait_max: Duration) -> Self {
        Self { wait_max, ..self }
    }

    /// Its rate, burst and longest wait.
    pub fn parts(&self) -> (f64, u32, Duration) {
        (self.per_second, self.burst, self.wait_max)
    }
}

/// A rate limit at work.
#[derive(Debug)]
pub(crate) struct Limiter {
    settings: RateLimit,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Less than 0 when loads wait for tokens that are still to come.
    tokens: f64,
    filled: Tick,
}

impl Limiter {
    pub(crate) fn new(settings: RateLimit, now: Tick) -> Self {
        let bucket = Bucket { tokens: f64::from(settings.burst), filled: now };
        Self { settings, bucket: Mutex::new(bucket) }
    }

    /// Takes a token. Returns how long to wait before it may be used; or, as an
    /// error, how long that would have to be.
    pub(crate) fn take(&self, now: Tick) -> Result<Duration, Duration> {
        let RateLimit { per_second, burst, wait_max } = self.settings;
        let mut bucket = self.bucket.lock();
        let came = now.since(bucket.filled).as_secs_f64() * per_second;
        bucket.tokens = (bucket.tokens + came).min(f64::from(burst));
        bucket.filled = bucket.filled.max(now);
        let missing = 1.0 - bucket.tokens;
        let wait = Duration::try_from_secs_f64((missing / per_second).max(0.0));
        let wait = wait.unwrap_or(Duration::MAX);
        if wait_max < wait {
            return Err(wait);
        }
        bucket.tokens -= 1.0;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Tick {
        Tick::from_ms(ms)
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let limiter = Limiter::new(RateLimit::per_second(10.0).burst(2), at(0));
        assert_eq!(limiter.take(at(0)), Ok(Duration::ZERO));
        assert_eq!(limiter.take(at(0)), Ok(Duration::ZERO));
        assert_eq!(limiter.take(at(0)), Err(Duration::from_millis(100)));
        assert!(limiter.take(at(50)).is_err());
        assert_eq!(limiter.take(at(100)), Ok(Duration::ZERO));
        assert!(limiter.take(at(100)).is_err());
    }

    #[test]
    fn whoever_may_wait_is_told_how_long_one_after_the_other() {
        let limit = RateLimit::per_second(10.0).burst(1).wait_max(Duration::from_millis(200));
        let limiter = Limiter::new(limit, at(0));
        let waits: Vec<_> = (0..4).map(|_| limiter.take(at(0)).ok()).collect();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(waits, [ms(0), ms(100), ms(200), None]);
    }

    #[test]
    fn a_quiet_time_gives_no_more_than_the_burst() {
        let limiter = Limiter::new(RateLimit::per_second(1000.0).burst(3), at(0));
        let taken = (0..10).filter(|_| limiter.take(at(60_000)).is_ok()).count();
        assert_eq!(taken, 3);
    }

    #[test]
    #[should_panic(expected = "a rate is above 0")]
    fn a_rate_of_nothing_is_refused() {
        RateLimit::per_second(0.0);
    }
}
