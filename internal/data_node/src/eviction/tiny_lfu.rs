//! W-TinyLFU: who was asked for more often stays.
//!
//! G. Einziger, R. Friedman, B. Manes, "`TinyLFU`: A Highly Efficient Cache
//! Admission Policy", ACM Transactions on Storage 13 (2017),
//! <https://doi.org/10.1145/3149371>; the window's share is searched as in
//! "Adaptive Software Cache Management", see [`climber`](super::climber).

use super::Eviction;
use super::climber::Climber;
use super::links::List;
use super::noted::Noted;
use super::queues::{Queues, fingerprint_of};
use super::sketch::Sketch;
use crate::Slot;

/// New entries, by recency.
const WINDOW: List = List(0);
/// Entries that won against another when they left the window.
const PROBATION: List = List(1);
/// Entries that were used since.
const PROTECTED: List = List(2);

/// The protected entries' part of what is not in the window.
const PROTECTED_SHARE: (u64, u64) = (4, 5);

/// Entries that one call moves at most to set right what a changed share, or
/// many deletes, have left wrong; the next calls go on.
const MOVES_A_CALL: usize = 16;

/// Evicts, of the window's least recent entry and that of the rest, the one that
/// was asked for less often.
///
/// How often a key was asked for is remembered in a sketch, also of keys that are
/// not here. The window lets new entries gather some requests before they are
/// compared; its share of the bytes begins at a tenth and follows the hit ratio.
/// (The paper's is 1 %. On the recorded requests that we measure with, a search
/// that begins there loses up to seven points on its way, and wins half a point
/// on one of nine.) The rest is a segmented LRU: whoever is used in probation
/// becomes protected, and the least recent of too many protected ones go back.
///
/// Equal counts go to the entry that is there. Caffeine lets one of many
/// candidates win all the same, against somebody who raises a victim's counters
/// by keys of the same hash; here hashes are keyed, and nobody can find such keys.
///
/// A hit moves the slot in a list and therefore needs the lock for itself.
#[derive(Debug)]
pub struct TinyLfu {
    queues: Queues<3>,
    sketch: Sketch,
    window: Climber,
    noted: Noted,
    /// Room had to be made for the entry that comes next.
    is_full: bool,
}

impl TinyLfu {
    /// A policy that knows no slot yet.
    pub fn new() -> Self {
        Self {
            queues: Queues::new(),
            sketch: Sketch::new(),
            window: Climber::new(),
            noted: Noted::new(),
            is_full: false,
        }
    }

    /// Applies the hits that were noted.
    fn catch_up(&mut self) {
        let entries = self.queues.len();
        for &slot in self.noted.take() {
            self.sketch.count(self.queues.fingerprint(slot), entries);
            self.window.hit();
            if self.queues.queue_of(slot) == WINDOW {
                self.queues.move_to_front(WINDOW, slot);
            } else {
                self.queues.move_to_front(PROTECTED, slot);
                demote(&mut self.queues);
            }
        }
    }

    /// Moves on what is too much for the window; all but the newest of it.
    fn drain_window(&mut self) {
        for _ in 0..MOVES_A_CALL {
            match self.queues.back(WINDOW) {
                Some(slot) if self.overfills(slot) => self.queues.move_to_front(PROBATION, slot),
                _ => break,
            }
        }
    }

    /// Whether the window has its share without this slot, which is not alone.
    fn overfills(&self, slot: Slot) -> bool {
        let others = self.queues.queue_weight(WINDOW) - self.queues.weight(slot);
        0 < others && self.window.is_reached(others, self.queues.total_weight())
    }

    /// The window's least recent entry, if the window has its share.
    fn candidate(&self) -> Option<Slot> {
        let weight = self.queues.queue_weight(WINDOW);
        let is_reached = self.window.is_reached(weight, self.queues.total_weight());
        self.queues.back(WINDOW).filter(|_| is_reached)
    }

    /// The loser of the two; a candidate that wins goes on into probation.
    fn loser(&mut self, candidate: Slot, victim: Slot) -> Slot {
        let [ours, theirs] = [candidate, victim].map(|slot| self.queues.fingerprint(slot));
        if self.sketch.prefers(ours, theirs) {
            self.queues.move_to_front(PROBATION, candidate);
            victim
        } else {
            candidate
        }
    }
}

