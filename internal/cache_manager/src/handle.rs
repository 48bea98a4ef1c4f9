//! One node as the manager holds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache_bus::{Mailbox, Worker};
use distcache_node::{Clock, DataNode, NodeStatus, SystemClock, Tick};
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
///
/// A worker works in real time, whatever the clock says by which values expire:
/// a clock that leaps makes no node silent.
#[derive(Debug)]
pub(crate) struct Pulse {
    clock: SystemClock,
    beat_ms: AtomicU64,
    status: Mutex<Option<NodeStatus>>,
}

impl Pulse {
    /// Of a worker that begins now.
    pub(crate) fn new() -> Self {
        Self { clock: SystemClock::new(), beat_ms: AtomicU64::new(0), status: Mutex::new(None) }
    }

    pub(crate) fn beat(&self, status: NodeStatus) {
        *self.status.lock() = Some(status);
        self.beat_ms.store(self.clock.now().as_ms(), Ordering::Relaxed);
    }

    /// The time since the last beat.
    pub(crate) fn silence(&self) -> Duration {
        let beat = Tick::from_ms(self.beat_ms.load(Ordering::Relaxed));
        self.clock.now().since(beat)
    }

    pub(crate) fn status(&self) -> Option<NodeStatus> {
        *self.status.lock()
    }
}
