//! A small hash table of buckets.

use super::Hash;
use super::bucket::{BUCKET_ENTRIES, Bucket, Held};
use crate::heap::heap_bytes;
use crate::{Entry, Slot};

/// Buckets in a chunk: two kilobytes of them. Tables are made of chunks, all of
/// one size, so that tables which come, grow and go leave no holes in the heap.
const BUCKETS_A_CHUNK: usize = 32;

type Chunk = [Bucket; BUCKETS_A_CHUNK];

/// Chunks that a table names in its own cache line.
const CHUNKS_NEAR: usize = 6;

/// Entries by hash; open addressing with linear probing from bucket to bucket.
///
/// A search that fails ends at a bucket that no entry found full and passed by
/// (the overflow counts of Facebook's F14 tables).
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Table {
    near: [Option<Box<Chunk>>; CHUNKS_NEAR],
    /// The chunks beyond those, of a table that hashes prefer by bad luck.
    #[expect(
        clippy::box_collection,
        reason = "hardly any table has them; a pointer fits the line"
    )]
    far: Option<Box<Vec<Box<Chunk>>>>,
    chunks: u32,
    len: u32,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks as usize
    }

    pub(super) fn places(&self) -> usize {
        self.buckets() * BUCKET_ENTRIES
    }

    /// Whether one more entry would make probing slow: at 15 of 16 places.
    pub(super) fn is_full(&self) -> bool {
        self.places() * 15 / 16 <= self.len()
    }

    /// What it takes from the heap, in bytes.
    pub(super) fn heap_bytes(&self) -> u64 {
        let list = |far: &Vec<_>| heap_bytes(size_of_val(far)) + size_of_val(far.as_slice());
        let far = self.far.as_deref().map_or(0, |far| list(far) + far.capacity() * 8);
        (self.chunks() * size_of::<Chunk>() + far) as u64
    }

    /// Gives an empty table so many chunks: with other chunks every entry has
    /// another place.
    pub(super) fn resize(&mut self, chunks: usize) {
        debug_assert_eq!(self.len, 0);
        while self.chunks() < chunks {
            let chunk = Box::new(std::array::from_fn(|_| Bucket::default()));
            match self.near.get_mut(self.chunks as usize) {
                Some(near) => *near = Some(chunk),
                None => self.far.get_or_insert_default().push(chunk),
            }
            self.chunks += 1;
        }
        while chunks < self.chunks() {
            self.chunks -= 1;
            match self.near.get_mut(self.chunks as usize) {
                Some(near) => *near = None,
                None => _ = self.far.as_mut().and_then(|far| far.pop()),
            }
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: Hash, key: &[u8]) -> Option<(Slot, &Entry)> {
        self.search(hash, |bucket| bucket.find(hash.tag, key))
    }

    /// The entry that `find` would compare first; `None` if it would find nothing.
    #[inline]
    pub(super) fn likely(&self, hash: Hash) -> Option<(Slot, &Entry)> {
        self.search(hash, |bucket| bucket.likely(hash.tag))
    }

    /// Looks into one bucket after the other where the entry of a hash may be.
    #[inline]
    fn search<'a, T>(&'a self, hash: Hash, look: impl Fn(&'a Bucket) -> Option<T>) -> Option<T> {
        let mut at = self.home(hash.place);
        // Once round at most: entries may have passed by at every bucket.
        for _ in 0..self.buckets() {
            let bucket = self.bucket(at)?;
            let found = look(bucket);
            if found.is_some() || bucket.passed() == 0 {
                return found;
            }
            at = self.next(at);
        }
        None
    }

    /// The bucket where the search for a hash begins.
    #[inline]
    pub(super) fn first_bucket(&self, hash: Hash) -> Option<&Bucket> {
        self.bucket(self.home(hash.place))
    }

    /// Adds an entry; the table must have room.
    pub(super) fn insert(&mut self, hash: Hash, slot: Slot, entry: Entry) {
        let mut at = self.home(hash.place);
        while self.bucket_mut(at).is_full() {
            self.bucket_mut(at).pass();
            at = self.next(at);
        }
        self.bucket_mut(at).push(hash.tag, slot, entry);
        self.len += 1;
    }

    /// The entry in `slot`, whose hash has this lower half.
    pub(super) fn entry_mut(&mut self, place: u32, slot: Slot) -> Option<&mut Entry> {
        let (at, index) = self.locate(place, slot)?;
        self.bucket_mut(at).entry_mut(index)
    }

    /// Takes the entry in `slot` out.
    pub(super) fn remove(&mut self, place: u32, slot: Slot) -> Option<Entry> {
        let (found, index) = self.locate(place, slot)?;
        let mut at = self.home(place);
        while at != found {
            self.bucket_mut(at).unpass();
            at = self.next(at);
        }
        self.len -= 1;
        self.bucket_mut(found).take(index).map(|(_, _, entry)| entry)
    }

    /// Empties the table.
    pub(super) fn drain(&mut self) -> Vec<(Slot, u32, Entry)> {
        let mut entries = Vec::with_capacity(self.len());
        for at in 0..self.buckets() {
            let bucket = self.bucket_mut(at);
            entries.extend(std::iter::from_fn(|| bucket.take(bucket.len().checked_sub(1)?)));
            bucket.forget_passed();
        }
        self.len = 0;
        entries
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Held<'_>> {
        (0..self.buckets()).filter_map(|at| self.bucket(at)).flat_map(Bucket::iter)
    }

    /// The bucket of the entry in `slot`, and where in it.
    fn locate(&self, place: u32, slot: Slot) -> Option<(usize, usize)> {
        let mut at = self.home(place);
        for _ in 0..self.buckets() {
            if let Some(index) = self.bucket(at)?.index_of(slot) {
                return Some((at, index));
            }
            at = self.next(at);
        }
        None
    }

    #[inline]
    fn buckets(&self) -> usize {
        self.chunks as usize * BUCKETS_A_CHUNK
    }

    #[inline]
    fn bucket(&self, at: usize) -> Option<&Bucket> {
        let chunk = match self.near.get(at / BUCKETS_A_CHUNK) {
            Some(near) => near.as_deref()?,
            None => self.far.as_deref()?.get(at / BUCKETS_A_CHUNK - CHUNKS_NEAR)?,
        };
        Some(&chunk[at % BUCKETS_A_CHUNK])
    }

    /// # Panics
    /// When there is no such bucket: `home` and `next` name none of those.
    fn bucket_mut(&mut self, at: usize) -> &mut Bucket {
        let chunk = match self.near.get_mut(at / BUCKETS_A_CHUNK) {
            Some(near) => near.as_mut(),
            None => self.far.as_mut().map(|far| &mut far[at / BUCKETS_A_CHUNK - CHUNKS_NEAR]),
        };
        &mut chunk.expect("a table has as many chunks as it counts")[at % BUCKETS_A_CHUNK]
    }

    /// The bucket where the search for a place begins: the half of the hash as
    /// a fraction, times the number of buckets (D. Lemire, "Fast random integer
    /// generation in an interval", 2019). Its upper bits decide, and its lower
    /// ones have chosen the table.
    #[inline]
    fn home(&self, place: u32) -> usize {
        ((u64::from(place) * self.buckets() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 == self.buckets() { 0 } else { at + 1 }
    }

    /// Recounts everything; `place_of` tells the half of a slot's hash.
    pub(super) fn validate(&self, place_of: impl Fn(Slot) -> u32) {
        let mut passed = vec![0; self.buckets()];
        for number in 0..self.buckets() {
            let bucket = self.bucket(number).expect("every bucket that is counted is there");
            bucket.validate();
            for held in bucket.iter() {
                let mut at = self.home(place_of(held.slot));
                while at != number {
                    passed[at] += 1;
                    at = self.next(at);
                }
            }
        }
        assert_eq!(self.iter().count(), self.len(), "entries in a table");
        for (at, counted) in passed.into_iter().enumerate() {
            let bucket = self.bucket(at).filter(|bucket| bucket.knows_passed());
            let told = bucket.map_or(counted, Bucket::passed);
            assert_eq!(told, counted, "entries that passed by a bucket");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tick;

    #[test]
    fn a_table_fills_a_cache_line() {
        assert_eq!(size_of::<Table>(), 64);
    }

    fn entry(number: usize) -> Entry {
        Entry::new(&number.to_le_bytes(), b"", Tick::NEVER).unwrap()
    }

    fn table(chunks: usize) -> Table {
        let mut table = Table::default();
        table.resize(chunks);
        table
    }

    /// The last bucket of any table.
    const LAST: Hash = Hash { place: u32::MAX, tag: 0 };

    fn with_six_in_the_last_bucket() -> Table {
        let mut table = table(1);
        for number in 0..6 {
            table.insert(LAST, Slot::new(number), entry(number));
        }
        table.validate(|_| LAST.place);
        table
    }

    fn passed_by_the_last(table: &Table) -> u32 {
        table.bucket(BUCKETS_A_CHUNK - 1).unwrap().passed()
    }

    #[test]
    fn what_does_not_fit_into_the_last_bucket_goes_round_to_the_first() {
        let table = with_six_in_the_last_bucket();
        assert_eq!(passed_by_the_last(&table), 2);
        for number in 0..6_usize {
            let found = table.find(LAST, &number.to_le_bytes()).map(|(slot, _)| slot);
            assert_eq!(found, Some(Slot::new(number)));
        }
    }

    #[test]
    fn an_entry_that_passed_by_is_found_when_those_before_it_have_left() {
        let mut table = with_six_in_the_last_bucket();
        for number in 0..5 {
            assert!(table.remove(LAST.place, Slot::new(number)).is_some());
            table.validate(|_| LAST.place);
        }
        assert!(table.find(LAST, &5_usize.to_le_bytes()).is_some());
        assert!(table.remove(LAST.place, Slot::new(5)).is_some());
        assert_eq!(passed_by_the_last(&table), 0, "a search ends at once again");
    }

    #[test]
    fn a_search_ends_where_entries_have_passed_by_at_every_bucket() {
        let mut table = table(2);
        for at in 0..table.buckets() {
            table.bucket_mut(at).pass();
        }
        assert!(table.find(LAST, b"unknown").is_none());
    }

    #[test]
    fn a_table_grows_and_shrinks_beyond_what_its_line_names() {
        let mut table = table(0);
        assert!(table.is_full() && table.find(LAST, b"").is_none());
        assert!(table.remove(LAST.place, Slot::new(0)).is_none());
        for chunks in [1, CHUNKS_NEAR, CHUNKS_NEAR + 3, 2] {
            table.resize(chunks);
            for number in 0..table.places() * 3 / 4 {
                let place = u32::try_from(number).unwrap().wrapping_mul(0x9E37_79B9);
                table.insert(Hash { place, tag: 0 }, Slot::new(number), entry(number));
            }
            table.validate(|slot| slot.get().wrapping_mul(0x9E37_79B9));
            assert_eq!(table.drain().len(), table.places() * 3 / 4);
        }
    }
}
