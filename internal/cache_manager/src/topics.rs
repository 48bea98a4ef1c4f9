//! What the manager tells whoever listens. Hashes, never keys.

use distcache_bus::{Epoch, Lag, Topic};
use distcache_node::NodeStatus;

use crate::NodeId;

/// A node's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusReport {
    /// Which node.
    pub node: NodeId,
    /// Which life of it.
    pub incarnation: u64,
    /// What it told.
    pub status: NodeStatus,
}

/// A key that a node did not hold has come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The key's hash.
    pub key_hash: u64,
    /// The node that holds it now.
    pub node: NodeId,
    /// The ring by which it does.
    pub epoch: Epoch,
}

/// A key was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalidation {
    /// The key's hash.
    pub key_hash: u64,
    /// The node that held it.
    pub node: NodeId,
}

/// The nodes have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingChange {
    /// A node was added; keys move to it.
    Added {
        /// Which node.
        node: NodeId,
        /// The new ring's epoch.
        epoch: Epoch,
    },
    /// A node was removed; its keys have moved.
    Removed {
        /// Which node.
        node: NodeId,
        /// The new ring's epoch.
        epoch: Epoch,
    },
    /// A node was lost, with all that it held.
    Lost {
        /// Which node.
        node: NodeId,
        /// Which life of it.
        incarnation: u64,
        /// What became of it.
        reason: LossReason,
    },
    /// An empty node has taken the place of a lost one.
    Replaced {
        /// Which node.
        node: NodeId,
        /// Its new life.
        incarnation: u64,
        /// The new ring's epoch.
        epoch: Epoch,
    },
    /// Every key that had to move after an addition or removal has.
    Settled {
        /// The ring's epoch.
        epoch: Epoch,
        /// How many entries moved.
        moved: u64,
    },
}

/// Why a node was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason {
    /// A command panicked on it.
    Panicked,
    /// It told nothing for longer than allowed.
    Silent,
}

/// Totals over all nodes, those that are gone included; at each turn of the supervisor in which they changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Gets that found a value.
    pub hits: u64,
    /// Gets that found none.
    pub misses: u64,
    /// Puts.
    pub puts: u64,
    /// Deletes that found a value.
    pub deletes: u64,
}

/// Every topic of one manager.
#[derive(Debug, Clone)]
pub struct Topics {
    /// Each node's status, regularly.
    pub node_status: Topic<StatusReport>,
    /// Which node a key has come to.
    pub node_key_assignment: Topic<Assignment>,
    /// Keys that were deleted. A put is no invalidation.
    pub cache_invalidation: Topic<Invalidation>,
    /// Nodes that came, went, or were lost.
    pub ring_change: Topic<RingChange>,
    /// How many operations there were.
    pub operations: Topic<OperationCounts>,
}

impl Topics {
    pub(crate) fn new() -> Self {
        Self {
            node_status: Topic::new("node_status"),
            node_key_assignment: Topic::new("node_key_assignment"),
            cache_invalidation: Topic::new("cache_invalidation"),
            ring_change: Topic::new("ring_change"),
            operations: Topic::new("operations"),
        }
    }

    /// How far the subscribers of each topic are behind.
    pub fn lags(&self) -> Vec<Lag> {
        let Self { node_status, node_key_assignment, cache_invalidation, ring_change, operations } =
            self;
        vec![
            node_status.lag(),
            node_key_assignment.lag(),
            cache_invalidation.lag(),
            ring_change.lag(),
            operations.lag(),
        ]
    }
}
