//! From a hash to the entry of its key.
//!
//! Linear hashing (W. Litwin, "Linear hashing: a new tool for file and table
//! addressing", VLDB 1980) over small tables. When the tables are well filled,
//! one of them is split into two; so the index grows by a few kilobytes at a
//! time and never pauses for long. One large table would be rehashed whole,
//! with twice its memory beside it while that lasts.

mod table;

use crate::segments::Segments;
use crate::{Entry, Slot};
use table::Table;

/// Tables in one segment of the directory.
const TABLES_A_SEGMENT: usize = 256;

/// Entries a table, on average, before one is split.
const ENTRIES_A_TABLE: usize = 256;

/// What one insertion can add to the index for a moment, in bytes: a directory
/// segment, and a table that is split or outgrown, with its old self beside it.
pub(crate) const GROWTH_BYTES_MAX: u64 = 48 * 1024;

/// The two halves of a hash.
#[derive(Debug, Clone, Copy)]
struct Hash {
    /// The lower half, which chooses table and bucket.
    place: u32,
    /// The upper half, which tells the entries of a bucket apart.
    tag: u32,
}

impl Hash {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it takes a word apart")]
    fn of(hash: u64) -> Self {
        Self { place: hash as u32, tag: (hash >> 32) as u32 }
    }

    fn whole(self) -> u64 {
        u64::from(self.tag) << 32 | u64::from(self.place)
    }
}

/// The half of a hash that the index needs to find an entry by its slot.
pub(crate) fn place_of(hash: u64) -> u32 {
    Hash::of(hash).place
}

