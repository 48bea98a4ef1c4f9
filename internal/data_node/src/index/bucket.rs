//! One cache line of entries.

use std::slice;

use prefetch_index::prefetch_index;

use crate::{Entry, Slot};

/// Entries in a bucket: with a tag and a slot each they fill 64 bytes, one line
/// of every common processor.
pub(super) const BUCKET_ENTRIES: usize = 4;

/// A look-up finds in one line what it compares and what it returns: no second
/// line has to be waited for between the tag and the entry.
///
/// Full places come before empty ones.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Bucket {
    entries: [Option<Entry>; BUCKET_ENTRIES],
    /// The upper four bits of the first one are not the slot's, but count the
    /// entries that found this bucket full and passed by.
    slots: [u32; BUCKET_ENTRIES],
    /// The halves of the hashes that do not choose table and bucket.
    tags: [u32; BUCKET_ENTRIES],
}

/// Where the count of those that passed by begins.
const PASSED_SHIFT: u32 = Slot::BITS;

/// A count that has reached this is not known any more, and stays.
const PASSED_MANY: u32 = u32::MAX >> PASSED_SHIFT;

/// An entry as a bucket holds it.
pub(super) struct Held<'a> {
    pub(super) slot: Slot,
    pub(super) tag: u32,
    pub(super) entry: &'a Entry,
}

impl Bucket {
    #[inline]
    pub(super) fn find(&self, tag: u32, key: &[u8]) -> Option<(Slot, &Entry)> {
        let mut places = self.places_of(tag);
        while places != 0 {
            let index = places.trailing_zeros() as usize;
            if let Some(entry) = &self.entries[index]
                && entry.key() == key
            {
                return Some((self.slot(index), entry));
            }
            places &= places - 1;
        }
        None
    }

    /// A bit for each place that has this tag. All are compared, whichever it is:
    /// a branch for each would be guessed wrong at every other look-up.
    #[inline]
    fn places_of(&self, tag: u32) -> u32 {
        let bit = |index: usize| u32::from(self.tags[index] == tag) << index;
        (0..BUCKET_ENTRIES).map(bit).sum()
    }

    /// The entry that `find` would compare first.
    #[inline]
    pub(super) fn likely(&self, tag: u32) -> Option<(Slot, &Entry)> {
        let index = self.places_of(tag).trailing_zeros() as usize;
        let entry = self.entries.get(index)?.as_ref()?;
        Some((self.slot(index), entry))
    }

    /// Where in the bucket the entry in `slot` is.
    pub(super) fn index_of(&self, slot: Slot) -> Option<usize> {
        (0..self.len()).find(|&index| self.slot(index) == slot)
    }

    pub(super) fn entry_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries[index].as_mut()
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries[BUCKET_ENTRIES - 1].is_some()
    }

    pub(super) fn push(&mut self, tag: u32, slot: Slot, entry: Entry) {
        let index = self.len();
        self.tags[index] = tag;
        self.set_slot(index, slot);
        self.entries[index] = Some(entry);
    }

    /// Takes the entry at `index` out; the last one takes its place.
    pub(super) fn take(&mut self, index: usize) -> Option<(Slot, u32, Entry)> {
        let last = self.len().checked_sub(1)?;
        let (slot, tag) = (self.slot(index), self.tags[index]);
        self.tags[index] = self.tags[last];
        self.set_slot(index, self.slot(last));
        self.entries.swap(index, last);
        Some((slot, tag, self.entries[last].take()?))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Held<'_>> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            Some(Held { slot: self.slot(index), tag: self.tags[index], entry: entry.as_ref()? })
        })
    }

    /// Entries that found this bucket full and are in a later one.
    #[inline]
    pub(super) fn passed(&self) -> u32 {
        self.slots[0] >> PASSED_SHIFT
    }

    /// Asks for the bucket's memory.
    #[inline]
    pub(super) fn bring_near(&self) {
        prefetch_index(slice::from_ref(self), 0);
    }

    /// Whether the count of those is exact.
    pub(super) fn knows_passed(&self) -> bool {
        self.passed() < PASSED_MANY
    }

    pub(super) fn pass(&mut self) {
        if self.knows_passed() {
            self.slots[0] += 1 << PASSED_SHIFT;
        }
    }

    /// One of those that passed by has left.
    pub(super) fn unpass(&mut self) {
        if self.knows_passed() {
            self.slots[0] -= 1 << PASSED_SHIFT;
        }
    }

    pub(super) fn forget_passed(&mut self) {
        self.slots[0] &= Slot::MASK;
    }

    #[inline]
    fn slot(&self, index: usize) -> Slot {
        Slot::new((self.slots[index] & Slot::MASK) as usize)
    }

    fn set_slot(&mut self, index: usize, slot: Slot) {
        self.slots[index] = self.slots[index] & !Slot::MASK | slot.get();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.iter().take_while(|entry| entry.is_some()).count()
    }

    /// Checks that no empty place comes before a full one.
    pub(super) fn validate(&self) {
        assert_eq!(self.iter().count(), self.len(), "full places come first");
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

    #[test]
    fn when_one_is_taken_out_the_others_are_found() {
        let mut bucket = Bucket::default();
        for number in 0..4_u8 {
            let entry = Entry::new(&[number], b"", Tick::NEVER).unwrap();
            bucket.push(7, Slot::new(number.into()), entry);
        }
        assert!(bucket.is_full());
        let index = bucket.index_of(Slot::new(1)).unwrap();
        let (slot, tag, entry) = bucket.take(index).unwrap();
        assert_eq!((slot, tag, entry.key()), (Slot::new(1), 7, &[1][..]));
        bucket.validate();
        for number in [0, 2, 3_u8] {
            let found = bucket.find(7, &[number]).map(|(slot, _)| slot);
            assert_eq!(found, Some(Slot::new(number.into())));
        }
        assert!(bucket.find(7, &[1]).is_none() && bucket.find(8, &[2]).is_none());
    }

    #[test]
    fn a_count_of_many_that_passed_by_stays_and_disturbs_no_slot() {
        let mut bucket = Bucket::default();
        bucket.push(7, Slot::new(5), Entry::new(b"", b"", Tick::NEVER).unwrap());
        bucket.pass();
        assert_eq!(bucket.passed(), 1);
        bucket.unpass();
        assert_eq!(bucket.passed(), 0);
        for _ in 0..100 {
            bucket.pass();
        }
        bucket.unpass();
        assert_eq!(bucket.passed(), PASSED_MANY);
        assert_eq!(bucket.index_of(Slot::new(5)), Some(0));
        bucket.forget_passed();
        assert_eq!((bucket.passed(), bucket.index_of(Slot::new(5))), (0, Some(0)));
    }
}
