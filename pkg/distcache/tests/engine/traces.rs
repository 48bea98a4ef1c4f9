//! What the engine tells of one key, and of how long its source took.

use std::time::Duration;

use distcache::{
    Answer, Cause, CircuitBreaker, Freshness, Item, KeyspaceConfig, Loaded, RateLimit, Tick, Ttl,
    WriteBehind,
};

use crate::database::Database;
use crate::runtimes;
use crate::support::{Origin, SECOND, keyspace, over};

/// What may be done to a key while it is loaded.
type Change = fn(&distcache::Keyspace);

#[test]
fn what_is_held_is_told_with_its_node_and_its_time() {
    let (engine, things, clock) = keyspace(KeyspaceConfig::new("things"));
    clock.advance(SECOND);
    let version = things.put_item(&Item::new(b"a", b"value").ttl(SECOND * 9).tag("t")).unwrap();
    clock.advance(SECOND * 2);
    let trace = things.trace(b"a").unwrap();
    let cache = engine.manager().keyspace("things").unwrap();
    assert_eq!(trace.node, engine.manager().owner_in(&cache, b"a"));
    assert_eq!(trace.node_born, Tick::ZERO);
    let held = trace.held.unwrap();
    assert_eq!((held.version, held.born), (version, Some(Tick::from_ms(1_000))));
    assert_eq!((held.freshness, held.ttl), (Freshness::Fresh, Some(Ttl::For(SECOND * 7))));
    assert_eq!((held.tags, held.value_bytes, held.is_absent), (1, 5, false));
    assert!(5 < held.heap_bytes && held.content_type.is_none());
    assert!(trace.removal.is_none() && trace.load.is_none() && !trace.write_waits);
    let by_task = runtimes::current_thread().block_on(things.trace_async(b"a")).unwrap();
    assert_eq!(by_task.held, Some(held));
}

#[test]
fn the_type_of_a_value_is_told() {
    let (_engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    things.put_item(&Item::new(b"a", b"{}").content_type("application/json")).unwrap();
    let held = things.trace(b"a").unwrap().held.unwrap();
    assert_eq!(held.content_type.as_deref(), Some("application/json"));
}

#[test]
fn a_trace_neither_loads_nor_counts() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    assert!(things.trace(b"a").unwrap().held.is_none());
    let stats = things.stats().unwrap();
    assert_eq!((origin.calls(), stats.gets, stats.loads), (0, 0, 0));
}

#[test]
fn why_a_key_is_not_there_is_told() {
    let (_engine, things, clock) = keyspace(KeyspaceConfig::new("things").ttl(SECOND * 10));
    things.put(b"a", b"1").unwrap();
    clock.advance(SECOND * 3);
    things.delete(b"a").unwrap();
    let removal = things.trace(b"a").unwrap().removal.unwrap();
    assert_eq!((removal.cause, removal.at), (Cause::Deleted, Tick::from_ms(3_000)));
    assert_eq!(removal.age, Some(SECOND * 3));
    things.put(b"a", b"2").unwrap();
    clock.advance(SECOND * 11);
    let trace = things.trace(b"a").unwrap();
    assert!(trace.held.is_none());
    let removal = trace.removal.unwrap();
    assert_eq!((removal.cause, removal.at), (Cause::Expired, Tick::from_ms(13_000)));
}

#[test]
fn a_word_of_absence_and_a_stale_value_are_told_as_such() {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND).negative_ttl(SECOND * 5);
    let (_engine, things, clock) = keyspace(config.stale_if_error(SECOND * 10));
    things.get(b"a").unwrap();
    origin.set(Answer::NotFound);
    things.get(b"b").unwrap();
    clock.advance(SECOND * 2);
    let stale = things.trace(b"a").unwrap().held.unwrap();
    assert_eq!(stale.freshness, Freshness::Stale { since: Tick::from_ms(1_000) });
    assert_eq!(stale.ttl, None);
    let absent = things.trace(b"b").unwrap().held.unwrap();
    assert!(absent.is_absent && absent.freshness == Freshness::Fresh);
}

