//! Loads and their leases: one load for a key, and nothing stored that is older
//! than what was done to the key meanwhile.

use std::sync::Arc;
use std::time::Duration;

use distcache_node::{
    Cargo, Condition, DataNode, Draft, Entry, Flight, KeyspaceSettings, Landed, Landing, Lifetimes,
    Limits, Look, Tick, Value,
};

use crate::support::{
    EPOCH, KEYSPACE, LIMITS, LOAD_TIME, delete, get, hash, lead, look, node, node_of, put,
    settings, store, tagged, told, told_value,
};

fn entry(flight: &Flight, value: &[u8]) -> Entry {
    Entry::new(flight.key(), value, Tick::NEVER).expect("a short key")
}

/// Ends a load with a value. Returns whether it was stored.
fn land(node: &mut DataNode, flight: &Flight, entry: Entry) -> bool {
    let value = Value::from(entry.clone());
    let landed = node.land(EPOCH, KEYSPACE, flight, Cargo::Entry(entry));
    flight.land(&Landing::Value(value));
    matches!(landed, Landed::Stored(_))
}

#[test]
fn one_caller_leads_the_others_follow_and_all_get_the_value() {
    let (mut node, _) = node();
    let (flight, first) = lead(&mut node, b"a");
    let (second, second_waiter) = look(&mut node, b"a");
    assert!(matches!(second, Look::Follows));
    let value = entry(flight.flight(), b"1");
    assert!(land(&mut node, flight.flight(), value));
    for waiter in [first, second_waiter] {
        assert_eq!(told_value(waiter), Some(b"1".to_vec()));
    }
    assert_eq!(get(&mut node, b"a"), Some(b"1".to_vec()));
    assert_eq!(node.status().flights, 0);
    node.validate();
}

/// What can happen to a key while it is loaded.
type Interference = fn(&mut DataNode);

fn a_delete(node: &mut DataNode) {
    delete(node, b"a");
}

fn a_clear(node: &mut DataNode) {
    node.clear(KEYSPACE);
}

fn a_prefix(node: &mut DataNode) {
    let selection = distcache_node::Selection::Prefix(b"a".as_slice().into());
    let mut removed = 0;
    let mut next = Some(0);
    while let Some(at) = next {
        next = node.invalidate_some(KEYSPACE, at, 100, &selection, &mut removed);
    }
}

fn a_move(node: &mut DataNode) {
    node.hand_over_some(KEYSPACE, 0, 100, |_| true, &mut Vec::new());
}

const INTERFERENCES: [Interference; 4] = [a_delete, a_clear, a_prefix, a_move];

#[test]
fn what_was_loaded_before_the_key_was_forgotten_is_not_stored() {
    for interfere in INTERFERENCES {
        let (mut node, _) = node();
        let (flight, early) = lead(&mut node, b"a");
        interfere(&mut node);
        let (late, late_waiter) = lead(&mut node, b"a");
        let old = entry(flight.flight(), b"old");
        assert!(!land(&mut node, flight.flight(), old));
        assert_eq!(told_value(early), Some(b"old".to_vec()), "it came before");
        assert_eq!(get(&mut node, b"a"), None);
        let new = entry(late.flight(), b"new");
        assert!(land(&mut node, late.flight(), new));
        assert_eq!(told_value(late_waiter), Some(b"new".to_vec()));
        node.validate();
    }
}

#[test]
fn who_is_to_load_finds_a_value_that_came_after_its_miss() {
    let (mut node, _) = node();
    assert_eq!(get(&mut node, b"a"), None);
    put(&mut node, b"a", b"1");
    let (waiter, _waits) = distcache_bus::reply_slot();
    let look = node.look(EPOCH, KEYSPACE, (hash(b"a"), b"a"), LOAD_TIME, waiter);
    assert!(matches!(look, Look::Hit(value) if &*value == b"1"));
    assert_eq!(node.status().flights, 0);
}

#[test]
fn a_lease_is_lost_though_the_entry_never_existed_and_capacity_is_one() {
    let limits = Limits { entries: 1, ..LIMITS };
    let (mut node, _) = node_of(&KeyspaceSettings { limits, ..settings() });
    let (flight, _waiter) = lead(&mut node, b"a");
    delete(&mut node, b"a");
    for key in 0..=255_u8 {
        put(&mut node, &[key, 1], b"flood");
    }
    let old = entry(flight.flight(), b"old");
    assert!(!land(&mut node, flight.flight(), old));
    assert_eq!(get(&mut node, b"a"), None);
}

