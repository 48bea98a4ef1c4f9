//! Nodes come, go, and are replaced; their entries move.
//!
//! Every change runs under the membership's lock, one at a time, and makes the
//! next epoch. While entries move, the routing keeps the picture before it;
//! a request for a key that has changed its owner fetches the entry first
//! (`Shared::fetch`), so that the new owner knows the latest value before it
//! says or changes anything. The mover brings over what nobody asks for.

mod keyspaces;
mod moves;
mod passage;
pub use passage::Passage;

mod replicas;
pub use replicas::{Copied, Seeds};

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Deadline, Dispatch, Epoch, Mailbox, MailboxSettings, Worker, WorkerSettings};
use distcache_node::{
    Clock, DataNode, Journal, KeyspaceId, KeyspaceSettings, Limits, NodeSettings,
};
use distcache_ring::HashRing;
use parking_lot::Mutex;

use crate::arrivals::Arrivals;
use crate::budget::Budget;
use crate::config::DATA_NODES_MAX;
use crate::handle::{NodeHandle, Pulse};
use crate::keyspace::Directory;
use crate::regular::Regular;
use crate::routing::{Routing, RoutingCell};
use crate::supervisor::Alarms;
use crate::topics::{LossReason, RingChange, Topics};
use crate::{Config, ConfigError, Error, Keyspace, KeyspaceSpec, NodeId, Nowhere, Territory};

/// What it takes to make a node, and which names are taken.
pub(crate) struct Membership {
    budget: Budget,
    /// Every keyspace, and how it works.
    keyspaces: Vec<(Keyspace, KeyspaceSpec)>,
    /// How many keyspaces have had each place.
    generations: Vec<u32>,
    directory: Arc<Directory>,
    dispatch: Dispatch,
    inbox_capacity: usize,
    status_every: Duration,
    clock: Arc<dyn Clock>,
    topics: Topics,
    alarms: Alarms,
    next_number: u32,
    /// The view since which keys have the owners among processes that they have; 0 alone.
    tenure: u64,
    /// Whether nodes may hold entries of keys that are another process's.
    has_strays: bool,
    /// What was done to keyspaces of which others keep copies.
    journal: Arc<Journal>,
    /// Lives that were given up and whose worker may still sleep somewhere.
    lost: Vec<Arc<NodeHandle>>,
}

/// How long the mover waits for a node before it gives that node up.
const MOVE_WAIT: Duration = Duration::from_secs(2);

const UNBROKEN: &str = "the names of nodes are never used twice";

impl Membership {
    pub(crate) fn new(
        config: &Config,
        directory: Arc<Directory>,
        topics: Topics,
        alarms: Alarms,
        journal: Arc<Journal>,
    ) -> Self {
        Self {
            budget: Budget::of(config),
            keyspaces: Vec::new(),
            generations: Vec::new(),
            directory,
            dispatch: config.dispatch,
            inbox_capacity: config.inbox_capacity,
            status_every: config.status_every,
            clock: config.clock.clone(),
            topics,
            alarms,
            next_number: 0,
            tenure: 0,
            has_strays: false,
            journal,
            lost: Vec::new(),
        }
    }

    /// Makes the first nodes and the first ring.
    pub(crate) fn found(mut self, nodes: usize) -> Result<(Self, Routing), ConfigError> {
        let ids: Vec<_> = (0..nodes).map(|_| self.next_id()).collect();
        let ring = HashRing::builder().nodes(ids).build().expect(UNBROKEN);
        let plans = self.plan(&ring)?;
        let spawn = |(&id, plan)| self.spawn(id, 0, Epoch::FIRST, plan);
        let nodes = ring.nodes().zip(&plans).map(spawn).collect::<io::Result<_>>()?;
        let (epoch, ring, departed) = (Epoch::FIRST, Arc::new(ring), Arc::default());
        let (before, territory, arrivals) = (None, None, Arrivals::default());
        let routing = Routing { epoch, ring, nodes, before, departed, territory, arrivals };
        Ok((self, routing))
    }

