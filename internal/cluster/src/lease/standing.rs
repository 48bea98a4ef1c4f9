//! What a member may do right now, for the data path to read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache_bus::mutants::{Mutant, is_planted};

/// Whether this process holds a lease, and which view is settled.
///
/// One for each process, whatever clusters it enters and leaves. Read without a lock;
/// written by one task.
#[derive(Debug, Default)]
pub struct Standing {
    /// When the lease ends, in nanoseconds of the process's [`Uptime`](super::Uptime);
    /// 0 without one. Only grows while the process stays in one cluster.
    until_ns: AtomicU64,
    /// The latest end of any lease under which nothing is begun any more.
    closed_ns: AtomicU64,
    /// The latest end of any lease that was given up before it had come.
    given_up_ns: AtomicU64,
    /// Under views older than this epoch nobody can hold a lease. Only grows while the
    /// process stays in one cluster; 0 if nothing is known.
    settled: AtomicU64,
    /// In tenures up to this one all copies that may be were made own entries. Only grows
    /// while the process stays in one cluster.
    adopted: AtomicU64,
}

impl Standing {
    /// Whether the lease lasts at `now`.
    #[inline]
    pub fn holds(&self, now: Duration) -> bool {
        !self.is_over(self.until_ns(), now)
    }

    /// Under views older than this epoch nobody holds a lease. A member serves keys that
    /// it gained by a view only when that view is settled.
    #[inline]
    pub fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// In tenures up to this one all copies that may be were made own entries.
    #[inline]
    pub(crate) fn adopted(&self) -> u64 {
        self.adopted.load(Ordering::Acquire)
    }

    /// They were, in this one.
    pub(crate) fn note_adopted(&self, tenure: u64) {
        self.adopted.fetch_max(tenure, Ordering::AcqRel);
    }

    /// When the lease ends or ended; zero if there was none.
    pub fn until(&self) -> Duration {
        Duration::from_nanos(self.until_ns())
    }

    /// The same, in nanoseconds.
    #[inline]
    pub(crate) fn until_ns(&self) -> u64 {
        // Acquire: whoever sees the lease sees the settled epoch that came with it.
        self.until_ns.load(Ordering::Acquire)
    }

    /// Whether a lease with this end is over at `now`, or was given up. To be asked after
    /// a change was made and before it is acknowledged.
    ///
    /// 1. A writer has found the lease, and is stopped.
    /// 2. This member leaves: it gives its lease up, and is removed at once. Another owns
    ///    the key, and loads it.
    /// 3. The writer goes on, before this member has taken the view of step 2. The time
    ///    of the lease that it found is not over: its change would be acknowledged.
    /// 4. A reader asks the other one, and gets what was before that change.
    ///
    /// A new lease that ends no later than one that was given up counts for nothing: it is
    /// one of another cluster, soon after, and the next one is longer.
    #[inline]
    pub(crate) fn is_over(&self, until_ns: u64, now: Duration) -> bool {
        if is_planted(Mutant::LeaseUnchecked) {
            return false;
        }
        until_ns <= nanoseconds(now) || until_ns <= self.given_up_ns.load(Ordering::Acquire)
    }

    /// A grant arrived. `fetch_max`, because:
    ///
    /// 1. the member asks, and asks again;
    /// 2. the second answer overtakes the first, and the lease ends as it says;
    /// 3. the first answer arrives, and would end the lease earlier: what the leader
    ///    does not know of, it still waits for, but this member would stop serving.
    pub(crate) fn extend(&self, until: Duration, settled: u64) {
        self.settled.fetch_max(settled, Ordering::AcqRel);
        let until = if is_planted(Mutant::LeaseTooLong) { until + TOO_LONG } else { until };
        self.until_ns.fetch_max(nanoseconds(until), Ordering::AcqRel);
    }

    /// The stay in the cluster ends, or the member gives its lease up.
    ///
    /// Whoever calls it has ended the task that extends it, or an answer that is on its
    /// way would bring the lease back.
    pub(crate) fn end(&self) {
        self.close();
        self.given_up_ns.fetch_max(self.closed_ns.load(Ordering::Acquire), Ordering::AcqRel);
        self.settled.store(0, Ordering::Release);
        self.adopted.store(0, Ordering::Release);
    }

    /// Nothing more is begun under the lease. What was begun before may end, until
    /// [`end`](Self::end), which has the same condition.
    pub(crate) fn close(&self) {
        let until = self.until_ns.swap(0, Ordering::AcqRel);
        self.closed_ns.fetch_max(until, Ordering::AcqRel);
    }
}

/// By so much a fault that is planted lengthens a lease.
const TOO_LONG: Duration = Duration::from_secs(4);

/// In 64 bits: a machine's uptime of 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_holds_before_its_end_and_not_at_it() {
        let standing = Standing::default();
        assert!(!standing.holds(s(0)));
        standing.extend(s(3), 7);
        assert!(standing.holds(s(3).checked_sub(Duration::from_nanos(1)).unwrap()));
        assert!(!standing.holds(s(3)));
        assert_eq!(standing.settled(), 7);
    }

    #[test]
    fn a_late_answer_moves_nothing_back() {
        let standing = Standing::default();
        standing.extend(s(5), 8);
        standing.extend(s(3), 7);
        assert_eq!((standing.until(), standing.settled()), (s(5), 8));
        standing.end();
        assert_eq!((standing.until(), standing.settled()), (s(0), 0));
    }

    #[test]
    fn under_a_lease_that_is_closed_nothing_is_begun_and_what_was_begun_may_end() {
        let standing = Standing::default();
        standing.extend(s(5), 1);
        let found = standing.until_ns();
        standing.close();
        assert!(!standing.holds(s(3)) && standing.is_over(standing.until_ns(), s(3)));
        assert!(!standing.is_over(found, s(3)) && standing.is_over(found, s(5)));
        // Whoever comes to it: the member leaves, or its cluster dissolves meanwhile.
        standing.end();
        assert!(standing.is_over(found, s(3)));
    }

    #[test]
    fn a_lease_that_is_given_up_is_over_for_those_who_have_found_it() {
        let standing = Standing::default();
        standing.extend(s(5), 8);
        let found = standing.until_ns();
        assert!(!standing.is_over(found, s(4)));
        assert!(standing.is_over(found, s(5)));
        standing.end();
        assert!(standing.is_over(found, s(4)));
        standing.extend(s(6), 9);
        assert!(standing.is_over(found, s(4)), "the next lease is another one");
        assert!(!standing.is_over(standing.until_ns(), s(4)));
    }
}
