//! The entries of one node: what may stay and what must go.

use crate::counters::Counters;
use crate::index::{Index, place_of};
use crate::slots::{SLOTS_A_SEGMENT, Slots};
use crate::{Draft, Entry, Eviction, Slot, Tick, Version};

/// How much a store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Accounted bytes, all overhead included. At least
    /// [`STRUCTURE_BYTES_MIN`], and four times `value_bytes`.
    pub bytes: u64,
    /// Entries; `u64::MAX` for no such limit.
    pub entries: u64,
    /// Bytes of one value.
    pub value_bytes: u64,
}

/// What a store needs for its tables before it can hold its first entry, with
/// what the index may take for a moment when it grows.
pub const STRUCTURE_BYTES_MIN: u64 = 128 * 1024;

/// A value that would not leave room for others is not stored; nothing was
/// evicted for it, and the value that the key had is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value has {bytes} bytes, and {max} are allowed")]
pub struct Refused {
    /// The value's size, in bytes.
    pub bytes: u64,
    /// The limit, in bytes.
    pub max: u64,
}

/// Index, slots and policy, and the bytes they take.
#[derive(Debug)]
pub(crate) struct Store<P> {
    pub(crate) counters: Counters,
    index: Index,
    slots: Slots,
    policy: P,
    limits: Limits,
    /// What the entries take from the heap.
    entry_bytes: u64,
    /// No entry expires before this; so an idle store is not swept.
    earliest_expiry: Tick,
    /// Where the sweep goes on, and the earliest expiry it has met on its way.
    sweep_at: usize,
    sweep_earliest: Tick,
}

