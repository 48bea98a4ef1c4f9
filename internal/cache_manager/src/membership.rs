//! Nodes come, go, and are replaced; their entries move.
//!
//! Every change runs under the membership's lock, one at a time, and makes the
//! next epoch. While entries move, the routing keeps the picture before it;
//! a request for a key that has changed its owner fetches the entry first
//! (`Shared::fetch`), so that the new owner knows the latest value before it
//! says or changes anything. The mover brings over what nobody asks for.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Deadline, Dispatch, Epoch, Mailbox, MailboxSettings, Worker, WorkerSettings};
use distcache_node::{
    Clock, DataNode, Entry, EvictionPolicy, Limits, NodeSettings, STRUCTURE_BYTES_MIN,
};
use distcache_ring::HashRing;
use parking_lot::Mutex;

use crate::budget::Budget;
use crate::config::NODE_BYTES_MIN;
use crate::handle::{NodeHandle, Pulse};
use crate::routing::{Routing, RoutingCell};
use crate::supervisor::Alarms;
use crate::topics::{Assignment, LossReason, RingChange, StatusReport, Topics};
use crate::{Config, ConfigError, Error, NodeId};

/// What it takes to make a node, and which names are taken.
pub(crate) struct Membership {
    budget: Budget,
    policy: EvictionPolicy,
    dispatch: Dispatch,
    inbox_capacity: usize,
    status_every: Duration,
    clock: Arc<dyn Clock>,
    topics: Topics,
    alarms: Alarms,
    next_number: u32,
    /// Of the present ring.
    value_bytes_max: u64,
    /// Lives that were given up and whose worker may still sleep somewhere.
    lost: Vec<Arc<NodeHandle>>,
}

/// How long the mover waits for a node before it gives that node up.
const MOVE_WAIT: Duration = Duration::from_secs(2);

/// Slots that the mover looks at under one pair of locks: some 200 us.
const SLOTS_A_MOVE: usize = 512;

/// What an entry takes beside its allocation, as the mover reckons it: slot,
/// links and index.
const STRUCTURE_BYTES_AN_ENTRY: u64 = 36;

const UNBROKEN: &str = "the names of nodes are never used twice";

impl Membership {
    pub(crate) fn new(config: &Config, topics: Topics, alarms: Alarms) -> Self {
        Self {
            budget: Budget::of(config),
            policy: config.eviction,
            dispatch: config.dispatch,
            inbox_capacity: config.inbox_capacity,
            status_every: config.status_every,
            clock: config.clock.clone(),
            topics,
            alarms,
            next_number: 0,
            value_bytes_max: 0,
            lost: Vec::new(),
        }
    }

    /// Makes the first nodes and the first ring.
    pub(crate) fn found(mut self, nodes: usize) -> Result<(Self, Routing), ConfigError> {
        let ids: Vec<_> = (0..nodes).map(|_| self.next_id()).collect();
        let ring = HashRing::builder().nodes(ids).build().expect(UNBROKEN);
        let limits = self.budget.divide(&ring)?;
        self.note_value_bytes_max(&limits);
        let spawn = |(&id, limits)| self.spawn(id, 0, Epoch::FIRST, limits);
        let nodes = ring.nodes().zip(limits).map(spawn).collect::<io::Result<_>>()?;
        Ok((self, Routing { epoch: Epoch::FIRST, ring: Arc::new(ring), nodes, before: None }))
    }

    /// Adds a node and moves its keys to it.
    pub(crate) fn add(&mut self, routing: &RoutingCell) -> Result<NodeId, Error> {
        let before = routing.load_full();
        let id = self.next_id();
        let ring = before.ring.with_node(id, NonZeroU32::MIN).expect(UNBROKEN);
        let limits = self.budget.divide(&ring).map_err(|error| refused(&error))?;
        let epoch = next_epoch(before.epoch)?;
        Self::make_room_for_one(&before, &ring, &limits);
        let planned = limits[ring.index_of(&id).expect(UNBROKEN) as usize];
        let start = Limits { bytes: NODE_BYTES_MIN, ..planned };
        let node = self.spawn(id, 0, epoch, start).map_err(|error| refused(&error.into()))?;
        let nodes = ring.nodes().map(|id| before.node(*id).unwrap_or(&node).clone()).collect();
        let after = Routing { epoch, ring: Arc::new(ring), nodes, before: Some(before.clone()) };
        routing.publish(after.clone());
        self.topics.ring_change.publish(|| RingChange::Added { node: id, epoch });
        let moved = before.nodes.iter().map(|old| self.move_between(old, &node, &after)).sum();
        self.note_value_bytes_max(&limits);
        self.settle(routing, after, &limits, moved);
        Ok(id)
    }

