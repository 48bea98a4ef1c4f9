//! When each entry was used last, for those that go when nobody uses them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;
use crate::{Slot, Tick};

/// Uses are noted in steps of 64 ms, so that 32 bits last for eight years. An
/// entry may go that much early, never late.
const STEP_MS_SHIFT: u32 = 6;

/// The last use of each slot.
#[derive(Debug)]
pub(crate) struct Idle {
    limit: Duration,
    used: Segments<AtomicU32, SLOTS_A_SEGMENT>,
}

impl Idle {
    /// Of entries that may go unused for `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, used: Segments::new() }
    }

    pub(crate) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    pub(crate) fn inserted(&mut self, slot: Slot, now: Tick) {
        while self.used.len() <= slot.index() {
            self.used.grow();
        }
        *self.used[slot.index()].get_mut() = step(now);
    }

    /// Beside other readers.
    #[inline]
    pub(crate) fn used(&self, slot: Slot, now: Tick) {
        let (used, now) = (&self.used[slot.index()], step(now));
        // A hot entry's step is noted already, and reading it dirties no line.
        if used.load(Ordering::Relaxed) != now {
            used.store(now, Ordering::Relaxed);
        }
    }

    /// When the entry of a slot goes unless it is used.
    #[inline]
    pub(crate) fn ends(&self, slot: Slot) -> Tick {
        let used = self.used[slot.index()].load(Ordering::Relaxed);
        Tick::from_ms(u64::from(used) << STEP_MS_SHIFT).after(self.limit)
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        self.used.heap_bytes()
    }

    pub(crate) fn growth_bytes(&self, slots: usize) -> u64 {
        if slots <= self.used.len() { 0 } else { self.used.growth_bytes() }
    }

    pub(crate) fn clear(&mut self) {
        self.used = Segments::new();
    }
}

fn step(now: Tick) -> u32 {
    u32::try_from(now.as_ms() >> STEP_MS_SHIFT).unwrap_or(u32::MAX)
}
