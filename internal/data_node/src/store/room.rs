//! Limits, and room for what comes.

use std::cell::RefCell;

use super::{Limits, Refused, STRUCTURE_BYTES_MIN, Store};
use crate::departed::Cause;
use crate::idle::Idle;
use crate::slots::SLOTS_A_SEGMENT;
use crate::{Entry, Eviction, Parcel, Slot, Tick};

/// What becomes of an entry while some are taken away.
enum Pick {
    Stays,
    Leaves,
    /// It is to leave, but not now: here is where to go on.
    Waits,
}

impl<P: Eviction> Store<P> {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a value of this size may be stored; counts a refusal.
    pub(crate) fn admits(&mut self, entry: &Entry) -> Result<(), Refused> {
        if self.has_place_for(entry) {
            return Ok(());
        }
        self.counters.refusals.add(1);
        let max = self.limits.value_bytes.min(self.entry_room());
        Err(Refused { bytes: entry.value().len() as u64, max })
    }

    /// Whether a value of this size may be stored.
    pub(crate) fn has_place_for(&self, entry: &Entry) -> bool {
        let bytes = entry.value().len() as u64;
        bytes <= self.limits.value_bytes && entry.heap_bytes() <= self.entry_room()
    }

    fn entry_room(&self) -> u64 {
        self.limits.bytes.saturating_sub(STRUCTURE_BYTES_MIN)
    }

    /// What storing an entry of a new key can add to the accounted bytes, at
    /// the most and for a moment.
    pub(crate) fn growth_for(&self, entry_bytes: u64) -> u64 {
        let slots = if self.slots.is_full() { self.slots_growth_bytes() } else { 0 };
        slots + self.index.growth_bytes() + entry_bytes
    }

    fn slots_growth_bytes(&self) -> u64 {
        let slots = self.slots.len() + SLOTS_A_SEGMENT;
        let idle = self.idle.as_ref().map_or(0, |idle: &Idle| idle.growth_bytes(slots));
        self.slots.growth_bytes() + self.policy.growth_bytes(slots) + idle
    }

    /// Whether the entry fits, in place of one of `replaced` bytes or beside all.
    pub(super) fn has_room_for(&self, entry: &Entry, replaced: Option<u64>) -> bool {
        let growth = match replaced {
            None => self.growth_for(entry.heap_bytes()),
            Some(_) => self.index.growth_bytes() + entry.heap_bytes(),
        };
        let bytes = self.bytes() + growth;
        let entries = self.len() as u64 + u64::from(replaced.is_none());
        bytes - replaced.unwrap_or(0) <= self.ceiling_bytes
            && entries <= self.limits.entries
            && (replaced.is_some() || self.len() < Slot::COUNT_MAX)
    }

    /// Evicts until an entry has room, in place of the `held` one or beside all.
    /// Returns that, if it is still there.
    pub(super) fn make_room_for(
        &mut self,
        entry: &Entry,
        mut held: Option<(Slot, u64)>,
        now: Tick,
    ) -> Option<(Slot, u64)> {
        while !self.has_room_for(entry, held.map(|(_, bytes)| bytes)) {
            let Some(victim) = self.policy.victim() else { break };
            self.go(victim, Cause::Evicted, now);
            held = held.filter(|&(slot, _)| slot != victim);
        }
        held
    }

    /// Counts that something was to be stored for which a limit left no room.
    pub(super) fn note_reached(&mut self, is_new: bool) {
        if is_new && self.limits.entries <= self.len() as u64 {
            self.counters.reached.entries += 1;
        } else {
            self.note_full();
        }
    }

    /// Counts that there was no memory left: of its own, or beside the others.
    pub(crate) fn note_full(&mut self) {
        let reached = &mut self.counters.reached;
        if self.ceiling_bytes < self.limits.bytes {
            reached.memory += 1;
        } else {
            reached.bytes += 1;
        }
    }

    /// What the node leaves to this store, until it says so again.
    pub(crate) fn set_ceiling(&mut self, bytes: u64) {
        self.ceiling_bytes = bytes.min(self.limits.bytes);
    }

    /// Changes the limits, and evicts what they no longer allow.
    pub(crate) fn set_limits(&mut self, limits: Limits, now: Tick) {
        self.limits = limits;
        self.ceiling_bytes = limits.bytes;
        while !self.is_within(limits) {
            if !self.evict_one(now) {
                break;
            }
        }
        if !self.is_within(limits) {
            // Nothing is left but empty tables and slots of better days.
            self.forget_all();
        }
    }

