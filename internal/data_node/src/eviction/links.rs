//! A doubly linked list of slots, its links in an array.

use crate::Slot;
use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;

/// The neighbours of one node. Node 0 is the list itself (its front is `next`,
/// its back is `previous`); slot `s` is node `s + 1`. In a circle with that
/// sentinel no link is ever missing, and unlinking has no branches.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    previous: u32,
    next: u32,
}

const SENTINEL: u32 = 0;

/// Slots in an order: eight bytes each.
#[derive(Debug)]
pub(super) struct Links {
    links: Segments<Link, SLOTS_A_SEGMENT>,
}

fn node(slot: Slot) -> u32 {
    slot.get() + 1
}

fn slot(node: u32) -> Option<Slot> {
    (node != SENTINEL).then(|| Slot::new(node as usize - 1))
}

impl Links {
    pub(super) fn new() -> Self {
        let mut links = Segments::new();
        links.grow(); // the sentinel's, linked to itself by default
        Self { links }
    }

    pub(super) fn push_front(&mut self, slot: Slot) {
        while self.links.len() <= node(slot) as usize {
            self.links.grow();
        }
        self.link_front(node(slot));
    }

    #[inline]
    pub(super) fn move_to_front(&mut self, slot: Slot) {
        if self.at(SENTINEL).next != node(slot) {
            self.remove(slot);
            self.link_front(node(slot));
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) {
        let Link { previous, next } = self.at(node(slot));
        self.at_mut(previous).next = next;
        self.at_mut(next).previous = previous;
    }

    pub(super) fn back(&self) -> Option<Slot> {
        slot(self.at(SENTINEL).previous)
    }

    /// The slot one nearer to the front; `None` at the front.
    pub(super) fn towards_front(&self, slot_: Slot) -> Option<Slot> {
        slot(self.at(node(slot_)).previous)
    }

    #[inline]
    fn link_front(&mut self, node: u32) {
        let front = self.at(SENTINEL).next;
        *self.at_mut(node) = Link { previous: SENTINEL, next: front };
        self.at_mut(front).previous = node;
        self.at_mut(SENTINEL).next = node;
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
        if slots < self.links.len() { 0 } else { self.links.growth_bytes() }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// The slots, front to back.
    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        let next = |at: &Slot| slot(self.at(node(*at)).next);
        std::iter::successors(slot(self.at(SENTINEL).next), next)
    }

    /// Walks both ways and compares with the number of slots in use.
    pub(super) fn validate(&self, entries: usize) {
        let forwards: Vec<_> = self.iter().take(entries + 1).collect();
        assert_eq!(forwards.len(), entries, "slots in the list, front to back");
        let backwards = std::iter::successors(self.back(), |at| self.towards_front(*at));
        let backwards: Vec<_> = backwards.take(entries + 1).collect();
        assert!(forwards.iter().rev().eq(&backwards), "the list reads the same both ways");
    }
}
