//! S3-FIFO: three queues, and a hit that moves nothing.
//!
//! J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you
//! need for cache eviction", SOSP 2023, algorithm 1,
//! <https://dl.acm.org/doi/10.1145/3600006.3613147>.

use std::sync::atomic::{AtomicU8, Ordering};

use super::ghost::Ghost;
use super::links::List;
use super::queues::{Queues, fingerprint_of};
use super::{Eviction, SPARED_MAX};
use crate::Slot;
use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;

/// Where new entries prove themselves: a tenth of the bytes.
const SMALL: List = List(0);
/// Where those are that were used twice while they were in the small queue, or
/// came back soon after they had left it.
const MAIN: List = List(1);

/// The small queue's part of the weight: one in so many.
const SMALL_ONE_IN: u64 = 10;

/// Uses are counted up to this: two bits.
const USES_MAX: u8 = 3;

/// Uses that an entry needs to go on from the small queue to the main one.
const USES_TO_STAY: u8 = 2;

/// Most entries are used once, or never; they pass through a small queue
/// quickly and leave the rest to those that were used more often.
///
/// A hit raises a counter, beside other readers. The main queue spares an entry
/// as often as it was used. Keys that the small queue dropped are remembered,
/// as many as are in the main queue; who comes back goes there at once. What a
/// collision among them costs: an entry that proved nothing is in the main
/// queue for one round. A search for a victim spares `SPARED_MAX` entries at most.
///
/// Until something was evicted for the first time, what does not fit into the
/// small queue goes to the main one, so that the cache does not empty all of its
/// warm-up through the small queue.
#[derive(Debug)]
pub struct S3Fifo {
    queues: Queues<2>,
    uses: Segments<AtomicU8, SLOTS_A_SEGMENT>,
    ghost: Ghost,
    /// The latest victim: if it is removed, it was evicted, not deleted.
    named: Option<Slot>,
    has_evicted: bool,
}

impl S3Fifo {
    /// A policy that knows no slot yet.
    pub fn new() -> Self {
        Self {
            queues: Queues::new(),
            uses: Segments::new(),
            ghost: Ghost::new(),
            named: None,
            has_evicted: false,
        }
    }

    /// Where a new entry goes.
    fn queue_for(&mut self, fingerprint: u32) -> List {
        let came_back = self.ghost.take(fingerprint, self.queues.queue_len(MAIN));
        let small = self.queues.queue_weight(SMALL) * SMALL_ONE_IN;
        let is_warming_up = !self.has_evicted && self.queues.total_weight() < small;
        if came_back || is_warming_up { MAIN } else { SMALL }
    }

    /// Which queue has to give something up.
    fn queue_to_drain(&self) -> List {
        let small = self.queues.queue_weight(SMALL) * SMALL_ONE_IN;
        if self.queues.total_weight() <= small { SMALL } else { MAIN }
    }
}

impl Default for S3Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Eviction for S3Fifo {
    #[inline]
    fn shares_hits(&self) -> bool {
        true
    }

    fn inserted(&mut self, slot: Slot, hash: u64, bytes: u64) {
        while self.uses.len() <= slot.index() {
            self.uses.grow();
        }
        self.ghost.grow_for(slot.index());
        *self.uses[slot.index()].get_mut() = 0;
        let queue = self.queue_for(fingerprint_of(hash));
        self.queues.push_front(queue, slot, hash, bytes);
    }

    #[inline]
    fn hit(&mut self, slot: Slot) {
        let uses = self.uses[slot.index()].get_mut();
        *uses = USES_MAX.min(*uses + 1);
    }

    #[inline]
    fn hit_shared(&self, slot: Slot) {
        let uses = &self.uses[slot.index()];
        // A hot entry's counter is full, and reading it dirties no line. Of two
        // readers at once one may go uncounted; an exact count is not worth it.
        let counted = uses.load(Ordering::Relaxed);
        if counted < USES_MAX {
            uses.store(counted + 1, Ordering::Relaxed);
        }
    }

    fn resized(&mut self, slot: Slot, bytes: u64) {
        self.queues.resize(slot, bytes);
    }

    fn removed(&mut self, slot: Slot) {
        if self.named.take_if(|named| *named == slot).is_some() {
            self.has_evicted = true;
            if self.queues.queue_of(slot) == SMALL {
                self.ghost.insert(self.queues.fingerprint(slot));
            }
        }
        self.queues.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        for _ in 0..SPARED_MAX {
            let queue = self.queue_to_drain();
            let slot = self.queues.back(queue)?;
            let uses = self.uses[slot.index()].get_mut();
            if queue == SMALL && USES_TO_STAY <= *uses {
                *uses = 0;
            } else if queue == MAIN && 0 < *uses {
                *uses -= 1;
            } else {
                break;
            }
            self.queues.move_to_front(MAIN, slot);
        }
        self.named = self.queues.back(self.queue_to_drain());
        self.named
    }

