//! The ring.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use crate::placement::Placement;
use crate::point::{Point, successor};
use crate::shares::{fraction, owned};
use crate::table::Table;
use crate::{Owners, RingBuilder, RingError, RingNode};

/// The most nodes a ring can have.
///
/// A lookup stays as quick up to here; changing the ring takes time in
/// proportion to its points.
pub const MAX_NODES: usize = 8192;

/// The most points a ring can have: what [`MAX_NODES`] nodes of weight 1 have
/// by default. They take about 110 MiB.
pub const MAX_POINTS: u64 = 1 << 22;

/// A weighted consistent-hash ring over nodes of type `N`.
///
/// A ring is a value. [`with_node`](Self::with_node) and
/// [`without_node`](Self::without_node) make another one and leave this one as
/// it is, so that readers can share a ring (`Arc`) and swap it whole when it
/// changes. A change costs time in proportion to the points: about 0.1 ms for a
/// handful of nodes, some tens of milliseconds for a thousand.
///
/// With the default settings, of 2 to 32 nodes named `node-0`, `node-1`, ... no
/// node owns more than 1.115 times the mean (one of eleven) nor less than 0.909
/// times (one of fifteen); of three, the largest owns 1.023 times, of eight
/// 1.064 times. [`shares`](Self::shares) tells for one's own nodes.
///
/// Nodes have dense indices: their rank among the labels on this ring, 0 to
/// `len() - 1`. Keep what belongs to a node in an array beside the ring and
/// index it by [`owner_index`](Self::owner_index). Another ring has other
/// indices.
///
/// Equal nodes, weights and settings make equal rings, however they came about.
#[derive(Clone, PartialEq, Eq)]
pub struct HashRing<N> {
    placement: Placement,
    /// Ascending by label, no label twice. Indices point into here.
    members: Vec<Member<N>>,
    /// Ascending, and whatever `placement` says for `members`; never more than
    /// [`MAX_POINTS`].
    points: Box<[Point]>,
    /// The index over `points`.
    table: Table,
}

/// A node and what it counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member<N> {
    pub(crate) node: N,
    pub(crate) weight: NonZeroU32,
}

impl<N: RingNode> Member<N> {
    fn label(&self) -> Cow<'_, [u8]> {
        self.node.label()
    }
}

/// Lookups.
impl<N> HashRing<N> {
    /// The node that owns `hash`, or `None` on an empty ring.
    #[inline]
    pub fn owner(&self, hash: u64) -> Option<&N> {
        self.owner_index(hash).and_then(|index| self.node(index))
    }

    /// The index of the node that owns `hash`, or `None` on an empty ring.
    #[inline]
    pub fn owner_index(&self, hash: u64) -> Option<u32> {
        match self.table.owner(hash) {
            Some(owner) => Some(u32::from(owner)),
            None => self.search(hash),
        }
    }

    /// What the table cannot tell.
    #[cold]
    fn search(&self, hash: u64) -> Option<u32> {
        self.points.get(successor(&self.points, hash)).map(|point| u32::from(point.owner))
    }

    /// Up to `count` distinct nodes, clockwise from `hash`: the owner, the node
    /// that would own `hash` if the owner were gone, and so on. All nodes if
    /// there are no more than `count`.
    pub fn owners(&self, hash: u64, count: usize) -> Owners<'_, N> {
        Owners::new(&self.members, &self.points, hash, count)
    }

    /// The node of this index.
    #[inline]
    pub fn node(&self, index: u32) -> Option<&N> {
        self.members.get(index as usize).map(|member| &member.node)
    }

    /// All nodes in the order of their indices, which is that of their labels.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &N> + DoubleEndedIterator {
        self.members.iter().map(|member| &member.node)
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no nodes, hence no owner for any hash.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// All points clockwise from 0: the position, and the index of its node.
    pub fn points(&self) -> impl ExactSizeIterator<Item = (u64, u32)> {
        self.points.iter().map(|point| (point.position, u32::from(point.owner)))
    }

    /// The fraction of all hashes that each node owns, in the order of the
    /// indices: exact arcs, each rounded once. They sum to 1, and to 0 on an
    /// empty ring. Takes time in proportion to the points.
    pub fn shares(&self) -> Vec<f64> {
        owned(&self.points, self.len()).into_iter().map(fraction).collect()
    }
}

/// Nodes, and rings of other nodes.
impl<N: RingNode> HashRing<N> {
    /// An empty ring with the default settings.
    pub fn new() -> Self {
        Self::unchecked(Placement::default(), Vec::new())
    }

    /// Settings and nodes of a ring to be.
    pub fn builder() -> RingBuilder<N> {
        RingBuilder::default()
    }

    /// The index of `node`, or `None` if it is not on the ring.
    pub fn index_of(&self, node: &N) -> Option<u32> {
        self.find(node).ok().and_then(|index| u32::try_from(index).ok())
    }