/// Sends the least recent of too many protected entries back.
fn demote(queues: &mut Queues<3>) {
    let (part, whole) = PROTECTED_SHARE;
    for _ in 0..MOVES_A_CALL {
        let protected = queues.queue_weight(PROTECTED);
        let rest = protected + queues.queue_weight(PROBATION);
        match queues.back(PROTECTED) {
            Some(slot) if rest * part < protected * whole => queues.move_to_front(PROBATION, slot),
            _ => break,
        }
    }
}

impl Default for TinyLfu {
    fn default() -> Self {
        Self::new()
    }
}

impl Eviction for TinyLfu {
    #[inline]
    fn shares_hits(&self) -> bool {
        false
    }

    fn inserted(&mut self, slot: Slot, hash: u64, bytes: u64) {
        self.catch_up();
        self.sketch.grow_for(slot.index());
        self.queues.push_front(WINDOW, slot, hash, bytes);
        self.sketch.count(fingerprint_of(hash), self.queues.len());
        self.window.missed();
        // While there is room, nobody needs to win against anybody.
        if !std::mem::take(&mut self.is_full) {
            self.drain_window();
        }
    }

    #[inline]
    fn hit(&mut self, slot: Slot) {
        if self.noted.push_and_is_full(slot) {
            self.catch_up();
        }
    }

    fn hit_shared(&self, _slot: Slot) {
        unreachable!("recency is written under an exclusive lock");
    }

    fn resized(&mut self, slot: Slot, bytes: u64) {
        self.queues.resize(slot, bytes);
    }

    fn removed(&mut self, slot: Slot) {
        self.catch_up();
        self.queues.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.catch_up();
        self.is_full = true;
        self.window.climb(self.queues.len());
        self.drain_window();
        let victim = self.queues.back(PROBATION).or_else(|| self.queues.back(PROTECTED));
        match (self.candidate(), victim) {
            (Some(candidate), Some(victim)) => Some(self.loser(candidate, victim)),
            (None, None) => self.queues.back(WINDOW),
            (one, other) => one.or(other),
        }
    }

