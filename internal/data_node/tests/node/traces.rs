//! What a node tells of a key, of what has gone, and of its bounds.

use std::time::Duration;

use distcache_bus::Epoch;
use distcache_node::{
    Cargo, Cause, Condition, DataNode, Draft, Entry, KeyspaceId, KeyspaceSettings, Lifetimes,
    Limits, Look, Peaks, Reached, Removal, Selection, TAG_RECORDS_MAX, Tick, Trace,
};

use crate::support::{
    KEYSPACE, LIMITS, delete, get, hash, lead, look, node, node_of, put, put_until, settings,
    store, tagged,
};

fn trace(node: &DataNode, key: &[u8]) -> Trace {
    node.trace(KEYSPACE, hash(key), key).expect("the keyspace is there")
}

/// How a key that is not there has gone.
fn removal(node: &DataNode, key: &[u8]) -> Removal {
    let trace = trace(node, key);
    assert!(trace.held.is_none(), "{trace:?}");
    trace.removal.expect("a removal")
}

fn dated(key: &[u8], born_ms: u64) -> Entry {
    let draft = Draft::new(key, b"v", Tick::NEVER).expect("a short key");
    draft.born(Tick::from_ms(born_ms)).entry()
}

fn removed(cause: Cause, at_ms: u64, age_ms: Option<u64>) -> Removal {
    Removal { cause, at: Tick::from_ms(at_ms), age: age_ms.map(Duration::from_millis) }
}

#[test]
fn a_key_that_was_never_there_has_no_story() {
    let (node, _) = node();
    let trace = trace(&node, b"a");
    assert!(trace.held.is_none() && trace.removal.is_none() && trace.flight.is_none());
    assert_eq!(trace.node_born, Tick::ZERO);
}

#[test]
fn a_trace_is_no_use_of_a_key_and_no_get() {
    let limits = Limits { entries: 2, ..LIMITS };
    let (mut node, _) = node_of(&KeyspaceSettings { limits, ..settings() });
    put(&mut node, b"a", b"1");
    put(&mut node, b"b", b"2");
    let version = trace(&node, b"a").held.expect("it is there").value.version();
    assert!(0 < version.get());
    put(&mut node, b"c", b"3");
    assert!(trace(&node, b"a").held.is_none(), "the least recently used one went");
    assert!(trace(&node, b"b").held.is_some());
    let status = node.status();
    assert_eq!((status.hits, status.misses), (0, 0));
}

#[test]
fn each_way_to_go_is_told_with_its_time_and_age() {
    let limits = Limits { entries: 1, ..LIMITS };
    let (mut node, clock) = node_of(&KeyspaceSettings { limits, ..settings() });
    store(&mut node, dated(b"a", 0)).unwrap();
    clock.advance(Duration::from_millis(5));
    store(&mut node, dated(b"b", 5)).unwrap();
    assert_eq!(removal(&node, b"a"), removed(Cause::Evicted, 5, Some(5)));
    clock.advance(Duration::from_millis(2));
    delete(&mut node, b"b");
    assert_eq!(removal(&node, b"b"), removed(Cause::Deleted, 7, Some(2)));
    put(&mut node, b"c", b"undated");
    let prefix = Selection::Prefix(b"c".as_slice().into());
    node.invalidate_some(KEYSPACE, 0, 10, &prefix, &mut 0);
    assert_eq!(removal(&node, b"c"), removed(Cause::Invalidated, 7, None));
}

