//! Copies of what other processes own, and what is read off a node to make such.
//!
//! Copies lie in a keyspace of their own, beside the one whose keys they are: nobody reads
//! or loads there. They have the versions that the keys' owners gave them.

use super::DataNode;
use crate::any_store::on_store;
use crate::{Entry, KeyspaceId, Parcel, Selection, Version};

/// Where to go on with reading entries off a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seeding {
    /// In which of its tables.
    pub table: usize,
    /// After which slots in it: those below this number have been read.
    pub slot: u32,
}

impl DataNode {
    /// Keeps a copy of an entry: not if there is one of a later version. One that has no
    /// room here takes the place of the one before all the same.
    ///
    /// Changes come in the order in which they were made, but what is read off a node
    /// ([`read_off`](Self::read_off)) may be ahead of them: hence the versions.
    pub fn copy(&mut self, id: KeyspaceId, hash: u64, entry: Entry) {
        let now = self.clock.now();
        let Some(keyspace) = self.keyspace(id) else { return };
        let held = on_store!(&keyspace.store, store => store.held(hash, entry.key()));
        if held.is_some_and(|held| entry.version() < held.version()) {
            return;
        }
        if on_store!(&keyspace.store, store => store.has_place_for(&entry)) {
            self.make_room(id, entry.heap_bytes(), now);
        }
        let Some(keyspace) = self.keyspace_mut(id) else { return };
        on_store!(&mut keyspace.store, store => {
            // 1. There is a copy of version 4. Version 5 has no room.
            // 2. The owner dies. This process owns the key, and answers with version 4.
            if store.admits(&entry).is_ok() {
                store.put(hash, entry, || now);
            } else {
                store.delete(hash, entry.key(), now);
            }
        });
    }

    /// Drops a copy.
    pub fn drop_copy(&mut self, id: KeyspaceId, hash: u64, key: &[u8]) {
        let now = self.clock.now();
        self.note_peaks();
        if let Some(keyspace) = self.keyspace_mut(id) {
            on_store!(&mut keyspace.store, store => store.delete(hash, key, now));
        }
    }

    /// Drops every copy.
    pub fn drop_copies(&mut self, id: KeyspaceId) {
        let now = self.clock.now();
        self.note_peaks();
        if let Some(keyspace) = self.keyspace_mut(id) {
            keyspace.clear(now);
        }
    }

    /// Drops those copies that bear one of these tags and are older than this version.
    pub fn revoke_copies(&mut self, id: KeyspaceId, tags: &[u64], version: Version) {
        let now = self.clock.now();
        self.make_room(id, 0, now);
        if let Some(keyspace) = self.keyspace_mut(id) {
            keyspace.revoke(tags, version, now);
        }
    }

    /// Drops the selected copies among the next `entries` or some more; from the beginning
    /// if `at` is 0. Returns where to go on; `None` at the end.
    pub fn remove_copies(
        &mut self,
        id: KeyspaceId,
        at: usize,
        entries: usize,
        selection: &Selection,
    ) -> Option<usize> {
        let now = self.clock.now();
        self.note_peaks();
        self.keyspace_mut(id)?.invalidate_some(at, entries, selection, &mut 0, now)
    }

    /// Makes own entries of copies that `is_ours` picks among the next `entries` or some
    /// more; from the beginning if `at` is 0. Not of a key that was used here since this
    /// process owns it. Returns how many, and where to go on; `None` at the end.
    ///
    /// Those that `is_tentative` picks by the hashes of their keys are written down, as if
    /// they were put now:
    ///
    /// 1. A owns a key; B and C keep copies. A stores version 5. B makes the change, C has
    ///    not heard of it. A dies.
    /// 2. B owns the key, and answers with version 5.
    /// 3. B dies. C owns the key, and answers with version 4.
    ///
    /// The others need not be: who copies from this process has them, or reads them off.
    ///
    /// One for which there is no `hash` is dropped.
    pub fn adopt_some(
        &mut self,
        (copies, own): (KeyspaceId, KeyspaceId),
        at: usize,
        entries: usize,
        is_ours: impl Fn(&[u8]) -> bool,
        hash: impl Fn(&[u8]) -> Option<u64>,
        is_tentative: impl Fn(u64) -> bool,
    ) -> (u64, Option<usize>) {
        let (mut adopted, mut parcel) = (0, Parcel::new(u64::MAX));
        let next = self.give_some(copies, at, entries, is_ours, &mut parcel);
        for entry in parcel.into_entries() {
            let Some(hash) = hash(entry.key()).filter(|hash| self.is_left_alone(*hash)) else {
                continue;
            };
            let is_taken = if is_tentative(hash) {
                self.take_over_and_jot(own, hash, entry)
            } else {
                self.take_over(own, hash, entry)
            };
            adopted += u64::from(is_taken);
        }
        (adopted, next)
    }

    /// Reads entries off that `wants` picks, as many as have room in so many bytes, or one
    /// that is larger; they stay. Returns where to go on; `None` at the end.
    ///
    /// What is put meanwhile may be left out: it is written down.
    pub fn read_off(
        &self,
        id: KeyspaceId,
        from: Seeding,
        bytes_max: u64,
        wants: impl Fn(&[u8]) -> bool,
        read: &mut Vec<Entry>,
    ) -> Option<Seeding> {
        let (now, keyspace) = (self.clock.now(), self.keyspace(id)?);
        on_store!(&keyspace.store, store => store.read_off(from, bytes_max, wants, now, read))
    }
}
