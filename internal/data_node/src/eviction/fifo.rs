//! First in, first out: the measure for the others.
//!
//! L. A. Belady, "A study of replacement algorithms for a virtual-storage
//! computer", IBM Systems Journal 5 (1966),
//! <https://doi.org/10.1147/sj.52.0078>, compares it with the optimum.

use super::Eviction;
use super::links::{Links, List};
use crate::Slot;

const AGES: List = List(0);

/// Evicts the oldest entry, used or not.
///
/// Hits change nothing, so that readers need not exclude each other.
#[derive(Debug)]
pub struct Fifo {
    /// The newest in front. A list, for entries also leave from its middle.
    ages: Links<1>,
}

impl Fifo {
    /// A policy that knows no slot yet.
    pub fn new() -> Self {
        Self { ages: Links::new() }
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Eviction for Fifo {
    #[inline]
    fn shares_hits(&self) -> bool {
        true
    }

    fn inserted(&mut self, slot: Slot, _hash: u64, _bytes: u64) {
        self.ages.push_front(AGES, slot);
    }

    #[inline]
    fn hit(&mut self, _slot: Slot) {}

    #[inline]
    fn hit_shared(&self, _slot: Slot) {}

    fn removed(&mut self, slot: Slot) {
        self.ages.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.ages.back(AGES)
    }

    fn heap_bytes(&self) -> u64 {
        self.ages.heap_bytes()
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        self.ages.growth_bytes(slots)
    }

    fn clear(&mut self) {
        self.ages.clear();
    }

    fn validate(&self, entries: usize) {
        self.ages.validate(AGES, entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_victim_is_the_oldest_whatever_was_used() {
        let mut fifo = Fifo::new();
        let [a, b, c, d] = [0, 1, 2, 3].map(Slot::new);
        for slot in [a, b, c] {
            fifo.inserted(slot, 0, 16); // at last: c b a
        }
        fifo.hit(a);
        fifo.hit_shared(a);
        assert_eq!(fifo.victim(), Some(a));
        fifo.removed(b); //                         c a
        fifo.inserted(d, 0, 16); //                 d c a
        assert_eq!(fifo.victim(), Some(a), "asking again changes nothing");
        fifo.removed(a); //                         d c
        assert_eq!(fifo.victim(), Some(c));
        fifo.validate(2);
        fifo.removed(d);
        fifo.removed(c);
        assert_eq!(fifo.victim(), None);
    }
}
