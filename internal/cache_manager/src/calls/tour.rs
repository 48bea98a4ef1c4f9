//! A walk of a task through the nodes of a ring.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use distcache_bus::{CallError, Deadline, Epoch, reply_slot};

use distcache_node::{KeyspaceId, NodeStatus};

use super::walks::{ENTRIES_A_LOCK, Gone};
use super::yield_once;
use crate::Error;
use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;

/// How long a task leaves the nodes alone that wait for a change of the ring.
const PAUSE: Duration = Duration::from_millis(1);

/// Where a task is that asks every node of one ring.
///
/// A thread walks while it holds the lock of membership: no entry is on its way
/// between two nodes. A task cannot hold it while it waits, so it looks: each
/// command bears the epoch of the ring by which the tour began, and the fences of
/// all nodes rise before the next ring is published, and so before the first
/// entry moves. Every node that has answered by the old epoch has done so before
/// that. If one refuses, the tour begins again, by the next ring.
pub(super) struct Tour<'a> {
    shared: &'a Shared,
    routing: Arc<Routing>,
    node: usize,
    /// Where in that node.
    at: usize,
}

impl<'a> Tour<'a> {
    /// At the first node, when no entry is on its way between two.
    pub(super) async fn begin(shared: &'a Shared) -> Result<Self, Error> {
        let routing = settled_routing(shared, None).await?;
        Ok(Self { shared, routing, node: 0, at: 0 })
    }

    /// The node to be asked now; `None` at the end. It is another one, perhaps,
    /// after anything was [`heard`](Self::heard).
    pub(super) fn node(&self) -> Option<Arc<NodeHandle>> {
        self.routing.nodes.get(self.node).cloned()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Nodes that come before the present one.
    pub(super) fn nodes_done(&self) -> usize {
        self.node
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.routing.epoch
    }

    /// What nodes have counted of a keyspace that are gone by now.
    pub(super) fn departed(&self, id: KeyspaceId) -> NodeStatus {
        self.routing.departed.of(id)
    }

    /// Each step has its own patience: the tour has no end in time.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::within(self.shared.call_timeout)
    }

    /// What the present node has replied; `None` if it has not, and the tour is
    /// somewhere else now.
    pub(super) async fn heard<R>(
        &mut self,
        reply: Result<R, CallError>,
    ) -> Result<Option<R>, Error> {
        match reply {
            Ok(reply) => return Ok(Some(reply)),
            // It was given up, and what it held is gone. But one that was removed
            // is retired too, and what it held is elsewhere: there is another
            // ring then.
            Err(CallError::Retired) if self.shared.is_current(&self.routing) => {
                self.go_on(None).await;
            }
            Err(error) => {
                if let Verdict::Final(error) = judge(error) {
                    return Err(error);
                }
                self.routing = settled_routing(self.shared, Some(self.routing.epoch)).await?;
                (self.node, self.at) = (0, 0);
            }
        }
        Ok(None)
    }

    /// Goes to the next place of this node, or to the next node. Others have the
    /// thread meanwhile.
    pub(super) async fn go_on(&mut self, next: Option<usize>) {
        (self.node, self.at) = next.map_or((self.node + 1, 0), |at| (self.node, at));
        yield_once().await;
    }

    /// Tells the listeners what has gone, some at a time: they run on the thread
    /// of the task.
    pub(super) async fn tell(&self, departed: Vec<Gone>) {
        let mut departed = departed.into_iter();
        while !departed.as_slice().is_empty() {
            let some: Vec<_> = departed.by_ref().take(ENTRIES_A_LOCK).collect();
            self.shared.directory.tell(&some);
            drop(some);
            yield_once().await;
        }
    }
}

impl Shared {
    /// Whether a routing is the present one. A node that is removed is retired
    /// after the ring without it was published.
    pub(super) fn is_current(&self, routing: &Routing) -> bool {
        self.routing.load().epoch == routing.epoch
    }
}

/// A routing that is newer than that of `after`, when no entry is on its way
/// between two nodes. As for a thread that wants the lock of membership, that
/// takes as long as a change of the ring does.
pub(super) async fn settled_routing(
    shared: &Shared,
    after: Option<Epoch>,
) -> Result<Arc<Routing>, Error> {
    loop {
        let routing = shared.routing.load_full();
        if routing.before.is_none() && after.is_none_or(|epoch| epoch < routing.epoch) {
            return Ok(routing);
        }
        if shared.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        drop(routing);
        pause(shared).await;
    }
}

async fn pause(shared: &Shared) {
    // Nobody answers: the wait ends by its deadline.
    let (_replier, waiter) = reply_slot::<()>();
    if shared.timer.keep(Deadline::within(PAUSE).instant(), &waiter.expiry()) {
        waiter.await;
    } else {
        yield_once().await;
    }
}