    fn is_within(&self, limits: Limits) -> bool {
        let bytes = self.bytes() + self.index.growth_bytes();
        bytes <= limits.bytes && self.len() as u64 <= limits.entries
    }

    /// Evicts what is more than the node leaves to this store.
    pub(super) fn keep_to_ceiling(&mut self, now: Tick) {
        while self.ceiling_bytes < self.bytes() && self.evict_one(now) {}
    }

    /// Evicts the entry that the policy names. Returns whether there was one.
    pub(crate) fn evict_one(&mut self, now: Tick) -> bool {
        let victim = self.policy.victim();
        victim.is_some_and(|victim| {
            self.go(victim, Cause::Evicted, now);
            true
        })
    }

    /// Gives back the tables and slots of a store that holds nothing.
    pub(crate) fn release_structures(&mut self) {
        debug_assert_eq!(self.len(), 0);
        self.forget_all();
    }

    /// Takes the entry of a key away, to hand it to another node. What has gone
    /// by its tags stays: the other node does not know of it.
    pub(crate) fn hand_over(&mut self, hash: u64, key: &[u8], now: Tick) -> Option<Entry> {
        let (slot, entry) = self.peek(hash, key)?;
        if self.has_revoked(entry) {
            self.go(slot, Cause::Invalidated, now);
            return None;
        }
        self.counters.moved_out.add(1);
        Some(self.remove(slot).1)
    }

    /// Takes away what `leaves` picks by its hash among the next `entries` or
    /// some more, from table `at` on. Returns where to go on; `None` at the end.
    pub(crate) fn hand_over_some(
        &mut self,
        at: usize,
        entries: usize,
        leaves: impl Fn(u64) -> bool,
        moved: &mut Vec<(u64, Entry)>,
        now: Tick,
    ) -> Option<usize> {
        let by_hash = |_: &Entry, hash| if leaves(hash) { Pick::Leaves } else { Pick::Stays };
        let take = |hash, entry| moved.push((hash, entry));
        self.hand_over_where(at, entries, by_hash, take, now)
    }

    /// The same, picked by key, as long as the parcel has room: what there is none for
    /// stays where it is, and it is the table to go on with.
    pub(crate) fn give_some(
        &mut self,
        at: usize,
        entries: usize,
        leaves: impl Fn(&[u8]) -> bool,
        parcel: &mut Parcel,
        now: Tick,
    ) -> Option<usize> {
        let parcel = RefCell::new(parcel);
        let by_key = |entry: &Entry, _| match () {
            () if !leaves(entry.key()) => Pick::Stays,
            () if parcel.borrow_mut().fits(entry) => Pick::Leaves,
            () => Pick::Waits,
        };
        let take = |_, entry| parcel.borrow_mut().push(entry);
        self.hand_over_where(at, entries, by_key, take, now)
    }

    fn hand_over_where(
        &mut self,
        at: usize,
        entries: usize,
        pick: impl Fn(&Entry, u64) -> Pick,
        mut take: impl FnMut(u64, Entry),
        now: Tick,
    ) -> Option<usize> {
        let (mut at, mut seen) = (at, 0);
        while at < self.index.tables() && seen < entries {
            let hashes: Vec<_> = self.index.hashes(at, |slot| self.slots.place(slot)).collect();
            seen += hashes.len();
            for (slot, hash) in hashes {
                let Some(entry) = self.index.entry_mut(hash, slot) else { continue };
                match pick(entry, hash) {
                    Pick::Stays => {}
                    Pick::Waits => return Some(at),
                    Pick::Leaves if entry.is_tagged() && self.tags.revokes(entry) => {
                        self.go(slot, Cause::Invalidated, now);
                    }
                    Pick::Leaves => {
                        self.counters.moved_out.add(1);
                        take(hash, self.remove(slot).1);
                    }
                }
            }
            at += 1;
        }
        (at < self.index.tables()).then_some(at)
    }

    /// Takes an entry over from another node, unless the key has one here
    /// already (which is newer) or there is no room for it at all.
    pub(crate) fn take_over(&mut self, hash: u64, entry: Entry, now: Tick) -> bool {
        if self.peek(hash, entry.key()).is_some() {
            return false;
        }
        while !self.has_room_for(&entry, None) {
            if !self.evict_one(now) {
                return false;
            }
        }
        self.note_expiry(entry.expires());
        self.entry_bytes += entry.heap_bytes();
        self.counters.moved_in.add(1);
        self.insert(hash, entry, || now);
        true
    }
}
