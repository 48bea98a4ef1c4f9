//! One data node: keyspaces that share its memory, and their versions.

mod copies;
pub use copies::Seeding;

mod reads;

mod number;
pub use number::{Added, NotAdded, number_in};

mod told;
mod transfer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Epoch, Replier};

use crate::any_store::on_store;
use crate::arrivals::Arrivals;
use crate::departed::Departed;
use crate::flight::flight_bytes;
use crate::keyspace::{Keyspace, Need, Visit};
use crate::removals::Removals;
use crate::{
    Cargo, Change, Clock, Condition, Draft, Entry, Flight, KeyspaceId, KeyspaceSettings, Landed,
    Landing, Limits, Look, Selection, Tick, Value, Version,
};

/// How a node works.
#[derive(Clone)]
pub struct NodeSettings {
    /// Accounted bytes that all keyspaces together may take.
    pub bytes_max: u64,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The state of one node. Everything that changes it takes `&mut self`: the
/// mailbox's lock is what stands between callers.
///
/// Keyspaces have limits of their own, and share the node's memory: when that
/// is used up, room is made in the one that holds most.
pub struct DataNode {
    /// By the index in their ids.
    keyspaces: Vec<Option<Keyspace>>,
    bytes_max: u64,
    clock: Arc<dyn Clock>,
    /// The epoch of the last version; only grows.
    epoch: Epoch,
    /// The sequence of the last version: within an epoch, it only grows.
    sequence: u64,
    born: Tick,
    /// What has gone lately.
    removals: Arc<Removals>,
    /// Which keys were used while entries of another process may arrive.
    arrivals: Option<Arrivals>,
    /// The most bytes that there have been.
    bytes_peak: u64,
    /// Keyspaces whose departures somebody wants to be told.
    listened_to: usize,
}

/// Entries that one sweep looks at under one lock: some 100 us.
const ENTRIES_A_SWEEP: usize = 1024;

/// Why a value was not stored. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutRefused {
    /// It would not leave room for others.
    #[error(transparent)]
    TooLarge(#[from] crate::Refused),
    /// Its condition is not met: the version that the key has.
    #[error("the key's value is another one than the condition asks for")]
    Unmet(Option<Version>),
    /// The keyspace is not there any more.
    #[error("there is no such keyspace on this node")]
    Gone,
}

/// A put that was made.
#[derive(Debug)]
pub struct Stored {
    /// The version of the new value.
    pub version: Version,
    /// Whether the key is new to the node.
    pub is_new: bool,
    /// The entry that was there before, for the caller to drop when the lock
    /// is released; unless its memory serves the new one.
    pub replaced: Option<Entry>,
    /// The load that was on its way and has lost its lease, with the value that
    /// those who wait for it can have at once.
    pub overtaken: Option<(Arc<Flight>, Value)>,
}

impl DataNode {
    /// A node without keyspaces.
    pub fn new(settings: NodeSettings) -> Self {
        let NodeSettings { bytes_max, clock } = settings;
        let born = clock.now();
        Self {
            keyspaces: Vec::new(),
            bytes_max,
            clock,
            epoch: Epoch::FIRST,
            sequence: 0,
            born,
            removals: Arc::new(Removals::new()),
            arrivals: None,
            bytes_peak: 0,
            listened_to: 0,
        }
    }

    /// Adds an empty keyspace, in the place of one that has the same index.
    /// Returns that one, to be dropped without the lock.
    pub fn add_keyspace(&mut self, id: KeyspaceId, settings: &KeyspaceSettings) -> Removed {
        let index = usize::from(id.index);
        // One of this name elsewhere may be the one that was here before.
        self.note_use_of_all();
        while self.keyspaces.len() <= index {
            self.keyspaces.push(None);
        }
        let added = Keyspace::new(id, settings, self.removals.clone(), self.clock.now());
        let removed = Removed(self.keyspaces[index].replace(added));
        self.count_listened_to();
        removed
    }

    fn count_listened_to(&mut self) {
        let listened_to = self.keyspaces.iter().flatten().filter(|keyspace| keyspace.is_heard());
        self.listened_to = listened_to.count();
    }

