//! Why reads have found nothing: a cache that always misses shows nothing old, either.

use crate::operation::{Nanos, Operation, What, by_key};

/// A time in which entries may be lost: from a fault until all is well again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it began.
    pub began: Nanos,
    /// When all was well again.
    pub ended: Nanos,
}

/// Reads that were answered, by what they found and why they found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Misses {
    /// They found a value.
    pub hits: u64,
    /// Nothing was there: no write had been acknowledged when they began.
    pub nothing_written: u64,
    /// The last write that had been acknowledged may have been deleted.
    pub deleted: u64,
    /// A fault came between that write and the end of the read.
    pub fault: u64,
    /// None of these. The cache has lost an entry, and nobody knows why.
    pub unexplained: u64,
    /// Of those that began outside of every window, and found or could have found
    /// something: how many there were, ...
    pub outside: u64,
    /// ... and how many have found it.
    pub outside_hits: u64,
}

impl Misses {
    /// Of all operations of a run, and its faults.
    #[must_use]
    pub fn of(operations: &[Operation], windows: &[Window]) -> Self {
        let mut misses = Self::default();
        for operations in by_key(operations) {
            misses.add(operations, windows);
        }
        misses
    }

    /// Reads that were answered.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.hits + self.nothing_written + self.deleted + self.fault + self.unexplained
    }

    /// The operations of one key.
    fn add(&mut self, mut operations: Vec<&Operation>, windows: &[Window]) {
        operations.sort_unstable_by_key(|operation| operation.began);
        let acknowledged = |operation: &&&Operation| {
            matches!(operation.what, What::Write { .. }) && operation.ended.is_some()
        };
        let mut writes: Vec<_> = operations.iter().filter(acknowledged).copied().collect();
        writes.sort_unstable_by_key(|write| write.ended);
        let deletes: Vec<_> =
            operations.iter().filter(|operation| operation.what == What::Delete).collect();
        for read in &operations {
            let (What::Read(found), Some(ended)) = (read.what, read.ended) else { continue };
            let is_outside = !windows.iter().any(|window| window.has(read.began));
            if found.is_some() {
                self.hits += 1;
                self.outside += u64::from(is_outside);
                self.outside_hits += u64::from(is_outside);
                continue;
            }
            let before = writes.partition_point(|write| write.ended < Some(read.began));
            let Some(last) = before.checked_sub(1).map(|at| writes[at]) else {
                self.nothing_written += 1;
                continue;
            };
            // One whose outcome is unknown may come at any time after it began.
            let is_deleted = deletes.iter().any(|delete| {
                delete.began <= ended && delete.ended.is_none_or(|end| last.began <= end)
            });
            let is_lost =
                windows.iter().any(|window| window.began <= ended && last.began <= window.ended);
            match (is_deleted, is_lost) {
                (true, _) => self.deleted += 1,
                (false, true) => self.fault += 1,
                (false, false) => self.unexplained += 1,
            }
            self.outside += u64::from(is_outside && !is_deleted);
        }
    }
}

impl Window {
    fn has(&self, moment: Nanos) -> bool {
        (self.began..=self.ended).contains(&moment)
    }
}
