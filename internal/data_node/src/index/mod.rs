//! From a hash to the entry of its key.
//!
//! Many small tables, each a few kilobytes. When they are well filled, one of
//! them is made a little larger, or is split into two: all in turn grow from
//! three chunks to four, then to five, and then each becomes two of three
//! (linear hashing: W. Litwin, "Linear hashing: a new tool for file and table
//! addressing", VLDB 1980; the steps in between are the partial expansions of
//! P.-A. Larson, "Linear hashing with partial expansions", VLDB 1980). So the
//! index is equally full at any size, never pauses for long, and needs no more
//! memory while it grows. One large table would be half empty after it has
//! grown, and have twice its memory beside it while it does.

mod bucket;
mod table;

use crate::segments::Segments;
use crate::{Entry, Slot};
use table::Table;

/// Tables in one segment of the directory.
const TABLES_A_SEGMENT: usize = 64;

/// The chunks that a table grows to before it is split into two.
const CHUNKS_MAX: usize = 5;
/// The chunks of a table that comes from a split: more all in all than before.
const CHUNKS_AFTER_SPLIT: usize = 3;

/// Searches that wait for memory together: about as many lines as one core of a
/// common processor asks for at once.
pub(crate) const TOGETHER: usize = 32;

/// For each of some hashes the entry that a search would compare first; `None` if
/// it would find nothing.
pub(crate) type Near<'a> = [Option<(Slot, &'a Entry)>; TOGETHER];

/// How full the tables are, all in all: of 16 places 13.
const ENTRIES_A_16_PLACES: usize = 13;

/// What one insertion can take for a moment, in bytes, beside a segment of the
/// directory: some chunks, and the entries of a table on their way to others.
const GROWTH_BYTES: u64 = 32 * 1024;

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
    round: Round,
    len: usize,
    places: usize,
    table_bytes: u64,
}

/// How far the present round of growing is.
#[derive(Debug)]
struct Round {
    /// The chunks that tables grow to; above [`CHUNKS_MAX`] they are split.
    chunks: usize,
    /// The table that grows next.
    next: usize,
    /// Where the round ends: the number of tables when it began.
    end: usize,
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut index = Self {
            directory: Segments::new(),
            tables: 1,
            mask: 0,
            round: Round { chunks: 2, next: 0, end: 1 },
            len: 0,
            places: 0,
            table_bytes: 0,
        };
        index.directory.grow();
        index.change(0, |table| table.resize(1));
        index
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