    /// Lets a keyspace work by other settings. Values stay where they allow it.
    pub fn change_keyspace(
        &mut self,
        id: KeyspaceId,
        settings: &KeyspaceSettings,
        is_policy_new: bool,
    ) {
        let now = self.clock.now();
        if let Some(place) = self.keyspaces.get_mut(usize::from(id.index))
            && let Some(keyspace) = place.take_if(|keyspace| keyspace.id == id)
        {
            *place = Some(keyspace.change(settings, is_policy_new, now));
        }
        self.count_listened_to();
        self.set_bytes_max(self.bytes_max);
    }

    /// Removes a keyspace. Returns it, to be dropped without the lock.
    pub fn remove_keyspace(&mut self, id: KeyspaceId) -> Removed {
        self.note_peaks();
        let place = self.keyspaces.get_mut(usize::from(id.index));
        let removed = place.and_then(|place| place.take_if(|keyspace| keyspace.id == id));
        self.count_listened_to();
        Removed(removed)
    }

    #[inline]
    fn keyspace(&self, id: KeyspaceId) -> Option<&Keyspace> {
        self.keyspaces.get(usize::from(id.index))?.as_ref().filter(|keyspace| keyspace.id == id)
    }

    #[inline]
    fn keyspace_mut(&mut self, id: KeyspaceId) -> Option<&mut Keyspace> {
        let place = self.keyspaces.get_mut(usize::from(id.index))?;
        place.as_mut().filter(|keyspace| keyspace.id == id)
    }

    /// The value of a key, fresh or stale, and since when it is stale; no use
    /// of it.
    pub fn peek(&self, id: KeyspaceId, hash: u64, key: &[u8]) -> Option<(Value, Option<Tick>)> {
        let (_, entry, age) = self.keyspace(id)?.peek(hash, key, self.clock.now())?;
        Some((Value::from(entry.clone()), age.stale_since()))
    }

    /// What a caller finds who can see to a load, which has `load_time`.
    /// `waiter` is kept where it has to wait.
    pub fn look(
        &mut self,
        epoch: Epoch,
        id: KeyspaceId,
        (hash, key): (u64, &[u8]),
        load_time: Duration,
        waiter: Replier<Landing>,
    ) -> Look {
        self.look_for(Need::Any, epoch, id, (hash, key), load_time, waiter)
    }

    /// The same for a caller to whom a stale value is of no use.
    pub fn look_fresh(
        &mut self,
        epoch: Epoch,
        id: KeyspaceId,
        (hash, key): (u64, &[u8]),
        load_time: Duration,
        waiter: Replier<Landing>,
    ) -> Look {
        self.look_for(Need::Fresh, epoch, id, (hash, key), load_time, waiter)
    }

    fn look_for(
        &mut self,
        need: Need,
        epoch: Epoch,
        id: KeyspaceId,
        (hash, key): (u64, &[u8]),
        load_time: Duration,
        waiter: Replier<Landing>,
    ) -> Look {
        let (now, lease) = (self.clock.now(), self.next_version(epoch));
        if self.keyspace(id).is_none() {
            return Look::Gone;
        }
        self.make_room(id, flight_bytes(key), now);
        let overdue = now.after(load_time);
        let visit = Visit { hash, key, need, now, lease, overdue };
        self.keyspace_mut(id).map_or(Look::Gone, |keyspace| keyspace.look(visit, waiter))
    }

    /// Ends a load. Its cargo is stored if nothing has changed or forgotten the
    /// key since it began.
    pub fn land(&mut self, epoch: Epoch, id: KeyspaceId, flight: &Flight, cargo: Cargo) -> Landed {
        let (now, version) = (self.clock.now(), self.next_version(epoch));
        self.note_peaks();
        self.note_use(flight.hash());
        if let Cargo::Entry(entry) = &cargo
            && let Some(keyspace) = self.keyspace(id)
            && on_store!(&keyspace.store, store => store.has_place_for(entry))
        {
            self.make_room(id, entry.heap_bytes(), now);
        }
        let landed = |keyspace: &mut Keyspace| {
            let landed = keyspace.land(flight, cargo, now, || version);
            keyspace.jot_state(flight.hash(), flight.key());
            landed
        };
        self.keyspace_mut(id).map_or(Landed::Nothing, landed)
    }

