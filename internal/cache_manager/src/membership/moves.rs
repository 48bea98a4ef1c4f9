//! Entries travel from node to node, and the right to memory with them.

use distcache_node::{DataNode, Entry, KeyspaceId, Limits, STRUCTURE_BYTES_MIN};
use distcache_ring::HashRing;

use super::{MOVE_WAIT, Membership, Plan, UNBROKEN};
use crate::NodeId;
use crate::config::NODE_BYTES_MIN;
use crate::handle::NodeHandle;
use crate::routing::{Routing, RoutingCell};
use crate::topics::{Assignment, RingChange};

/// Slots that the mover looks at under one pair of locks: some 200 us.
const SLOTS_A_MOVE: usize = 512;

/// What an entry takes beside its allocation, as the mover reckons it: slot,
/// links and index.
const STRUCTURE_BYTES_AN_ENTRY: u64 = 36;

impl Plan {
    /// The same for a node that gets its entries later, and with them the right
    /// to the memory that they take.
    pub(super) fn to_begin_with(&self) -> Self {
        let mut start = self.clone();
        start.bytes_max = NODE_BYTES_MIN;
        for (_, settings) in &mut start.keyspaces {
            settings.limits.bytes = NODE_BYTES_MIN;
        }
        start
    }
}

impl Membership {
    /// Takes from the old nodes what a new one needs to begin with; and, where
    /// entries are limited, their part of that limit.
    pub(super) fn make_room_for_one(before: &Routing, ring: &HashRing<NodeId>, plans: &[Plan]) {
        let part = NODE_BYTES_MIN.div_ceil(before.nodes.len() as u64);
        for node in &before.nodes {
            let plan = &plans[ring.index_of(&node.id).expect(UNBROKEN) as usize];
            let shrink = |state: &mut DataNode| {
                for (id, settings) in &plan.keyspaces {
                    let has = state.limits(*id).map_or(0, |limits| limits.bytes);
                    state.set_limits(*id, Limits { bytes: has - part.min(has), ..settings.limits });
                }
                state.set_bytes_max(state.bytes_max() - part);
            };
            // One that cannot be had now is silent, and will be replaced.
            let _ = node.mailbox.locked(MOVE_WAIT, shrink);
        }
    }

    /// Moves from `old` to `new` what `new` owns by the ring of `after`.
    /// Returns how many entries moved.
    pub(super) fn move_between(&self, old: &NodeHandle, new: &NodeHandle, after: &Routing) -> u64 {
        let moves = |(keyspace, _): &(crate::Keyspace, _)| {
            self.move_keyspace(keyspace.id(), old, new, after)
        };
        self.keyspaces.iter().map(moves).sum()
    }

    fn move_keyspace(
        &self,
        id: KeyspaceId,
        old: &NodeHandle,
        new: &NodeHandle,
        after: &Routing,
    ) -> u64 {
        let owns = |hash: u64| after.owner(hash).id == new.id;
        let mut total = 0;
        let mut next = Some(0);
        while let Some(from) = next {
            // The new owner's lock first: see `commands::Fetch`.
            let step = new.mailbox.locked(MOVE_WAIT, |taker| {
                old.mailbox.locked(MOVE_WAIT, |giver| hand_over(id, giver, taker, from, owns))
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
                    self.purge(id, old, after);
                    None
                }
            };
        }
        total
    }

    /// Drops from a node what it does not own any more, because the new owner
    /// was lost. Left there, it would be served again, and old, when a later
    /// ring gives those keys back.
    fn purge(&self, id: KeyspaceId, node: &NodeHandle, after: &Routing) {
        let strays = |hash: u64| after.owner(hash).id != node.id;
        let mut next = Some(0);
        while let Some(from) = next {
            let mut dropped = Vec::new();
            let step = node.mailbox.locked(MOVE_WAIT, |state| {
                state.hand_over_some(id, from, SLOTS_A_MOVE, strays, &mut dropped)
            });
            next = step.unwrap_or_else(|_silent| {
                self.give_up(node);
                None
            });
        }
    }

    /// Gives a node up that cannot be had; the supervisor will replace it.
    pub(super) fn give_up(&self, node: &NodeHandle) {
        node.mailbox.retire();
        self.alarms.wake();
    }

    fn tell_assigned(&self, hashes: &[u64], node: NodeId, epoch: distcache_bus::Epoch) {
        for &key_hash in hashes {
            let assignment = Assignment { key_hash, node, epoch };
            self.topics.node_key_assignment.publish(|| assignment);
        }
    }

    /// Ends a move: the picture before it is forgotten, and everybody gets the
    /// part of the capacity that is planned.
    pub(super) fn settle(&self, routing: &RoutingCell, after: Routing, plans: &[Plan], moved: u64) {
        let (epoch, nodes) = (after.epoch, after.nodes.clone());
        routing.publish(Routing { before: None, ..after });
        // Shrink first, then grow: the sum never exceeds the whole.
        for grows in [false, true] {
            for (node, plan) in nodes.iter().zip(plans) {
                // One that cannot be had is silent, and will be replaced.
                let _ = node.mailbox.locked(MOVE_WAIT, |state| plan.apply(state, grows));
            }
        }
        self.topics.ring_change.publish(|| RingChange::Settled { epoch, moved });
    }
}

impl Plan {
    /// Gives a node what is planned: only what `grows`, or only what does not.
    fn apply(&self, state: &mut DataNode, grows: bool) {
        for (id, settings) in &self.keyspaces {
            let has = state.limits(*id).map_or(0, |limits| limits.bytes);
            if (has < settings.limits.bytes) == grows {
                state.set_limits(*id, settings.limits);
            }
        }
        if (state.bytes_max() < self.bytes_max) == grows {
            state.set_bytes_max(self.bytes_max);
        }
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
    id: KeyspaceId,
    giver: &mut DataNode,
    taker: &mut DataNode,
    from: usize,
    leaves: impl Fn(u64) -> bool,
) -> Step {
    let mut moved: Vec<(u64, Entry)> = Vec::new();
    let before = giver.bytes();
    let next = giver.hand_over_some(id, from, SLOTS_A_MOVE, leaves, &mut moved);
    let structure = STRUCTURE_BYTES_AN_ENTRY * moved.len() as u64;
    let bytes = before - giver.bytes() + structure;
    give_right(id, giver, taker, bytes);
    let hashes = moved.iter().map(|(hash, _)| *hash).collect();
    for (hash, entry) in moved {
        taker.take_over(id, hash, entry);
    }
    Step { next, hashes }
}

/// Gives the right to some memory, but never what the giver's tables need.
fn give_right(id: KeyspaceId, giver: &mut DataNode, taker: &mut DataNode, bytes: u64) {
    let spare = |has: u64| bytes.min(has.saturating_sub(STRUCTURE_BYTES_MIN));
    if let (Some(given), Some(taken)) = (giver.limits(id), taker.limits(id)) {
        let bytes = spare(given.bytes);
        giver.set_limits(id, Limits { bytes: given.bytes - bytes, ..given });
        taker.set_limits(id, Limits { bytes: taken.bytes + bytes, ..taken });
    }
    let bytes = spare(giver.bytes_max());
    giver.set_bytes_max(giver.bytes_max() - bytes);
    taker.set_bytes_max(taker.bytes_max() + bytes);
}