    /// The entries that searches for these hashes, at most [`TOGETHER`], would
    /// compare first. Asks first for the memory of all the buckets, and then for that
    /// of all the entries: the processor waits for all lines of a step at once. One
    /// search after the other waits for them one by one, because what a search ends
    /// with (it counts a holder of its entry) lets nothing pass.
    ///
    /// To read the lines would do the same, if less well: what was read must have come
    /// before some two hundred instructions later, and nothing is asked for beyond those.
    #[inline]
    pub(crate) fn near(&self, hashes: impl Iterator<Item = u64> + Clone) -> Near<'_> {
        let table = |hash: Hash| &self.directory[self.table_of(hash.place)];
        let mut buckets = [None; TOGETHER];
        for (bucket, hash) in buckets.iter_mut().zip(hashes.clone()) {
            let hash = Hash::of(hash);
            *bucket = table(hash).first_bucket(hash);
            if let Some(bucket) = bucket {
                bucket.bring_near();
            }
        }
        let mut near: Near<'_> = [None; TOGETHER];
        for ((near, bucket), hash) in near.iter_mut().zip(buckets).zip(hashes) {
            let hash = Hash::of(hash);
            *near = bucket.and_then(|bucket| match bucket.likely(hash.tag) {
                None if 0 < bucket.passed() => table(hash).likely(hash),
                likely => likely,
            });
            if let Some((_, entry)) = near {
                entry.bring_near();
            }
        }
        near
    }

    /// Asks for the memory that looking for these hashes takes.
    pub(crate) fn bring_near(&self, hashes: &[u64]) {
        for hashes in hashes.chunks(TOGETHER) {
            self.near(hashes.iter().copied());
        }
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
        while self.places * ENTRIES_A_16_PLACES / 16 <= self.len {
            self.grow(&place_of);
        }
        let hash = Hash::of(hash);
        let number = self.table_of(hash.place);
        self.make_room(number, &place_of);
        self.directory[number].insert(hash, slot, entry);
        self.len += 1;
    }

    /// The entry in a slot, whose key has this hash.
    pub(crate) fn entry_mut(&mut self, hash: u64, slot: Slot) -> Option<&mut Entry> {
        let place = place_of(hash);
        let number = self.table_of(place);
        self.directory[number].entry_mut(place, slot)
    }

    /// Puts another entry of the same key into a slot that is in use.
    pub(crate) fn replace(&mut self, hash: u64, slot: Slot, entry: Entry) -> Entry {
        let held = self.entry_mut(hash, slot);
        std::mem::replace(held.expect("the store replaces only what it has found"), entry)
    }

    /// Takes the entry in a slot out, whose hash has this lower half.
    pub(crate) fn remove(&mut self, place: u32, slot: Slot) -> Entry {
        let number = self.table_of(place);
        let removed = self.directory[number].remove(place, slot);
        self.len -= 1;
        removed.expect("a slot in use is indexed")
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

    /// What one insertion can add to that, for a moment.
    pub(crate) fn growth_bytes(&self) -> u64 {
        self.directory.growth_bytes() + GROWTH_BYTES
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

    /// Lets the next table grow.
    fn grow(&mut self, place_of: &impl Fn(Slot) -> u32) {
        let Round { chunks, next, end } = self.round;
        if chunks <= CHUNKS_MAX {
            self.extend(next, chunks, place_of);
        } else {
            self.split(next, place_of);
        }
        self.round.next += 1;
        if self.round.next == end {
            let grown = if chunks <= CHUNKS_MAX { chunks } else { CHUNKS_AFTER_SPLIT };
            self.round = Round { chunks: grown + 1, next: 0, end: self.tables };
        }
    }

    /// Sees to it that a table has room for one more entry. It is full before
    /// its turn if more hashes than others have met there.
    fn make_room(&mut self, number: usize, place_of: &impl Fn(Slot) -> u32) {
        let table = &self.directory[number];
        if table.is_full() {
            self.extend(number, table.chunks() + 1, place_of);
        }
    }

    /// Gives a table so many chunks, if it has less.
    fn extend(&mut self, number: usize, chunks: usize, place_of: &impl Fn(Slot) -> u32) {
        let chunks = chunks.max(self.directory[number].chunks());
        for (slot, tag, entry) in self.empty(number, chunks) {
            let hash = Hash { place: place_of(slot), tag };
            self.directory[number].insert(hash, slot, entry);
        }
    }

    /// Adds a table and moves to it what is now its own, all of it from `old`.
    fn split(&mut self, old: usize, place_of: &impl Fn(Slot) -> u32) {
        let new = self.tables;
        if new == self.directory.len() {
            self.directory.grow();
        }
        self.tables += 1;
        self.mask = self.tables.next_power_of_two() - 1;
        let entries = self.empty(old, CHUNKS_AFTER_SPLIT);
        self.empty(new, CHUNKS_AFTER_SPLIT);
        for (slot, tag, entry) in entries {
            let hash = Hash { place: place_of(slot), tag };
            let number = self.table_of(hash.place);
            debug_assert!(number == old || number == new);
            self.make_room(number, place_of);
            self.directory[number].insert(hash, slot, entry);
        }
    }

    /// Empties a table, which has so many chunks from now on.
    fn empty(&mut self, number: usize, chunks: usize) -> Vec<(Slot, u32, Entry)> {
        self.change(number, |table| {
            let entries = table.drain();
            table.resize(chunks);
            entries
        })
    }

    /// Changes a table, and counts what that changes.
    fn change<R>(&mut self, number: usize, work: impl FnOnce(&mut Table) -> R) -> R {
        let table = &mut self.directory[number];
        self.places -= table.places();
        self.table_bytes -= table.heap_bytes();
        let result = work(table);
        self.places += table.places();
        self.table_bytes += table.heap_bytes();
        result
    }

    /// Recounts; for [`validate`](crate::DataNode::validate).
    pub(crate) fn validate(&self, place_of: impl Fn(Slot) -> u32) {
        let tables = || (0..self.tables).map(|number| &self.directory[number]);
        assert_eq!(tables().map(Table::len).sum::<usize>(), self.len, "entries in the index");
        let bytes: u64 = tables().map(Table::heap_bytes).sum();
        assert_eq!(bytes, self.table_bytes, "bytes of the tables");
        assert_eq!(tables().map(Table::places).sum::<usize>(), self.places, "places in tables");
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
            let (before, growth) = (index.heap_bytes(), index.growth_bytes());
            insert(&mut index, slot);
            assert!(index.heap_bytes() <= before + growth);
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
    fn it_takes_21_bytes_an_entry_at_any_size() {
        /// Segments that are not full yet.
        const ROOM_BYTES: u64 = 32 * 1024;
        for entries in (20_000..100_000).step_by(7_919) {
            let bytes = filled(entries).heap_bytes();
            assert!(bytes < 21 * entries as u64 + ROOM_BYTES, "{bytes} for {entries} entries");
        }
    }

    #[test]
    fn churn_does_not_make_it_grow() {
        let mut index = filled(20_000);
        let bytes = index.heap_bytes();
        for round in 0..40_usize {
            for number in 0..20_000_usize {
                let (old, new) = (round * 20_000 + number, (round + 1) * 20_000 + number);
                index.remove(place(Slot::new(old)), Slot::new(old));
                insert(&mut index, Slot::new(new));
            }
        }
        index.validate(place);
        let after = index.heap_bytes();
        assert!(after * 20 < bytes * 21, "{bytes} bytes, and after churn {after}");
    }

    #[test]
    fn hashes_that_meet_in_one_table_do_not_fill_it() {
        let mut index = Index::new();
        for slot in (0..2_000).map(Slot::new) {
            let entry = Entry::new(&key(slot), b"", Tick::NEVER).unwrap();
            index.insert(0, slot, entry, |_| 0);
        }
        index.validate(|_| 0);
        assert!((0..2_000).map(Slot::new).all(|slot| index.find(0, &key(slot)).is_some()));
    }
}