    /// Whether `node` is on the ring.
    pub fn contains(&self, node: &N) -> bool {
        self.find(node).is_ok()
    }

    /// The weight that `node` was given, or `None` if it is not on the ring.
    pub fn weight(&self, node: &N) -> Option<NonZeroU32> {
        self.find(node).ok().map(|index| self.members[index].weight)
    }

    /// The fraction of all hashes that `node` owns, or `None` if it is not on
    /// the ring. See [`shares`](Self::shares).
    pub fn share(&self, node: &N) -> Option<f64> {
        self.find(node).ok().map(|index| fraction(owned(&self.points, self.len())[index]))
    }

    /// This ring and `node`, which gets `weight` times the keys of a node of
    /// weight 1. Keys move to `node`, and no other key moves.
    ///
    /// # Errors
    /// [`Duplicate`](RingError::Duplicate) if `node` is on the ring,
    /// [`TooManyNodes`](RingError::TooManyNodes) and
    /// [`TooManyPoints`](RingError::TooManyPoints) beyond the bounds.
    pub fn with_node(&self, node: N, weight: NonZeroU32) -> Result<Self, RingError> {
        let mut members = self.members.clone();
        members.push(Member { node, weight });
        Self::assemble(self.placement, members)
    }

    /// This ring without `node`. The keys of `node` move to others, and no
    /// other key moves.
    ///
    /// # Errors
    /// [`Unknown`](RingError::Unknown) if `node` is not on the ring.
    pub fn without_node(&self, node: &N) -> Result<Self, RingError> {
        let Ok(index) = self.find(node) else { return Err(RingError::unknown(node)) };
        let mut members = self.members.clone();
        members.remove(index);
        Ok(Self::unchecked(self.placement, members))
    }

    /// [`with_node`](Self::with_node), in place.
    ///
    /// # Errors
    /// As `with_node`; the ring is then as it was.
    pub fn add(&mut self, node: N, weight: NonZeroU32) -> Result<(), RingError> {
        *self = self.with_node(node, weight)?;
        Ok(())
    }

    /// [`without_node`](Self::without_node), in place.
    ///
    /// # Errors
    /// As `without_node`; the ring is then as it was.
    pub fn remove(&mut self, node: &N) -> Result<(), RingError> {
        *self = self.without_node(node)?;
        Ok(())
    }

    /// Where `node` is among the members, or where it would go.
    fn find(&self, node: &N) -> Result<usize, usize> {
        let label = node.label();
        self.members.binary_search_by(|member| member.label().cmp(&label))
    }

    /// A ring of `members`, in any order, if they can be on one.
    pub(crate) fn assemble(
        placement: Placement,
        mut members: Vec<Member<N>>,
    ) -> Result<Self, RingError> {
        check_bounds(placement, &members)?;
        members.sort_by(|one, other| one.label().cmp(&other.label()));
        match members.array_windows().find(|[one, other]| one.label() == other.label()) {
            Some([_, twin]) => Err(RingError::duplicate(&twin.node)),
            None => Ok(Self::unchecked(placement, members)),
        }
    }

    /// A ring of `members`, which must be within the bounds, ascending by label
    /// and without duplicates.
    ///
    /// Every ring is made here and from nothing but the members: that is why
    /// its history cannot show.
    fn unchecked(placement: Placement, members: Vec<Member<N>>) -> Self {
        let mut points = Vec::new();
        for (owner, member) in (0..).zip(&members) {
            let label = member.label();
            let positions = placement.positions(&label, member.weight);
            points.extend(positions.map(|position| Point { position, owner }));
        }
        Self::from_points(placement, members, points)
    }

    /// A ring with these points, in any order.
    fn from_points(placement: Placement, members: Vec<Member<N>>, mut points: Vec<Point>) -> Self {
        points.sort_unstable();
        let table = Table::new(&points);
        Self { placement, members, points: points.into(), table }
    }
}

/// Checks the number of nodes and of points before anything is allocated for
/// them; the error names the first node for which there is no room.
fn check_bounds<N: RingNode>(placement: Placement, members: &[Member<N>]) -> Result<(), RingError> {
    let mut points: u64 = 0;
    for (index, Member { node, weight }) in members.iter().enumerate() {
        if MAX_NODES <= index {
            return Err(RingError::too_many_nodes(node));
        }
        // Cannot overflow: there are MAX_POINTS so far at most, and as many to
        // come as a product of two 32-bit numbers.
        points += placement.point_count(*weight);
        if MAX_POINTS < points {
            return Err(RingError::too_many_points(node, points));
        }
    }
    Ok(())
}

impl<N: RingNode> Default for HashRing<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Names the nodes and counts the points: half a million of them help nobody.
impl<N: fmt::Debug> fmt::Debug for HashRing<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashRing")
            .field("members", &self.members)
            .field("points", &self.points.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
