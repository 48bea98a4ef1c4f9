//! The nodes as a person sees them.

use std::fmt;

use distcache_node::NodeStatus;

use crate::NodeId;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReport {
    /// Its name.
    pub id: NodeId,
    /// How many times a node of this name was replaced.
    pub incarnation: u64,
    /// What it is doing.
    pub state: NodeState,
    /// The part of the hash space that it owns, from 0 to 1.
    pub ring_share: f64,
    /// What it told last; `None` before its first report.
    pub status: Option<NodeStatus>,
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It answers for its keys.
    Serving,
    /// It answers for its keys, and some of them are still on their way to it.
    Joining,
    /// It failed or was shut down.
    Stopped,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serving => "serving",
            Self::Joining => "joining",
            Self::Stopped => "stopped",
        })
    }
}
