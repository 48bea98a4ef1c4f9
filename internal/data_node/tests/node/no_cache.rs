//! Values that are kept only so that their source can be asked whether they are right.

use std::sync::Arc;
use std::time::Duration;

use distcache_node::{
    Cargo, Condition, DataNode, Draft, EvictionPolicy, KeyspaceSettings, Label, Landed, Landing,
    Lead, Lifetimes, Limits, Look, ManualClock, PutRefused, Tick,
};

use crate::support::{
    EPOCH, KEYSPACE, LIMITS, delete, get, hash, lead, look, look_fresh, node_of, put, settings,
    store, told_value,
};

const SECOND: Duration = Duration::from_secs(1);

/// A node that serves what is stale for as long as anybody may want.
fn node() -> (DataNode, Arc<ManualClock>) {
    let window = SECOND * 100;
    let lifetimes = Lifetimes {
        stale_while_revalidate: window,
        stale_if_error: window,
        ..Lifetimes::default()
    };
    node_of(&KeyspaceSettings { lifetimes, ..settings() })
}

fn draft<'a>(key: &'a [u8], value: &'a [u8], validator: &'a str) -> Draft<'a> {
    let label = Label::new(Some("text/plain"), Some(validator)).expect("short texts");
    Draft::new(key, value, Tick::from_ms(10_000)).expect("a short key").labelled(label)
}

/// Loads a value that is to be asked for each time.
fn load(node: &mut DataNode, value: &[u8]) {
    let (flight, waiter) = lead(node, b"a");
    let entry = draft(b"a", value, "\"1\"").no_cache().entry();
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Entry(entry));
    let Landed::Stored(stored) = landed else { panic!("{landed:?}") };
    flight.flight().land(&Landing::Value(stored));
    assert_eq!(told_value(waiter).as_deref(), Some(value), "who waits is handed it");
}

fn held_by(lead: &Lead) -> Option<Vec<u8>> {
    lead.flight().stale().map(|value| value.to_vec())
}

#[test]
fn no_read_is_given_it_and_the_load_has_it() {
    let (mut node, _) = node();
    load(&mut node, b"one");
    let asked = [(hash(b"a"), b"a")];
    assert!(node.get_many(KEYSPACE, &asked)[0].is_none());
    assert!(node.get_many_shared(KEYSPACE, &asked)[0].is_none());
    assert!(node.get_shared(KEYSPACE, hash(b"a"), b"a").is_none());
    assert!(node.peek(KEYSPACE, hash(b"a"), b"a").is_none());
    let mut found = Vec::new();
    node.scan(KEYSPACE, 0, 100, b"", &mut found);
    assert!(found.is_empty());
    let (first, _waiter) = lead(&mut node, b"a");
    assert_eq!(held_by(&first), Some(b"one".to_vec()));
    assert_eq!(first.flight().stale().and_then(|value| value.label().validator()), Some("\"1\""));
    assert!(matches!(look(&mut node, b"a").0, Look::Follows), "one question for all");
    assert!(matches!(look_fresh(&mut node, b"a").0, Look::Follows));
    node.validate();
}

#[test]
fn it_is_not_served_when_its_source_fails_whatever_is_stale_may_be() {
    let (mut node, _) = node();
    load(&mut node, b"one");
    let (flight, _waiter) = lead(&mut node, b"a");
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    assert!(matches!(landed, Landed::Nothing), "{landed:?}");
    let (flight, _waiter) = lead(&mut node, b"a");
    assert_eq!(held_by(&flight), Some(b"one".to_vec()), "it is still there to be asked for");
}

#[test]
fn found_right_it_is_kept_to_be_asked_for_again_with_its_version() {
    let (mut node, clock) = node();
    load(&mut node, b"one");
    for round in 1..=3 {
        clock.advance(SECOND * 9);
        let (flight, _waiter) = lead(&mut node, b"a");
        let version = flight.flight().stale().map(distcache_node::Value::version);
        let until = clock_at(round).after(SECOND * 10);
        let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::NoCache(until));
        let Landed::Stored(value) = landed else { panic!("{landed:?}") };
        assert_eq!((&*value, Some(value.version())), (&b"one"[..], version));
        assert!(value.is_no_cache());
    }
    // Kept for ten seconds more, and the window of what is stale.
    clock.advance(SECOND * 110);
    let (flight, _waiter) = lead(&mut node, b"a");
    assert_eq!(held_by(&flight), None, "its time is over");
}

