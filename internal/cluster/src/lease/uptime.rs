//! The clock of leases.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since some moment in the past, on this machine.
///
/// Implementers MUST go on while the machine sleeps, never go back, and keep their rate
/// within [`RATE_PERCENT`](super::RATE_PERCENT) of that of every other member's.
pub trait Uptime: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Duration;
}

/// The system's clock that also counts the time in which the machine slept.
///
/// That of `std` does not, on Linux: a machine that wakes would hold the leases that it
/// held when it fell asleep.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootTime;

impl Uptime for BootTime {
    fn now(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).expect("time since the start is not negative");
        let nanoseconds = u32::try_from(now.tv_nsec).expect("nanoseconds are below a second");
        Duration::new(seconds, nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_clock_does_not_go_back() {
        let clock = BootTime;
        let earlier = clock.now();
        assert!(earlier <= clock.now());
    }
}
