//! From a hash to the slot that holds its key.
//!
//! Linear hashing (W. Litwin, "Linear hashing: a new tool for file and table
//! addressing", VLDB 1980) over small `hashbrown` tables of slots. When the
//! tables are well filled, one of them is split into two; so the index grows
//! by a few kilobytes at a time and never pauses for long. One large table
//! would be rehashed whole, with twice its memory beside it while that lasts.
//! (The load factor is that of one large table: it goes from 7/8 to 7/16 and
//! back between two doublings, hence 6 to 12 bytes a key.)

use hashbrown::HashTable;

use crate::Slot;
use crate::segments::Segments;

/// Tables in one segment of the directory.
const TABLES_A_SEGMENT: usize = 256;

/// Keys a table, on average, before one is split.
const KEYS_A_TABLE: usize = 800;

/// The bits that choose the table: those that the ring (the top ones) and the
/// tables themselves (the lowest ones, and the top seven) depend on least.
const TABLE_BITS_SHIFT: u32 = 24;

/// What one insertion can add to the index, in bytes: a directory segment, a
/// split, and a table that outgrows its buckets (with its old self beside it).
pub(crate) const GROWTH_BYTES_MAX: u64 = 48 * 1024;

/// Which slot holds which hash.
#[derive(Debug)]
pub(crate) struct Index {
    /// In use: those below `tables`.
    directory: Segments<HashTable<u32>, TABLES_A_SEGMENT>,
    tables: usize,
    len: usize,
    table_bytes: u64,
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut directory = Segments::new();
        directory.grow();
        Self { directory, tables: 1, len: 0, table_bytes: 0 }
    }

    /// Slots held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot with this hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let table = &self.directory[self.table_of(hash)];
        table
            .find(hash, |&slot| is_it(Slot::new(slot as usize)))
            .map(|&slot| Slot::new(slot as usize))
    }

    /// Adds a slot; `hash_of` tells the hash of any slot held.
    pub(crate) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        if self.tables * KEYS_A_TABLE <= self.len {
            self.split(&hash_of);
        }
        let number = self.table_of(hash);
        self.make_room(number, &hash_of);
        let hasher = |&slot: &u32| hash_of(Slot::new(slot as usize));
        self.directory[number].insert_unique(hash, slot.get(), hasher);
        self.len += 1;
    }

    /// Takes a slot out.
    pub(crate) fn remove(&mut self, hash: u64, slot: Slot) {
        let number = self.table_of(hash);
        let found = self.directory[number].find_entry(hash, |&held| held == slot.get());
        debug_assert!(found.is_ok(), "a slot in use is indexed");
        if let Ok(found) = found {
            found.remove();
            self.len -= 1;
        }
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
    fn table_of(&self, hash: u64) -> usize {
        let bits = (hash >> TABLE_BITS_SHIFT) as usize;
        let wide = self.tables.next_power_of_two() - 1;
        let number = bits & wide;
        if number < self.tables { number } else { bits & (wide >> 1) }
    }

    /// Adds one table and moves to it what is now its own, all of it from the
    /// one table that held those hashes so far.
    fn split(&mut self, hash_of: &impl Fn(Slot) -> u64) {
        let new = self.tables;
        if new == self.directory.len() {
            self.directory.grow();
        }
        let old = new & !(1 << new.ilog2());
        let whole = std::mem::take(&mut self.directory[old]);
        self.table_bytes -= whole.allocation_size() as u64;
        self.tables += 1;
        for slot in whole {
            let hash = hash_of(Slot::new(slot as usize));
            let number = self.table_of(hash);
            debug_assert!(number == old || number == new);
            self.make_room(number, hash_of);
            let hasher = |&slot: &u32| hash_of(Slot::new(slot as usize));
            self.directory[number].insert_unique(hash, slot, hasher);
        }
    }

    /// Sees to it that the table has a free bucket.
    ///
    /// Left to itself, a table whose buckets were used up by removals doubles,
    /// and stays half empty for ever; ours is rebuilt in the same size.
    fn make_room(&mut self, number: usize, hash_of: &impl Fn(Slot) -> u64) {
        let table = &self.directory[number];
        if table.len() < table.capacity() {
            return;
        }
        let slots = table.len();
        let is_crowded = table.num_buckets() * 55 / 64 <= slots;
        let capacity = if is_crowded { slots * 2 } else { slots + 1 }.max(3);
        let mut rebuilt = HashTable::with_capacity(capacity);
        for &slot in table {
            let hasher = |&slot: &u32| hash_of(Slot::new(slot as usize));
            rebuilt.insert_unique(hash_of(Slot::new(slot as usize)), slot, hasher);
        }
        self.table_bytes += rebuilt.allocation_size() as u64;
        self.table_bytes -= table.allocation_size() as u64;
        self.directory[number] = rebuilt;
    }

    /// Recounts; for [`validate`](crate::DataNode::validate).
    pub(crate) fn validate(&self) {
        let tables = || (0..self.tables).map(|number| &self.directory[number]);
        assert_eq!(tables().map(HashTable::len).sum::<usize>(), self.len, "slots in the index");
        let bytes: usize = tables().map(HashTable::allocation_size).sum();
        assert_eq!(bytes as u64, self.table_bytes, "bytes of the index's tables");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any odd constant spreads the numbers over all bits.
    fn hash_of(slot: Slot) -> u64 {
        (u64::from(slot.get()) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn filled(keys: usize) -> Index {
        let mut index = Index::new();
        for slot in (0..keys).map(Slot::new) {
            let before = index.heap_bytes();
            index.insert(hash_of(slot), slot, hash_of);
            assert!(index.heap_bytes() <= before + GROWTH_BYTES_MAX);
        }
        index.validate();
        index
    }

    #[test]
    fn every_slot_is_found_at_every_size() {
        let index = filled(10_000);
        for slot in (0..10_000).map(Slot::new) {
            assert_eq!(index.find(hash_of(slot), |found| found == slot), Some(slot));
        }
        assert_eq!(index.find(hash_of(Slot::new(10_000)), |_| true), None);
    }

    #[test]
    fn it_takes_no_more_than_twelve_bytes_a_key() {
        for keys in [5_000, 70_000, 130_000, 200_000, 270_000] {
            let bytes = filled(keys).table_bytes;
            assert!(bytes < 12 * keys as u64, "{bytes} bytes for {keys} keys");
        }
    }

    #[test]
    fn churn_does_not_make_it_grow() {
        let mut index = filled(20_000);
        let bytes = index.table_bytes;
        for round in 0..40_usize {
            for number in 0..20_000_usize {
                let (old, new) = (round * 20_000 + number, (round + 1) * 20_000 + number);
                index.remove(hash_of(Slot::new(old)), Slot::new(old));
                index.insert(hash_of(Slot::new(new)), Slot::new(new), hash_of);
            }
        }
        index.validate();
        let after = index.table_bytes;
        assert!(after * 10 < bytes * 11, "{bytes} bytes, and after churn {after}");
    }
}