    fn heap_bytes(&self) -> u64 {
        self.queues.heap_bytes() + self.sketch.heap_bytes()
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        self.queues.growth_bytes(slots) + self.sketch.growth_bytes(slots)
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

    fn insert_bytes(lfu: &mut TinyLfu, slot: Slot, bytes: u64) {
        lfu.inserted(slot, (u64::from(slot.get()) + 1) * 0x9E37_79B9, bytes);
        lfu.validate(lfu.queues.len());
    }

    fn insert(lfu: &mut TinyLfu, slot: Slot) {
        insert_bytes(lfu, slot, 16);
    }

    fn evict(lfu: &mut TinyLfu) -> Slot {
        let victim = lfu.victim().expect("there are slots");
        lfu.removed(victim);
        lfu.validate(lfu.queues.len());
        victim
    }

    /// Window, probation and protected, front to back, in letters.
    fn shown(lfu: &mut TinyLfu) -> String {
        lfu.catch_up();
        let letter = |slot: Slot| char::from(b'a' + slot.get().to_le_bytes()[0]);
        let queue = |queue| lfu.queues.slots(queue).into_iter().map(letter).collect::<String>();
        format!("{} | {} | {}", queue(WINDOW), queue(PROBATION), queue(PROTECTED))
    }

    #[test]
    fn a_candidate_stays_only_if_it_was_asked_for_more_often_than_the_victim() {
        let mut lfu = TinyLfu::new();
        let [a, b, c, d] = [0, 1, 2, 3].map(Slot::new);
        for slot in [a, b, c] {
            insert(&mut lfu, slot);
        }
        assert_eq!(shown(&mut lfu), "c | ba | ", "with room, nobody is compared");
        lfu.hit(a);
        assert_eq!(shown(&mut lfu), "c | b | a");
        assert_eq!(lfu.victim(), Some(c), "c and b were asked for once: b stays");
        assert_eq!(lfu.victim(), Some(c), "asking again changes nothing");
        lfu.removed(c); //              - | b | a
        insert(&mut lfu, d); //         d | b | a
        lfu.hit(d);
        lfu.hit(d);
        assert_eq!(lfu.victim(), Some(b), "d was asked for three times");
        assert_eq!(shown(&mut lfu), " | db | a");
        assert_eq!(lfu.victim(), Some(b), "and the window has nobody else to offer");
        lfu.removed(b);
        insert(&mut lfu, b); //         b | d | a
        lfu.removed(d); //              b | - | a
        assert_eq!(evict(&mut lfu), b, "asked for twice, as a was");
        assert_eq!(evict(&mut lfu), a);
        assert_eq!(lfu.victim(), None);
    }

    #[test]
    fn the_least_recent_of_too_many_protected_entries_goes_back() {
        let mut lfu = TinyLfu::new();
        (0..6).map(Slot::new).for_each(|slot| insert(&mut lfu, slot));
        assert_eq!(shown(&mut lfu), "f | edcba | ");
        for slot in [0, 1, 2, 3].map(Slot::new) {
            lfu.hit(slot);
        }
        assert_eq!(shown(&mut lfu), "f | e | dcba", "four fifths");
        lfu.hit(Slot::new(4));
        assert_eq!(shown(&mut lfu), "f | a | edcb");
        lfu.hit(Slot::new(2));
        lfu.hit(Slot::new(5));
        assert_eq!(shown(&mut lfu), "f | a | cedb", "recency, in window and protected");
    }

    #[test]
    fn the_shares_are_of_bytes_and_a_large_entry_does_not_pass_uncompared() {
        let mut lfu = TinyLfu::new();
        (0..20).map(Slot::new).for_each(|slot| insert(&mut lfu, slot));
        assert_eq!(shown(&mut lfu), "ts | rqponmlkjihgfedcba | ", "two of twenty");
        let [a, b, c, s, large] = [0, 1, 2, 18, 20].map(Slot::new);
        assert_eq!([0; 3].map(|_| evict(&mut lfu)), [s, a, b]);
        insert_bytes(&mut lfu, large, 160);
        assert_eq!(shown(&mut lfu), "ut | rqponmlkjihgfedc | ");
        assert_eq!(evict(&mut lfu), large, "asked for once, as c was");
        assert_eq!(shown(&mut lfu), " | trqponmlkjihgfedc | ");
        insert_bytes(&mut lfu, large, 160);
        lfu.resized(large, 16);
        assert_eq!(lfu.victim(), Some(c), "16 of 288 bytes: the window may grow");
    }

    #[test]
    fn a_window_that_lost_its_share_still_lets_the_newest_be_compared() {
        let mut lfu = TinyLfu::new();
        lfu.window.hit();
        lfu.window.climb(0); // every request was a hit
        for _ in 0..3 {
            lfu.window.missed();
            lfu.window.climb(0); // none was, so back to where it came from
        }
        assert!(lfu.window.is_reached(0, 1));
        let [a, b] = [0, 1].map(Slot::new);
        insert(&mut lfu, a);
        insert(&mut lfu, b);
        assert_eq!(shown(&mut lfu), "b | a | ");
        assert_eq!(lfu.victim(), Some(b));
    }

    #[test]
    fn a_hit_that_was_noted_before_a_delete_does_no_harm() {
        let mut lfu = TinyLfu::new();
        let [a, b] = [0, 1].map(Slot::new);
        insert(&mut lfu, a);
        insert(&mut lfu, b); // b | a | -
        lfu.hit(a);
        lfu.removed(a); //      b | - | -
        insert(&mut lfu, a);
        assert_eq!(shown(&mut lfu), "a | b | ");
        lfu.hit(a);
        lfu.clear();
        assert_eq!((shown(&mut lfu).as_str(), lfu.victim()), (" |  | ", None));
    }

    #[test]
    fn a_scan_leaves_what_was_used_before() {
        let mut lfu = TinyLfu::new();
        (0..100).map(Slot::new).for_each(|slot| insert(&mut lfu, slot));
        (0..500).map(|number| Slot::new(number % 100)).for_each(|slot| lfu.hit(slot));
        for scanned in (100..400).map(Slot::new) {
            evict(&mut lfu);
            insert(&mut lfu, scanned);
        }
        let kept = [PROBATION, PROTECTED].map(|queue| lfu.queues.slots(queue)).concat();
        let kept = kept.iter().filter(|slot| slot.get() < 100).count();
        assert_eq!(kept, 90, "all but what the window has room for");
    }
}