#[test]
fn a_put_overtakes_a_load_and_whoever_waits_can_have_its_value_at_once() {
    let (mut node, _) = node();
    let (flight, waiter) = lead(&mut node, b"a");
    let new = Entry::new(b"a", b"new", Tick::NEVER).unwrap();
    let (overtaken, value) =
        store(&mut node, new).unwrap().overtaken.expect("a load was on its way");
    assert!(Arc::ptr_eq(&overtaken, flight.flight()));
    overtaken.land(&Landing::Value(value));
    assert_eq!(told_value(waiter), Some(b"new".to_vec()));
    let old = entry(flight.flight(), b"old");
    assert!(!land(&mut node, flight.flight(), old));
    assert_eq!(get(&mut node, b"a"), Some(b"new".to_vec()));
}

#[test]
fn a_put_into_the_memory_of_the_value_before_overtakes_a_refresh_too() {
    let lifetimes =
        Lifetimes { stale_while_revalidate: Duration::from_secs(10), ..Lifetimes::default() };
    let (mut node, clock) = node_of(&KeyspaceSettings { lifetimes, ..settings() });
    let old = Entry::new(b"a", b"old", Tick::from_ms(15_000)).unwrap();
    store(&mut node, old).unwrap();
    clock.advance(Duration::from_secs(6));
    let (Look::Served { refresh: Some(flight), .. }, _) = look(&mut node, b"a") else {
        panic!("it is stale, and to be loaded again")
    };
    let draft = Draft::new(b"a", b"new", Tick::NEVER).unwrap();
    let put = node.put_draft(EPOCH, KEYSPACE, hash(b"a"), &draft, Condition::Always);
    assert!(put.unwrap().overtaken.is_some());
    let loaded = entry(flight.flight(), b"lod");
    assert!(!land(&mut node, flight.flight(), loaded));
    assert_eq!(get(&mut node, b"a"), Some(b"new".to_vec()));
}

/// A read beside other readers leaves what has ended where it is: its memory is
/// free for the put, and nobody holds it.
#[test]
fn a_put_into_the_memory_of_a_value_that_has_ended_overtakes_its_load() {
    let (mut node, clock) = node();
    store(&mut node, Entry::new(b"a", b"old", Tick::from_ms(5_000)).unwrap()).unwrap();
    clock.advance(Duration::from_secs(6));
    assert!(node.get_shared(KEYSPACE, hash(b"a"), b"a").is_none());
    let (waiter, _waits) = distcache_bus::reply_slot();
    let look = node.look(EPOCH, KEYSPACE, (hash(b"a"), b"a"), LOAD_TIME, waiter);
    let Look::Leads(flight) = look else { panic!("a load was to begin: {look:?}") };
    let draft = Draft::new(b"a", b"new", Tick::NEVER).unwrap();
    let put = node.put_draft(EPOCH, KEYSPACE, hash(b"a"), &draft, Condition::Always);
    assert!(put.unwrap().overtaken.is_some());
    let loaded = entry(flight.flight(), b"lod");
    assert!(!land(&mut node, flight.flight(), loaded));
    assert_eq!(get(&mut node, b"a"), Some(b"new".to_vec()));
}

#[test]
fn a_put_that_is_refused_leaves_the_load_alone() {
    let (mut node, _) = node();
    let (flight, _waiter) = lead(&mut node, b"a");
    let new = Entry::new(b"a", b"new", Tick::NEVER).unwrap();
    node.put(EPOCH, KEYSPACE, hash(b"a"), new, Condition::Present).unwrap_err();
    let loaded = entry(flight.flight(), b"loaded");
    assert!(land(&mut node, flight.flight(), loaded));
}

#[test]
fn a_loaded_value_whose_tag_was_invalidated_meanwhile_is_not_stored() {
    let (mut node, _) = node();
    let (flight, early) = lead(&mut node, b"a");
    node.revoke(EPOCH, KEYSPACE, &[7]);
    let (late, late_waiter) = look(&mut node, b"a");
    assert!(matches!(late, Look::Follows), "nobody knows yet which tags it bears");
    assert!(!land(&mut node, flight.flight(), tagged(b"a", b"old", &[7])));
    assert_eq!(told_value(early), Some(b"old".to_vec()));
    assert!(matches!(told(late_waiter), Some(Landing::LookAgain)));
    assert_eq!(get(&mut node, b"a"), None);
    assert!(matches!(look(&mut node, b"a").0, Look::Leads(_)));
}

