//! The entries of one keyspace on one node: what may stay and what must go.

mod life;
mod many;
mod room;
mod scan;
mod sweep;
mod validate;

pub(crate) use life::Age;
use life::Life;
pub use life::Lifetimes;
pub use scan::Selection;

use crate::counters::Counters;
use crate::departed::{Cause, Departed};
use crate::idle::Idle;
use crate::index::{Index, place_of};
use crate::removals::{Removal, RemovalLog};
use crate::slots::Slots;
use crate::tags::Tags;
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
    /// What this store may take of the node beside the others; at most
    /// `limits.bytes`. The node sets it before it stores anything.
    ceiling_bytes: u64,
    /// What the entries take from the heap.
    entry_bytes: u64,
    life: Life,
    /// Where entries go that nobody uses; their last uses.
    idle: Option<Idle>,
    tags: Tags,
    /// What has gone since it was last asked for, if anybody asks.
    departed: Option<Vec<Departed>>,
    removals: RemovalLog,
    /// When everything was cleared last: nobody notes each entry then.
    cleared: Option<Tick>,
    sweep: sweep::Progress,
}

impl<P: Eviction> Store<P> {
    pub(crate) fn new(policy: P, limits: Limits, removals: RemovalLog) -> Self {
        Self {
            counters: Counters::default(),
            index: Index::new(),
            slots: Slots::new(),
            policy,
            limits,
            ceiling_bytes: limits.bytes,
            entry_bytes: 0,
            life: Life::default(),
            idle: None,
            tags: Tags::default(),
            departed: None,
            removals,
            cleared: None,
            sweep: sweep::Progress::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Accounted bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let idle = self.idle.as_ref().map_or(0, Idle::heap_bytes);
        let structure =
            self.index.heap_bytes() + self.slots.heap_bytes() + self.policy.heap_bytes();
        self.entry_bytes + structure + idle + self.tags.heap_bytes()
    }

    /// The entry of a key, if it can be served without a second thought: it is
    /// fresh, and not about to be loaded again. A use of it.
    ///
    /// The clock is asked only for an entry that ends at all.
    #[inline]
    pub(crate) fn get(&mut self, hash: u64, key: &[u8], now: impl Fn() -> Tick) -> Option<Entry> {
        let Some((slot, entry)) = self.peek(hash, key) else {
            self.counters.misses.add(1);
            return None;
        };
        if !self.is_plain(slot, entry, &now) {
            self.counters.misses.add(1);
            self.bury_if_dead(hash, key, now());
            return None;
        }
        let entry = entry.clone();
        self.policy.hit(slot);
        self.counters.hits.add(1);
        Some(entry)
    }

    /// The same beside other readers. What has gone is left to the sweep.
    #[inline]
    pub(crate) fn get_shared(
        &self,
        hash: u64,
        key: &[u8],
        now: impl Fn() -> Tick,
    ) -> Option<Entry> {
        let found = self.peek(hash, key);
        let Some((slot, entry)) = found.filter(|&(slot, entry)| self.is_plain(slot, entry, &now))
        else {
            self.counters.misses.add_shared(1);
            return None;
        };
        // A reader may come with the word that an earlier policy shared its hits.
        if self.policy.shares_hits() {
            self.policy.hit_shared(slot);
        }
        self.counters.hits.add_shared(1);
        Some(entry.clone())
    }

    /// The entry of a key, dead or alive; no use of it.
    #[inline]
    fn peek(&self, hash: u64, key: &[u8]) -> Option<(Slot, &Entry)> {
        self.index.find(hash, key)
    }

    /// The same without its slot.
    pub(crate) fn held(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.peek(hash, key).map(|(_, entry)| entry)
    }

    /// Asks for the memory that looking at keys with these hashes takes.
    pub(crate) fn bring_near(&self, hashes: &[u64]) {
        self.index.bring_near(hashes);
    }

    /// Counts as a hit what was counted as a miss: the value came between two
    /// looks at one key.
    pub(crate) fn hit_after_miss(&mut self, slot: Slot, now: Tick) {
        self.policy.hit(slot);
        self.counters.misses.undo();
        self.counters.hits.add(1);
        if let Some(idle) = &self.idle {
            idle.used(slot, now);
        }
    }

    /// Stores a value in the memory of the one that its key has, if that can be
    /// done: nothing is allocated, and no limit touched.
    pub(crate) fn overwrite(
        &mut self,
        hash: u64,
        draft: &Draft<'_>,
        version: Version,
        now: impl Fn() -> Tick,
    ) -> bool {
        let is_allowed = draft.value().len() as u64 <= self.limits.value_bytes;
        // Whoever is told of what goes needs the old value.
        let is_allowed = is_allowed && self.departed.is_none();
        let Some((slot, _)) = self.peek(hash, draft.key()).filter(|_| is_allowed) else {
            return false;
        };
        let done = self.index.entry_mut(hash, slot).is_some_and(|e| e.overwrite(draft, version));
        if done {
            self.note_expiry(draft.expires());
            self.used(slot, now);
            self.counters.updates.add(1);
        }
        done
    }

    /// The entry in `slot` was read or written.
    #[inline]
    pub(crate) fn used(&mut self, slot: Slot, now: impl Fn() -> Tick) {
        self.policy.hit(slot);
        if let Some(idle) = &self.idle {
            idle.used(slot, now());
        }
    }

    /// Stores an entry that [`admits`](Self::admits) has let in; gives back the
    /// one that it replaces. Evicts what has to go first, so that the limits
    /// hold at every instant.
    pub(crate) fn put(&mut self, hash: u64, entry: Entry, now: impl Fn() -> Tick) -> Option<Entry> {
        let bytes_of = |(slot, held): (Slot, &Entry)| (slot, held.heap_bytes());
        let mut held = self.peek(hash, entry.key()).map(bytes_of);
        if let Some((slot, _)) = held {
            self.used(slot, &now);
        }
        if !self.has_room_for(&entry, held.map(|(_, bytes)| bytes)) {
            self.note_reached(held.is_none());
            held = self.make_room_for(&entry, held, now());
        }
        self.note_expiry(entry.expires());
        self.entry_bytes += entry.heap_bytes();
        if let Some((slot, bytes)) = held {
            self.entry_bytes -= bytes;
            self.policy.resized(slot, entry.heap_bytes());
            self.counters.updates.add(1);
            let replaced = self.index.replace(hash, slot, entry);
            self.depart(&replaced, Cause::Replaced);
            return Some(replaced);
        }
        self.counters.inserts.add(1);
        self.insert(hash, entry, now);
        None
    }

    fn insert(&mut self, hash: u64, entry: Entry, now: impl Fn() -> Tick) {
        let bytes = entry.heap_bytes();
        let slot = self.slots.take(place_of(hash));
        self.index.insert(hash, slot, entry, |slot| self.slots.place(slot));
        self.policy.inserted(slot, hash, bytes);
        if let Some(idle) = &mut self.idle {
            idle.inserted(slot, now());
            let ends = idle.ends(slot);
            self.note_expiry(ends);
        }
    }

    /// Removes the entry of a key. Returns it, dead or alive.
    pub(crate) fn delete(&mut self, hash: u64, key: &[u8], now: Tick) -> Option<Entry> {
        let (slot, _) = self.peek(hash, key)?;
        Some(self.go(slot, Cause::Deleted, now))
    }

    /// Removes every entry, and the structures with them.
    pub(crate) fn clear(&mut self, now: Tick) -> usize {
        let entries = self.len();
        self.counters.deletes.add(entries as u64);
        if let Some(departed) = &mut self.departed {
            let tables = (0..self.index.tables()).flat_map(|number| self.index.table(number));
            let gone =
                |(_, entry): (_, &Entry)| Departed { entry: entry.clone(), cause: Cause::Deleted };
            departed.extend(tables.map(gone));
        }
        self.cleared = Some(now);
        self.forget_all();
        entries
    }

    fn forget_all(&mut self) {
        self.index.clear();
        self.slots.clear();
        self.policy.clear();
        self.tags.clear();
        if let Some(idle) = &mut self.idle {
            idle.clear();
        }
        self.entry_bytes = 0;
        self.sweep = sweep::Progress::default();
    }

    /// Removes an entry for a reason, which is counted, noted and told.
    fn go(&mut self, slot: Slot, cause: Cause, now: Tick) -> Entry {
        let counters = &mut self.counters;
        match cause {
            Cause::Evicted => counters.evictions.add(1),
            Cause::Expired | Cause::Idle => counters.expirations.add(1),
            Cause::Invalidated => counters.invalidations.add(1),
            Cause::Deleted | Cause::Replaced => counters.deletes.add(1),
        }
        let (place, entry) = self.remove(slot);
        let removal = Removal::of(&entry, cause, now);
        if let (Cause::Evicted, Some(age)) = (cause, removal.age) {
            self.counters.evicted_ages.note(age);
        }
        self.removals.note(place, removal);
        self.depart(&entry, cause);
        entry
    }

    fn depart(&mut self, entry: &Entry, cause: Cause) {
        if let Some(departed) = &mut self.departed {
            departed.push(Departed { entry: entry.clone(), cause });
        }
    }

    /// Takes an entry out. Returns it, and where the index had it.
    fn remove(&mut self, slot: Slot) -> (u32, Entry) {
        self.policy.removed(slot);
        let place = self.slots.release(slot);
        let entry = self.index.remove(place, slot);
        self.entry_bytes -= entry.heap_bytes();
        (place, entry)
    }

    /// How the last entry of a key went, as far as that is remembered.
    pub(crate) fn last_removal(&self, hash: u64) -> Option<Removal> {
        let cleared = self.cleared.map(|at| Removal { cause: Cause::Deleted, at, age: None });
        let noted = self.removals.last(place_of(hash));
        // Of two at once the one that was noted tells more.
        [cleared, noted].into_iter().flatten().max_by_key(|removal| removal.at)
    }

    /// Whether what goes is kept until somebody asks for it.
    pub(crate) fn listen(&mut self, listens: bool) {
        // What has gone by now is still to be told.
        self.departed = listens.then(|| self.departed.take().unwrap_or_default());
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.departed.is_some()
    }

    /// What has gone since this was last asked.
    #[inline]
    pub(crate) fn take_departed(&mut self) -> Vec<Departed> {
        self.departed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The same entries behind another policy, which learns of them in the
    /// order in which this one would evict them.
    pub(crate) fn with_policy<Q: Eviction>(mut self, mut policy: Q) -> Store<Q> {
        let hashes: Vec<_> = (0..self.index.tables())
            .flat_map(|number| self.index.hashes(number, |slot| self.slots.place(slot)))
            .collect();
        let mut hash_of: Vec<u64> = vec![0; self.slots.len()];
        let mut bytes_of: Vec<u64> = vec![0; self.slots.len()];
        for (slot, hash) in hashes {
            hash_of[slot.index()] = hash;
        }
        for (slot, entry) in (0..self.index.tables()).flat_map(|number| self.index.table(number)) {
            bytes_of[slot.index()] = entry.heap_bytes();
        }
        while let Some(slot) = self.policy.victim() {
            self.policy.removed(slot);
            policy.inserted(slot, hash_of[slot.index()], bytes_of[slot.index()]);
        }
        Store {
            counters: self.counters,
            index: self.index,
            slots: self.slots,
            policy,
            limits: self.limits,
            ceiling_bytes: self.ceiling_bytes,
            entry_bytes: self.entry_bytes,
            life: self.life,
            idle: self.idle,
            tags: self.tags,
            departed: self.departed,
            removals: self.removals,
            cleared: self.cleared,
            sweep: self.sweep,
        }
    }
}
