//! `/v1/nodes`: the state of each data node.

use distcache::{NodeReport, NodeStatus};
use serde::Serialize;

use crate::Response;

/// `{"nodes":[{"id","incarnation","state","ring_share","status"}]}`; `status` is null until a
/// node has reported once.
pub(super) fn report(nodes: &[NodeReport]) -> Response {
    super::document(&Nodes { nodes: views(nodes) })
}

pub(super) fn views(nodes: &[NodeReport]) -> Vec<NodeView> {
    nodes.iter().map(NodeView::of).collect()
}

#[derive(Serialize)]
struct Nodes {
    nodes: Vec<NodeView>,
}

#[derive(Serialize)]
pub(super) struct NodeView {
    id: String,
    incarnation: u64,
    state: String,
    ring_share: f64,
    status: Option<StatusView>,
}

impl NodeView {
    fn of(node: &NodeReport) -> Self {
        Self {
            id: node.id.to_string(),
            incarnation: node.incarnation,
            state: node.state.to_string(),
            ring_share: node.ring_share,
            status: node.status.as_ref().map(StatusView::of),
        }
    }
}

/// The members are those of [`NodeStatus`], which documents them.
#[derive(Serialize)]
struct StatusView {
    entries: u64,
    /// Null where there is no such limit: the number for that is beyond what
    /// readers of JSON can hold.
    entries_max: Option<u64>,
    bytes: u64,
    capacity_bytes: u64,
    hits: u64,
    misses: u64,
    inserts: u64,
    updates: u64,
    deletes: u64,
    evictions: u64,
    expirations: u64,
    invalidations: u64,
    flights: u64,
    refusals: u64,
    moved_in: u64,
    moved_out: u64,
    inbox_depth: u64,
    uptime_ms: u64,
    sequence: u64,
}

impl StatusView {
    /// Taken apart by name, so that a new member cannot be forgotten.
    fn of(status: &NodeStatus) -> Self {
        let NodeStatus {
            entries,
            entries_max,
            bytes,
            capacity_bytes,
            hits,
            misses,
            inserts,
            updates,
            deletes,
            evictions,
            expirations,
            invalidations,
            flights,
            refusals,
            moved_in,
            moved_out,
            inbox_depth,
            uptime_ms,
            sequence,
            // That of the ring, but for a moment.
            epoch: _,
            // What `/metrics` and `/v1/limits` tell.
            evicted_ages: _,
            reached: _,
            peaks: _,
            tag_records: _,
            value_bytes_max: _,
        } = *status;
        let entries_max = (entries_max != u64::MAX).then_some(entries_max);
        Self {
            entries,
            entries_max,
            bytes,
            capacity_bytes,
            hits,
            misses,
            inserts,
            updates,
            deletes,
            evictions,
            expirations,
            invalidations,
            flights,
            refusals,
            moved_in,
            moved_out,
            inbox_depth,
            uptime_ms,
            sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_of_entries_is_null() {
        let entries_max = |entries_max| {
            StatusView::of(&NodeStatus { entries_max, ..NodeStatus::default() }).entries_max
        };
        assert_eq!(entries_max(u64::MAX), None);
        assert_eq!(entries_max(7), Some(7));
    }
}
