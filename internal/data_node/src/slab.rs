//! The slots in which a store keeps its entries.

use crate::Entry;
use crate::segments::Segments;

/// The number of a place for one entry; dense, and used again after removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Slots that one store has at most: a policy may use the top bit of a link
    /// for itself.
    pub(crate) const COUNT_MAX: usize = (1 << 31) - 2;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "slots are counted in 31 bits")]
    pub(crate) fn new(index: usize) -> Self {
        debug_assert!(index < Self::COUNT_MAX);
        Self(index as u32)
    }

    /// The number, as an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The number.
    #[inline]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// Slots in one segment: 16 KiB of them.
pub(crate) const SLOTS_A_SEGMENT: usize = 1024;

/// Sixteen bytes: four to a cache line.
#[derive(Debug, Default)]
struct Place {
    /// The entry's hash; in a free place, the number of the next free one.
    hash: u64,
    entry: Option<Entry>,
}

/// Ends the list of free places.
const NONE: u64 = u64::MAX;

/// Entries in slots, with a list of the free ones.
#[derive(Debug)]
pub(crate) struct Slab {
    places: Segments<Place, SLOTS_A_SEGMENT>,
    /// The first free place, or `NONE`.
    free: u64,
    entries: usize,
}

impl Slab {
    pub(crate) fn new() -> Self {
        Self { places: Segments::new(), free: NONE, entries: 0 }
    }

    /// Entries held.
    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// One more than the highest slot.
    pub(crate) fn slots(&self) -> usize {
        self.places.len()
    }

    /// Whether the next insertion needs a new segment.
    pub(crate) fn is_full(&self) -> bool {
        self.free == NONE
    }

    pub(crate) fn insert(&mut self, hash: u64, entry: Entry) -> Slot {
        if self.free == NONE {
            self.grow();
        }
        let slot = Self::free_slot(self.free);
        let place = &mut self.places[slot.index()];
        self.free = place.hash;
        *place = Place { hash, entry: Some(entry) };
        self.entries += 1;
        slot
    }

    /// Strings the places of a new segment on the free list, lowest first.
    fn grow(&mut self) {
        let first = self.places.len();
        self.places.grow();
        for index in (first..self.places.len()).rev() {
            self.places[index].hash = self.free;
            self.free = index as u64;
        }
    }

    /// Takes the entry out of a slot that is in use.
    pub(crate) fn remove(&mut self, slot: Slot) -> (u64, Entry) {
        let place = &mut self.places[slot.index()];
        let entry = place.entry.take().expect("the store removes only slots in use");
        let hash = std::mem::replace(&mut place.hash, self.free);
        self.free = u64::from(slot.get());
        self.entries -= 1;
        (hash, entry)
    }

    /// Puts another entry of the same key into a slot that is in use.
    pub(crate) fn replace(&mut self, slot: Slot, entry: Entry) -> Entry {
        let place = &mut self.places[slot.index()];
        place.entry.replace(entry).expect("the store replaces only in slots in use")
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&Entry> {
        self.places[slot.index()].entry.as_ref()
    }

    #[inline]
    pub(crate) fn hash(&self, slot: Slot) -> u64 {
        self.places[slot.index()].hash
    }

    /// Whether the slot holds this key. The hash spares a look at the entry.
    #[inline]
    pub(crate) fn holds(&self, slot: Slot, hash: u64, key: &[u8]) -> bool {
        let place = &self.places[slot.index()];
        place.hash == hash && place.entry.as_ref().is_some_and(|entry| entry.key() == key)
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        self.places.heap_bytes()
    }

    pub(crate) fn growth_bytes(&self) -> u64 {
        self.places.growth_bytes()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Counts the free list; for [`validate`](crate::DataNode::validate).
    pub(crate) fn free_places(&self) -> usize {
        let some = |free: u64| (free != NONE).then_some(free);
        let next = |&free: &u64| some(self.places[Self::free_slot(free).index()].hash);
        std::iter::successors(some(self.free), next).count()
    }

    /// The slot that a link of the free list names.
    #[expect(clippy::cast_possible_truncation, reason = "the list links slots only")]
    fn free_slot(free: u64) -> Slot {
        Slot::new(free as usize)
    }
}
