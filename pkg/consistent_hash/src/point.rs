//! One point of the ring.

/// A virtual node: a position on the ring and the node that owns the arc which
/// ends there.
///
/// The order is the order of the walk: clockwise, and where points coincide,
/// the owner of the smallest label first. Owners are numbered by label, so the
/// derived order is just that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) position: u64,
    /// The node's index. Sixteen bits, because a line of the table holds
    /// sixteen of them; `MAX_NODES` keeps indices far below the largest.
    pub(crate) owner: u16,
}

/// The index in `points` of the first at or after `hash`, going round at the
/// end. `points` must be sorted; for no points the answer is 0.
///
/// This is the plain binary search that [`Table`](crate::table::Table) saves
/// all but a few lookups.
pub(crate) fn successor(points: &[Point], hash: u64) -> usize {
    let index = points.partition_point(|point| point.position < hash);
    if index < points.len() { index } else { 0 }
}
