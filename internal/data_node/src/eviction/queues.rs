//! Slots in several queues, and what they weigh.

use super::links::{Links, List};
use crate::Slot;
use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;

/// What is known of a slot: eight bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    fingerprint: u32,
    /// The weight above the number of the queue.
    weight_and_queue: u32,
}

/// Bits of a queue's number.
const QUEUE_BITS: u32 = 2;

/// Bytes that one unit of weight stands for: the step in which the heap gives
/// memory to small entries. Weights are counted in 30 bits, up to 16 GiB.
const UNIT_BYTES: u64 = 16;
const WEIGHT_MAX: u64 = (u32::MAX >> QUEUE_BITS) as u64;

/// Slots in `QUEUES` queues, each in one, with the weight of each queue. For
/// policies whose queues share the memory in fixed proportions: the
/// proportions are of weight, not of numbers.
#[derive(Debug)]
pub(super) struct Queues<const QUEUES: usize> {
    links: Links<QUEUES>,
    known: Segments<Known, SLOTS_A_SEGMENT>,
    sums: [Sum; QUEUES],
}

/// What is in one queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    entries: usize,
    weight: u64,
}

impl Known {
    fn queue(self) -> List {
        List(self.weight_and_queue & ((1 << QUEUE_BITS) - 1))
    }

    fn weight(self) -> u64 {
        u64::from(self.weight_and_queue >> QUEUE_BITS)
    }

    fn place(&mut self, queue: List, weight: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "at most WEIGHT_MAX")]
        let weight = weight as u32;
        self.weight_and_queue = weight << QUEUE_BITS | queue.0;
    }
}

/// No entry weighs nothing, so that a queue without weight is empty.
fn weight_of(bytes: u64) -> u64 {
    bytes.div_ceil(UNIT_BYTES).clamp(1, WEIGHT_MAX)
}

impl<const QUEUES: usize> Queues<QUEUES> {
    pub(super) fn new() -> Self {
        const { assert!(QUEUES <= 1 << QUEUE_BITS, "a queue's number has two bits") };
        Self { links: Links::new(), known: Segments::new(), sums: [Sum::default(); QUEUES] }
    }

    /// Puts a new slot in front of a queue. Of its hash the lower half is kept.
    pub(super) fn push_front(&mut self, queue: List, slot: Slot, hash: u64, bytes: u64) {
        while self.known.len() <= slot.index() {
            self.known.grow();
        }
        self.links.push_front(queue, slot);
        self.known[slot.index()].fingerprint = fingerprint_of(hash);
        self.add(queue, slot, weight_of(bytes));
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.links.remove(slot);
        self.subtract(slot);
    }

    /// Moves a slot to the front of a queue, from wherever it is.
    pub(super) fn move_to_front(&mut self, queue: List, slot: Slot) {
        if self.queue_of(slot) == queue {
            self.links.move_to_front(queue, slot);
            return;
        }
        self.links.remove(slot);
        self.links.push_front(queue, slot);
        let weight = self.subtract(slot);
        self.add(queue, slot, weight);
    }

    /// The entry in a slot takes so many bytes from now on.
    pub(super) fn resize(&mut self, slot: Slot, bytes: u64) {
        self.subtract(slot);
        self.add(self.queue_of(slot), slot, weight_of(bytes));
    }

    pub(super) fn back(&self, queue: List) -> Option<Slot> {
        self.links.back(queue)
    }

    pub(super) fn queue_of(&self, slot: Slot) -> List {
        self.known[slot.index()].queue()
    }

    pub(super) fn fingerprint(&self, slot: Slot) -> u32 {
        self.known[slot.index()].fingerprint
    }

    pub(super) fn weight(&self, slot: Slot) -> u64 {
        self.known[slot.index()].weight()
    }

    pub(super) fn queue_weight(&self, queue: List) -> u64 {
        self.sums[queue.index()].weight
    }

    pub(super) fn total_weight(&self) -> u64 {
        self.sums.iter().map(|sum| sum.weight).sum()
    }

    pub(super) fn queue_len(&self, queue: List) -> usize {
        self.sums[queue.index()].entries
    }

    pub(super) fn len(&self) -> usize {
        self.sums.iter().map(|sum| sum.entries).sum()
    }

    /// Counts a slot in its queue.
    fn add(&mut self, queue: List, slot: Slot, weight: u64) {
        self.known[slot.index()].place(queue, weight);
        let sum = &mut self.sums[queue.index()];
        sum.entries += 1;
        sum.weight += weight;
    }

    /// Counts a slot no longer. Returns its weight.
    fn subtract(&mut self, slot: Slot) -> u64 {
        let known = self.known[slot.index()];
        let sum = &mut self.sums[known.queue().index()];
        sum.entries -= 1;
        sum.weight -= known.weight();
        known.weight()
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.links.heap_bytes() + self.known.heap_bytes()
    }

    /// What room for slots below `slots` would add, in bytes.
    pub(super) fn growth_bytes(&self, slots: usize) -> u64 {
        let known = if slots <= self.known.len() { 0 } else { self.known.growth_bytes() };
        self.links.growth_bytes(slots) + known
    }

    /// Recounts every queue and compares with the number of slots in use.
    pub(super) fn validate(&self, entries: usize) {
        assert_eq!(self.len(), entries, "slots in the queues");
        for queue in (0..).map(List).take(QUEUES) {
            let sum = self.sums[queue.index()];
            self.links.validate(queue, sum.entries);
            let mut weight = 0;
            for slot in self.links.iter(queue) {
                assert_eq!(self.queue_of(slot), queue, "a slot knows its queue");
                weight += self.weight(slot);
            }
            assert_eq!(weight, sum.weight, "weight of a queue");
        }
    }

    /// The slots of a queue, front to back.
    #[cfg(test)]
    pub(super) fn slots(&self, queue: List) -> Vec<Slot> {
        self.links.iter(queue).collect()
    }
}

/// The half of a hash that policies keep. Hashes are keyed already (`SipHash` under
/// a key that nobody outside knows): nobody can make keys that share a fingerprint.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
pub(super) fn fingerprint_of(hash: u64) -> u32 {
    hash as u32
}