#[test]
fn an_end_is_told_as_it_was_before_and_after_somebody_has_freed_the_entry() {
    let lifetimes = Lifetimes { idle: Some(Duration::from_secs(64)), ..Lifetimes::default() };
    let (mut node, clock) = node_of(&KeyspaceSettings { lifetimes, ..settings() });
    put_until(&mut node, b"a", b"1", Tick::from_ms(10));
    put(&mut node, b"i", b"2");
    store(&mut node, tagged(b"t", b"3", &[1])).unwrap();
    node.revoke(Epoch::FIRST, KEYSPACE, &[1]);
    clock.advance(Duration::from_millis(30));
    assert_eq!(removal(&node, b"a"), removed(Cause::Expired, 10, None));
    assert_eq!(removal(&node, b"t"), removed(Cause::Invalidated, 30, None));
    clock.advance(Duration::from_mins(2));
    assert_eq!(removal(&node, b"i").cause, Cause::Idle);
    while node.sweep() {}
    assert_eq!(node.len(), 0);
    assert_eq!(removal(&node, b"a"), removed(Cause::Expired, 120_030, None), "when it was freed");
    assert_eq!(removal(&node, b"i").cause, Cause::Idle);
    assert_eq!(removal(&node, b"t").cause, Cause::Invalidated);
}

#[test]
fn what_was_cleared_is_told_without_a_record_for_each_entry() {
    let (mut node, clock) = node();
    put(&mut node, b"a", b"1");
    put(&mut node, b"b", b"2");
    delete(&mut node, b"b");
    clock.advance(Duration::from_millis(9));
    node.clear(KEYSPACE);
    assert_eq!(removal(&node, b"a"), removed(Cause::Deleted, 9, None));
    put(&mut node, b"a", b"1");
    clock.advance(Duration::from_millis(1));
    delete(&mut node, b"a");
    assert_eq!(removal(&node, b"a"), removed(Cause::Deleted, 10, None), "the later one");
}

#[test]
fn what_is_replaced_has_not_gone() {
    let (mut node, _) = node();
    put(&mut node, b"a", b"1");
    put(&mut node, b"a", b"longer");
    let trace = trace(&node, b"a");
    assert!(trace.held.is_some() && trace.removal.is_none());
}

#[test]
fn a_load_on_its_way_is_told_with_those_who_wait() {
    let (mut node, _) = node();
    let (lead, _first) = lead(&mut node, b"a");
    let (Look::Follows, _second) = look(&mut node, b"a") else { panic!("it is on its way") };
    let flight = trace(&node, b"a").flight.expect("a load");
    assert_eq!((flight.waiters, flight.overdue), (2, Tick::from_ms(60_000)));
    node.land(Epoch::FIRST, KEYSPACE, lead.flight(), Cargo::Nothing);
    assert_eq!(trace(&node, b"a").flight, None);
}

#[test]
fn a_keyspace_that_is_not_there_has_no_traces() {
    let (node, _) = node();
    assert!(node.trace(KeyspaceId { index: 0, generation: 1 }, hash(b"a"), b"a").is_none());
}

