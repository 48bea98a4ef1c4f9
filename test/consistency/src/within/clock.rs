//! A member's own clocks: they go a little fast or slow; and one of them stands still while
//! its machine sleeps.

use std::sync::Arc;
use std::time::Duration;

use distcache::{Clock, Tick};
use distcache_cluster::lease::{BootTime, Uptime};
use parking_lot::RwLock;

/// The parts of ten thousand by which one goes faster than the next. All stay within what a
/// lease allows for.
const APART: u64 = 20;

/// The clocks of one machine. That of leases ([`Uptime`]) goes on whatever happens.
#[derive(Debug)]
pub(super) struct MachineClock {
    since: Duration,
    /// How fast it goes, in parts of ten thousand of real time.
    rate: u64,
    sleep: RwLock<Sleep>,
}

/// When the other clock stood still.
#[derive(Debug, Default)]
struct Sleep {
    /// For so long, before the last time.
    before: Duration,
    /// The last time, from then until then.
    from: Duration,
    until: Duration,
}

impl MachineClock {
    /// That of the machine of this number.
    pub(super) fn of(machine: usize) -> Arc<Self> {
        let rate = 10_000 + machine as u64 % 5 * APART;
        Arc::new(Self { since: BootTime.now(), rate, sleep: RwLock::default() })
    }

    /// From now on the clock of values stands still for so long.
    pub(super) fn stand_still(&self, time: Duration) {
        let mut sleep = self.sleep.write();
        let from = self.elapsed().max(sleep.until);
        let before = sleep.before + sleep.until.saturating_sub(sleep.from);
        *sleep = Sleep { before, from, until: from + time };
    }

    fn elapsed(&self) -> Duration {
        let real = BootTime.now().saturating_sub(self.since);
        let gone = real.as_micros() * u128::from(self.rate) / 10_000;
        Duration::from_micros(u64::try_from(gone).unwrap_or(u64::MAX))
    }
}

impl Uptime for MachineClock {
    fn now(&self) -> Duration {
        self.since + self.elapsed()
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Tick {
        let sleep = self.sleep.read();
        let elapsed = self.elapsed();
        let stood = elapsed.min(sleep.until).saturating_sub(sleep.from);
        Tick::ZERO.after(elapsed.saturating_sub(sleep.before + stood))
    }
}
