//! A key is forgotten while it is loaded: in every way in which that is done.
//!
//! Two questions for each way. Is anything *stored* that was read from the
//! source before? And does anybody *get* it who came after? Those who came
//! before may: they would have if they had been a little faster.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::sync::explore;

use super::{
    EPOCH, Found, KEYSPACE, LIMITS, NEW, OLD, TAG, World, ended, reader, settings, world, world_of,
};
use crate::commands::{Clear, InvalidateSome, Item, Put, Revoke};
use crate::{Condition, Entry, KeyspaceId, KeyspaceSettings, Limits, Selection, Tick};

fn clear(world: &World) {
    world.call(Clear { keyspace: KEYSPACE });
}

fn revoke(world: &World) {
    world.call(Revoke { epoch: EPOCH, keyspace: KEYSPACE, tags: vec![TAG] });
}

fn invalidate_prefix(world: &World) {
    let selection = Selection::Prefix(Box::default());
    world.call(InvalidateSome { keyspace: KEYSPACE, at: 0, entries: 16, selection });
}

/// A reader loads; the source is changed, and then the key forgotten. What the
/// cache holds in the end was read after that, or it holds nothing.
fn nothing_old_is_stored(forget: fn(&World), world: fn() -> Arc<World>) {
    explore([Found::Nothing, NEW], move || {
        let world = world();
        let reader = reader(&world);
        world.write(NEW);
        forget(&world);
        ended(reader);
        world.held()
    });
}

/// The same; and one comes after. `(who came before, who came after)`.
fn nobody_who_comes_after_gets_the_old(forget: fn(&World)) {
    explore([(OLD, NEW), (NEW, NEW)], move || {
        let world = old();
        let reader = reader(&world);
        world.write(NEW);
        forget(&world);
        let after = world.get();
        let before = ended(reader);
        assert_eq!(world.held(), NEW);
        (before, after)
    });
}

fn old() -> Arc<World> {
    world(OLD)
}

/// Stale fill after a delete. Watches `flights.detach` in `Keyspace::delete`, and
/// `if !self.flights.end(flight)` in `Keyspace::land`.
#[test]
fn what_was_loaded_before_a_delete_is_not_stored_after_it() {
    nothing_old_is_stored(World::delete, old);
}

/// A load of before is not joined. Watches the same `flights.detach`.
#[test]
fn who_comes_after_a_delete_does_not_wait_for_a_load_of_before() {
    nobody_who_comes_after_gets_the_old(World::delete);
}

/// The entry that could have held a mark is evicted, or never was. Watches that
/// the `flights.detach` in `Keyspace::delete` asks for no entry.
#[test]
fn a_delete_is_remembered_though_there_is_no_entry_and_room_for_one() {
    let forget = |world: &World| {
        world.delete();
        for key in [b"a", b"b"] {
            let item = Item::Entry(Entry::new(key, b"", Tick::NEVER).expect("a short key"));
            let put = Put {
                epoch: EPOCH,
                keyspace: KEYSPACE,
                hash: 1,
                item,
                condition: Condition::Always,
            };
            world.call(put).reply.expect("a small value");
        }
    };
    nothing_old_is_stored(forget, || {
        let limits = Limits { entries: 1, ..LIMITS };
        world_of(&KeyspaceSettings { limits, ..settings() }, OLD)
    });
}

/// Watches `flights.detach_where` in `Keyspace::clear`.
#[test]
fn what_was_loaded_before_a_clear_is_not_stored_after_it() {
    nothing_old_is_stored(clear, old);
}

/// Watches the same line.
#[test]
fn who_comes_after_a_clear_does_not_wait_for_a_load_of_before() {
    nobody_who_comes_after_gets_the_old(clear);
}

/// Watches `flights.detach_where` in `Keyspace::invalidate_some`.
#[test]
fn what_was_loaded_before_its_prefix_was_invalidated_is_not_stored_after_it() {
    nothing_old_is_stored(invalidate_prefix, old);
}

/// Watches the same line.
#[test]
fn who_comes_after_a_prefix_was_invalidated_does_not_wait_for_a_load_of_before() {
    nobody_who_comes_after_gets_the_old(invalidate_prefix);
}

/// The flight stays, for nobody knows yet which tags its value will bear.
/// Watches `!flight.has_revoked` in `Keyspace::land`.
#[test]
fn what_was_loaded_before_its_tag_was_invalidated_is_not_stored_after_it() {
    nothing_old_is_stored(revoke, old);
}

/// Watches `came < early` in `Flight::land`.
#[test]
fn who_comes_after_a_tag_was_invalidated_looks_again() {
    nobody_who_comes_after_gets_the_old(revoke);
}

/// A whole keyspace goes, and another has its place. Watches the generation in
/// `DataNode::keyspace` and `DataNode::keyspace_mut`.
#[test]
fn what_was_loaded_for_a_keyspace_is_not_stored_in_the_next_one_of_its_place() {
    const NEXT: KeyspaceId = KeyspaceId { generation: 1, ..KEYSPACE };
    explore([(OLD, Found::Nothing), (Found::Nothing, Found::Nothing)], || {
        let world = old();
        let reader = reader(&world);
        let replace = world.node.locked(Duration::MAX, |node| {
            (node.remove_keyspace(KEYSPACE), node.add_keyspace(NEXT, &settings()))
        });
        drop(replace.expect("the node serves"));
        (ended(reader), world.held_in(NEXT))
    });
}