    /// Stores an entry for a request of `epoch`, and gives it its version.
    ///
    /// # Errors
    /// When it is too large, or its condition is not met.
    pub fn put(
        &mut self,
        epoch: Epoch,
        id: KeyspaceId,
        hash: u64,
        entry: Entry,
        condition: Condition,
    ) -> Result<Stored, PutRefused> {
        let now = self.clock.now();
        let keyspace = self.keyspace_mut(id).ok_or(PutRefused::Gone)?;
        on_store!(&mut keyspace.store, store => store.admits(&entry))?;
        keyspace.meets(condition, hash, entry.key(), now).map_err(PutRefused::Unmet)?;
        let flight = keyspace.flights.detach(hash, entry.key());
        self.note_use(hash);
        self.make_room(id, entry.heap_bytes(), now);
        let version = self.next_version(epoch);
        entry.set_version(version);
        let overtaken = flight.map(|flight| (flight, Value::from(entry.clone())));
        let keyspace = self.keyspace_mut(id).ok_or(PutRefused::Gone)?;
        let stored = keyspace.is_followed(hash).then(|| entry.clone());
        let replaced = on_store!(&mut keyspace.store, store => store.put(hash, entry, || now));
        if let Some(entry) = stored {
            keyspace.jot_put(hash, entry);
        }
        Ok(Stored { version, is_new: replaced.is_none(), replaced, overtaken })
    }

    /// Like [`put`](Self::put) of the draft's entry, which is made here and only
    /// if the memory of the key's present one does not do.
    ///
    /// # Errors
    /// As of `put`.
    pub fn put_draft(
        &mut self,
        epoch: Epoch,
        id: KeyspaceId,
        hash: u64,
        draft: &Draft<'_>,
        condition: Condition,
    ) -> Result<Stored, PutRefused> {
        let version = self.next_version(epoch);
        let clock = self.clock.clone();
        let keyspace = self.keyspace_mut(id).ok_or(PutRefused::Gone)?;
        let is_simple = condition == Condition::Always && keyspace.flights.is_empty();
        // Where there is an entry to overwrite, none is on its way.
        if is_simple && keyspace.overwrite(hash, draft, version, || clock.now()) {
            keyspace.jot_state(hash, draft.key());
            return Ok(Stored { version, is_new: false, replaced: None, overtaken: None });
        }
        self.put(epoch, id, hash, draft.entry(), condition)
    }

    /// Forgets a key, and what a load that is on its way will bring. Returns
    /// whether it had a value.
    pub fn delete(&mut self, id: KeyspaceId, hash: u64, key: &[u8]) -> bool {
        let now = self.clock.now();
        self.note_peaks();
        self.note_use(hash);
        self.keyspace_mut(id).is_some_and(|keyspace| {
            let had_value = keyspace.delete(hash, key, now);
            // Also of what was evicted here: there may be copies.
            keyspace.jot_state(hash, key);
            had_value
        })
    }

    /// The same if the key's value has this version.
    ///
    /// # Errors
    /// The version that it has; `None` if there is no value.
    pub fn delete_if(
        &mut self,
        id: KeyspaceId,
        hash: u64,
        key: &[u8],
        version: Version,
    ) -> Result<(), Option<Version>> {
        let now = self.clock.now();
        self.note_peaks();
        self.note_use(hash);
        let keyspace = self.keyspace_mut(id).ok_or(None)?;
        keyspace.meets(Condition::Version(version), hash, key, now)?;
        keyspace.delete(hash, key, now);
        keyspace.jot_state(hash, key);
        Ok(())
    }

    /// Forgets everything. Returns how many entries there were.
    pub fn clear(&mut self, id: KeyspaceId) -> usize {
        let now = self.clock.now();
        self.note_peaks();
        self.note_use_of_all();
        self.keyspace_mut(id).map_or(0, |keyspace| {
            keyspace.jot(|| Change::Clear);
            keyspace.clear(now)
        })
    }

