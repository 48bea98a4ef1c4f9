//! SIEVE: lazy promotion and quick demotion.
//!
//! Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi, "SIEVE is Simpler
//! than LRU: an Efficient Turn-Key Eviction Algorithm for Web Caches", NSDI
//! 2024, algorithm 1.

use std::sync::atomic::{AtomicBool, Ordering};

use super::links::{Links, List};
use super::{Eviction, SPARED_MAX};
use crate::Slot;
use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;

const AGES: List = List(0);

/// Evicts the oldest entry that was not used since a hand last passed it.
///
/// A hit sets one bit, beside other readers. The hand goes from the oldest
/// entry to the newest and starts again; it spares an entry that was used and
/// clears its bit. It spares `SPARED_MAX` at a time: a longer run of used entries
/// loses one.
#[derive(Debug)]
pub struct Sieve {
    /// The newest in front.
    ages: Links<1>,
    used: Segments<AtomicBool, SLOTS_A_SEGMENT>,
    /// Where the hand goes on; `None` for the oldest.
    hand: Option<Slot>,
}

impl Sieve {
    /// A policy that knows no slot yet.
    pub fn new() -> Self {
        Self { ages: Links::new(), used: Segments::new(), hand: None }
    }
}

impl Default for Sieve {
    fn default() -> Self {
        Self::new()
    }
}

impl Eviction for Sieve {
    #[inline]
    fn shares_hits(&self) -> bool {
        true
    }

    fn inserted(&mut self, slot: Slot, _hash: u64, _bytes: u64) {
        while self.used.len() <= slot.index() {
            self.used.grow();
        }
        *self.used[slot.index()].get_mut() = false;
        self.ages.push_front(AGES, slot);
    }

    #[inline]
    fn hit(&mut self, slot: Slot) {
        *self.used[slot.index()].get_mut() = true;
    }

    #[inline]
    fn hit_shared(&self, slot: Slot) {
        let used = &self.used[slot.index()];
        // A hot entry's bit is set already, and reading it dirties no line.
        if !used.load(Ordering::Relaxed) {
            used.store(true, Ordering::Relaxed);
        }
    }

    fn removed(&mut self, slot: Slot) {
        if self.hand == Some(slot) {
            self.hand = self.ages.towards_front(slot);
        }
        self.ages.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        let mut at = self.hand.or_else(|| self.ages.back(AGES))?;
        for _ in 0..SPARED_MAX {
            if !std::mem::take(self.used[at.index()].get_mut()) {
                break;
            }
            at = self.ages.towards_front(at).or_else(|| self.ages.back(AGES))?;
        }
        self.hand = Some(at);
        Some(at)
    }

    fn heap_bytes(&self) -> u64 {
        self.ages.heap_bytes() + self.used.heap_bytes()
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        let used = if slots <= self.used.len() { 0 } else { self.used.growth_bytes() };
        self.ages.growth_bytes(slots) + used
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn validate(&self, entries: usize) {
        self.ages.validate(AGES, entries);
        if let Some(hand) = self.hand {
            assert!(self.ages.iter(AGES).any(|slot| slot == hand), "the hand points into the list");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hand_spares_what_was_used_and_goes_on_from_there() {
        let mut sieve = Sieve::new();
        let [a, b, c, d] = [0, 1, 2, 3].map(Slot::new);
        for slot in [a, b, c] {
            sieve.inserted(slot, 0, 0); // at last: c b a, hand at a
        }
        sieve.hit_shared(a);
        assert_eq!(sieve.victim(), Some(b), "a was used; the hand is at b");
        sieve.removed(b); //                                  c a, hand at c
        sieve.inserted(d, 0, 0); //                           d c a
        assert_eq!(sieve.victim(), Some(c), "the hand goes on towards the newest");
        sieve.removed(c); //                                  d a, hand at d
        sieve.hit(d);
        assert_eq!(sieve.victim(), Some(a), "d was used; the hand starts again");
        sieve.validate(2);
    }

    #[test]
    fn one_search_spares_no_more_than_it_may_and_the_next_goes_on_from_there() {
        let mut sieve = Sieve::new();
        let slots: Vec<_> = (0..2 * SPARED_MAX + 2).map(Slot::new).collect();
        for &slot in &slots {
            sieve.inserted(slot, 0, 0);
            sieve.hit_shared(slot);
        }
        for nth in [SPARED_MAX, 2 * SPARED_MAX + 1] {
            assert_eq!(sieve.victim(), Some(slots[nth]));
            sieve.removed(slots[nth]);
        }
        assert_eq!(sieve.victim(), Some(slots[0]), "the first round is over");
        sieve.validate(2 * SPARED_MAX);
    }

    #[test]
    fn when_all_were_used_the_oldest_goes() {
        let mut sieve = Sieve::new();
        let slots = [0, 1, 2].map(Slot::new);
        for slot in slots {
            sieve.inserted(slot, 0, 0);
            sieve.hit_shared(slot);
        }
        assert_eq!(sieve.victim(), Some(slots[0]));
    }
}