#[test]
fn a_load_and_a_write_on_their_way_are_told() {
    let origin = Origin::new("1");
    let how = WriteBehind::new().delay(Duration::from_hours(1)).batch_max(10_000);
    let (_engine, things, _) = keyspace(over(&origin).write_behind(Database::new(), how));
    origin.close_gate();
    std::thread::scope(|scope| {
        scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        assert_eq!(things.trace(b"a").unwrap().load.unwrap().waiters, 1);
        origin.open_gate();
    });
    assert!(things.trace(b"a").unwrap().load.is_none());
    things.put(b"b", b"2").unwrap();
    assert!(things.trace(b"b").unwrap().write_waits && !things.trace(b"a").unwrap().write_waits);
}

#[test]
fn a_keyspace_that_was_deleted_has_no_traces() {
    let (engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    engine.delete_keyspace("things").unwrap();
    things.trace(b"a").unwrap_err();
}

#[test]
fn each_request_to_the_source_is_timed_once() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    things.get(b"a").unwrap();
    things.get(b"a").unwrap();
    things.get_many(&[b"b", b"c"]).into_iter().for_each(|got| _ = got.unwrap());
    origin.fail(true);
    things.get(b"d").unwrap_err();
    let stats = things.stats().unwrap();
    assert_eq!((stats.source_requests, stats.source_request_times.count()), (3, 3));
    assert_eq!((stats.loads_found, stats.load_failures), (3, 1));
}

#[test]
fn loads_that_are_refused_are_told_by_who_refused_them() {
    let origin = Origin::new("1");
    let limit = RateLimit::per_second(1.0).burst(1);
    let (_engine, things, _) = keyspace(over(&origin).rate_limit(limit));
    things.get(b"a").unwrap();
    things.get(b"b").unwrap_err();
    let stats = things.stats().unwrap();
    assert_eq!((stats.loads_refused, stats.refused_by_rate_limit), (1, 1));
    assert_eq!(stats.refused_by_breaker, 0);
    let (_engine, things, _) =
        keyspace(over(&origin).circuit_breaker(CircuitBreaker::new(1, SECOND)));
    origin.fail(true);
    things.get(b"a").unwrap_err();
    things.get(b"a").unwrap_err();
    let stats = things.stats().unwrap();
    assert_eq!((stats.loads_refused, stats.refused_by_breaker), (1, 1));
    assert_eq!((stats.refused_by_rate_limit, stats.source_request_times.count()), (0, 1));
}

#[test]
fn a_load_that_comes_too_late_for_its_key_is_counted_as_overtaken() {
    let forgets: [(&str, Change); 3] = [
        ("delete", |things| _ = things.delete(b"a").expect("an answer")),
        ("tag", |things| things.invalidate_tags(&["t"]).expect("an answer")),
        ("put", |things| _ = things.put(b"a", b"2").expect("stored")),
    ];
    for (name, forget) in forgets {
        let origin = Origin::new("");
        origin.set(Loaded::new("1").tag("t").into());
        let (_engine, things, _) = keyspace(over(&origin));
        origin.close_gate();
        std::thread::scope(|scope| {
            scope.spawn(|| things.get(b"a"));
            origin.wait_for_calls_at_gate(1);
            forget(&things);
            origin.open_gate();
        });
        crate::support::until("it has landed", || {
            things.stats().expect("an answer").loads_overtaken == 1
        });
        assert_eq!(things.stats().unwrap().loads, 1, "{name}");
    }
}

#[test]
fn a_task_is_told_what_departed_nodes_have_counted_too() {
    let (engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    (0..=255_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    engine.manager().remove_node(engine.manager().nodes()[0].id).unwrap();
    let stats = runtimes::current_thread().block_on(things.stats_async()).unwrap();
    assert_eq!((stats.inserts, stats), (256, things.stats().unwrap()));
}