    fn heap_bytes(&self) -> u64 {
        self.queues.heap_bytes() + self.uses.heap_bytes() + self.ghost.heap_bytes()
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        let uses = if slots <= self.uses.len() { 0 } else { self.uses.growth_bytes() };
        self.queues.growth_bytes(slots) + uses + self.ghost.growth_bytes(slots)
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn validate(&self, entries: usize) {
        self.queues.validate(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy with `slots`, of 16 bytes each, inserted in this order.
    fn filled(slots: usize) -> S3Fifo {
        let mut s3 = S3Fifo::new();
        (0..slots).map(Slot::new).for_each(|slot| insert(&mut s3, slot));
        s3
    }

    fn insert(s3: &mut S3Fifo, slot: Slot) {
        s3.inserted(slot, u64::from(slot.get()) * 0x9E37_79B9, 16);
    }

    fn evict(s3: &mut S3Fifo) -> Slot {
        let victim = s3.victim().expect("there are slots");
        s3.removed(victim);
        s3.validate(s3.queues.len());
        victim
    }

    /// Both queues, front to back, in letters.
    fn shown(s3: &S3Fifo) -> String {
        let letter = |slot: Slot| char::from(b'a' + slot.get().to_le_bytes()[0]);
        let queue = |queue| s3.queues.slots(queue).into_iter().map(letter).collect::<String>();
        format!("{} | {}", queue(SMALL), queue(MAIN))
    }

    #[test]
    fn an_entry_stays_if_it_is_used_twice_while_it_is_new_or_comes_back() {
        let mut s3 = filled(4);
        let [a, b, _, _, e] = [0, 1, 2, 3, 4].map(Slot::new);
        assert_eq!(shown(&s3), "a | dcb", "the first fill both queues");
        s3.hit_shared(a);
        assert_eq!(evict(&mut s3), a, "one use is not enough"); // - | d c b, ghost a
        insert(&mut s3, e); //                                     e | d c b, ghost a
        s3.hit_shared(e);
        s3.hit(e);
        assert_eq!(evict(&mut s3), b, "e was used twice");
        assert_eq!(shown(&s3), " | edc");
        insert(&mut s3, a);
        assert_eq!(shown(&s3), " | aedc", "a came back");
        insert(&mut s3, b);
        assert_eq!(shown(&s3), "b | aedc", "what leaves the main queue is not remembered");
    }

    #[test]
    fn the_main_queue_spares_an_entry_as_often_as_it_was_used() {
        let mut s3 = filled(4); //  a | d c b
        s3.removed(Slot::new(0)); // - | d c b
        let [b, c, d] = [1, 2, 3].map(Slot::new);
        s3.hit_shared(c);
        (0..9).for_each(|_| s3.hit_shared(b));
        s3.hit(b);
        assert_eq!(*s3.uses[b.index()].get_mut(), USES_MAX);
        assert_eq!(s3.victim(), Some(d)); // b and c were spared once
        assert_eq!(shown(&s3), " | cbd");
        s3.hit(d);
        assert_eq!(s3.victim(), Some(c), "d was used meanwhile, and b more than once");
        assert_eq!(shown(&s3), " | bdc");
    }

    #[test]
    fn one_search_spares_no_more_than_it_may_and_the_next_goes_on_from_there() {
        let mut s3 = filled(2 * SPARED_MAX);
        s3.queues.slots(SMALL).into_iter().for_each(|slot| s3.removed(slot));
        let slots = s3.queues.slots(MAIN); // front to back, each used three times
        (0..USES_MAX).for_each(|_| slots.iter().for_each(|&slot| s3.hit_shared(slot)));
        let from_back = |nth: usize| slots[slots.len() - 1 - nth];
        assert_eq!(evict(&mut s3), from_back(SPARED_MAX));
        // The rest of this round, and the beginning of the next.
        let of_next_round = SPARED_MAX - (slots.len() - SPARED_MAX - 1);
        assert_eq!(evict(&mut s3), from_back(of_next_round));
        assert_eq!(*s3.uses[from_back(0).index()].get_mut(), USES_MAX - 2);
    }

    #[test]
    fn what_is_deleted_is_not_remembered() {
        let mut s3 = filled(4); //      a | d c b
        evict(&mut s3); //              - | d c b, ghost a
        let e = Slot::new(4);
        insert(&mut s3, e); //          e | d c b
        (0..2).for_each(|_| s3.hit(e));
        s3.removed(e); //               - | d c b
        insert(&mut s3, e); //          neither that it was here, nor its uses
        assert_eq!(shown(&s3), "e | dcb");
        assert_eq!((s3.victim(), s3.victim()), (Some(e), Some(e)));
        s3.removed(Slot::new(2)); //    e | d b
        s3.removed(e); //               - | d b, ghost e
        insert(&mut s3, e);
        assert_eq!(shown(&s3), " | edb", "e was the victim, though c left before it");
    }

    #[test]
    fn the_small_queue_has_a_tenth_of_the_bytes_not_of_the_entries() {
        let mut s3 = filled(24); // in the small queue: 0, 10 and 20
        let (first, second) = (Slot::new(0), Slot::new(1));
        [10, 20].map(Slot::new).into_iter().for_each(|slot| s3.removed(slot));
        assert_eq!(s3.victim(), Some(second), "16 of 352 bytes are less than a tenth");
        s3.resized(first, 100);
        assert_eq!(s3.victim(), Some(first), "112 of 448 are more");
        s3.resized(first, 32);
        assert_eq!(s3.victim(), Some(second), "32 of 368 are less");
    }

    #[test]
    fn a_scan_leaves_what_was_used_before() {
        let mut s3 = filled(100);
        for slot in (0..100).map(Slot::new) {
            s3.hit_shared(slot);
            s3.hit_shared(slot);
        }
        for scanned in (100..1_000).map(Slot::new) {
            evict(&mut s3);
            insert(&mut s3, scanned);
        }
        let kept = s3.queues.slots(MAIN).iter().filter(|slot| slot.get() < 100).count();
        assert_eq!(kept, 90, "all that the main queue has room for");
    }
}