fn clock_at(round: u64) -> Tick {
    Tick::from_ms(round * 9_000)
}

#[test]
fn it_becomes_one_for_all_readers_and_one_for_all_becomes_this() {
    let (mut node, _) = node();
    load(&mut node, b"one");
    let (flight, _waiter) = lead(&mut node, b"a");
    let fresh = Cargo::Unchanged(Tick::from_ms(5_000));
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), fresh);
    assert!(matches!(landed, Landed::Stored(_)), "{landed:?}");
    assert_eq!(get(&mut node, b"a"), Some(b"one".to_vec()));
    let flight = stale(&mut node, draft(b"b", b"two", "\"2\""));
    let asked = Cargo::NoCache(Tick::from_ms(9_000));
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), asked);
    assert!(matches!(landed, Landed::Stored(_)), "{landed:?}");
    assert_eq!(get(&mut node, b"b"), None);
}

/// Stores a value that is stale, and begins its load.
fn stale(node: &mut DataNode, draft: Draft<'_>) -> Lead {
    store(node, draft.entry()).expect("a small value");
    let (Look::Served { refresh: Some(flight), .. }, _) = look(node, draft.key()) else {
        panic!("it is stale, and to be loaded again")
    };
    flight
}

#[test]
fn without_a_validator_what_was_found_right_is_handed_out_and_goes() {
    let (mut node, _) = node();
    let end = Tick::from_ms(50_000);
    let flight = stale(&mut node, Draft::new(b"a", b"one", end).unwrap());
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::NoCache(end));
    assert!(matches!(landed, Landed::Nothing), "{landed:?}");
    let (flight, _waiter) = lead(&mut node, b"a");
    assert_eq!(held_by(&flight), None);
    node.validate();
}

#[test]
fn a_change_of_the_key_ends_it() {
    let (mut node, _) = node();
    load(&mut node, b"one");
    assert!(delete(&mut node, b"a"), "there was a value");
    let (flight, _waiter) = lead(&mut node, b"a");
    assert_eq!(held_by(&flight), None);
    drop(flight);
    load(&mut node, b"one");
    put(&mut node, b"a", b"two");
    assert_eq!(get(&mut node, b"a"), Some(b"two".to_vec()));
}

#[test]
fn it_has_the_version_that_a_condition_asks_for() {
    let (mut node, _) = node();
    load(&mut node, b"one");
    let (flight, _waiter) = lead(&mut node, b"a");
    let version = flight.flight().stale().expect("it is kept").version();
    let put = |node: &mut DataNode, condition| {
        let entry = draft(b"a", b"two", "\"2\"").entry();
        node.put(EPOCH, KEYSPACE, hash(b"a"), entry, condition)
    };
    let refused = put(&mut node, Condition::Absent);
    assert_eq!(refused.unwrap_err(), PutRefused::Unmet(Some(version)));
    assert!(put(&mut node, Condition::Version(version)).is_ok());
}

#[test]
fn to_be_asked_for_is_a_use_that_keeps_it_from_being_evicted() {
    let limits = Limits { entries: 2, ..LIMITS };
    let (mut node, _) =
        node_of(&KeyspaceSettings { policy: EvictionPolicy::Lru, limits, ..settings() });
    load(&mut node, b"one");
    put(&mut node, b"b", b"1");
    drop(lead(&mut node, b"a"));
    put(&mut node, b"c", b"1");
    assert_eq!(get(&mut node, b"b"), None, "nobody has used it for longer");
    let (flight, _waiter) = lead(&mut node, b"a");
    assert_eq!(held_by(&flight), Some(b"one".to_vec()));
}
