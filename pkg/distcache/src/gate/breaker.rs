//! Spares a source that fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::Tick;
use parking_lot::Mutex;

/// When a source is left alone for a while.
///
/// After `failures` loads in a row have failed, none is made for `reset_after`;
/// then one is tried, and what comes of it decides. That a key has no value is
/// no failure, and neither is a load that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitBreaker {
    failures: u32,
    reset_after: Duration,
}

impl CircuitBreaker {
    /// Opens after so many failures in a row (at least 1), for so long.
    ///
    /// Five failures and one second are a good beginning: a source that is down
    /// is asked once a second.
    pub fn new(failures: u32, reset_after: Duration) -> Self {
        Self { failures: failures.max(1), reset_after }
    }

    /// After how many failures it opens, and for how long.
    pub fn parts(&self) -> (u32, Duration) {
        (self.failures, self.reset_after)
    }
}

/// What a circuit breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Loads are made.
    Closed,
    /// None is made.
    Open,
    /// One is made, to see.
    HalfOpen,
}

/// A circuit breaker at work.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: CircuitBreaker,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// So many loads in a row have failed.
    Closed { failures: u32 },
    /// No load before this tick.
    Open { until: Tick },
    /// One load is on its way. If nothing is heard of it until then, another may
    /// try.
    HalfOpen { until: Tick },
}

/// The right to make one load. Whoever has it says how that went; dropping it
/// says nothing, as if there had been no load.
pub(crate) struct Permit {
    breaker: Arc<Breaker>,
    is_probe: bool,
    is_told: bool,
}

impl Breaker {
    pub(crate) fn new(settings: CircuitBreaker) -> Arc<Self> {
        Arc::new(Self { settings, state: Mutex::new(State::Closed { failures: 0 }) })
    }

    /// The right to make a load now, or how long there is none.
    pub(crate) fn admit(self: &Arc<Self>, now: Tick) -> Result<Permit, Duration> {
        let mut state = self.state.lock();
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } | State::HalfOpen { until } if until <= now => {
                *state = State::HalfOpen { until: now.after(self.settings.reset_after) };
                true
            }
            State::Open { until } | State::HalfOpen { until } => return Err(until.since(now)),
        };
        Ok(Permit { breaker: self.clone(), is_probe, is_told: false })
    }

    pub(crate) fn state(&self, now: Tick) -> BreakerState {
        match *self.state.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl Permit {
    /// The source has answered.
    pub(crate) fn succeeded(mut self) {
        self.is_told = true;
        let mut state = self.breaker.state.lock();
        // A load that began before the breaker opened says nothing about now.
        if self.is_probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
    }

    /// The source has failed.
    pub(crate) fn failed(mut self, now: Tick) {
        self.is_told = true;
        let settings = self.breaker.settings;
        let mut state = self.breaker.state.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::HalfOpen { .. } if self.is_probe => settings.failures,
            State::Open { .. } | State::HalfOpen { .. } => return,
        };
        *state = if failures < settings.failures {
            State::Closed { failures }
        } else {
            State::Open { until: now.after(settings.reset_after) }
        };
    }
}

impl Drop for Permit {
    /// 1. A probe is admitted; everybody else is refused until it is told.
    /// 2. Its load is never made: the queue was full, or it was cancelled.
    /// 3. Nobody tells; the breaker refuses for ever.
    ///
    /// Hence a probe that was not told gives its place to the next one.
    fn drop(&mut self) {
        if self.is_probe && !self.is_told {
            *self.breaker.state.lock() = State::Open { until: Tick::ZERO };
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("is_probe", &self.is_probe).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Arc<Breaker> {
        Breaker::new(CircuitBreaker::new(2, Duration::from_secs(1)))
    }

    fn at(ms: u64) -> Tick {
        Tick::from_ms(ms)
    }

    fn fail(breaker: &Arc<Breaker>, now: Tick) {
        breaker.admit(now).unwrap().failed(now);
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_before() {
        let breaker = breaker();
        fail(&breaker, at(0));
        breaker.admit(at(0)).unwrap().succeeded();
        fail(&breaker, at(0));
        assert_eq!(breaker.state(at(0)), BreakerState::Closed);
        fail(&breaker, at(0));
        assert_eq!(breaker.admit(at(400)).unwrap_err(), Duration::from_millis(600));
    }

    #[test]
    fn one_probe_decides_what_comes_next() {
        let breaker = breaker();
        fail(&breaker, at(0));
        fail(&breaker, at(0));
        let probe = breaker.admit(at(1_000)).unwrap();
        assert!(breaker.admit(at(1_000)).is_err(), "one is enough");
        probe.failed(at(1_000));
        assert!(breaker.admit(at(1_999)).is_err());
        breaker.admit(at(2_000)).unwrap().succeeded();
        assert_eq!(breaker.state(at(2_000)), BreakerState::Closed);
        fail(&breaker, at(2_000));
        assert_eq!(breaker.state(at(2_000)), BreakerState::Closed, "it counts from the beginning");
    }

    #[test]
    fn a_probe_that_nothing_is_heard_of_is_followed_by_another() {
        let breaker = breaker();
        fail(&breaker, at(0));
        fail(&breaker, at(0));
        let hangs = breaker.admit(at(1_000)).unwrap();
        assert!(breaker.admit(at(1_999)).is_err());
        breaker.admit(at(2_000)).unwrap().succeeded();
        hangs.failed(at(2_000));
        assert_eq!(breaker.state(at(2_000)), BreakerState::Closed, "one late failure of two");
    }

    #[test]
    fn a_probe_that_was_never_made_gives_its_place_to_the_next() {
        let breaker = breaker();
        fail(&breaker, at(0));
        fail(&breaker, at(0));
        drop(breaker.admit(at(1_000)).unwrap());
        breaker.admit(at(1_000)).expect("another probe");
    }

    #[test]
    fn loads_that_began_before_it_opened_change_nothing() {
        let breaker = breaker();
        let (early, late) = (breaker.admit(at(0)).unwrap(), breaker.admit(at(0)).unwrap());
        fail(&breaker, at(0));
        fail(&breaker, at(0));
        early.succeeded();
        late.failed(at(500));
        assert_eq!(breaker.admit(at(900)).unwrap_err(), Duration::from_millis(100));
    }
}
