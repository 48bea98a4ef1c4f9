//! What can go wrong when a ring is changed.

use std::fmt;

use crate::{MAX_NODES, MAX_POINTS};

/// Why a ring could not be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// A node with this label stands on the ring already. To give it another
    /// weight, take it off first.
    #[error("node {node} is already on the ring")]
    Duplicate {
        /// The node, as its `Debug` prints it.
        node: String,
    },
    /// No node with this label stands on the ring.
    #[error("node {node} is not on the ring")]
    Unknown {
        /// The node, as its `Debug` prints it.
        node: String,
    },
    /// The ring has [`MAX_NODES`] nodes.
    #[error("no room on the ring for node {node}: it has {MAX_NODES} nodes, the most there can be")]
    TooManyNodes {
        /// The node, as its `Debug` prints it.
        node: String,
    },
    /// The node would bring more points than [`MAX_POINTS`] leaves room for:
    /// choose smaller weights or fewer virtual nodes.
    #[error(
        "no room on the ring for node {node}: it would have {points} points of at most {MAX_POINTS}"
    )]
    TooManyPoints {
        /// The node, as its `Debug` prints it.
        node: String,
        /// How many points the ring would have had.
        points: u64,
    },
}

impl RingError {
    pub(crate) fn duplicate(node: &impl fmt::Debug) -> Self {
        Self::Duplicate { node: format!("{node:?}") }
    }

    pub(crate) fn unknown(node: &impl fmt::Debug) -> Self {
        Self::Unknown { node: format!("{node:?}") }
    }

    pub(crate) fn too_many_nodes(node: &impl fmt::Debug) -> Self {
        Self::TooManyNodes { node: format!("{node:?}") }
    }

    pub(crate) fn too_many_points(node: &impl fmt::Debug, points: u64) -> Self {
        Self::TooManyPoints { node: format!("{node:?}"), points }
    }
}
