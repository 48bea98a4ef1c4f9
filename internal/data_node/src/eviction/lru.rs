//! Least recently used, exactly.

use super::Eviction;
use super::links::{Links, List};
use super::noted::Noted;
use crate::Slot;

const RECENCY: List = List(0);

/// Evicts the entry whose last use is longest ago.
///
/// A hit moves the slot to the front of a list, and therefore needs the lock
/// for itself. The list is links of 32 bits in an array beside the slots. (The
/// other exact LRU that we tried on paper, a queue of time stamps of which the
/// stale ones are skipped, writes one line a hit fewer, but costs 8 to 16
/// bytes an entry more and reads each of its stamps a second time later.)
///
/// Hits are noted, and the list brought up to date for many at a time. The
/// order is exact all the same: it is complete before anybody asks for it, and
/// before a slot comes or goes.
#[derive(Debug)]
pub struct Lru {
    recency: Links<1>,
    noted: Noted,
}

impl Lru {
    /// A policy that knows no slot yet.
    pub fn new() -> Self {
        Self { recency: Links::new(), noted: Noted::new() }
    }

    /// Brings the list up to date.
    fn catch_up(&mut self) {
        let hits = self.noted.take();
        self.recency.bring_near(hits);
        self.recency.move_each_to_front(RECENCY, hits);
    }
}

impl Default for Lru {
    fn default() -> Self {
        Self::new()
    }
}

impl Eviction for Lru {
    #[inline]
    fn shares_hits(&self) -> bool {
        false
    }

    fn inserted(&mut self, slot: Slot, _hash: u64, _bytes: u64) {
        self.catch_up();
        self.recency.push_front(RECENCY, slot);
    }

    #[inline]
    fn hit(&mut self, slot: Slot) {
        if self.noted.push_and_is_full(slot) {
            self.catch_up();
        }
    }

    fn hit_shared(&self, _slot: Slot) {
        unreachable!("exact recency is written under an exclusive lock");
    }

    fn removed(&mut self, slot: Slot) {
        self.catch_up();
        self.recency.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.catch_up();
        self.recency.back(RECENCY)
    }

    fn heap_bytes(&self) -> u64 {
        self.recency.heap_bytes()
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        self.recency.growth_bytes(slots)
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn validate(&self, entries: usize) {
        self.recency.validate(RECENCY, entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_victim_is_the_one_used_longest_ago() {
        let mut lru = Lru::new();
        let [a, b, c] = [0, 1, 2].map(Slot::new);
        for slot in [a, b, c] {
            lru.inserted(slot, 0, 0); // at last: c b a
        }
        lru.hit(a); //                                     a c b
        assert_eq!(lru.victim(), Some(b));
        lru.removed(b); //                                 a c
        lru.hit(c); //                                     c a
        assert_eq!(lru.victim(), Some(a));
        lru.validate(2);
        lru.removed(a);
        lru.removed(c);
        assert_eq!(lru.victim(), None);
    }
}
