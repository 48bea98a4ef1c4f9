//! Doubly linked lists of slots, their links in one array.

use crate::Slot;
use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;

/// The neighbours of one node. The first nodes are the lists themselves (the
/// front is `next`, the back is `previous`); slot `s` is the `s`-th behind them.
/// In a circle with such a sentinel no link is ever missing, and unlinking has
/// no branches.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    previous: u32,
    next: u32,
}

/// One of several lists, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List(pub(super) u32);

impl List {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Slots in an order, each in one of `LISTS` lists at most: eight bytes a slot.
#[derive(Debug)]
pub(super) struct Links<const LISTS: usize> {
    links: Segments<Link, SLOTS_A_SEGMENT>,
}

impl<const LISTS: usize> Links<LISTS> {
    #[expect(clippy::cast_possible_truncation, reason = "a handful of lists")]
    const SENTINELS: u32 = LISTS as u32;

    pub(super) fn new() -> Self {
        let mut links = Segments::new();
        links.grow();
        for node in 0..Self::SENTINELS {
            links[node as usize] = Link { previous: node, next: node };
        }
        Self { links }
    }

    pub(super) fn push_front(&mut self, list: List, slot: Slot) {
        // A whole segment of slots gets its room with the first of them: that
        // is what `growth_bytes` has told.
        while self.links.len() < Self::nodes(slot.index() + 1) {
            self.links.grow();
        }
        self.link_front(list, Self::node(slot));
    }

    #[inline]
    pub(super) fn move_to_front(&mut self, list: List, slot: Slot) {
        if self.at(list.0).next != Self::node(slot) {
            self.remove(slot);
            self.link_front(list, Self::node(slot));
        }
    }

    /// Moves slots of a list to its front, one after the other.
    pub(super) fn move_each_to_front(&mut self, list: List, slots: &[Slot]) {
        // The list learns of its front at the end: nobody asks meanwhile, for only
        // the front itself, which stays, has the list for its neighbour there.
        let mut front = self.at(list.0).next;
        for node in slots.iter().map(|slot| Self::node(*slot)) {
            if node != front {
                let Link { previous, next } = self.at(node);
                self.at_mut(previous).next = next;
                self.at_mut(next).previous = previous;
                *self.at_mut(node) = Link { previous: list.0, next: front };
                self.at_mut(front).previous = node;
                front = node;
            }
        }
        self.at_mut(list.0).next = front;
    }

    /// Reads the neighbours of slots that are about to be moved: the processor
    /// waits for all of them at once. Moving waits for them in turn, because the
    /// lists that it leaves are those that the next one begins with.
    pub(super) fn bring_near(&self, slots: &[Slot]) {
        let touched = slots.iter().fold(0, |touched, slot| {
            let Link { previous, next } = self.at(Self::node(*slot));
            touched ^ self.at(previous).next ^ self.at(next).previous
        });
        // Nobody wants the sum; without a use of it nothing would be read.
        std::hint::black_box(touched);
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) {
        let Link { previous, next } = self.at(Self::node(slot));
        self.at_mut(previous).next = next;
        self.at_mut(next).previous = previous;
    }

    pub(super) fn back(&self, list: List) -> Option<Slot> {
        Self::slot(self.at(list.0).previous)
    }

    /// The slot one nearer to the front; `None` at the front.
    pub(super) fn towards_front(&self, slot: Slot) -> Option<Slot> {
        Self::slot(self.at(Self::node(slot)).previous)
    }

    #[inline]
    fn link_front(&mut self, list: List, node: u32) {
        let front = self.at(list.0).next;
        *self.at_mut(node) = Link { previous: list.0, next: front };
        self.at_mut(front).previous = node;
        self.at_mut(list.0).next = node;
    }

    #[inline]
    fn node(slot: Slot) -> u32 {
        slot.get() + Self::SENTINELS
    }

    #[inline]
    fn slot(node: u32) -> Option<Slot> {
        (Self::SENTINELS <= node).then(|| Slot::new((node - Self::SENTINELS) as usize))
    }

    /// Nodes for the slots below `slots`, and for the rest of their segment.
    fn nodes(slots: usize) -> usize {
        slots.next_multiple_of(SLOTS_A_SEGMENT) + LISTS
    }

    #[inline]
    fn at(&self, node: u32) -> Link {
        self.links[node as usize]
    }

    #[inline]
    fn at_mut(&mut self, node: u32) -> &mut Link {
        &mut self.links[node as usize]
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.links.heap_bytes()
    }

    /// What room for slots below `slots` would add, in bytes.
    pub(super) fn growth_bytes(&self, slots: usize) -> u64 {
        if Self::nodes(slots) <= self.links.len() { 0 } else { self.links.growth_bytes() }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// The slots of a list, front to back.
    pub(super) fn iter(&self, list: List) -> impl Iterator<Item = Slot> {
        let next = |at: &Slot| Self::slot(self.at(Self::node(*at)).next);
        std::iter::successors(Self::slot(self.at(list.0).next), next)
    }

    /// Walks both ways and compares with the number of slots in the list.
    pub(super) fn validate(&self, list: List, entries: usize) {
        let forwards: Vec<_> = self.iter(list).take(entries + 1).collect();
        assert_eq!(forwards.len(), entries, "slots in the list, front to back");
        let backwards = std::iter::successors(self.back(list), |at| self.towards_front(*at));
        let backwards: Vec<_> = backwards.take(entries + 1).collect();
        assert!(forwards.iter().rev().eq(&backwards), "the list reads the same both ways");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: List = List(0);

    fn of_ten() -> Links<1> {
        let mut links = Links::new();
        (0..10).map(Slot::new).for_each(|slot| links.push_front(LIST, slot));
        links
    }

    #[test]
    fn to_move_many_to_the_front_is_to_move_one_after_the_other() {
        // The front, the back, neighbours both ways, and some that come twice.
        for moved in [&[][..], &[9], &[0], &[9, 9, 8, 9], &[0, 1, 2, 0], &[5, 4, 6, 5, 5, 0, 9]] {
            let slots: Vec<_> = moved.iter().copied().map(Slot::new).collect();
            let (mut many, mut each) = (of_ten(), of_ten());
            many.move_each_to_front(LIST, &slots);
            for &slot in &slots {
                each.move_to_front(LIST, slot);
            }
            many.validate(LIST, 10);
            assert!(many.iter(LIST).eq(each.iter(LIST)), "{moved:?}");
        }
    }
}