    /// Gives a fresh value another end. Returns whether there was one.
    pub fn set_expires(&mut self, id: KeyspaceId, hash: u64, key: &[u8], expires: Tick) -> bool {
        let now = self.clock.now();
        self.note_use(hash);
        self.keyspace_mut(id).is_some_and(|keyspace| {
            let is_set =
                on_store!(&mut keyspace.store, store => store.set_expires(hash, key, expires, now));
            if is_set {
                keyspace.jot_state(hash, key);
            }
            is_set
        })
    }

    /// Forgets, now, every value that bears one of the tags with these hashes.
    pub fn revoke(&mut self, epoch: Epoch, id: KeyspaceId, tags: &[u64]) {
        let (now, version) = (self.clock.now(), self.next_version(epoch));
        self.note_use_of_all();
        self.make_room(id, 0, now);
        if let Some(keyspace) = self.keyspace_mut(id) {
            keyspace.jot(|| Change::Revoke(tags.into(), version));
            keyspace.revoke(tags, version, now);
        }
    }

    /// Removes the selected keys among the next `entries` or some more, and
    /// counts them; from the beginning if `at` is 0. Returns where to go on;
    /// `None` at the end.
    pub fn invalidate_some(
        &mut self,
        id: KeyspaceId,
        at: usize,
        entries: usize,
        selection: &Selection,
        removed: &mut u64,
    ) -> Option<usize> {
        let now = self.clock.now();
        self.note_peaks();
        self.note_use_of_all();
        let keyspace = self.keyspace_mut(id)?;
        if at == 0 {
            keyspace.jot(|| Change::Remove(selection.clone()));
        }
        keyspace.invalidate_some(at, entries, selection, removed, now)
    }

    /// What there is of keys that begin so, among the next `entries` or some more;
    /// from the beginning if `at` is 0. Returns where to go on; `None` at the end.
    pub fn scan(
        &self,
        id: KeyspaceId,
        at: usize,
        entries: usize,
        beginning: &[u8],
        found: &mut Vec<Value>,
    ) -> Option<usize> {
        let now = self.clock.now();
        on_store!(&self.keyspace(id)?.store, store => {
            store.scan(at, entries, beginning, now, found)
        })
    }

    /// What has gone since this was last asked, from keyspaces that somebody
    /// listens to.
    #[inline]
    pub fn take_departed(&mut self) -> Vec<(KeyspaceId, Departed)> {
        if self.listened_to == 0 { Vec::new() } else { self.gather_departed() }
    }

    fn gather_departed(&mut self) -> Vec<(KeyspaceId, Departed)> {
        let gone = |keyspace: &mut Keyspace| {
            let id = keyspace.id;
            keyspace.take_departed().into_iter().map(move |departed| (id, departed))
        };
        self.keyspaces.iter_mut().flatten().flat_map(gone).collect()
    }

    /// What a keyspace may hold.
    pub fn limits(&self, id: KeyspaceId) -> Option<Limits> {
        self.keyspace(id).map(Keyspace::limits)
    }

    /// Changes what a keyspace may hold, and evicts what is too much.
    pub fn set_limits(&mut self, id: KeyspaceId, limits: Limits) {
        let now = self.clock.now();
        if let Some(keyspace) = self.keyspace_mut(id) {
            keyspace.set_limits(limits, now);
        }
    }

    /// Bytes that all keyspaces together may take.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Changes what all keyspaces together may take, and evicts what is too much.
    pub fn set_bytes_max(&mut self, bytes_max: u64) {
        self.note_peaks();
        let now = self.clock.now();
        self.bytes_max = bytes_max;
        while self.bytes_max < self.bytes() {
            if !self.evict_from_fullest(None, now) {
                break;
            }
        }
    }

