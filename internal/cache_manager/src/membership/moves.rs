//! Entries travel from node to node, and the right to memory with them.

use std::sync::Arc;

use distcache_bus::CallError;
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
    pub(super) fn make_room_for_one(
        &self,
        before: &Routing,
        ring: &HashRing<NodeId>,
        plans: &[Plan],
    ) {
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
            // Else it would keep what the new one is about to get.
            if node.mailbox.locked(MOVE_WAIT, shrink).is_err() {
                self.give_up(node);
            }
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
            // The new owner's lock first: see `commands::Fetch`. It takes over when the
            // other's lock is free again: a policy of one's own that panics there
            // costs one node and not both.
            let step = new.mailbox.locked(MOVE_WAIT, |taker| {
                let given = |giver: &mut DataNode| give(id, giver, taker, from, owns);
                let step = old.mailbox.locked(MOVE_WAIT, given)?;
                let hashes: Vec<u64> = step.given.iter().map(|(hash, _)| *hash).collect();
                for (hash, entry) in step.given {
                    taker.take_over(id, hash, entry);
                }
                Ok::<_, CallError>((hashes, step.next))
            });
            next = match step {
                Ok(Ok((hashes, next))) => {
                    total += hashes.len() as u64;
                    self.tell_assigned(&hashes, new.id, after.epoch);
                    next
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
        self.share_out(&nodes, plans, || {});
        self.topics.ring_change.publish(|| RingChange::Settled { epoch, moved });
    }

    /// Gives every node what is planned for it; `each_time` is called after each
    /// change, with no lock held.
    ///
    /// Shrinks first, then grows: the sum never exceeds the whole. A node that
    /// cannot be had would keep what others are about to get: it is given up.
    fn share_out(&self, nodes: &[Arc<NodeHandle>], plans: &[Plan], mut each_time: impl FnMut()) {
        for grows in [false, true] {
            for (node, plan) in nodes.iter().zip(plans) {
                if node.mailbox.locked(MOVE_WAIT, |state| plan.apply(state, grows)).is_err() {
                    self.give_up(node);
                }
                each_time();
            }
        }
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
    /// What has left the old owner, and is not at the new one yet.
    given: Vec<(u64, Entry)>,
}

/// Takes some entries off a node, and the right to the bytes that they take, which
/// is the other's from now on.
fn give(
    id: KeyspaceId,
    giver: &mut DataNode,
    taker: &mut DataNode,
    from: usize,
    leaves: impl Fn(u64) -> bool,
) -> Step {
    let mut given = Vec::new();
    let before = giver.bytes();
    let next = giver.hand_over_some(id, from, SLOTS_A_MOVE, leaves, &mut given);
    let structure = STRUCTURE_BYTES_AN_ENTRY * given.len() as u64;
    let bytes = before - giver.bytes() + structure;
    give_right(id, giver, taker, bytes);
    Step { next, given }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::sync::atomic::{AtomicBool, Ordering};

    use distcache_bus::Deadline;
    use distcache_node::commands::{Item, Put};
    use distcache_node::eviction::Fifo;
    use distcache_node::{Condition, CustomPolicy, Eviction, EvictionPolicy, Slot, Tick};

    use super::*;
    use crate::{CacheManager, Config};

    fn start(data_nodes: usize) -> CacheManager {
        let config = Config {
            data_nodes,
            capacity_bytes: 64 << 20,
            call_timeout: Duration::from_mins(1),
            ..Config::default()
        };
        CacheManager::start(config).expect("settings that go together")
    }

    fn key(number: u32) -> [u8; 4] {
        number.to_le_bytes()
    }

    /// 1. A has key K with value 1. B is added, owns K from now on, and is lost
    ///    while keys move to it, before K does.
    /// 2. K is deleted at the node that stands in B's place: acknowledged.
    /// 3. B is removed, so that A owns K again.
    /// 4. A read asks A. If A had kept K, it would answer 1.
    #[test]
    fn what_a_lost_owner_was_to_get_does_not_come_back_when_it_is_removed() {
        let cache = start(2);
        // Many more than go at one step.
        (0..20_000).for_each(|n| _ = cache.put(&key(n), b"1", None).unwrap());
        let joined = cache.shared.change(|membership, routing| {
            let joining = membership.announce(routing)?;
            joining.node.mailbox.retire();
            let id = joining.node.id;
            membership.let_join(routing, joining);
            Ok(id)
        });
        let lost = joined.unwrap();
        let of_lost: Vec<u32> = (0..20_000).filter(|&n| cache.owner(&key(n)) == lost).collect();
        assert!(2_000 < of_lost.len(), "a third, or so");
        // This waits for the node that stands in its place.
        for &n in &of_lost {
            cache.delete(&key(n)).unwrap();
        }
        cache.remove_node(lost).unwrap();
        for n in of_lost {
            assert!(cache.get(&key(n)).unwrap().is_none(), "{n} was deleted");
        }
    }

    /// Panics when it is told of an entry, if it is to.
    #[derive(Debug)]
    struct Brittle {
        breaks: bool,
        order: Fifo,
    }

    impl Eviction for Brittle {
        fn shares_hits(&self) -> bool {
            self.order.shares_hits()
        }

        fn inserted(&mut self, slot: Slot, hash: u64, bytes: u64) {
            assert!(!self.breaks, "a policy of somebody's own");
            self.order.inserted(slot, hash, bytes);
        }

        fn hit(&mut self, slot: Slot) {
            self.order.hit(slot);
        }

        fn hit_shared(&self, slot: Slot) {
            self.order.hit_shared(slot);
        }

        fn removed(&mut self, slot: Slot) {
            self.order.removed(slot);
        }

        fn victim(&mut self) -> Option<Slot> {
            self.order.victim()
        }

        fn heap_bytes(&self) -> u64 {
            self.order.heap_bytes()
        }

        fn growth_bytes(&self, slots: usize) -> u64 {
            self.order.growth_bytes(slots)
        }

        fn clear(&mut self) {
            self.order.clear();
        }

        fn validate(&self, entries: usize) {
            self.order.validate(entries);
        }
    }

    #[test]
    fn a_policy_that_panics_in_a_new_node_leaves_the_old_one_what_it_owns() {
        let breaks = Arc::new(AtomicBool::new(false));
        let of_policy = breaks.clone();
        let make =
            move || Brittle { breaks: of_policy.load(Ordering::Relaxed), order: Fifo::new() };
        let eviction = EvictionPolicy::Custom(CustomPolicy::new("brittle", make));
        let config = Config { data_nodes: 1, eviction, ..Config::default() };
        let cache = CacheManager::start(config).unwrap();
        (0..1_000).for_each(|n| _ = cache.put(&key(n), b"1", None).unwrap());
        let old = cache.shared.routing.load().nodes[0].clone();
        breaks.store(true, Ordering::Relaxed);
        let joined = cache.shared.change(|membership, routing| {
            let joining = membership.announce(routing)?;
            // Those that are made in its place are whole.
            breaks.store(false, Ordering::Relaxed);
            let id = joining.node.id;
            membership.let_join(routing, joining);
            Ok(id)
        });
        let joined = joined.unwrap();
        assert!(!old.mailbox.fence().is_retired());
        let (of_old, of_new): (Vec<u32>, Vec<u32>) =
            (0..1_000).partition(|&n| cache.owner(&key(n)) != joined);
        assert!(!of_old.is_empty() && !of_new.is_empty());
        assert!(of_old.iter().all(|&n| cache.get(&key(n)).unwrap().is_some()));
        assert!(of_new.iter().all(|&n| cache.get(&key(n)).unwrap().is_none()), "lost, not stale");
    }

    /// The bytes that all nodes together may take; and those of the keyspace that
    /// is always there.
    fn allowed(nodes: &[Arc<NodeHandle>], id: KeyspaceId) -> [u64; 2] {
        let of_one = |node: &Arc<NodeHandle>| {
            let has = |state: &mut DataNode| {
                [state.bytes_max(), state.limits(id).expect("it is there").bytes]
            };
            node.mailbox.locked(MOVE_WAIT, has).expect("it answers")
        };
        let sum = |[a, b]: [u64; 2], [c, d]: [u64; 2]| [a + c, b + d];
        nodes.iter().map(of_one).fold([0, 0], sum)
    }

    #[test]
    fn budgets_never_add_up_to_more_than_the_process_may_take() {
        let cache = start(4);
        let id = cache.default_keyspace().id();
        let membership = cache.shared.membership.lock();
        let routing = cache.shared.routing.load_full();
        let mut plans = membership.plan(&routing.ring).unwrap();
        assert_eq!(allowed(&routing.nodes, id), [64 << 20; 2]);
        // Each turn gives every node another one's part: some shrink, some grow.
        for _turn in 0..4 {
            plans.rotate_left(1);
            let mut times = 0;
            membership.share_out(&routing.nodes, &plans, || {
                times += 1;
                let sums = allowed(&routing.nodes, id);
                assert!(sums.iter().all(|&sum| sum <= 64 << 20), "{sums:?} after {times} changes");
            });
            assert_eq!(times, 8);
            assert_eq!(allowed(&routing.nodes, id), [64 << 20; 2], "nothing is left over");
        }
    }

    #[test]
    fn a_node_that_cannot_be_told_to_take_less_is_given_up() {
        let cache = start(2);
        let membership = cache.shared.membership.lock();
        let routing = cache.shared.routing.load_full();
        let plans = membership.plan(&routing.ring).unwrap();
        let (begun, has_begun) = crossbeam_channel::bounded(1);
        let (wake, sleeper) = crossbeam_channel::bounded::<()>(1);
        let silent = &routing.nodes[0];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                silent.mailbox.locked(MOVE_WAIT, |_| {
                    begun.send(()).expect("it is waited for");
                    let _ = sleeper.recv();
                })
            });
            has_begun.recv().expect("it has the lock");
            membership.share_out(&routing.nodes, &plans, || {});
            assert!(silent.mailbox.fence().is_retired());
            assert!(!routing.nodes[1].mailbox.fence().is_retired());
            drop(wake);
        });
    }

    /// 1. A caller finds node A by the ring of epoch 1, and falls asleep.
    /// 2. Another node is replaced, or a new epoch begins: the ring of epoch 2 is
    ///    published. A owns what it did.
    /// 3. A put by the new ring stores value 1, as version (2, n).
    /// 4. The caller wakes and stores value 2. By its ring, that would be version
    ///    (1, n + 1): of two values the later one would have the lower version.
    #[test]
    fn a_put_by_an_older_ring_is_refused_though_its_node_owns_the_key_by_both() {
        let cache = start(1);
        let before = cache.shared.routing.load_full();
        cache.shared.change(|_, routing| Membership::turn_epoch(routing)).unwrap();
        let stored = cache.put(b"k", b"1", None).unwrap();
        let space = cache.default_keyspace();
        let (keyspace, hash) = (space.id(), cache.key_hash(space, b"k"));
        let item = Item::Entry(Entry::new(b"k", b"2", Tick::NEVER).unwrap());
        let (epoch, condition) = (before.epoch, Condition::Always);
        let put = Put { epoch, keyspace, hash, item, condition };
        let deadline = Deadline::within(Duration::from_mins(1));
        let late = before.owner(hash).mailbox.call(epoch, &deadline, put);
        let late = late.map(|told| told.reply.map(|stored| stored.version));
        assert_eq!(late, Err(CallError::Stale), "after {:?}", stored.version);
    }
}
