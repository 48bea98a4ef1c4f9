//! A value is put while its key is loaded: what was put stays.

use std::time::Duration;

use distcache_bus::sync::explore;

use super::{Found, NEW, OLD, STALE, World, ended, reader, world};
use crate::Tick;

const SECOND: Duration = Duration::from_secs(1);
/// What is put, and the source never has.
const PUT: Found = Found::Value(b'3');

/// A value that is stale now is loaded again, and put. Watches `flights.detach`
/// in `DataNode::put`.
#[test]
fn a_refresh_does_not_overwrite_what_was_put_meanwhile() {
    explore([(OLD, PUT), (PUT, PUT)], || {
        let world = world(NEW);
        world.put_until(OLD, Tick::ZERO.after(SECOND).after(STALE));
        world.clock.advance(SECOND);
        let reader = reader(&world);
        world.put(PUT);
        (ended(reader), world.held())
    });
}

/// The value of before has ended, but its memory is there and nobody holds it:
/// the put is made in it. Watches `flights.is_empty()` in `DataNode::put_draft`.
#[test]
fn a_put_into_the_memory_of_a_value_that_has_ended_overtakes_its_load() {
    explore([(NEW, PUT), (PUT, PUT)], || {
        let world = world(NEW);
        world.put_until(OLD, Tick::ZERO.after(SECOND));
        world.clock.advance(SECOND);
        let reader = reader(&world);
        world.put(PUT);
        (ended(reader), world.held())
    });
}

/// A load finds that there is no value; one is made in the source and put.
/// Watches `flights.detach` in `DataNode::put`.
#[test]
fn that_there_was_no_value_does_not_hide_one_that_was_put_meanwhile() {
    explore([(Found::Absent, NEW), (NEW, NEW)], || {
        let world = world(Found::Absent);
        let reader = reader(&world);
        world.write(NEW);
        world.put(NEW);
        (ended(reader), world.held())
    });
}

/// The same with a delete instead of the put, and one who comes after.
#[test]
fn that_there_was_no_value_is_forgotten_by_a_delete() {
    explore([(Found::Absent, NEW), (NEW, NEW)], || {
        let world = world(Found::Absent);
        let reader = reader(&world);
        world.write(NEW);
        World::delete(&world);
        let after = world.get();
        (ended(reader), after)
    });
}