    /// Adds a node and moves its keys to it.
    pub(crate) fn add(&mut self, routing: &RoutingCell) -> Result<NodeId, Error> {
        let joining = self.announce(routing)?;
        let id = joining.node.id;
        self.let_join(routing, joining);
        Ok(id)
    }

    /// Makes an empty node, and lets it own its part of the keys.
    fn announce(&mut self, routing: &RoutingCell) -> Result<Joining, Error> {
        let before = routing.load_full();
        if DATA_NODES_MAX <= before.nodes.len() {
            let reason = format!("there are {DATA_NODES_MAX} already");
            return Err(Error::NodeRefused { reason });
        }
        let id = self.next_id();
        let ring = before.ring.with_node(id, NonZeroU32::MIN).expect(UNBROKEN);
        let plans = self.plan(&ring).map_err(|error| refused(&error))?;
        let epoch = next_epoch(before.epoch)?;
        self.end_arrivals(routing);
        self.make_room_for_one(&before, &ring, &plans);
        let start = plans[ring.index_of(&id).expect(UNBROKEN) as usize].to_begin_with();
        let node = self.spawn(id, 0, epoch, &start).map_err(|error| refused(&error.into()))?;
        let nodes = ring.nodes().map(|id| before.node(*id).unwrap_or(&node).clone()).collect();
        let ring = Arc::new(ring);
        let after =
            Routing { epoch, ring, nodes, before: Some(before.clone()), ..(*before).clone() };
        routing.publish(after.clone());
        self.topics.ring_change.publish(|| RingChange::Added { node: id, epoch });
        Ok(Joining { node, before, after, plans })
    }

    /// Moves to a node what it owns by now.
    fn let_join(&self, routing: &RoutingCell, joining: Joining) {
        let Joining { node, before, after, plans } = joining;
        let moved = before.nodes.iter().map(|old| self.move_between(old, &node, &after)).sum();
        self.settle(routing, after, &plans, moved);
    }

    /// Removes a node after its keys have moved.
    pub(crate) fn remove(&mut self, routing: &RoutingCell, id: NodeId) -> Result<(), Error> {
        let before = routing.load_full();
        let leaver = before.node(id).ok_or(Error::NodeUnknown)?.clone();
        if before.nodes.len() == 1 {
            return Err(Error::LastNode);
        }
        let ring = before.ring.without_node(&id).expect("the node was found on it");
        let plans = self.plan(&ring).map_err(|error| refused(&error))?;
        let epoch = next_epoch(before.epoch)?;
        // What one node has noted of its keys, that which owns them next has not.
        self.end_arrivals(routing);
        let nodes = ring.nodes().filter_map(|id| before.node(*id).cloned()).collect();
        let ring = Arc::new(ring);
        let mut after =
            Routing { epoch, ring, nodes, before: Some(before.clone()), ..(*before).clone() };
        routing.publish(after.clone());
        let moved = after.nodes.iter().map(|new| self.move_between(&leaver, new, &after)).sum();
        self.topics.ring_change.publish(|| RingChange::Removed { node: id, epoch });
        // Nothing runs on it any more, and it counts nothing more: its fence has
        // been up since the ring was published, and the mover has held its lock
        // since. Whoever still comes with an older ring looks again.
        after.departed = Arc::new(after.departed.with(&leaver.last_counts()));
        self.settle(routing, after, &plans, moved);
        // After that: whoever sums up would find it gone before it is in the sum.
        leaver.mailbox.retire();
        self.lost.push(leaver);
        Ok(())
    }

