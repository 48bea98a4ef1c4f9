//! The entries of one node: what may stay and what must go.

use crate::counters::Counters;
use crate::index::{GROWTH_BYTES_MAX, Index};
use crate::slab::Slab;
use crate::{Entry, Eviction, Slot, Tick};

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
    slab: Slab,
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
            slab: Slab::new(),
            policy,
            limits,
            entry_bytes: 0,
            earliest_expiry: Tick::NEVER,
            sweep_at: 0,
            sweep_earliest: Tick::NEVER,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Accounted bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let structure = self.index.heap_bytes() + self.slab.heap_bytes() + self.policy.heap_bytes();
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
        let slot = self.index.find(hash, |slot| self.slab.holds(slot, hash, key))?;
        self.slab.get(slot).map(|entry| (slot, entry))
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

    /// Stores an entry that [`admits`](Self::admits) has let in; gives back the
    /// one that it replaces. Evicts what has to go first, so that the limits
    /// hold at every instant.
    pub(crate) fn put(&mut self, hash: u64, entry: Entry) -> Option<Entry> {
        let mut held = self.peek(hash, entry.key()).map(|(slot, _)| slot);
        if let Some(slot) = held {
            self.policy.hit(slot);
        }
        while !self.has_room_for(&entry, held) {
            let Some(victim) = self.policy.victim() else { break };
            self.evict(victim);
            held = held.filter(|&slot| slot != victim);
        }
        self.note_expiry(entry.expires());
        self.entry_bytes += entry.heap_bytes();
        if let Some(slot) = held {
            let replaced = self.slab.replace(slot, entry);
            self.entry_bytes -= replaced.heap_bytes();
            self.counters.updates.add(1);
            return Some(replaced);
        }
        self.counters.inserts.add(1);
        self.insert(hash, entry);
        None
    }

    fn insert(&mut self, hash: u64, entry: Entry) {
        let bytes = entry.heap_bytes();
        let slot = self.slab.insert(hash, entry);
        self.index.insert(hash, slot, |slot| self.slab.hash(slot));
        self.policy.inserted(slot, hash, bytes);
    }

    /// Whether the entry fits, in place of the one in `held` or beside all.
    fn has_room_for(&self, entry: &Entry, held: Option<Slot>) -> bool {
        let replaced = held.and_then(|slot| self.slab.get(slot)).map_or(0, Entry::heap_bytes);
        let growth = if held.is_none() && self.slab.is_full() {
            let slots = self.slab.slots() + crate::slab::SLOTS_A_SEGMENT;
            self.slab.growth_bytes() + self.policy.growth_bytes(slots)
        } else {
            0
        };
        let bytes = self.bytes() + growth + GROWTH_BYTES_MAX + entry.heap_bytes() - replaced;
        let entries = self.len() as u64 + u64::from(held.is_none());
        bytes <= self.limits.bytes
            && entries <= self.limits.entries
            && (held.is_some() || self.len() < Slot::COUNT_MAX)
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

    /// Takes away the entries that `leaves` picks by their hash, from slot `at`
    /// on and at most `slots` further. Returns where to go on; `None` at the end.
    pub(crate) fn hand_over_some(
        &mut self,
        at: usize,
        slots: usize,
        leaves: impl Fn(u64) -> bool,
        moved: &mut Vec<(u64, Entry)>,
    ) -> Option<usize> {
        let end = self.slab.slots().min(at + slots);
        for slot in (at..end).map(Slot::new) {
            let hash = self.slab.hash(slot);
            if self.slab.get(slot).is_some() && leaves(hash) {
                self.counters.moved_out.add(1);
                moved.push((hash, self.remove(slot)));
            }
        }
        (end < self.slab.slots()).then_some(end)
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
            store.bytes() + GROWTH_BYTES_MAX <= limits.bytes && store.len() as u64 <= limits.entries
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
        self.slab.clear();
        self.policy.clear();
        self.entry_bytes = 0;
        self.earliest_expiry = Tick::NEVER;
        self.restart_sweep();
    }

    /// Frees what has expired among the next `slots` slots. Costs nothing while
    /// nothing can have expired.
    pub(crate) fn sweep(&mut self, now: Tick, slots: usize) {
        if now < self.earliest_expiry {
            return;
        }
        let end = self.slab.slots().min(self.sweep_at + slots);
        for slot in (self.sweep_at..end).map(Slot::new) {
            let Some(expires) = self.slab.get(slot).map(Entry::expires) else { continue };
            if expires <= now {
                self.expire(slot);
            } else {
                self.sweep_earliest = self.sweep_earliest.min(expires);
            }
        }
        self.sweep_at = end;
        if end == self.slab.slots() {
            self.earliest_expiry = self.sweep_earliest;
            self.restart_sweep();
        }
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
        let (hash, entry) = self.slab.remove(slot);
        self.index.remove(hash, slot);
        self.entry_bytes -= entry.heap_bytes();
        entry
    }

    /// Recounts everything and compares.
    pub(crate) fn validate(&self) {
        let slots = || (0..self.slab.slots()).map(Slot::new);
        let entries: Vec<_> = slots().filter_map(|s| Some((s, self.slab.get(s)?))).collect();
        assert_eq!(entries.len(), self.slab.len(), "entries in slots");
        assert_eq!(self.slab.slots() - entries.len(), self.slab.free_places(), "free slots");
        assert_eq!(self.index.len(), entries.len(), "entries in the index");
        let bytes: u64 = entries.iter().map(|(_, entry)| entry.heap_bytes()).sum();
        assert_eq!(bytes, self.entry_bytes, "bytes of the entries");
        for (slot, entry) in entries {
            let hash = self.slab.hash(slot);
            let found = self.peek(hash, entry.key()).map(|(slot, _)| slot);
            assert_eq!(found, Some(slot), "each entry is found where it is");
            assert!(self.earliest_expiry <= entry.expires(), "no entry expires unseen");
        }
        self.index.validate();
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
