//! The numbers of a store's entries.

use crate::segments::Segments;

/// The number of an entry; dense, and used again after removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Bits of a slot. Others may use the rest of a word for themselves.
    pub(crate) const BITS: u32 = 28;
    pub(crate) const MASK: u32 = (1 << Self::BITS) - 1;
    /// Slots that one store has at most: 268 million.
    pub(crate) const COUNT_MAX: usize = Self::MASK as usize - 1;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "slots are counted in 28 bits")]
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

/// Slots in one segment of this list, and of those that policies keep.
pub(crate) const SLOTS_A_SEGMENT: usize = 1024;

/// Ends the list of free slots.
const NONE: u32 = u32::MAX;

/// Which slots are in use, and where in the index their entries are.
#[derive(Debug)]
pub(crate) struct Slots {
    /// Of a slot in use, the half of the hash by which the index finds it; of a
    /// free one, the next that is free.
    places: Segments<u32, SLOTS_A_SEGMENT>,
    /// The first free slot, or `NONE`.
    free: u32,
    used: usize,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self { places: Segments::new(), free: NONE, used: 0 }
    }

    /// Slots in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// One more than the highest slot.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the next slot needs a new segment.
    pub(crate) fn is_full(&self) -> bool {
        self.free == NONE
    }

    /// A slot for an entry that the index finds at `place`.
    pub(crate) fn take(&mut self, place: u32) -> Slot {
        if self.free == NONE {
            self.grow();
        }
        let slot = Slot(self.free);
        self.free = std::mem::replace(&mut self.places[slot.index()], place);
        self.used += 1;
        slot
    }

    /// Strings the slots of a new segment on the free list, lowest first.
    fn grow(&mut self) {
        let first = self.places.len();
        self.places.grow();
        for slot in (first..self.places.len()).rev().map(Slot::new) {
            self.places[slot.index()] = self.free;
            self.free = slot.get();
        }
    }

    /// Frees a slot that is in use. Returns where the index finds its entry.
    pub(crate) fn release(&mut self, slot: Slot) -> u32 {
        self.used -= 1;
        let place = std::mem::replace(&mut self.places[slot.index()], self.free);
        self.free = slot.get();
        place
    }

    /// Where the index finds the entry of a slot that is in use.
    #[inline]
    pub(crate) fn place(&self, slot: Slot) -> u32 {
        self.places[slot.index()]
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
    pub(crate) fn free(&self) -> usize {
        let some = |free: u32| (free != NONE).then_some(free);
        let next = |&free: &u32| some(self.places[free as usize]);
        std::iter::successors(some(self.free), next).count()
    }
}