    /// Puts an empty node in the place of one that was given up. Does nothing
    /// if that life of it was replaced already.
    pub(crate) fn replace(
        &mut self,
        routing: &RoutingCell,
        (id, incarnation): (NodeId, u64),
        reason: LossReason,
    ) -> Result<(), Error> {
        let current = routing.load_full();
        let Some(old) = current.node(id).filter(|node| node.incarnation == incarnation) else {
            return Ok(());
        };
        let epoch = next_epoch(current.epoch)?;
        old.mailbox.retire();
        self.topics.ring_change.publish(|| RingChange::Lost { node: id, incarnation, reason });
        let at = current.ring.index_of(&id).expect(UNBROKEN) as usize;
        let plans = self.plan(&current.ring).map_err(|error| refused(&error))?;
        let incarnation = incarnation + 1;
        let spawned = self.spawn(id, incarnation, epoch, &plans[at]);
        let departed = Arc::new(current.departed.with(&old.last_counts()));
        let mut after = Routing { epoch, departed, ..(*current).clone() };
        after.nodes[at] = spawned.map_err(|error| refused(&error.into()))?;
        routing.publish(after);
        self.lost.push(old.clone());
        self.topics.ring_change.publish(|| RingChange::Replaced { node: id, incarnation, epoch });
        Ok(())
    }

    /// Begins a new epoch with the same nodes, before a node's sequence ends.
    pub(crate) fn turn_epoch(routing: &RoutingCell) -> Result<(), Error> {
        let current = routing.load_full();
        routing.publish(Routing { epoch: next_epoch(current.epoch)?, ..(*current).clone() });
        Ok(())
    }

    /// Answers for no key, by the next epoch.
    pub(crate) fn withdraw(routing: &RoutingCell) -> Result<(), Error> {
        let current = routing.load_full();
        let (epoch, territory): (_, Arc<dyn Territory>) =
            (next_epoch(current.epoch)?, Arc::new(Nowhere));
        routing.publish(Routing { epoch, territory: Some(territory), ..(*current).clone() });
        Ok(())
    }

    /// Answers for the keys of a territory, by the first epoch of a view.
    ///
    /// The fences rise as with any ring: a call that has claimed its key by the view
    /// before is refused, and claims again.
    ///
    /// 1. A writer claims a key by view 1, before its node is asked.
    /// 2. View 2 gives the key to another process. This one says that it knows.
    /// 3. The other one answers for the key from now on; a write there is
    ///    acknowledged.
    /// 4. The writer's node stores its value here, and acknowledges.
    pub(crate) fn settle_in(
        &mut self,
        routing: &RoutingCell,
        view: u64,
        territory: Option<Arc<dyn Territory>>,
    ) -> Result<(), Error> {
        let current = routing.load_full();
        let epoch = first_of_view(view, current.epoch)?;
        // 1. A key goes from this process to another by view 2. Its entry stays.
        // 2. It is put there, again and again; the other process dies.
        // 3. View 3 gives the key back. A reader finds what this process has kept.
        if self.has_strays {
            self.drop_strays(&current);
        }
        // Before this process answers for the first key by the new view.
        if territory.is_some() {
            self.expect_arrivals(&current);
        }
        self.has_strays = territory.is_some();
        self.tenure = view;
        routing.publish(Routing { epoch, territory, ..(*current).clone() });
        Ok(())
    }

    /// The same, if every key has the owner that it had: strays are strays still, and
    /// what was noted of keys that were used counts on.
    pub(crate) fn settle_alike(
        routing: &RoutingCell,
        view: u64,
        territory: Arc<dyn Territory>,
    ) -> Result<(), Error> {
        let current = routing.load_full();
        let epoch = first_of_view(view, current.epoch)?;
        let territory = Some(territory);
        routing.publish(Routing { epoch, territory, ..(*current).clone() });
        Ok(())
    }

    /// Closes every node and joins its thread. Returns how many did not end.
    pub(crate) fn close(&mut self, routing: &Routing, deadline: &Deadline) -> usize {
        for node in &routing.nodes {
            node.mailbox.close();
        }
        let every = routing.nodes.iter().cloned().chain(self.lost.drain(..));
        let workers: Vec<_> = every.filter_map(|node| node.worker.lock().take()).collect();
        workers.into_iter().filter_map(|worker| (!worker.join(deadline)).then_some(())).count()
    }

    /// Forgets lost lives whose thread has ended by now.
    pub(crate) fn bury_the_dead(&mut self) {
        let sleeps = |worker: &Worker| !worker.is_finished();
        self.lost.retain(|node| node.worker.lock().as_ref().is_some_and(sleeps));
    }