    /// Removes a node after its keys have moved.
    pub(crate) fn remove(&mut self, routing: &RoutingCell, id: NodeId) -> Result<(), Error> {
        let before = routing.load_full();
        let leaver = before.node(id).ok_or(Error::NodeUnknown)?.clone();
        if before.nodes.len() == 1 {
            return Err(Error::LastNode);
        }
        let ring = before.ring.without_node(&id).expect("the node was found on it");
        let limits = self.budget.divide(&ring).map_err(|error| refused(&error))?;
        let epoch = next_epoch(before.epoch)?;
        let nodes = ring.nodes().filter_map(|id| before.node(*id).cloned()).collect();
        let after = Routing { epoch, ring: Arc::new(ring), nodes, before: Some(before.clone()) };
        routing.publish(after.clone());
        let moved = after.nodes.iter().map(|new| self.move_between(&leaver, new, &after)).sum();
        self.topics.ring_change.publish(|| RingChange::Removed { node: id, epoch });
        // Nothing runs on it any more: its fence has been up since the ring was
        // published, and the mover has held its lock since. Whoever still comes
        // with an older ring looks again.
        leaver.mailbox.retire();
        self.lost.push(leaver);
        self.note_value_bytes_max(&limits);
        self.settle(routing, after, &limits, moved);
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
        let limits = self.budget.divide(&current.ring).map_err(|error| refused(&error))?;
        let incarnation = incarnation + 1;
        let spawned = self.spawn(id, incarnation, epoch, limits[at]);
        let mut after = Routing { epoch, ..(*current).clone() };
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

    pub(crate) fn value_bytes_max(&self) -> u64 {
        self.value_bytes_max
    }

    fn note_value_bytes_max(&mut self, limits: &[Limits]) {
        self.value_bytes_max = limits.iter().map(|limits| limits.value_bytes).min().unwrap_or(0);
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
        limits: Limits,
    ) -> io::Result<Arc<NodeHandle>> {
        let alarms = self.alarms.clone();
        let settings = MailboxSettings {
            dispatch: self.dispatch,
            inbox_capacity: self.inbox_capacity,
            shared_reads: self.policy.shares_hits(),
            epoch,
            on_panic: Box::new(move |message| alarms.panicked(id, incarnation, message)),
        };
        let clock = self.clock.clone();
        let state =
            DataNode::new(NodeSettings { policy: self.policy, limits, clock: clock.clone() });
        let mailbox = Arc::new(Mailbox::new(settings, state));
        let pulse = Arc::new(Pulse::new(&*clock));
        let settings =
            WorkerSettings { name: format!("distcache-{id}"), tick_every: self.status_every };
        let topics = self.topics.clone();
        let regular = Regular { id, incarnation, pulse: pulse.clone(), clock, topics };
        let worker = Worker::start(settings, mailbox.clone(), move |mailbox| regular.run(mailbox))?;
        Ok(Arc::new(NodeHandle {
            id,
            incarnation,
            mailbox,
            worker: Mutex::new(Some(worker)),
            pulse,
        }))
    }

    /// Takes from the old nodes what a new one needs to begin with; and, where
    /// entries are limited, their part of that limit.
    fn make_room_for_one(before: &Routing, ring: &HashRing<NodeId>, limits: &[Limits]) {
        let part = NODE_BYTES_MIN.div_ceil(before.nodes.len() as u64);
        for node in &before.nodes {
            let planned = limits[ring.index_of(&node.id).expect(UNBROKEN) as usize];
            let shrink = |state: &mut DataNode| {
                let bytes = state.limits().bytes - part;
                state.set_limits(Limits { bytes, ..planned });
            };
            // One that cannot be had now is silent, and will be replaced.
            let _ = node.mailbox.locked(MOVE_WAIT, shrink);
        }
    }

    /// Moves from `old` to `new` what `new` owns by the ring of `after`.
    /// Returns how many entries moved.
    fn move_between(&self, old: &NodeHandle, new: &NodeHandle, after: &Routing) -> u64 {
        let owns = |hash: u64| after.owner(hash).id == new.id;
        let mut total = 0;
        let mut next = Some(0);
        while let Some(from) = next {
            // The new owner's lock first: see `commands::Fetch`.
            let step = new.mailbox.locked(MOVE_WAIT, |taker| {
                old.mailbox.locked(MOVE_WAIT, |giver| hand_over(giver, taker, from, owns))
            });
            next = match step {
                Ok(Ok(step)) => {
                    total += step.hashes.len() as u64;
                    self.tell_assigned(&step.hashes, new.id, after.epoch);
                    step.next
                }
                Ok(Err(_silent)) => {
                    // What it still holds is gone with it.
                    self.give_up(old);
                    None
                }
                Err(_silent) => {
                    self.give_up(new);
                    self.purge(old, after);
                    None
                }
            };
        }
        total
    }

    /// Drops from a node what it does not own any more, because the new owner
    /// was lost. Left there, it would be served again, and old, when a later
    /// ring gives those keys back.
    fn purge(&self, node: &NodeHandle, after: &Routing) {
        let strays = |hash: u64| after.owner(hash).id != node.id;
        let mut next = Some(0);
        while let Some(from) = next {
            let mut dropped = Vec::new();
            let step = node.mailbox.locked(MOVE_WAIT, |state| {
                state.hand_over_some(from, SLOTS_A_MOVE, strays, &mut dropped)
            });
            next = step.unwrap_or_else(|_silent| {
                self.give_up(node);
                None
            });
        }
    }

    /// Gives a node up that cannot be had; the supervisor will replace it.
    fn give_up(&self, node: &NodeHandle) {
        node.mailbox.retire();
        self.alarms.wake();
    }

    fn tell_assigned(&self, hashes: &[u64], node: NodeId, epoch: Epoch) {
        for &key_hash in hashes {
            let assignment = Assignment { key_hash, node, epoch };
            self.topics.node_key_assignment.publish(|| assignment);
        }
    }

    /// Ends a move: the picture before it is forgotten, and everybody gets the
    /// part of the capacity that is planned.
    fn settle(&self, routing: &RoutingCell, after: Routing, limits: &[Limits], moved: u64) {
        let (epoch, nodes) = (after.epoch, after.nodes.clone());
        routing.publish(Routing { before: None, ..after });
        // Shrink first, then grow: the sum never exceeds the whole.
        let change = |grows: bool| {
            for (node, &planned) in nodes.iter().zip(limits) {
                let change = |state: &mut DataNode| {
                    if (state.limits().bytes < planned.bytes) == grows {
                        state.set_limits(planned);
                    }
                };
                // One that cannot be had is silent, and will be replaced.
                let _ = node.mailbox.locked(MOVE_WAIT, change);
            }
        };
        change(false);
        change(true);
        self.topics.ring_change.publish(|| RingChange::Settled { epoch, moved });
    }
}

/// One step of a move.
struct Step {
    /// Where to go on; `None` at the end.
    next: Option<usize>,
    hashes: Vec<u64>,
}

/// Moves some entries, and with them the right to the bytes that they take.
fn hand_over(
    giver: &mut DataNode,
    taker: &mut DataNode,
    from: usize,
    leaves: impl Fn(u64) -> bool,
) -> Step {
    let mut moved: Vec<(u64, Entry)> = Vec::new();
    let before = giver.bytes();
    let next = giver.hand_over_some(from, SLOTS_A_MOVE, leaves, &mut moved);
    let structure = STRUCTURE_BYTES_AN_ENTRY * moved.len() as u64;
    let spare = giver.limits().bytes.saturating_sub(STRUCTURE_BYTES_MIN);
    let bytes = (before - giver.bytes() + structure).min(spare);
    giver.set_limits(Limits { bytes: giver.limits().bytes - bytes, ..giver.limits() });
    taker.set_limits(Limits { bytes: taker.limits().bytes + bytes, ..taker.limits() });
    let hashes = moved.iter().map(|(hash, _)| *hash).collect();
    for (hash, entry) in moved {
        taker.take_over(hash, entry);
    }
    Step { next, hashes }
}

fn refused(error: &ConfigError) -> Error {
    Error::NodeRefused { reason: error.to_string() }
}

/// # Errors
/// `NodeRefused` after sixteen million changes: the versions have no room for
/// another epoch.
fn next_epoch(epoch: Epoch) -> Result<Epoch, Error> {
    let spent = || Error::NodeRefused { reason: "the last epoch is reached".to_owned() };
    epoch.next().ok_or_else(spent)
}

/// The regular work of one node's thread: sweep, and tell.
struct Regular {
    id: NodeId,
    incarnation: u64,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    topics: Topics,
}

/// Sweeps at one tick: 65,536 slots, each sweep under a lock of its own.
const SWEEPS_A_TICK: usize = 64;

/// How long the regular work waits for its own node's lock before it lets this
/// tick pass. No beat then: a node whose lock is never free is silent.
const TICK_WAIT: Duration = Duration::from_millis(500);

impl Regular {
    fn run(&self, mailbox: &Mailbox<DataNode>) {
        for _ in 0..SWEEPS_A_TICK {
            match mailbox.locked(TICK_WAIT, DataNode::sweep) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return,
            }
        }
        let Ok(mut status) = mailbox.locked(TICK_WAIT, |state| state.status()) else { return };
        status.inbox_depth = mailbox.inbox_depth() as u64;
        self.pulse.beat(self.clock.now(), status);
        let (node, incarnation) = (self.id, self.incarnation);
        self.topics.node_status.publish(|| StatusReport { node, incarnation, status });
    }
}