/// The entries, by the hashes of their keys.
#[derive(Debug)]
pub(crate) struct Index {
    /// In use: those below `tables`.
    directory: Segments<Table, TABLES_A_SEGMENT>,
    tables: usize,
    /// All bits of the highest table's number.
    mask: usize,
    len: usize,
    table_bytes: u64,
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut directory = Segments::new();
        directory.grow();
        Self { directory, tables: 1, mask: 0, len: 0, table_bytes: 0 }
    }

    /// Entries held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry of this key, and its slot.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<(Slot, &Entry)> {
        let hash = Hash::of(hash);
        self.directory[self.table_of(hash.place)].find(hash, key)
    }

    /// Adds an entry whose key is not held; `place_of` tells the lower half of
    /// any slot's hash.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        slot: Slot,
        entry: Entry,
        place_of: impl Fn(Slot) -> u32,
    ) {
        if self.tables * ENTRIES_A_TABLE <= self.len {
            self.split(&place_of);
        }
        let hash = Hash::of(hash);
        let number = self.table_of(hash.place);
        if self.directory[number].is_full() {
            self.rebuild(number, 1, &place_of);
        }
        self.directory[number].insert(hash, slot, entry);
        self.len += 1;
    }

    /// Puts another entry of the same key into a slot that is in use.
    pub(crate) fn replace(&mut self, hash: u64, slot: Slot, entry: Entry) -> Entry {
        let place = place_of(hash);
        let number = self.table_of(place);
        let held = self.directory[number].entry_mut(place, slot);
        std::mem::replace(held.expect("the store replaces only what it has found"), entry)
    }

    /// Takes the entry in a slot out, whose hash has this lower half. Returns
    /// it with its whole hash.
    pub(crate) fn remove(
        &mut self,
        place: u32,
        slot: Slot,
        place_of: impl Fn(Slot) -> u32,
    ) -> (u64, Entry) {
        let number = self.table_of(place);
        let removed = self.directory[number].remove(place, slot);
        let (tag, entry) = removed.expect("a slot in use is indexed");
        self.len -= 1;
        if self.directory[number].is_sparse() {
            self.rebuild(number, 0, &place_of);
        }
        (Hash { place, tag }.whole(), entry)
    }

    /// Tables in use. Entries may move to a table with a higher number, and to
    /// no other.
    pub(crate) fn tables(&self) -> usize {
        self.tables
    }

    /// The slots and entries of one table.
    pub(crate) fn table(&self, number: usize) -> impl Iterator<Item = (Slot, &Entry)> {
        self.directory[number].iter().map(|held| (held.slot, held.entry))
    }

    /// The slots of one table, each with its whole hash.
    pub(crate) fn hashes(
        &self,
        number: usize,
        place_of: impl Fn(Slot) -> u32,
    ) -> impl Iterator<Item = (Slot, u64)> {
        let whole = move |slot, tag| (slot, Hash { place: place_of(slot), tag }.whole());
        self.directory[number].iter().map(move |held| whole(held.slot, held.tag))
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        self.directory.heap_bytes() + self.table_bytes
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// The table for a hash: by as many bits as there are tables, or, where
    /// that table does not exist yet, by one bit fewer.
    #[inline]
    fn table_of(&self, place: u32) -> usize {
        let number = place as usize & self.mask;
        if number < self.tables { number } else { number & (self.mask >> 1) }
    }

    /// Adds one table and moves to it what is now its own, all of it from the
    /// one table that held those hashes so far.
    fn split(&mut self, place_of: &impl Fn(Slot) -> u32) {
        let new = self.tables;
        if new == self.directory.len() {
            self.directory.grow();
        }
        let old = new & !(1 << new.ilog2());
        self.tables += 1;
        self.mask = self.tables.next_power_of_two() - 1;
        let (mut stays, mut leaves) = (0, 0);
        for (slot, _) in self.table(old) {
            let is_new = self.table_of(place_of(slot)) == new;
            *(if is_new { &mut leaves } else { &mut stays }) += 1;
        }
        self.table_bytes -= self.directory[old].heap_bytes();
        let mut whole = std::mem::take(&mut self.directory[old]);
        for (number, entries) in [(old, stays), (new, leaves)] {
            self.directory[number] = Table::with_room_for(entries);
            self.table_bytes += self.directory[number].heap_bytes();
        }
        for (slot, tag, entry) in whole.drain() {
            let place = place_of(slot);
            let number = self.table_of(place);
            self.directory[number].insert(Hash { place, tag }, slot, entry);
        }
    }

    /// Makes a table anew with room for what it holds, and for `more`.
    fn rebuild(&mut self, number: usize, more: usize, place_of: &impl Fn(Slot) -> u32) {
        let table = &mut self.directory[number];
        let mut rebuilt = Table::with_room_for(table.len() + more);
        self.table_bytes += rebuilt.heap_bytes();
        self.table_bytes -= table.heap_bytes();
        for (slot, tag, entry) in table.drain() {
            rebuilt.insert(Hash { place: place_of(slot), tag }, slot, entry);
        }
        *table = rebuilt;
    }

    /// Recounts; for [`validate`](crate::DataNode::validate).
    pub(crate) fn validate(&self, place_of: impl Fn(Slot) -> u32) {
        let tables = || (0..self.tables).map(|number| &self.directory[number]);
        assert_eq!(tables().map(Table::len).sum::<usize>(), self.len, "entries in the index");
        let bytes: u64 = tables().map(Table::heap_bytes).sum();
        assert_eq!(bytes, self.table_bytes, "bytes of the index's tables");
        tables().for_each(|table| table.validate(&place_of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tick;

    /// Any odd constant spreads the numbers over the upper bits, and a shift
    /// brings them down.
    fn hash_of(slot: Slot) -> u64 {
        let spread = (u64::from(slot.get()) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        spread ^ (spread >> 29)
    }

    fn place(slot: Slot) -> u32 {
        place_of(hash_of(slot))
    }

    fn key(slot: Slot) -> [u8; 4] {
        slot.get().to_le_bytes()
    }

    fn insert(index: &mut Index, slot: Slot) {
        let entry = Entry::new(&key(slot), b"", Tick::NEVER).unwrap();
        index.insert(hash_of(slot), slot, entry, place);
    }

    fn filled(entries: usize) -> Index {
        let mut index = Index::new();
        for slot in (0..entries).map(Slot::new) {
            let before = index.heap_bytes();
            insert(&mut index, slot);
            assert!(index.heap_bytes() <= before + GROWTH_BYTES_MAX);
        }
        index.validate(place);
        index
    }

    #[test]
    fn every_entry_is_found_at_every_size() {
        let index = filled(10_000);
        for slot in (0..10_000).map(Slot::new) {
            let found = index.find(hash_of(slot), &key(slot)).map(|(slot, _)| slot);
            assert_eq!(found, Some(slot));
        }
        let unknown = Slot::new(10_000);
        assert!(index.find(hash_of(unknown), &key(unknown)).is_none());
    }

    #[test]
    fn it_takes_no_more_than_23_bytes_an_entry_at_any_size() {
        for entries in (5_000..100_000).step_by(7_919) {
            let bytes = filled(entries).table_bytes;
            assert!(bytes < 23 * entries as u64, "{bytes} bytes for {entries} entries");
        }
    }

    #[test]
    fn churn_does_not_make_it_grow() {
        let mut index = filled(20_000);
        let bytes = index.table_bytes;
        for round in 0..40_usize {
            for number in 0..20_000_usize {
                let (old, new) = (round * 20_000 + number, (round + 1) * 20_000 + number);
                let (hash, _) = index.remove(place(Slot::new(old)), Slot::new(old), place);
                assert_eq!(hash, hash_of(Slot::new(old)));
                insert(&mut index, Slot::new(new));
            }
        }
        index.validate(place);
        let after = index.table_bytes;
        assert!(after * 4 < bytes * 5, "{bytes} bytes, and after churn {after}");
    }

    #[test]
    fn an_index_that_is_emptied_gives_its_tables_back() {
        let mut index = filled(20_000);
        for slot in (0..20_000).map(Slot::new) {
            index.remove(place(slot), slot, place);
        }
        index.validate(place);
        assert_eq!(index.table_bytes, 0);
    }
}
