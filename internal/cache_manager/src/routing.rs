//! Which node answers for a key: one immutable picture, swapped whole.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use distcache_bus::{Deadline, Epoch};
use distcache_ring::{HashRing, RingNode};
use parking_lot::{Condvar, Mutex};

use crate::arrivals::Arrivals;
use crate::handle::NodeHandle;
use crate::tallies::Tallies;
use crate::{Claim, Error, Keyspace, NodeId, Territory};

impl RingNode for NodeId {
    /// The name as it is printed: equal names own equal arcs in every process.
    fn label(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_string().into_bytes())
    }
}

/// A ring, its nodes, and the epoch that they serve.
#[derive(Debug, Clone)]
pub(crate) struct Routing {
    pub(crate) epoch: Epoch,
    pub(crate) ring: Arc<HashRing<NodeId>>,
    /// In the ring's order of nodes, so that its index is ours.
    pub(crate) nodes: Vec<Arc<NodeHandle>>,
    /// The picture before this one, while entries are on their way.
    pub(crate) before: Option<Arc<Self>>,
    /// What nodes have counted that are gone. A part of the picture, so that
    /// whoever sums up counts each node once: as one of its nodes, or in here.
    pub(crate) departed: Arc<Tallies>,
    /// Which keys are ours, if other processes have some.
    pub(crate) territory: Option<Arc<dyn Territory>>,
    /// Whether such may have entries that are to come here.
    pub(crate) arrivals: Arrivals,
}

impl Routing {
    /// The node that owns a hash. A ring is never empty here.
    #[inline]
    pub(crate) fn owner(&self, hash: u64) -> &Arc<NodeHandle> {
        &self.nodes[self.owner_index(hash)]
    }

    /// Where in `nodes` that is.
    #[inline]
    pub(crate) fn owner_index(&self, hash: u64) -> usize {
        let index = self.ring.owner_index(hash).expect("the last node is never removed");
        index as usize
    }

    /// The right to answer for a key here: `None` needs none.
    ///
    /// # Errors
    /// `Elsewhere`.
    #[inline]
    pub(crate) fn claim(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Claim>, Error> {
        match &self.territory {
            None => Ok(None),
            Some(territory) => territory.claim(keyspace, key).map(Some).ok_or(Error::Elsewhere),
        }
    }

    /// Whether entries are on their way: from one node to another, or from another process.
    #[inline]
    pub(crate) fn is_moving(&self) -> bool {
        self.before.is_some() || self.arrivals.are_expected()
    }

    /// The node that may still hold the entry of a hash which it does not own
    /// any more.
    pub(crate) fn owner_before(&self, hash: u64) -> Option<&Arc<NodeHandle>> {
        let before = self.before.as_deref()?.owner(hash);
        (before.id != self.owner(hash).id).then_some(before)
    }

    /// Every node that may still count something: while entries move, the one too
    /// that they leave.
    pub(crate) fn counting(&self) -> impl Iterator<Item = &Arc<NodeHandle>> {
        let before = self.before.iter().flat_map(|before| &before.nodes);
        self.nodes.iter().chain(before.filter(|node| self.node(node.id).is_none()))
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<&Arc<NodeHandle>> {
        self.ring.index_of(&id).map(|index| &self.nodes[index as usize])
    }
}

/// Where the present routing is published and read.
#[derive(Debug)]
pub(crate) struct RoutingCell {
    current: ArcSwap<Routing>,
    /// For those who wait for the next one: its epoch, under a lock.
    published: Mutex<Epoch>,
    changed: Condvar,
}

impl RoutingCell {
    pub(crate) fn new(routing: Routing) -> Self {
        let published = Mutex::new(routing.epoch);
        Self { current: ArcSwap::from_pointee(routing), published, changed: Condvar::new() }
    }

    /// The present routing, without a lock.
    #[inline]
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<Routing>> {
        self.current.load()
    }

    /// The present routing, to keep for a while.
    pub(crate) fn load_full(&self) -> Arc<Routing> {
        self.current.load_full()
    }

    /// Makes `routing` the present one.
    ///
    /// The fences of its nodes rise first. The other way round:
    ///
    /// 1. The ring of epoch 2 is published; it gives a key from A to B.
    /// 2. A caller with the new ring asks B, which fetches the entry from A.
    /// 3. A caller with the old ring finds A's fence still low, and stores a
    ///    newer value there, acknowledged.
    /// 4. A reader asks B: the older value.
    ///
    /// Those of the new ring too, though they own no less than before:
    ///
    /// 1. The ring of epoch 2 is published. A owns a key by both.
    /// 2. A caller with the new ring stores a value at A: version (2, n).
    /// 3. A caller with the old ring stores a later one: version (1, n + 1).
    /// 4. Whoever compares versions takes the later value for the older one.
    pub(crate) fn publish(&self, routing: Routing) {
        for node in &routing.nodes {
            node.mailbox.fence().raise(routing.epoch);
        }
        for node in routing.before.iter().flat_map(|before| &before.nodes) {
            node.mailbox.fence().raise(routing.epoch);
        }
        let epoch = routing.epoch;
        self.current.store(Arc::new(routing));
        *self.published.lock() = epoch;
        self.changed.notify_all();
    }

    /// Waits until a later routing than that of `epoch` is published, or the
    /// deadline passes. Returns whether one was.
    pub(crate) fn wait_after(&self, epoch: Epoch, deadline: &Deadline) -> bool {
        let mut published = self.published.lock();
        while *published <= epoch {
            if self.changed.wait_until(&mut published, deadline.instant()).timed_out() {
                return epoch < *published;
            }
        }
        true
    }
}
