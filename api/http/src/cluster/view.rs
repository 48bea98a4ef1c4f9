//! The cluster, as it is told to clients.

use serde::Serialize;

/// Who the members are. Ids are texts: readers of JSON do not hold 64 bits.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Members {
    /// `node`, or `alone`.
    pub(crate) mode: &'static str,
    /// Null outside of a cluster.
    pub(crate) cluster: Option<String>,
    /// This process, in this cluster.
    pub(crate) me: Option<String>,
    /// Where other members reach this process.
    pub(crate) address: Option<String>,
    /// 0 outside of a cluster.
    pub(crate) epoch: u64,
    pub(crate) leader: Option<String>,
    /// Whether this process may serve from its cache.
    pub(crate) has_lease: bool,
    /// Whether it counts to the majority that others need.
    pub(crate) weighs: bool,
    /// In the order in which they came.
    #[serde(rename = "members")]
    pub(crate) all: Vec<Member>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) state: &'static str,
    pub(crate) weight: u32,
    pub(crate) zone: Option<String>,
}

impl Members {
    /// Of a server that is alone: it serves what it has.
    pub(crate) fn alone() -> Self {
        Self { mode: "alone", has_lease: true, ..Self::default() }
    }
}
