//! One node as the manager holds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache_bus::{CallError, Mailbox, Worker};
use distcache_node::{Clock, DataNode, KeyspaceId, NodeStatus, SystemClock, Tick};
use parking_lot::Mutex;

use crate::tallies::Tallies;

/// The name of a data node: `node-0`, `node-1` and so on. A name is not used
/// again after its node was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// Of the number in the name.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number in the name.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl NodeHandle {
    /// What one keyspace has here, noted as told; `None` if it is not here.
    ///
    /// # Errors
    /// As of [`Mailbox::locked`]: nobody was told then, whatever was noted.
    pub(crate) fn keyspace_status(
        &self,
        id: KeyspaceId,
        wait: Duration,
    ) -> Result<Option<NodeStatus>, CallError> {
        self.mailbox.locked(wait, |state| {
            self.pulse.note(state);
            state.keyspace_status(id)
        })
    }

    /// What a node has counted that leaves, or was given up by now; as exactly as
    /// its lock is to be had, and at least what anybody was told. The other way
    /// round:
    ///
    /// 1. A node is silent. The sum of those that are gone gets what was noted.
    /// 2. A caller that has waited for its lock notes more, and tells it.
    /// 3. The node is given up. The next caller is told less.
    pub(crate) fn last_counts(&self) -> Tallies {
        // One that was given up answers nobody, but notes.
        let _ = self.mailbox.locked(LAST_COUNTS_WAIT, |state| self.pulse.note(state));
        self.pulse.counts()
    }
}

/// How long a change of nodes waits for the lock of one that goes, to know what
/// it has counted: one that sleeps with it is not worth more.
const LAST_COUNTS_WAIT: Duration = Duration::from_millis(5);

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
    /// What its keyspaces had counted when somebody was last told. It is noted
    /// under the node's lock, so that it only grows.
    counts: Mutex<Tallies>,
}

impl Pulse {
    /// Of a worker that begins now.
    pub(crate) fn new() -> Self {
        Self {
            clock: SystemClock::new(),
            beat_ms: AtomicU64::new(0),
            status: Mutex::new(None),
            counts: Mutex::default(),
        }
    }

    pub(crate) fn beat(&self, status: &NodeStatus) {
        *self.status.lock() = Some(*status);
        self.beat_ms.store(self.clock.now().as_ms(), Ordering::Relaxed);
    }

    /// The time since the last beat.
    pub(crate) fn silence(&self) -> Duration {
        let beat = Tick::from_ms(self.beat_ms.load(Ordering::Relaxed));
        self.clock.now().since(beat)
    }

    /// Notes what every keyspace has counted by now. Under the node's lock.
    pub(crate) fn note(&self, state: &DataNode) {
        let mut counts = self.counts.lock();
        state.counts().for_each(|(id, counted)| counts.set(id, &counted));
    }

    /// What somebody may have been told that the node has counted.
    pub(crate) fn counts(&self) -> Tallies {
        self.counts.lock().clone()
    }

    pub(crate) fn status(&self) -> Option<NodeStatus> {
        *self.status.lock()
    }
}
