//! The walk round the ring from a key, one node after the other.

use std::iter::FusedIterator;

use crate::point::{Point, successor};
use crate::ring::Member;

/// Distinct nodes clockwise from a hash; from
/// [`HashRing::owners`](crate::HashRing::owners).
#[derive(Debug, Clone)]
pub struct Owners<'a, N> {
    members: &'a [Member<N>],
    points: &'a [Point],
    /// The point to look at next.
    next: usize,
    /// Nodes still to come; never more than the walk has not yet seen, so that
    /// it ends.
    remaining: usize,
    seen: Seen,
}

impl<'a, N> Owners<'a, N> {
    pub(crate) fn new(
        members: &'a [Member<N>],
        points: &'a [Point],
        hash: u64,
        count: usize,
    ) -> Self {
        Self {
            members,
            points,
            next: successor(points, hash),
            remaining: count.min(members.len()),
            seen: Seen::new(members.len()),
        }
    }

    /// The owner of the next point, whether it was seen before or not.
    fn step(&mut self) -> usize {
        let owner = self.points[self.next].owner;
        self.next += 1;
        if self.next == self.points.len() {
            self.next = 0;
        }
        usize::from(owner)
    }
}

impl<'a, N> Iterator for Owners<'a, N> {
    type Item = &'a N;

    fn next(&mut self) -> Option<&'a N> {
        self.remaining = self.remaining.checked_sub(1)?;
        loop {
            let owner = self.step();
            if self.seen.insert(owner) {
                return Some(&self.members[owner].node);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl<N> ExactSizeIterator for Owners<'_, N> {}
impl<N> FusedIterator for Owners<'_, N> {}

/// A set of node indices: a bit each. On a ring of up to 256 nodes it
/// allocates nothing.
#[derive(Debug, Clone)]
enum Seen {
    Few([u64; 4]),
    Many(Box<[u64]>),
}

impl Seen {
    /// An empty set of indices below `nodes`.
    fn new(nodes: usize) -> Self {
        let words = nodes.div_ceil(64);
        if words <= 4 { Self::Few([0; 4]) } else { Self::Many(vec![0; words].into()) }
    }

    /// Adds `index`; whether it is new.
    fn insert(&mut self, index: usize) -> bool {
        let words: &mut [u64] = match self {
            Self::Few(words) => words,
            Self::Many(words) => words,
        };
        let (word, bit) = (&mut words[index / 64], 1 << (index % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_new_once_in_small_sets_and_in_large_ones() {
        for nodes in [1, 64, 65, 256, 257, 1000] {
            let mut seen = Seen::new(nodes);
            assert!((0..nodes).all(|index| seen.insert(index)));
            assert!(!(0..nodes).any(|index| seen.insert(index)));
        }
    }
}