    /// Leaves to a keyspace the room for `entry_bytes` more, if need be by
    /// evicting from others that hold more.
    fn make_room(&mut self, id: KeyspaceId, entry_bytes: u64, now: Tick) {
        let Some(growth) = self.keyspace(id).map(|own| own.growth_for(entry_bytes)) else { return };
        let mut bytes = self.note_peaks();
        let mut is_full = false;
        while self.bytes_max < bytes + growth && self.evict_from_fullest(Some(id), now) {
            bytes = self.bytes();
            is_full = true;
        }
        let bytes_max = self.bytes_max;
        if let Some(own) = self.keyspace_mut(id) {
            if is_full {
                on_store!(&mut own.store, store => store.counters.reached.memory += 1);
            }
            let others = bytes - own.bytes();
            own.set_ceiling(bytes_max.saturating_sub(others));
        }
    }

    /// Evicts one entry from the keyspace that holds most; not from `unless`,
    /// whose own policy chooses. So none that has less than an equal part loses
    /// any of it to another. Returns whether one went.
    fn evict_from_fullest(&mut self, unless: Option<KeyspaceId>, now: Tick) -> bool {
        let keyspaces = self.keyspaces.iter_mut().flatten();
        let fullest = keyspaces.max_by_key(|keyspace| keyspace.bytes());
        let Some(fullest) = fullest.filter(|keyspace| Some(keyspace.id) != unless) else {
            return false;
        };
        on_store!(&mut fullest.store, store => {
            if store.evict_one(now) {
                return true;
            }
            let before = store.bytes();
            store.release_structures();
            store.bytes() < before
        })
    }

    /// Frees some of what has gone. Returns whether there may be more.
    pub fn sweep(&mut self) -> bool {
        let now = self.clock.now();
        self.note_peaks();
        let mut wants_more = false;
        for keyspace in self.keyspaces.iter_mut().flatten() {
            keyspace.flights.forget_ended(now);
            wants_more |= on_store!(&mut keyspace.store, store => {
                store.sweep(now, ENTRIES_A_SWEEP);
                store.wants_sweep(now)
            });
        }
        wants_more
    }

    /// Entries held, in all keyspaces.
    pub fn len(&self) -> usize {
        self.keyspaces.iter().flatten().map(Keyspace::len).sum()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Accounted bytes: those of all keyspaces, and what it remembers of what has
    /// gone.
    pub fn bytes(&self) -> u64 {
        let keyspaces = self.keyspaces.iter().flatten().map(Keyspace::bytes);
        keyspaces.sum::<u64>() + self.removals.heap_bytes() + self.arrivals_bytes()
    }

    /// Notes what it takes and each keyspace does, if that is the most ever.
    /// Whatever takes more says so before, and whatever gives back: so no peak is
    /// missed, and nothing is noted where nothing changes. Returns the bytes.
    fn note_peaks(&mut self) -> u64 {
        let keyspaces = self.keyspaces.iter_mut().flatten().map(Keyspace::note_peaks);
        let bytes = keyspaces.sum::<u64>() + self.removals.heap_bytes() + self.arrivals_bytes();
        self.bytes_peak = self.bytes_peak.max(bytes);
        bytes
    }

    /// Recounts every structure and compares. For tests: it takes its time.
    ///
    /// # Panics
    /// When something does not add up; the message names it.
    pub fn validate(&self) {
        self.keyspaces.iter().flatten().for_each(Keyspace::validate);
        assert!(self.bytes() <= self.bytes_max, "all keyspaces within the node's limit");
    }

    /// # Panics
    /// After four thousand million writes in one epoch. The manager begins a new
    /// epoch at half of that; a panic here makes it replace the node.
    fn next_version(&mut self, epoch: Epoch) -> Version {
        if self.epoch < epoch {
            (self.epoch, self.sequence) = (epoch, 0);
        }
        assert!(self.sequence < Version::SEQUENCE_MAX, "the sequence of this epoch is used up");
        self.sequence += 1;
        Version::new(self.epoch, self.sequence)
    }

    /// Leaves out that many versions: for tests of what happens at their end.
    #[doc(hidden)]
    pub fn skip_versions(&mut self, versions: u64) {
        self.sequence += versions;
    }
}

/// A keyspace that nobody can see any more, to be dropped without the lock:
/// every entry is freed then.
#[derive(Debug)]
pub struct Removed(#[expect(dead_code, reason = "it is there to be dropped")] Option<Keyspace>);

impl fmt::Debug for DataNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataNode").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl fmt::Debug for NodeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSettings").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}
