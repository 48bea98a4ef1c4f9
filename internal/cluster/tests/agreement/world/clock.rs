//! A process's uptime in the world.

use std::time::Duration;

use distcache_cluster::Uptime;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Goes on while its process is paused, from a start of its own, at a rate of its own.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<Hand>);

#[derive(Debug, Clone, Copy)]
struct Hand {
    /// What it shows when the world's time is zero.
    offset: Duration,
    /// In millionths.
    rate: u32,
    /// The step that the process is at: the world's time, and the runtime's.
    step: Option<(Duration, Instant)>,
}

impl Clock {
    pub(crate) fn new(offset: Duration) -> Self {
        Self(Mutex::new(Hand { offset, rate: 1_000_000, step: None }))
    }

    /// From here on it goes so many millionths as fast as the world. At a test's start
    /// only: it leaps.
    pub(crate) fn set_rate(&self, rate: u32) {
        self.0.lock().rate = rate;
    }

    /// The process begins a step.
    pub(crate) fn begin(&self, now: Duration, instant: Instant) {
        self.0.lock().step = Some((now, instant));
    }

    /// What it shows at a time of the world.
    pub(crate) fn at(&self, now: Duration) -> Duration {
        let Hand { offset, rate, .. } = *self.0.lock();
        offset + now * rate / 1_000_000
    }

    /// The world's time, as the process finds it within a step.
    pub(crate) fn world(&self) -> Duration {
        let step = self.0.lock().step;
        let (now, began) = step.expect("whoever asks is being stepped");
        now + (Instant::now() - began)
    }
}

impl Uptime for Clock {
    fn now(&self) -> Duration {
        // At its start a process asks before its first step.
        let stepped = self.0.lock().step.is_some();
        self.at(if stepped { self.world() } else { Duration::ZERO })
    }
}
