//! Entries that leave a node, and such that arrive.

use distcache_bus::Epoch;
use distcache_bus::mutants::{Mutant, is_planted};

use super::DataNode;
use crate::any_store::on_store;
use crate::arrivals::Arrivals;
use crate::keyspace::Keyspace;
use crate::{Entry, KeyspaceId, Parcel, Version};

impl DataNode {
    /// Takes the entry of a key away, for another node. Its load stays until the
    /// move comes round ([`hand_over_some`](Self::hand_over_some)): till then the
    /// fence lets nobody land it here or join it.
    pub fn hand_over(&mut self, id: KeyspaceId, hash: u64, key: &[u8]) -> Option<Entry> {
        let now = self.clock.now();
        self.note_peaks();
        let keyspace = self.keyspace_mut(id)?;
        on_store!(&mut keyspace.store, store => store.hand_over(hash, key, now))
    }

    /// Takes away what `leaves` picks by hash among the next `entries`, or some
    /// more, into `moved`; from the beginning if `at` is 0, when the loads that
    /// it picks are taken off too. Returns where to go on; `None` at the end.
    pub fn hand_over_some(
        &mut self,
        id: KeyspaceId,
        at: usize,
        entries: usize,
        leaves: impl Fn(u64) -> bool,
        moved: &mut Vec<(u64, Entry)>,
    ) -> Option<usize> {
        let now = self.clock.now();
        self.note_peaks();
        let keyspace = self.keyspace_mut(id)?;
        if at == 0 {
            keyspace.flights.detach_where(|hash, _| leaves(hash));
        }
        on_store!(&mut keyspace.store, store => {
            store.hand_over_some(at, entries, leaves, moved, now)
        })
    }

    /// Takes an entry over from another node, with its version and its expiry.
    /// Returns whether it did: not if the key has one here (which is newer), or if
    /// there is no room for it at all.
    pub fn take_over(&mut self, id: KeyspaceId, hash: u64, entry: Entry) -> bool {
        let now = self.clock.now();
        self.make_room(id, entry.heap_bytes(), now);
        self.keyspace_mut(id).is_some_and(
            |keyspace| on_store!(&mut keyspace.store, store => store.take_over(hash, entry, now)),
        )
    }

    /// As [`hand_over_some`](Self::hand_over_some), picked by key, and as long as the
    /// parcel has room: for another process.
    ///
    /// 1. A load of a key is on its way here; it has read the source.
    /// 2. The key goes to another process. It is put there, and that is acknowledged.
    /// 3. The key comes back, and with it a reader, who finds the load of step 1.
    /// 4. It lands, and the reader gets what was before step 2.
    ///
    /// So loads are taken off with the entries.
    pub fn give_some(
        &mut self,
        id: KeyspaceId,
        at: usize,
        entries: usize,
        leaves: impl Fn(&[u8]) -> bool,
        parcel: &mut Parcel,
    ) -> Option<usize> {
        let now = self.clock.now();
        self.note_peaks();
        let keyspace = self.keyspace_mut(id)?;
        if at == 0 {
            keyspace.flights.detach_where(|_, key| leaves(key));
        }
        on_store!(&mut keyspace.store, store => store.give_some(at, entries, leaves, parcel, now))
    }

    /// Takes the entry of one key away for another process, if the parcel has room for it.
    /// Returns whether it had. Loads are taken off with the [others](Self::give_some).
    pub fn give_one(&mut self, id: KeyspaceId, hash: u64, key: &[u8], parcel: &mut Parcel) -> bool {
        let now = self.clock.now();
        self.note_peaks();
        let Some(keyspace) = self.keyspace_mut(id) else { return true };
        on_store!(&mut keyspace.store, store => {
            if store.held(hash, key).is_some_and(|entry| !parcel.fits(entry)) {
                return false;
            }
            if let Some(entry) = store.hand_over(hash, key, now) {
                parcel.push(entry);
            }
        });
        true
    }

    /// Entries of another process may arrive from now on
    /// ([`absorb`](Self::absorb)), until [`end_arrivals`](Self::end_arrivals).
    ///
    /// Must be said before this process answers for their keys.
    pub fn expect_arrivals(&mut self) {
        let (now, arrivals) = (self.clock.now(), Arrivals::new());
        let bytes_max = self.bytes_max.saturating_sub(arrivals.heap_bytes());
        self.end_arrivals();
        while bytes_max < self.bytes() && self.evict_from_fullest(None, now) {}
        self.arrivals = Some(arrivals);
        self.note_peaks();
    }

    /// What still arrives comes too late.
    pub fn end_arrivals(&mut self) {
        self.note_peaks();
        self.arrivals = None;
    }

    /// Takes over an entry of another process, which has answered for its key until
    /// `epoch`, with its version and its end. Returns whether it did.
    ///
    /// Not if its key was used here meanwhile:
    ///
    /// 1. This process answers for a key from now on. Its entry is on its way.
    /// 2. The key is deleted here: acknowledged.
    /// 3. The entry arrives.
    /// 4. A reader gets what was deleted.
    ///
    /// The same if it was put here, and evicted; or loaded, and evicted: what arrives
    /// is older than what a reader was told.
    ///
    /// An entry MUST arrive once at most: one that was taken over may have been changed
    /// and evicted when it comes again. So it is asked for, and an answer that nobody
    /// waits for is dropped.
    pub fn absorb(&mut self, epoch: Epoch, id: KeyspaceId, hash: u64, entry: Entry) -> bool {
        if is_planted(Mutant::ArrivalsUnchecked) {
            self.hand_over(id, hash, entry.key());
        } else if !self.is_left_alone(hash) || Version::first_of(epoch) <= entry.version() {
            return false;
        }
        self.take_over_and_jot(id, hash, entry)
    }

    /// Takes an entry over, and writes it down for those who keep copies.
    pub(super) fn take_over_and_jot(&mut self, id: KeyspaceId, hash: u64, entry: Entry) -> bool {
        let key: Box<[u8]> = entry.key().into();
        let is_taken = self.take_over(id, hash, entry);
        if let Some(keyspace) = self.keyspace(id).filter(|_| is_taken) {
            keyspace.jot_state(hash, &key);
        }
        is_taken
    }

    /// Whether a key has no entry here, and may be given one by another process.
    pub fn may_arrive(&self, id: KeyspaceId, hash: u64, key: &[u8]) -> bool {
        let is_here = |keyspace: &Keyspace| on_store!(&keyspace.store, store => store.held(hash, key).is_some());
        self.is_left_alone(hash) && !self.keyspace(id).is_some_and(is_here)
    }

    /// The entry of a key does not arrive any more.
    pub fn end_arrival(&mut self, hash: u64) {
        self.note_use(hash);
    }

    /// Whether a key was not used since entries may arrive: nobody who asked was told
    /// anything of it.
    pub(super) fn is_left_alone(&self, hash: u64) -> bool {
        self.arrivals.as_ref().is_some_and(|arrivals| !arrivals.has_seen(hash))
    }

    /// Notes that a key is used while its entry may be on its way here.
    #[inline]
    pub(super) fn note_use(&mut self, hash: u64) {
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.note(hash);
        }
    }

    /// The same of keys that nobody has named.
    #[inline]
    pub(super) fn note_use_of_all(&mut self) {
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.note_all();
        }
    }

    pub(super) fn arrivals_bytes(&self) -> u64 {
        self.arrivals.as_ref().map_or(0, Arrivals::heap_bytes)
    }
}
