//! One node as the manager holds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use distcache_bus::{Mailbox, Worker};
use distcache_node::{Clock, DataNode, NodeStatus, Tick};
use parking_lot::Mutex;

/// The name of a data node: `node-0`, `node-1` and so on. A name is not used
/// again after its node was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The number in the name.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}

/// One life of a node: a replacement has the same name and the next
/// incarnation.
#[derive(Debug)]
pub(crate) struct NodeHandle {
    pub(crate) id: NodeId,
    pub(crate) incarnation: u64,
    pub(crate) mailbox: Arc<Mailbox<DataNode>>,
    /// Taken by whoever joins it.
    pub(crate) worker: Mutex<Option<Worker>>,
    pub(crate) pulse: Arc<Pulse>,
}

/// What a node's worker last told, and when.
#[derive(Debug)]
pub(crate) struct Pulse {
    beat_ms: AtomicU64,
    status: Mutex<Option<NodeStatus>>,
}

impl Pulse {
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        Self { beat_ms: AtomicU64::new(clock.now().as_ms()), status: Mutex::new(None) }
    }

    pub(crate) fn beat(&self, now: Tick, status: NodeStatus) {
        *self.status.lock() = Some(status);
        self.beat_ms.store(now.as_ms(), Ordering::Relaxed);
    }

    /// Milliseconds since the last beat.
    pub(crate) fn silent_ms(&self, now: Tick) -> u64 {
        now.as_ms().saturating_sub(self.beat_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn status(&self) -> Option<NodeStatus> {
        *self.status.lock()
    }
}
