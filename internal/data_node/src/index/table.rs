//! A small hash table whose buckets are cache lines.

use std::iter;

use super::Hash;
use crate::heap::heap_bytes;
use crate::{Entry, Slot};

/// Entries in a bucket: with a tag and a slot each they fill 64 bytes, one line
/// of every common processor.
const BUCKET_ENTRIES: usize = 4;

/// A table that was just made is at most this full: 13 of 16 places.
const FRESH_ENTRIES_A_16_PLACES: usize = 13;

/// A look-up finds in one line what it compares and what it returns: no second
/// line has to be waited for between the tag and the entry.
///
/// Full places come before empty ones.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket {
    entries: [Option<Entry>; BUCKET_ENTRIES],
    slots: [u32; BUCKET_ENTRIES],
    /// The halves of the hashes that do not choose table and bucket.
    tags: [u32; BUCKET_ENTRIES],
}

/// Entries by hash; open addressing with linear probing from bucket to bucket.
///
/// The number of buckets is any that fills a size class of the heap, not a power
/// of two: a table that is full grows by an eighth. Hence 18 to 23 bytes an
/// entry, whatever their number.
#[derive(Debug, Default)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    /// For each bucket, how many entries found it full and went on to the next.
    /// A search that fails ends where nobody went on (the overflow counts of
    /// Facebook's F14 tables). A count that was at its top stays there.
    passed: Box<[u8]>,
    len: usize,
}

/// An entry as a table holds it.
pub(super) struct Held<'a> {
    pub(super) slot: Slot,
    pub(super) tag: u32,
    pub(super) entry: &'a Entry,
}