#[test]
fn a_load_that_fails_leaves_nothing_and_the_next_caller_leads() {
    let (mut node, _) = node();
    let (flight, _waiter) = lead(&mut node, b"a");
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    assert!(matches!(landed, Landed::Nothing));
    assert_eq!((node.len(), node.status().flights), (0, 0));
    let _waits = lead(&mut node, b"a");
}

#[test]
fn a_load_that_takes_too_long_is_given_up_and_its_value_not_stored() {
    let (mut node, clock) = node();
    let (flight, _waiter) = lead(&mut node, b"a");
    clock.advance(LOAD_TIME);
    let (second, _waiter) = lead(&mut node, b"a");
    let late = entry(flight.flight(), b"late");
    assert!(!land(&mut node, flight.flight(), late));
    let value = entry(second.flight(), b"1");
    assert!(land(&mut node, second.flight(), value));
}

#[test]
fn that_there_is_no_value_is_kept_and_is_no_value() {
    let (mut node, _) = node();
    let (flight, _waiter) = lead(&mut node, b"a");
    let absent = Draft::absent(b"a", Tick::NEVER).unwrap().entry();
    assert!(land(&mut node, flight.flight(), absent));
    assert!(node.get(KEYSPACE, hash(b"a"), b"a").unwrap().is_absent());
    assert!(node.peek(KEYSPACE, hash(b"a"), b"a").is_none());
    let new = Entry::new(b"a", b"new", Tick::NEVER).unwrap();
    node.put(EPOCH, KEYSPACE, hash(b"a"), new, Condition::Absent).expect("absent is absent");
    assert_eq!(get(&mut node, b"a"), Some(b"new".to_vec()));
}

#[test]
fn a_loaded_value_too_large_to_be_kept_evicts_nothing() {
    let (mut node, _) = node();
    put(&mut node, b"b", b"other");
    let (flight, waiter) = lead(&mut node, b"a");
    let large = vec![7; usize::try_from(LIMITS.value_bytes).unwrap() + 1];
    let value = entry(flight.flight(), &large);
    assert!(!land(&mut node, flight.flight(), value));
    assert_eq!(told_value(waiter), Some(large), "those who wait get it all the same");
    assert_eq!(get(&mut node, b"b"), Some(b"other".to_vec()));
}

#[test]
fn loads_have_a_bound_and_stale_values_are_served_beyond_it() {
    let lifetimes = Lifetimes { refresh_ahead: Duration::from_secs(1), ..Lifetimes::default() };
    let settings = KeyspaceSettings { flights_max: 1, lifetimes, ..settings() };
    let (mut node, clock) = node_of(&settings);
    let early = Draft::new(b"b", b"1", Tick::from_ms(1_500)).unwrap().born(Tick::ZERO).entry();
    store(&mut node, early).unwrap();
    clock.advance(Duration::from_secs(1));
    let _first = lead(&mut node, b"a");
    assert!(matches!(look(&mut node, b"c").0, Look::Crowded));
    assert!(matches!(look(&mut node, b"b").0, Look::Served { refresh: None, .. }));
}

#[test]
fn loads_are_counted_in_the_bytes_and_make_room_for_themselves() {
    let limits = Limits { bytes: 300 << 10, ..LIMITS };
    let settings = KeyspaceSettings { limits, flights_max: 10_000, ..settings() };
    let (mut node, _) = node_of(&settings);
    (0..2_000_u16).for_each(|key| _ = put(&mut node, &key.to_le_bytes(), &[1; 100]));
    let flights: Vec<_> =
        (0..100_u8).map(|key| lead(&mut node, &[&[key][..], &[2; 1_000]].concat())).collect();
    node.validate();
    assert!(130_000 < node.bytes() && 0 < node.status().evictions);
    for (flight, _waiter) in flights {
        node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    }
    node.validate();
}

#[test]
fn a_keyspace_of_the_same_place_does_not_get_what_was_loaded_for_the_one_before() {
    let (mut node, _) = node();
    let (flight, waiter) = lead(&mut node, b"a");
    drop(node.remove_keyspace(KEYSPACE));
    let next = distcache_node::KeyspaceId { generation: 1, ..KEYSPACE };
    drop(node.add_keyspace(next, &settings()));
    let old = entry(flight.flight(), b"old");
    assert!(!land(&mut node, flight.flight(), old));
    assert!(node.get(next, hash(b"a"), b"a").is_none() && node.is_empty());
    assert_eq!(told_value(waiter), Some(b"old".to_vec()));
}