impl<P: Eviction> Store<P> {
    pub(crate) fn new(policy: P, limits: Limits) -> Self {
        Self {
            counters: Counters::default(),
            index: Index::new(),
            slots: Slots::new(),
            policy,
            limits,
            entry_bytes: 0,
            earliest_expiry: Tick::NEVER,
            sweep_at: 0,
            sweep_earliest: Tick::NEVER,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Accounted bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let structure =
            self.index.heap_bytes() + self.slots.heap_bytes() + self.policy.heap_bytes();
        self.entry_bytes + structure
    }

    /// The entry of a key, unless it has expired; a use of it.
    ///
    /// The clock is asked only for an entry that expires at all.
    #[inline]
    pub(crate) fn get(
        &mut self,
        hash: u64,
        key: &[u8],
        now: impl FnOnce() -> Tick,
    ) -> Option<Entry> {
        let Some((slot, entry)) = self.peek(hash, key) else {
            self.counters.misses.add(1);
            return None;
        };
        if entry.expires() != Tick::NEVER && entry.expires() <= now() {
            self.expire(slot);
            self.counters.misses.add(1);
            return None;
        }
        let entry = entry.clone();
        self.policy.hit(slot);
        self.counters.hits.add(1);
        Some(entry)
    }

    /// The same beside other readers. What has expired is left to the sweep.
    #[inline]
    pub(crate) fn get_shared(
        &self,
        hash: u64,
        key: &[u8],
        now: impl FnOnce() -> Tick,
    ) -> Option<Entry> {
        let found = self.peek(hash, key);
        let live = |entry: &Entry| entry.expires() == Tick::NEVER || now() < entry.expires();
        let Some((slot, entry)) = found.filter(|(_, entry)| live(entry)) else {
            self.counters.misses.add_shared();
            return None;
        };
        self.policy.hit_shared(slot);
        self.counters.hits.add_shared();
        Some(entry.clone())
    }

    /// The entry of a key, expired or not; no use of it.
    #[inline]
    fn peek(&self, hash: u64, key: &[u8]) -> Option<(Slot, &Entry)> {
        self.index.find(hash, key)
    }

    /// Whether a value of this size may be stored.
    pub(crate) fn admits(&mut self, entry: &Entry) -> Result<(), Refused> {
        let bytes = entry.value().len() as u64;
        let room = self.limits.bytes.saturating_sub(STRUCTURE_BYTES_MIN);
        if bytes <= self.limits.value_bytes && entry.heap_bytes() <= room {
            return Ok(());
        }
        self.counters.refusals.add(1);
        Err(Refused { bytes, max: self.limits.value_bytes.min(room) })
    }

    /// Stores a value in the memory of the one that its key has, if that can be
    /// done: nothing is allocated, and no limit touched.
    pub(crate) fn overwrite(&mut self, hash: u64, draft: &Draft<'_>, version: Version) -> bool {
        let is_allowed = draft.value().len() as u64 <= self.limits.value_bytes;
        let Some((slot, _)) = self.peek(hash, draft.key()).filter(|_| is_allowed) else {
            return false;
        };
        let done = self.index.entry_mut(hash, slot).is_some_and(|e| e.overwrite(draft, version));
        if done {
            self.note_expiry(draft.expires());
            self.policy.hit(slot);
            self.counters.updates.add(1);
        }
        done
    }

    /// Stores an entry that [`admits`](Self::admits) has let in; gives back the
    /// one that it replaces. Evicts what has to go first, so that the limits
    /// hold at every instant.
    pub(crate) fn put(&mut self, hash: u64, entry: Entry) -> Option<Entry> {
        let bytes_of = |(slot, held): (Slot, &Entry)| (slot, held.heap_bytes());
        let mut held = self.peek(hash, entry.key()).map(bytes_of);
        if let Some((slot, _)) = held {
            self.policy.hit(slot);
        }
        while !self.has_room_for(&entry, held.map(|(_, bytes)| bytes)) {
            let Some(victim) = self.policy.victim() else { break };
            self.evict(victim);
            held = held.filter(|&(slot, _)| slot != victim);
        }
        self.note_expiry(entry.expires());
        self.entry_bytes += entry.heap_bytes();
        if let Some((slot, bytes)) = held {
            self.entry_bytes -= bytes;
            self.counters.updates.add(1);
            return Some(self.index.replace(hash, slot, entry));
        }
        self.counters.inserts.add(1);
        self.insert(hash, entry);
        None
    }

    fn insert(&mut self, hash: u64, entry: Entry) {
        let bytes = entry.heap_bytes();
        let slot = self.slots.take(place_of(hash));
        self.index.insert(hash, slot, entry, |slot| self.slots.place(slot));
        self.policy.inserted(slot, hash, bytes);
    }

    /// Whether the entry fits, in place of one of `replaced` bytes or beside all.
    fn has_room_for(&self, entry: &Entry, replaced: Option<u64>) -> bool {
        let growth = if replaced.is_none() && self.slots.is_full() {
            let slots = self.slots.len() + SLOTS_A_SEGMENT;
            self.slots.growth_bytes() + self.policy.growth_bytes(slots)
        } else {
            0
        };
        let growth = growth + self.index.growth_bytes();
        let bytes = self.bytes() + growth + entry.heap_bytes();
        let entries = self.len() as u64 + u64::from(replaced.is_none());
        bytes - replaced.unwrap_or(0) <= self.limits.bytes
            && entries <= self.limits.entries
            && (replaced.is_some() || self.len() < Slot::COUNT_MAX)
    }

    /// Removes the entry of a key. Returns it, expired or not.
    pub(crate) fn delete(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let (slot, _) = self.peek(hash, key)?;
        self.counters.deletes.add(1);
        Some(self.remove(slot))
    }

    /// Takes the entry of a key away, to hand it to another node.
    pub(crate) fn hand_over(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let (slot, _) = self.peek(hash, key)?;
        self.counters.moved_out.add(1);
        Some(self.remove(slot))
    }

    /// Takes away what `leaves` picks by its hash among the next `entries` or
    /// some more, from table `at` on. Returns where to go on; `None` at the end.
    pub(crate) fn hand_over_some(
        &mut self,
        at: usize,
        entries: usize,
        leaves: impl Fn(u64) -> bool,
        moved: &mut Vec<(u64, Entry)>,
    ) -> Option<usize> {
        let (mut at, mut seen) = (at, 0);
        while at < self.index.tables() && seen < entries {
            let hashes: Vec<_> = self.index.hashes(at, |slot| self.slots.place(slot)).collect();
            seen += hashes.len();
            for (slot, hash) in hashes.into_iter().filter(|&(_, hash)| leaves(hash)) {
                self.counters.moved_out.add(1);
                moved.push((hash, self.remove(slot)));
            }
            at += 1;
        }
        (at < self.index.tables()).then_some(at)
    }

    /// Takes an entry over from another node, unless the key has one here
    /// already (which is newer) or there is no room for it at all.
    pub(crate) fn take_over(&mut self, hash: u64, entry: Entry) {
        if self.peek(hash, entry.key()).is_some() {
            return;
        }
        while !self.has_room_for(&entry, None) {
            let Some(victim) = self.policy.victim() else { return };
            self.evict(victim);
        }
        self.note_expiry(entry.expires());
        self.entry_bytes += entry.heap_bytes();
        self.counters.moved_in.add(1);
        self.insert(hash, entry);
    }

    /// Changes the limits, and evicts what they no longer allow.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        let fits = |store: &Self| {
            let bytes = store.bytes() + store.index.growth_bytes();
            bytes <= limits.bytes && store.len() as u64 <= limits.entries
        };
        while !fits(self) {
            let Some(victim) = self.policy.victim() else { break };
            self.evict(victim);
        }
        if !fits(self) {
            // Nothing is left but empty tables and slots of better days.
            self.forget_all();
        }
    }

    /// Removes every entry, and the structures with them.
    pub(crate) fn clear(&mut self) -> usize {
        let entries = self.len();
        self.counters.deletes.add(entries as u64);
        self.forget_all();
        entries
    }

    fn forget_all(&mut self) {
        self.index.clear();
        self.slots.clear();
        self.policy.clear();
        self.entry_bytes = 0;
        self.earliest_expiry = Tick::NEVER;
        self.restart_sweep();
    }

    /// Frees what has expired among the next `entries`, or some more. Costs
    /// nothing while nothing can have expired.
    pub(crate) fn sweep(&mut self, now: Tick, entries: usize) {
        if now < self.earliest_expiry {
            return;
        }
        let mut seen = 0;
        while self.sweep_at < self.index.tables() && seen < entries {
            seen += self.sweep_table(now);
            self.sweep_at += 1;
        }
        if self.sweep_at == self.index.tables() {
            self.earliest_expiry = self.sweep_earliest;
            self.restart_sweep();
        }
    }

    /// Sweeps one table. Returns the number of entries that it held.
    fn sweep_table(&mut self, now: Tick) -> usize {
        let (mut seen, mut expired) = (0, Vec::new());
        for (slot, entry) in self.index.table(self.sweep_at) {
            seen += 1;
            if entry.expires() <= now {
                expired.push(slot);
            } else {
                self.sweep_earliest = self.sweep_earliest.min(entry.expires());
            }
        }
        for slot in expired {
            self.expire(slot);
        }
        seen
    }

    /// Whether a sweep at `now` has something to do.
    pub(crate) fn wants_sweep(&self, now: Tick) -> bool {
        self.earliest_expiry <= now
    }

    fn restart_sweep(&mut self) {
        self.sweep_at = 0;
        self.sweep_earliest = Tick::NEVER;
    }

    /// A new entry may lie behind the sweep, so that its round must know too.
    fn note_expiry(&mut self, expires: Tick) {
        self.earliest_expiry = self.earliest_expiry.min(expires);
        self.sweep_earliest = self.sweep_earliest.min(expires);
    }

    fn evict(&mut self, slot: Slot) {
        self.counters.evictions.add(1);
        self.remove(slot);
    }

    fn expire(&mut self, slot: Slot) {
        self.counters.expirations.add(1);
        self.remove(slot);
    }

    fn remove(&mut self, slot: Slot) -> Entry {
        self.policy.removed(slot);
        let place = self.slots.release(slot);
        let entry = self.index.remove(place, slot);
        self.entry_bytes -= entry.heap_bytes();
        entry
    }

    /// Recounts everything and compares.
    pub(crate) fn validate(&self) {
        let place = |slot| self.slots.place(slot);
        assert_eq!(self.slots.used(), self.index.len(), "slots in use");
        assert_eq!(self.slots.len() - self.slots.used(), self.slots.free(), "free slots");
        self.index.validate(place);
        let mut bytes = 0;
        for number in 0..self.index.tables() {
            for ((slot, hash), (_, entry)) in
                self.index.hashes(number, place).zip(self.index.table(number))
            {
                bytes += entry.heap_bytes();
                let found = self.peek(hash, entry.key()).map(|(slot, _)| slot);
                assert_eq!(found, Some(slot), "each entry is found where it is");
                assert!(self.earliest_expiry <= entry.expires(), "no entry expires unseen");
            }
        }
        assert_eq!(bytes, self.entry_bytes, "bytes of the entries");
        self.policy.validate(self.len());
        assert!(self.bytes() <= self.limits.bytes, "accounted bytes within the limit");
        assert!(self.len() as u64 <= self.limits.entries, "entries within the limit");
        self.validate_counters();
    }

    fn validate_counters(&self) {
        let c = &self.counters;
        let came = c.inserts.get() + c.moved_in.get();
        let left = c.deletes.get() + c.evictions.get() + c.expirations.get() + c.moved_out.get();
        assert_eq!(came, left + self.len() as u64, "what came is here or has left");
    }
}