    /// What each node may hold by a ring, in its order.
    fn plan(&self, ring: &HashRing<NodeId>) -> Result<Vec<Plan>, ConfigError> {
        let mut plans: Vec<_> = self
            .budget
            .divide(ring)?
            .into_iter()
            .map(|bytes_max| Plan { bytes_max, keyspaces: Vec::new() })
            .collect();
        for (keyspace, spec) in &self.keyspaces {
            let limits = self.budget.divide_keyspace(ring, spec)?;
            for (plan, limits) in plans.iter_mut().zip(limits) {
                plan.keyspaces.push((keyspace.id(), self.settings(spec, limits)));
            }
        }
        Ok(plans)
    }

    /// How a keyspace works on a node where it has these limits.
    fn settings(&self, spec: &KeyspaceSpec, limits: Limits) -> KeyspaceSettings {
        KeyspaceSettings {
            policy: spec.eviction.clone(),
            limits,
            lifetimes: spec.lifetimes,
            listens: spec.listener.is_some(),
            flights_max: spec.flights_max,
            journal: Some(self.journal.clone()),
            is_copied: 1 < spec.holders(),
        }
    }

    fn next_id(&mut self) -> NodeId {
        let id = NodeId(self.next_number);
        self.next_number += 1;
        id
    }

    /// Starts one life of a node: state, mailbox and worker.
    fn spawn(
        &self,
        id: NodeId,
        incarnation: u64,
        epoch: Epoch,
        plan: &Plan,
    ) -> io::Result<Arc<NodeHandle>> {
        let alarms = self.alarms.clone();
        let settings = MailboxSettings {
            dispatch: self.dispatch,
            inbox_capacity: self.inbox_capacity,
            epoch,
            on_panic: Box::new(move |message| alarms.panicked(id, incarnation, message)),
        };
        let settings_of_node =
            NodeSettings { bytes_max: plan.bytes_max, clock: self.clock.clone() };
        let mut state = DataNode::new(settings_of_node);
        for (keyspace, settings) in &plan.keyspaces {
            drop(state.add_keyspace(*keyspace, settings));
        }
        let mailbox = Arc::new(Mailbox::new(settings, state));
        let pulse = Arc::new(Pulse::new());
        let settings =
            WorkerSettings { name: format!("distcache-{id}"), tick_every: self.status_every };
        let (topics, keyspaces) = (self.topics.clone(), self.directory.clone());
        let regular = Regular { id, incarnation, pulse: pulse.clone(), topics, keyspaces };
        let worker = Worker::start(settings, mailbox.clone(), move |mailbox| regular.run(mailbox))?;
        Ok(Arc::new(NodeHandle {
            id,
            incarnation,
            mailbox,
            worker: Mutex::new(Some(worker)),
            pulse,
        }))
    }
}

/// A node that owns keys by now, and does not have them yet.
struct Joining {
    node: Arc<NodeHandle>,
    before: Arc<Routing>,
    after: Routing,
    plans: Vec<Plan>,
}

/// What one node may hold.
#[derive(Debug, Clone)]
struct Plan {
    bytes_max: u64,
    keyspaces: Vec<(KeyspaceId, KeyspaceSettings)>,
}

fn refused(error: &ConfigError) -> Error {
    Error::NodeRefused { reason: error.to_string() }
}

/// # Errors
/// `NodeRefused` after four thousand million changes: the versions have no room for
/// another epoch.
fn next_epoch(epoch: Epoch) -> Result<Epoch, Error> {
    let spent = || Error::NodeRefused { reason: "the last epoch is reached".to_owned() };
    epoch.next().ok_or_else(spent)
}

/// The first epoch of a view, which has to come after the present one.
fn first_of_view(view: u64, current: Epoch) -> Result<Epoch, Error> {
    let epoch = Epoch::of_view(view).filter(|epoch| current < *epoch);
    epoch.ok_or_else(|| {
        let (first, last) = (current.view() + 1, Epoch::VIEW_MAX);
        Error::NodeRefused { reason: format!("view {view} is not one from {first} to {last}") }
    })
}
