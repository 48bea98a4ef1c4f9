//! What a node counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Ages, Reached};

/// A count that readers under a shared lock raise too.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Raises it with the lock held exclusively: a plain addition.
    #[inline]
    pub(crate) fn add(&mut self, number: u64) {
        *self.0.get_mut() += number;
    }

    /// Takes one back, with the lock held exclusively. It may have been counted
    /// by the node that was here before.
    pub(crate) fn undo(&mut self) {
        let count = self.0.get_mut();
        *count = count.saturating_sub(1);
    }

    /// Raises it beside others.
    #[inline]
    pub(crate) fn add_shared(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that happened to a store since it was made.
///
/// They add up: `inserts + moved_in` equals the entries held and every way in
/// which entries leave; gets are hits and misses.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Count,
    pub(crate) misses: Count,
    pub(crate) inserts: Count,
    pub(crate) updates: Count,
    pub(crate) deletes: Count,
    pub(crate) evictions: Count,
    pub(crate) expirations: Count,
    /// Gone by tag or prefix.
    pub(crate) invalidations: Count,
    pub(crate) refusals: Count,
    pub(crate) moved_in: Count,
    pub(crate) moved_out: Count,
    pub(crate) evicted_ages: Ages,
    pub(crate) reached: Reached,
}
