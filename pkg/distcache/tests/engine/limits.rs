//! Every bound tells how much there is, how much there was, and how often it was
//! reached: exactly what has happened.

use std::time::Duration;

use distcache::{Bound, Engine, KeyspaceConfig, WriteBehind};

use crate::database::Database;
use crate::runtimes;
use crate::support::{Origin, engine, keyspace, over, until};

/// A bound of the keyspace `things`, or of all keyspaces.
fn bound(engine: &Engine, name: &str) -> Bound {
    let limits = engine.limits().expect("an answer");
    let named = |bound: &&Bound| bound.name == name;
    let mut named = limits.iter().filter(named);
    let bound = named.next().unwrap_or_else(|| panic!("no bound {name}")).clone();
    assert!(named.next().is_none(), "one of each");
    assert!(bound.used <= bound.peak, "{bound:?}");
    bound
}

/// What a bound has come to: now, at most, and how often it was reached.
fn filled(engine: &Engine, name: &str) -> (Option<u64>, Option<u64>, u64) {
    let bound = bound(engine, name);
    (bound.used, bound.peak, bound.reached)
}

#[test]
fn each_bound_is_told_once_and_belongs_to_a_keyspace_or_to_all() {
    let (engine, _things, _) = keyspace(over(&Origin::new("1")).entries_max(100));
    let limits = engine.limits().unwrap();
    let names: Vec<_> =
        limits.iter().map(|bound| (bound.name, bound.keyspace.as_deref())).collect();
    let own = Some("things");
    let expected = [
        ("memory", None),
        ("data_nodes", None),
        ("keyspaces", None),
        ("waiting_tasks", None),
        ("inbox_per_node", None),
        ("journal", None),
        ("near_copies", None),
        ("keyspace_changes", None),
        ("keyspace_bytes", own),
        ("value_bytes", own),
        ("flights_per_node", own),
        ("waiters_per_load", own),
        ("tag_records_per_node", own),
        ("keyspace_entries", own),
        ("hot_keys", own),
        ("loads", own),
        ("loads_waiting", own),
    ];
    assert_eq!(names, expected);
    assert!(limits.iter().all(|bound| bound.reached == 0));
    let of_none: Vec<_> = limits.iter().filter(|bound| bound.max == 0).collect();
    assert!(of_none.iter().all(|bound| bound.name == "near_copies"), "nobody is near: {of_none:?}");
    let by_task = runtimes::current_thread().block_on(engine.limits_async()).unwrap();
    assert_eq!(by_task, limits);
}

#[test]
fn memory_is_never_more_than_its_bound_and_is_reached_when_something_has_to_go() {
    let (engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    let before = bound(&engine, "memory");
    assert_eq!(before.max, 64 << 20);
    for number in 0..100_u32 {
        things.put(&number.to_be_bytes(), &vec![0; 1 << 20]).unwrap();
        let memory = bound(&engine, "memory");
        assert!(memory.peak <= Some(memory.max), "{memory:?}");
    }
    let memory = bound(&engine, "memory");
    let evictions = things.stats().unwrap().evictions;
    assert!(0 < memory.reached && memory.reached <= evictions, "{memory:?}, {evictions}");
    things.clear().unwrap();
    let cleared = bound(&engine, "memory");
    assert!(cleared.used < memory.used && cleared.peak == memory.peak, "{cleared:?}");
    assert_eq!(bound(&engine, "keyspace_bytes").reached, 0, "it has no limit of its own");
}

#[test]
fn a_value_too_large_reaches_the_bound_of_values() {
    let (engine, things, _) = keyspace(KeyspaceConfig::new("things").value_bytes_max(10));
    things.put(b"a", &[0; 10]).unwrap();
    things.put(b"a", &[0; 11]).unwrap_err();
    let value_bytes = bound(&engine, "value_bytes");
    assert_eq!((value_bytes.max, value_bytes.used, value_bytes.reached), (10, None, 1));
}

#[test]
fn loads_that_wait_and_one_that_may_not_are_counted_each() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin).loads_max(1).loads_waiting_max(2));
    origin.close_gate();
    std::thread::scope(|scope| {
        scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        for (waiting, key) in [(1, b"b"), (2, b"c")] {
            scope.spawn(|| things.get(key));
            until("it waits", || filled(&engine, "loads_waiting").0 == Some(waiting));
        }
        assert_eq!(filled(&engine, "loads"), (Some(1), Some(1), 2));
        assert_eq!(filled(&engine, "loads_waiting"), (Some(2), Some(2), 0));
        things.get(b"d").unwrap_err();
        assert_eq!(filled(&engine, "loads_waiting"), (Some(2), Some(2), 1));
        origin.open_gate();
    });
    until("all have ended", || filled(&engine, "loads").0 == Some(0));
    assert_eq!(filled(&engine, "loads_waiting"), (Some(0), Some(2), 1), "peaks stay");
    engine.update_keyspace(over(&origin).loads_max(3)).unwrap();
    assert_eq!(filled(&engine, "loads_waiting"), (Some(0), Some(2), 1), "and outlive settings");
    assert_eq!(bound(&engine, "loads").max, 3);
}

#[test]
fn what_write_behind_keeps_is_told_in_writes_and_bytes() {
    let how = WriteBehind::new().delay(Duration::from_hours(1)).batch_max(10_000);
    let how = how.waiting_max(2).waiting_bytes_max(30);
    let config = KeyspaceConfig::new("things").write_behind(Database::new(), how);
    let (engine, things, _) = keyspace(config);
    things.put(b"a", b"1").unwrap();
    things.put(b"b", b"22").unwrap();
    assert_eq!(filled(&engine, "behind_writes"), (Some(2), Some(2), 0));
    assert_eq!(filled(&engine, "behind_bytes"), (Some(7), Some(7), 0));
    assert_eq!(things.stats().unwrap().writes_waiting_bytes, 7);
    things.put(b"c", b"3").unwrap_err();
    assert_eq!(filled(&engine, "behind_writes"), (Some(2), Some(2), 1));
    things.put(b"a", &[0; 30]).unwrap_err();
    assert_eq!(filled(&engine, "behind_bytes"), (Some(7), Some(7), 1));
    assert_eq!(bound(&engine, "writes_waiting_per_lane").max, 1_024);
}

#[test]
fn keyspaces_are_counted_as_they_come_and_go() {
    let (engine, _) = engine();
    engine.add_keyspace(KeyspaceConfig::new("a")).unwrap();
    engine.add_keyspace(KeyspaceConfig::new("b")).unwrap();
    engine.delete_keyspace("a").unwrap();
    // An engine begins with one, and removes it.
    assert_eq!(filled(&engine, "keyspaces"), (Some(1), Some(2), 0));
}

#[test]
fn subscribers_that_read_too_slowly_are_seen() {
    let (engine, _) = engine();
    let _slow = engine.events(1);
    for name in ["a", "b", "c"] {
        engine.add_keyspace(KeyspaceConfig::new(name)).unwrap();
    }
    let lags = engine.lags();
    let events = lags.iter().find(|lag| lag.topic == "engine").unwrap();
    assert_eq!((events.subscribers, events.waiting, events.missed), (1, 1, 2));
    assert!(lags.iter().filter(|lag| lag.topic != "engine").all(|lag| lag.subscribers == 0));
    assert_eq!(lags.len(), 6);
}