#[test]
fn ages_are_those_of_evicted_entries_and_of_no_others() {
    let limits = Limits { entries: 1, ..LIMITS };
    let (mut node, clock) = node_of(&KeyspaceSettings { limits, ..settings() });
    store(&mut node, dated(b"a", 0)).unwrap();
    clock.advance(Duration::from_secs(5));
    store(&mut node, dated(b"b", 5_000)).unwrap();
    delete(&mut node, b"b");
    put(&mut node, b"c", b"undated");
    put(&mut node, b"d", b"undated");
    let ages = node.status().evicted_ages;
    assert_eq!((ages.counts, ages.sum_ms), ([0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 5_000));
    assert_eq!(node.status().evictions, 2, "of the other one nobody knows");
}

#[test]
fn a_bound_that_nothing_has_come_near_was_never_reached() {
    let (mut node, _) = node();
    put(&mut node, b"a", b"1");
    get(&mut node, b"a");
    assert_eq!(node.status().reached, Reached::default());
    assert_eq!(node.status().peaks.entries, 1);
}

#[test]
fn entries_that_are_one_too_many_reach_their_bound_once_each() {
    let limits = Limits { entries: 2, ..LIMITS };
    let (mut node, _) = node_of(&KeyspaceSettings { limits, ..settings() });
    for key in [b"a", b"b", b"c", b"a"] {
        put(&mut node, key, b"1");
    }
    put(&mut node, b"a", b"replaced");
    assert_eq!(node.status().reached, Reached { entries: 2, ..Reached::default() });
}

#[test]
fn a_value_that_does_not_fit_reaches_the_bytes_of_its_keyspace_or_of_the_node() {
    let value = vec![7; 200 << 10];
    let (mut node, _) = node();
    let fill = |node: &mut DataNode| {
        for key in 0..6_u8 {
            store(node, Entry::new(&[key], &value, Tick::NEVER).expect("short")).expect("stored");
        }
        (node.status().reached.bytes, node.status().reached.memory)
    };
    // What the node remembers of removals takes some of the keyspace's bytes.
    let (bytes, memory) = fill(&mut node);
    assert!(bytes == 0 && 0 < memory, "{bytes}, {memory}");
    node.set_bytes_max(2 << 20);
    node.clear(KEYSPACE);
    let (bytes, later) = fill(&mut node);
    assert!(0 < bytes && later == memory, "{bytes}, {later}");
}

#[test]
fn peaks_stay_when_what_made_them_has_gone() {
    let (mut node, _) = node();
    let before = node.status();
    assert_eq!(before.peaks, Peaks { bytes: before.bytes, ..Peaks::default() });
    put(&mut node, b"a", &[0; 9_000]);
    put(&mut node, b"b", b"2");
    let full = node.status().bytes;
    delete(&mut node, b"a");
    delete(&mut node, b"b");
    let (_lead, _waiter) = lead(&mut node, b"c");
    let (_, _second) = look(&mut node, b"c");
    let status = node.status();
    assert!(status.bytes < full && status.peaks.bytes == full, "{status:?}");
    assert_eq!((status.entries, status.peaks.entries), (0, 2));
    assert_eq!((status.peaks.flights, status.peaks.waiters), (1, 2));
    let own = node.keyspace_status(KEYSPACE).expect("it is there");
    assert_eq!(own.peaks.entries, 2);
    assert!(own.peaks.bytes < full, "without what the node remembers of removals");
}

#[test]
fn a_load_too_many_reaches_the_bound_of_flights() {
    let (mut node, _) = node_of(&KeyspaceSettings { flights_max: 1, ..settings() });
    let (_lead, _waiter) = lead(&mut node, b"a");
    let (crowded, _) = look(&mut node, b"b");
    assert!(matches!(crowded, Look::Crowded));
    assert_eq!(node.status().reached, Reached { flights: 1, ..Reached::default() });
}

#[test]
fn a_tag_too_many_reaches_the_bound_of_records() {
    let (mut node, _) = node();
    let tags: Vec<u64> = (0..TAG_RECORDS_MAX as u64).collect();
    node.revoke(Epoch::FIRST, KEYSPACE, &tags);
    assert_eq!((node.status().tag_records, node.status().reached.tag_records), (1_024, 0));
    node.revoke(Epoch::FIRST, KEYSPACE, &[9_999]);
    assert_eq!((node.status().tag_records, node.status().reached.tag_records), (1_024, 1));
}

#[test]
fn a_load_that_was_overtaken_says_so() {
    let (mut node, _) = node();
    let (lead, _waiter) = lead(&mut node, b"a");
    put(&mut node, b"a", b"newer");
    let cargo = Cargo::Entry(Entry::new(b"a", b"older", Tick::NEVER).unwrap());
    let landed = node.land(Epoch::FIRST, KEYSPACE, lead.flight(), cargo);
    assert!(matches!(landed, distcache_node::Landed::Overtaken), "{landed:?}");
    let unmet = Entry::new(b"a", b"x", Tick::NEVER).unwrap();
    node.put(Epoch::FIRST, KEYSPACE, hash(b"a"), unmet, Condition::Absent).unwrap_err();
    assert_eq!(node.status().reached, Reached::default(), "what is refused reaches nothing");
}