impl Table {
    /// An empty table with room for `entries` and some more.
    pub(super) fn with_room_for(entries: usize) -> Self {
        let buckets = (entries * 16).div_ceil(FRESH_ENTRIES_A_16_PLACES * BUCKET_ENTRIES);
        let buckets = heap_bytes(buckets * size_of::<Bucket>()) / size_of::<Bucket>();
        Self {
            buckets: iter::repeat_with(Bucket::default).take(buckets).collect(),
            passed: iter::repeat_n(0, buckets).collect(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether one more entry would make probing slow: at 7 of 8 places.
    pub(super) fn is_full(&self) -> bool {
        self.buckets.len() * BUCKET_ENTRIES * 7 / 8 <= self.len
    }

    /// Whether less than three of eight places are used.
    pub(super) fn is_sparse(&self) -> bool {
        self.len < self.buckets.len() * BUCKET_ENTRIES * 3 / 8
    }

    /// What it takes from the heap, in bytes.
    pub(super) fn heap_bytes(&self) -> u64 {
        let buckets = self.buckets.len() * size_of::<Bucket>();
        (heap_bytes(buckets) + heap_bytes(self.passed.len())) as u64
    }

    #[inline]
    pub(super) fn find(&self, hash: Hash, key: &[u8]) -> Option<(Slot, &Entry)> {
        let mut at = self.home(hash.place);
        // Once round at most: entries may have gone on at every bucket.
        for _ in 0..self.buckets.len() {
            let found = self.buckets[at].find(hash.tag, key);
            if found.is_some() || self.passed[at] == 0 {
                return found;
            }
            at = self.next(at);
        }
        None
    }

    /// Adds an entry; the table must not be full.
    pub(super) fn insert(&mut self, hash: Hash, slot: Slot, entry: Entry) {
        let mut at = self.home(hash.place);
        while self.buckets[at].is_full() {
            self.passed[at] = self.passed[at].saturating_add(1);
            at = self.next(at);
        }
        self.buckets[at].push(hash.tag, slot, entry);
        self.len += 1;
    }

    /// The place of the entry in `slot`.
    pub(super) fn entry_mut(&mut self, place: u32, slot: Slot) -> Option<&mut Entry> {
        let (bucket, index) = self.locate(place, slot)?;
        self.buckets[bucket].entries[index].as_mut()
    }

    /// Takes the entry in `slot` out, with its tag.
    pub(super) fn remove(&mut self, place: u32, slot: Slot) -> Option<(u32, Entry)> {
        let (bucket, index) = self.locate(place, slot)?;
        let mut at = self.home(place);
        while at != bucket {
            if self.passed[at] < u8::MAX {
                self.passed[at] -= 1;
            }
            at = self.next(at);
        }
        self.len -= 1;
        self.buckets[bucket].take(index)
    }

    /// Empties the table.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Slot, u32, Entry)> {
        let buckets = std::mem::take(self).buckets.into_iter();
        buckets.flat_map(|Bucket { entries, slots, tags }| {
            let places = slots.into_iter().zip(tags).zip(entries);
            places.filter_map(|((slot, tag), entry)| Some((Slot::new(slot as usize), tag, entry?)))
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Held<'_>> {
        self.buckets.iter().flat_map(Bucket::iter)
    }

    /// Bucket and index of the entry in `slot`.
    fn locate(&self, place: u32, slot: Slot) -> Option<(usize, usize)> {
        let mut at = self.home(place);
        for _ in 0..self.buckets.len() {
            if let Some(index) = self.buckets[at].index_of(slot) {
                return Some((at, index));
            }
            at = self.next(at);
        }
        None
    }

    /// The bucket where the search for a place begins: the half of the hash as
    /// a fraction, times the number of buckets (D. Lemire, "Fast random integer
    /// generation in an interval", 2019). Its upper bits decide, and its lower
    /// ones have chosen the table.
    #[inline]
    fn home(&self, place: u32) -> usize {
        ((u64::from(place) * self.buckets.len() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() { 0 } else { at + 1 }
    }

    /// Recounts everything; `place_of` tells the half of a slot's hash.
    pub(super) fn validate(&self, place_of: impl Fn(Slot) -> u32) {
        let mut passed = vec![0_u8; self.buckets.len()];
        for (number, bucket) in self.buckets.iter().enumerate() {
            let used = bucket.iter().count();
            assert!(bucket.entries[used..].iter().all(Option::is_none), "empty places come last");
            for held in bucket.iter() {
                let mut at = self.home(place_of(held.slot));
                while at != number {
                    passed[at] = passed[at].saturating_add(1);
                    at = self.next(at);
                }
            }
        }
        assert_eq!(self.iter().count(), self.len, "entries in a table");
        let is_right = |(&counted, &is): (&u8, &u8)| counted == is || is == u8::MAX;
        assert!(passed.iter().zip(&self.passed).all(is_right), "entries that went on");
    }
}

impl Bucket {
    #[inline]
    fn find(&self, tag: u32, key: &[u8]) -> Option<(Slot, &Entry)> {
        for index in 0..BUCKET_ENTRIES {
            if self.tags[index] == tag
                && let Some(entry) = &self.entries[index]
                && entry.key() == key
            {
                return Some((Slot::new(self.slots[index] as usize), entry));
            }
        }
        None
    }

    fn index_of(&self, slot: Slot) -> Option<usize> {
        let is_it =
            |index: &usize| self.slots[*index] == slot.get() && self.entries[*index].is_some();
        (0..BUCKET_ENTRIES).find(is_it)
    }

    fn is_full(&self) -> bool {
        self.entries[BUCKET_ENTRIES - 1].is_some()
    }

    fn push(&mut self, tag: u32, slot: Slot, entry: Entry) {
        let index = self.entries.iter().take_while(|entry| entry.is_some()).count();
        self.tags[index] = tag;
        self.slots[index] = slot.get();
        self.entries[index] = Some(entry);
    }

    /// Takes the entry at `index` out; the last one takes its place.
    fn take(&mut self, index: usize) -> Option<(u32, Entry)> {
        let last = self.entries.iter().take_while(|entry| entry.is_some()).count() - 1;
        let tag = self.tags[index];
        self.tags[index] = self.tags[last];
        self.slots[index] = self.slots[last];
        self.entries.swap(index, last);
        Some((tag, self.entries[last].take()?))
    }

    fn iter(&self) -> impl Iterator<Item = Held<'_>> {
        let places = self.slots.iter().zip(self.tags).zip(&self.entries);
        places.filter_map(|((&slot, tag), entry)| {
            Some(Held { slot: Slot::new(slot as usize), tag, entry: entry.as_ref()? })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tick;

    #[test]
    fn a_bucket_fills_a_cache_line() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
    }

    fn entry(number: usize) -> Entry {
        Entry::new(&number.to_le_bytes(), b"", Tick::NEVER).unwrap()
    }

    /// The last bucket of any table.
    const LAST: Hash = Hash { place: u32::MAX, tag: 0 };

    #[test]
    fn what_does_not_fit_into_the_last_bucket_goes_round_to_the_first() {
        let mut table = Table::with_room_for(8); // three buckets
        for number in 0..6 {
            table.insert(LAST, Slot::new(number), entry(number));
        }
        table.validate(|_| LAST.place);
        assert_eq!(table.passed[..], [0, 0, 2]);
        for number in 0..6 {
            let found = table.find(LAST, &usize::to_le_bytes(number)).map(|(slot, _)| slot);
            assert_eq!(found, Some(Slot::new(number)));
        }
    }

    #[test]
    fn an_entry_that_went_on_is_found_when_those_before_it_have_left() {
        let mut table = Table::with_room_for(8);
        for number in 0..6 {
            table.insert(LAST, Slot::new(number), entry(number));
        }
        for number in 0..5 {
            assert!(table.remove(LAST.place, Slot::new(number)).is_some());
            table.validate(|_| LAST.place);
        }
        assert!(table.find(LAST, &5_usize.to_le_bytes()).is_some());
        assert!(table.remove(LAST.place, Slot::new(5)).is_some());
        assert_eq!(table.passed[..], [0, 0, 0], "the search ends at once again");
    }

    #[test]
    fn a_search_ends_where_entries_have_gone_on_at_every_bucket() {
        let mut table = Table::with_room_for(8);
        table.passed.fill(1);
        assert!(table.find(LAST, b"unknown").is_none());
    }

    #[test]
    fn an_empty_table_holds_nothing() {
        let mut table = Table::default();
        assert!(table.is_full() && !table.is_sparse());
        assert!(table.find(LAST, b"").is_none());
        assert!(table.remove(LAST.place, Slot::new(0)).is_none());
    }
}
