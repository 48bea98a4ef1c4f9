//! Several want one key: one load, and each is told once.

use std::sync::atomic::Ordering;

use distcache_bus::sync::explore;
use loom::thread;

use super::{Found, NEW, OLD, ended, reader, world};
use crate::{Landing, Look};

/// Watches `self.find` in `Flights::board`, and `Age::Fresh` in `Keyspace::look`:
/// a value that came between a miss and the look is a hit.
#[test]
fn three_who_miss_a_key_load_it_once() {
    explore([([OLD; 3], 1)], || {
        let world = world(OLD);
        let (one, two) = (reader(&world), reader(&world));
        let three = world.get();
        let found = [ended(one), ended(two), three];
        assert_eq!(world.held(), OLD);
        (found, world.loads.load(Ordering::Relaxed))
    });
}

/// A put and the load that it overtakes both tell those who wait. Each is told,
/// by one of them. Watches `flights.detach` in `DataNode::put`, and
/// `if !self.flights.end(flight)` in `Keyspace::land`.
#[test]
fn those_who_wait_for_a_load_that_is_overtaken_are_told_once() {
    explore([(OLD, OLD), (OLD, NEW), (NEW, OLD), (NEW, NEW)], || {
        let world = world(OLD);
        let (one, two) = (reader(&world), reader(&world));
        world.put(NEW);
        let found = (ended(one), ended(two));
        assert_eq!(world.held(), NEW);
        found
    });
}

/// What became of one who left before it had seen to its load.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    Leading,
    Following,
    AfterAHit,
}

/// A task is dropped that was to lead. Watches `Lead::drop`, and
/// `waiters.has_landed = true` in `Flight::land`.
#[test]
fn one_who_leaves_without_seeing_to_its_load_leaves_nobody_waiting() {
    explore([(Left::Leading, OLD), (Left::Following, OLD), (Left::AfterAHit, OLD)], || {
        let world = world(OLD);
        let leaver = thread::spawn({
            let world = world.clone();
            move || match world.look().0 {
                Look::Leads(lead) => {
                    drop(lead);
                    Left::Leading
                }
                Look::Follows => Left::Following,
                Look::Hit(_) => Left::AfterAHit,
                other => panic!("it misses the key: {other:?}"),
            }
        });
        let found = world.get();
        let left = leaver.join().expect("no panic");
        assert_eq!(world.held(), OLD);
        (left, found)
    });
}

/// A load lands, but its node could not be told. Watches
/// `waiters.has_landed = true`, without which the next one joins it.
#[test]
fn one_who_comes_after_a_landing_of_which_the_node_was_not_told_leads_the_next_load() {
    explore([(OLD, 1), (Found::Absent, 0)], || {
        let world = world(OLD);
        let (Look::Leads(lead), _waits) = world.look() else { panic!("nobody else leads") };
        let reader = reader(&world);
        let absent = crate::Draft::absent(super::KEY, crate::Tick::NEVER).expect("a short key");
        lead.flight().land(&Landing::Value(absent.entry().into()));
        let found = ended(reader);
        (found, world.loads.load(Ordering::Relaxed))
    });
}

/// One load before the delete, one after it, and no third. Those who wait in the
/// first are told by it, though it was taken off. Watches `std::mem::take` of all
/// who wait in `Flight::land`, and the look before the load in `Keyspace::look`.
#[test]
fn a_delete_in_the_middle_of_a_herd_costs_one_load_more() {
    explore([1, 2], || {
        let world = world(OLD);
        let (one, two) = (reader(&world), reader(&world));
        world.delete();
        let three = world.get();
        assert_eq!([ended(one), ended(two), three], [OLD; 3]);
        assert_eq!(world.held(), OLD);
        world.loads.load(Ordering::Relaxed)
    });
}
