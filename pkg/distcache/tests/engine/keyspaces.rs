//! Keyspaces that come, change and go while requests run, and share one memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use distcache::{
    Cause, Engine, Error, EvictionPolicy, Item, Keyspace, KeyspaceConfig, LoadError, Loaded,
    ManualClock, Ttl, Value,
};

use crate::support::{
    LONG, Origin, SECOND, engine, keyspace, on_threads, over, text, until, validate, within,
};

fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things")
}

fn is_unknown(error: &Error) -> bool {
    error.code() == distcache::codes::KEYSPACE_UNKNOWN
}

/// Fills a keyspace until it has evicted something on every data node.
fn fill(things: &Keyspace, value_bytes: usize) {
    let value = vec![b'x'; value_bytes];
    let mut key = 0_u64;
    while things.stats().expect("an answer").evictions < 1_000 {
        for _ in 0..1_000 {
            key += 1;
            things.put(&key.to_le_bytes(), &value).expect("stored");
        }
    }
}

#[test]
fn equal_keys_of_two_keyspaces_have_nothing_in_common() {
    let (engine, clock) = engine();
    let a = engine.add_keyspace(KeyspaceConfig::new("a").ttl(SECOND)).unwrap();
    let b = engine.add_keyspace(KeyspaceConfig::new("b")).unwrap();
    for n in 0..200_u8 {
        a.put_item(&Item::new(&[n], b"a").tag("t")).unwrap();
        b.put_item(&Item::new(&[n], b"b").tag("t")).unwrap();
    }
    a.invalidate_tags(&["t"]).unwrap();
    assert!((0..200_u8).all(|n| a.get(&[n]).unwrap().is_none()));
    assert!((0..200_u8).all(|n| text(&b.get(&[n]).unwrap().unwrap()) == "b"));
    a.put(b"key", b"a").unwrap();
    b.put(b"key", b"b").unwrap();
    assert_eq!(
        (a.ttl(b"key").unwrap(), b.ttl(b"key").unwrap()),
        (Some(Ttl::For(SECOND)), Some(Ttl::UntilEvicted))
    );
    clock.advance(SECOND);
    assert!(a.get(b"key").unwrap().is_none() && b.get(b"key").unwrap().is_some());
    a.put(b"key", b"a").unwrap();
    b.delete(b"key").unwrap();
    b.clear().unwrap();
    assert_eq!(text(&a.get(b"key").unwrap().unwrap()), "a");
    assert_eq!((a.stats().unwrap().deletes, b.stats().unwrap().deletes), (0, 201));
}

#[test]
fn a_keyspace_may_have_any_name_and_works_as_it_is_told() {
    let (engine, clock) = engine();
    assert_eq!(engine.keyspaces(), [""; 0], "no keyspace is there that nobody asked for");
    for round in 0..2 {
        let config = KeyspaceConfig::new("default").ttl(SECOND).entries_max(8);
        let default = engine.add_keyspace(config).unwrap();
        assert!(engine.add_keyspace(KeyspaceConfig::new("default")).is_err());
        assert!(default.get(b"a").unwrap().is_none(), "it is empty in round {round}");
        (0..100_u8).for_each(|key| _ = default.put(&[key], b"1").unwrap());
        assert!(default.stats().unwrap().entries <= 8);
        default.put(b"a", b"1").unwrap();
        clock.advance(SECOND);
        assert!(engine.get("default", b"a").unwrap().is_none());
        default.put(b"a", b"1").unwrap();
        assert_eq!(engine.keyspaces(), ["default"]);
        engine.delete_keyspace("default").unwrap();
        assert!(is_unknown(&default.get(b"a").unwrap_err()));
    }
    let manager = engine.manager();
    assert!(manager.put(b"a", b"1", None).is_err(), "a call that names none has none");
    assert!(manager.keyspaces().is_empty());
    validate(&engine);
}

#[test]
fn a_load_of_a_deleted_keyspace_does_not_reach_the_next_one_of_its_name() {
    let origin = Origin::new("old");
    let (engine, old, _) = keyspace(over(&origin).write_timeout(Duration::from_millis(10)));
    origin.close_gate();
    std::thread::scope(|scope| {
        let early = scope.spawn(|| old.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        engine.delete_keyspace("things").unwrap();
        let new = engine.add_keyspace(things()).unwrap();
        origin.open_gate();
        _ = early.join().expect("no panic");
        assert!(new.get(b"a").unwrap().is_none());
        new.put(b"a", b"new").unwrap();
        assert!(is_unknown(&old.get(b"a").unwrap_err()));
        assert!(is_unknown(&old.put(b"a", b"old").unwrap_err()));
        assert_eq!(text(&new.get(b"a").unwrap().unwrap()), "new");
    });
}

#[test]
fn deleting_a_keyspace_again_and_again_while_requests_run_harms_nobody() {
    let (engine, _) = engine();
    let steady = engine.add_keyspace(KeyspaceConfig::new("steady")).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3_u8 {
            let (engine, is_over, steady) = (&engine, &is_over, &steady);
            scope.spawn(move || {
                let mut number = 0_u32;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    let key = [thread, (number % 64) as u8];
                    for outcome in [
                        engine.put("things", &key, &number.to_le_bytes()).map(drop),
                        engine.get("things", &key).map(drop),
                        engine.increment("things", b"n", 1).map(drop),
                        engine.delete("things", &key).map(drop),
                    ] {
                        assert!(
                            outcome.as_ref().is_ok_and(|()| true)
                                || is_unknown(&outcome.unwrap_err())
                        );
                    }
                    steady.put(&key, &number.to_le_bytes()).expect("stored");
                    let found = steady.get(&key).expect("an answer").expect("a value");
                    assert_eq!(*found, number.to_le_bytes());
                }
            });
        }
        for _ in 0..200 {
            let added = engine.add_keyspace(things()).unwrap();
            assert!(added.get(&[0, 0]).is_ok());
            engine.delete_keyspace("things").unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    validate(&engine);
}

#[test]
fn every_call_of_a_deleted_keyspace_says_so() {
    let (engine, things, _) = keyspace(things());
    things.put(b"a", b"1").unwrap();
    engine.delete_keyspace("things").unwrap();
    let calls: [(&str, Result<(), Error>); 12] = [
        ("get", things.get(b"a").map(drop)),
        ("put", things.put(b"a", b"1").map(drop)),
        ("increment", things.increment(b"a", 1).map(drop)),
        ("stats", things.stats().map(drop)),
        ("delete", things.delete(b"a").map(drop)),
        ("invalidate", things.invalidate(b"a").map(drop)),
        ("peek", things.peek(b"a").map(drop)),
        ("touch", things.touch(b"a").map(drop)),
        ("scan", things.scan(b"*", None, 10).map(drop)),
        ("clear", things.clear().map(drop)),
        ("tags", things.invalidate_tags(&["t"])),
        ("prefix", things.invalidate_prefix(b"").map(drop)),
    ];
    let silent: Vec<_> =
        calls.iter().filter(|(_, call)| call.is_ok()).map(|(name, _)| *name).collect();
    assert_eq!(silent, [""; 0], "these say nothing");
}

#[test]
fn every_call_of_an_engine_that_has_ended_says_that_it_is_closed() {
    let (engine, things, _) = keyspace(things().write_through(crate::database::Database::new()));
    engine.shutdown(LONG).unwrap();
    for error in [
        engine.get("things", b"a").unwrap_err(),
        engine.put("things", b"a", b"1").unwrap_err(),
        things.get(b"a").unwrap_err(),
        things.put(b"a", b"1").unwrap_err(),
        engine.add_keyspace(KeyspaceConfig::new("more")).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the cache is closed");
    }
}

#[test]
fn an_update_keeps_what_the_new_settings_allow() {
    let (engine, things, clock) = keyspace(things().ttl(SECOND * 10));
    (0..100_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    engine.update_keyspace(KeyspaceConfig::new("things").ttl(SECOND)).unwrap();
    assert_eq!(things.ttl(&[0]).unwrap(), Some(Ttl::For(SECOND * 10)), "it keeps its own");
    things.put(b"new", b"1").unwrap();
    assert_eq!(things.ttl(b"new").unwrap(), Some(Ttl::For(SECOND)));
    engine.update_keyspace(KeyspaceConfig::new("things").entries_max(20)).unwrap();
    let entries = things.stats().unwrap().entries;
    assert!((1..=20).contains(&entries), "{entries} entries");
    for policy in EvictionPolicy::ALL {
        engine.update_keyspace(KeyspaceConfig::new("things").eviction(policy)).unwrap();
        assert_eq!(things.stats().unwrap().entries, entries);
        validate(&engine);
    }
    let error = engine.update_keyspace(KeyspaceConfig::new("none")).unwrap_err();
    assert!(is_unknown(&error));
    let error = engine.update_keyspace(KeyspaceConfig::new("things").entries_max(1)).unwrap_err();
    assert_eq!(error.code(), distcache::codes::KEYSPACE_REFUSED, "{error}");
    assert_eq!(things.stats().unwrap().entries, entries, "nothing has changed");
    clock.advance(SECOND * 10);
    assert!(things.get(&[0]).unwrap().is_none());
}

#[test]
fn settings_changed_under_load_cost_no_acknowledged_value_and_no_accounted_byte() {
    const KEYS: u32 = 200;
    let (engine, things, _) = keyspace(things());
    let configs = [
        // Another policy is the business of the test below.
        KeyspaceConfig::new("things").stale_if_error(LONG).ttl(LONG),
        KeyspaceConfig::new("things").bytes_max(32 << 20).idle_expiry(LONG),
        KeyspaceConfig::new("things").refresh_ahead(SECOND).removal_listener(nobody),
        KeyspaceConfig::new("things"),
    ];
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2_u32 {
            let (things, is_over) = (&things, &is_over);
            scope.spawn(move || {
                let mut number = 0_u32;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    for key in (0..KEYS).filter(|key| key % 2 == thread) {
                        let key = key.to_le_bytes();
                        things.put(&key, &number.to_le_bytes()).expect("stored");
                        let found = things.get(&key).expect("an answer").expect("a value");
                        assert_eq!(*found, number.to_le_bytes());
                    }
                }
            });
        }
        for config in configs.iter().cycle().take(100) {
            engine.update_keyspace(config.clone()).unwrap();
            validate(&engine);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// 1. A read finds that the keyspace's policy shares its hits, and waits for the
///    node's lock beside other readers.
/// 2. The keyspace gets a policy that does not.
/// 3. The read tells that one of a hit beside others: it panics, and the node is
///    lost with all that it holds.
#[test]
fn a_policy_changed_under_load_costs_no_node() {
    let (engine, things, _) = keyspace(things().eviction(EvictionPolicy::Sieve));
    (0..64_u8).for_each(|key| _ = things.put(&[key], b"1").expect("stored"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [0; 2].map(|_| {
            scope.spawn(|| {
                let mut failures = 0;
                while !is_over.load(Ordering::Relaxed) {
                    failures += (0..64_u8).filter(|key| things.get(&[*key]).is_err()).count();
                }
                failures
            })
        });
        for policy in EvictionPolicy::ALL.iter().cycle().take(2_000) {
            let config = KeyspaceConfig::new("things").eviction(policy.clone());
            engine.update_keyspace(config).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert_eq!(reader.join().expect("no panic"), 0, "gets failed");
        }
    });
    let lives: Vec<_> = engine.manager().nodes().iter().map(|node| node.incarnation).collect();
    assert_eq!(lives, [0; 4], "nodes were lost");
}

fn nobody(_: &[u8], _: &Value, _: Cause) {}

/// An engine, its keyspace, and its clock.
type Parts = (Engine, Keyspace, Arc<ManualClock>);

/// Puts and loads a value by settings that are being replaced by others without
/// a stale window: of an hour, where the values' TTL is ten seconds.
fn during_an_update(work: impl FnOnce(&Keyspace)) -> Parts {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND * 10);
    let stale = config.clone().stale_if_error(Duration::from_hours(1));
    let (engine, things, clock) = keyspace(stale);
    origin.close_gate();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| things.get(b"loaded"));
        origin.wait_for_calls_at_gate(1);
        let update = scope.spawn(|| engine.update_keyspace(config));
        // The nodes have the new settings, and the update waits for the load.
        until("the nodes are told", || {
            let spec = engine.manager().keyspace_spec("things").expect("it is there");
            spec.lifetimes.stale_if_error.is_zero()
        });
        work(&things);
        origin.open_gate();
        load.join().expect("no panic").expect("a value");
        update.join().expect("no panic").expect("it was changed");
    });
    (engine, things, clock)
}

#[test]
fn what_is_put_during_an_update_is_not_fresh_for_longer_than_its_ttl() {
    let (_engine, things, clock) = during_an_update(|things| _ = things.put(b"put", b"1").unwrap());
    clock.advance(SECOND * 10);
    let found = things.peek(b"put").unwrap();
    assert!(found.is_none_or(|found| found.is_stale()), "fresh for an hour more");
}

#[test]
fn what_lands_after_an_update_is_not_fresh_for_longer_than_its_ttl() {
    let (_engine, things, clock) = during_an_update(|_| {});
    clock.advance(SECOND * 10);
    let found = things.peek(b"loaded").unwrap();
    assert!(found.is_none_or(|found| found.is_stale()), "fresh for an hour more");
}

#[test]
fn reads_that_miss_during_an_update_are_loaded() {
    let mut got = None;
    during_an_update(|things| {
        got = Some(things.within(Duration::from_millis(500)).get(b"another"));
    });
    let got = got.expect("it was asked for");
    let is_refused = matches!(&got, Err(Error::Load(LoadError::Busy)));
    assert!(!is_refused, "sixteen loads may be made at once, and one is: {got:?}");
}

#[test]
fn the_end_of_an_engine_does_not_wait_for_an_update_longer_than_it_may() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        let update = scope.spawn(|| engine.update_keyspace(over(&origin).stale_if_error(LONG)));
        until("the update waits for the load", || {
            let spec = engine.manager().keyspace_spec("things").expect("it is there");
            !spec.lifetimes.stale_if_error.is_zero()
        });
        let end = scope.spawn(|| engine.shutdown(Duration::from_millis(50)));
        let is_over = within(SECOND * 5, || end.is_finished());
        origin.open_gate();
        _ = (load.join(), update.join(), end.join());
        assert!(is_over, "it was given 50 ms");
    });
}

#[test]
fn keyspaces_share_one_memory_and_never_take_more() {
    let (engine, _) = engine();
    let names = ["a", "b", "c"];
    let spaces = names.map(|name| engine.add_keyspace(KeyspaceConfig::new(name)).unwrap());
    on_threads(3, |at| fill(&spaces[at], 1_000));
    validate(&engine);
    let bytes: u64 = spaces.iter().map(|space| space.stats().unwrap().bytes).sum();
    assert!((48 << 20..=64 << 20).contains(&bytes), "{bytes} of 64 MiB");
    let parts = spaces.map(|space| space.stats().unwrap().bytes * 100 / bytes);
    assert!(parts.iter().all(|part| (20..=47).contains(part)), "{parts:?} percent");
}

#[test]
fn a_keyspace_that_comes_late_gets_its_part_of_a_memory_that_is_full() {
    let (engine, _) = engine();
    let early = engine.add_keyspace(KeyspaceConfig::new("early")).unwrap();
    fill(&early, 1_000);
    let late = engine.add_keyspace(KeyspaceConfig::new("late")).unwrap();
    fill(&late, 1_000);
    let bytes = [early, late].map(|space| space.stats().unwrap().bytes);
    let part = bytes[1] * 100 / (bytes[0] + bytes[1]);
    assert!((40..=60).contains(&part), "{part} percent of {bytes:?}");
    validate(&engine);
}

/// 1. A load of a key begins at node A.
/// 2. Node B comes, and owns the key from now on. There it is deleted.
/// 3. B goes: the key is A's again. The load lands.
#[test]
fn a_load_from_before_a_move_is_not_stored_though_its_key_has_come_back() {
    const KEYS: u8 = 64;
    let origin = Origin::new("old");
    let (engine, things, _) = keyspace(over(&origin).loads_max(usize::from(KEYS)));
    let manager = engine.manager();
    let cache = manager.keyspace("things").unwrap();
    origin.close_gate();
    let hasty = things.within(Duration::ZERO);
    (0..KEYS).for_each(|key| _ = hasty.get(&[key]).unwrap_err());
    origin.wait_for_calls_at_gate(u64::from(KEYS));
    origin.set(distcache::Answer::from("new"));
    let added = manager.add_node().unwrap();
    let moved: Vec<_> =
        (0..KEYS).filter(|key| manager.owner_in(&cache, &[*key]) == added).collect();
    assert!(!moved.is_empty(), "by its hash key, some of the keys are of the fifth node");
    (0..KEYS).for_each(|key| _ = things.delete(&[key]).unwrap());
    manager.remove_node(added).unwrap();
    origin.open_gate();
    until("they have landed", || things.stats().expect("an answer").loads == u64::from(KEYS));
    for key in moved {
        assert_eq!(text(&things.get(&[key]).unwrap().unwrap()), "new");
    }
}

/// Two keyspaces that fill the memory of their engine together.
fn full() -> (Engine, Keyspace, Keyspace, Arc<Origin>) {
    let (engine, _) = engine();
    let origin = Origin::new("1");
    let own = engine.add_keyspace(over(&origin).loads_waiting_max(100_000));
    let other = engine.add_keyspace(KeyspaceConfig::new("other"));
    let (own, other) = (own.expect("good settings"), other.expect("good settings"));
    fill(&other, 1_000);
    fill(&own, 1_000);
    validate(&engine);
    (engine, own, other, origin)
}

#[test]
fn loads_on_their_way_take_no_more_than_the_node_has() {
    let (engine, own, _other, origin) = full();
    origin.close_gate();
    let hasty = own.within(Duration::ZERO);
    for key in 0..2_000_u32 {
        let mut long = vec![b'k'; 4_000];
        long.extend(key.to_le_bytes());
        _ = hasty.get(&long);
    }
    let bytes: Vec<_> = engine
        .manager()
        .statuses()
        .unwrap()
        .iter()
        .map(|(_, status)| (status.bytes, status.capacity_bytes))
        .collect();
    origin.open_gate();
    assert!(bytes.iter().all(|(bytes, capacity)| bytes <= capacity), "{bytes:?}");
}

#[test]
fn a_loaded_value_that_is_too_large_evicts_nothing() {
    let (_engine, own, other, origin) = full();
    own.clear().unwrap();
    fill(&other, 1_000);
    let before = other.stats().unwrap().evictions;
    origin.set(Loaded::new(vec![b'x'; 12 << 20]).into());
    assert_eq!(own.get(b"large").unwrap().unwrap().len(), 12 << 20);
    assert_eq!(own.stats().unwrap().refusals, 1);
    let gone = other.stats().unwrap().evictions - before;
    // A load on its way takes a few hundred bytes, that is one entry.
    assert!(gone <= 2, "{gone} entries of another keyspace went for nothing");
}

#[test]
fn idle_expiry_for_a_full_keyspace_takes_no_more_than_it_may() {
    let (engine, things, _) = keyspace(things());
    fill(&things, 10);
    validate(&engine);
    engine.update_keyspace(KeyspaceConfig::new("things").idle_expiry(LONG)).unwrap();
    validate(&engine);
}

#[test]
fn a_smaller_limit_holds_with_loads_on_their_way() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin).loads_waiting_max(100_000));
    fill(&things, 1_000);
    origin.close_gate();
    let hasty = things.within(Duration::ZERO);
    (0..1_000_u32)
        .for_each(|key| _ = hasty.get(&[&[b'k'; 1_000][..], &key.to_le_bytes()].concat()));
    // The nodes alone: the engine waits for its loads when they have it.
    let mut spec = engine.manager().keyspace_spec("things").unwrap();
    spec.bytes_max = Some(8 << 20);
    engine.manager().change_keyspace("things", &spec).unwrap();
    let stats = things.stats().unwrap();
    origin.open_gate();
    assert!(stats.bytes <= stats.bytes_max, "{} of {} bytes", stats.bytes, stats.bytes_max);
}

#[test]
fn warm_keys_are_loaded_in_batches_and_told_when_they_are() {
    let origin = Origin::new("1");
    let (engine, _) = engine();
    let events = engine.events(10);
    let keys: Vec<Vec<u8>> = (0..250_u8).map(|key| vec![key]).collect();
    let warmed = engine.add_keyspace(over(&origin).warm_keys(keys)).unwrap();
    until("it is warm", || warmed.warming().loaded == 250);
    assert_eq!((warmed.warming().is_done(), warmed.warming().failed), (true, 0));
    assert!((0..250_u8).all(|key| warmed.contains(&[key]).unwrap()));
    let mut names = Vec::new();
    while names.len() < 2 {
        let event = events.recv_timeout(LONG).expect("an event");
        names.push(format!("{event:?}"));
    }
    assert!(names[0].contains("Added") && names[1].contains("Warmed"), "{names:?}");
}

#[test]
fn a_warm_up_that_has_not_begun_is_not_done() {
    let origin = Origin::new("1");
    let (engine, _) = engine();
    for round in 0..20_u32 {
        // However busy the machine is, nothing is loaded before it was looked at.
        origin.close_gate();
        let config = KeyspaceConfig::new(round.to_string()).source(origin.clone());
        let warmed =
            engine.add_keyspace(config.warm_keys((0..1_000_u32).map(u32::to_le_bytes))).unwrap();
        let warming = warmed.warming();
        origin.open_gate();
        assert!(warming.keys == 1_000 && !warming.is_done(), "{warming:?}");
    }
}

#[test]
fn a_keyspace_that_is_deleted_while_it_is_warmed_stops_being_warmed() {
    let origin = Origin::new("1");
    let (engine, _) = engine();
    origin.close_gate();
    let keys: Vec<Vec<u8>> = (0..250_u8).map(|key| vec![key]).collect();
    let config = over(&origin).warm_keys(keys).batch_max(1).write_timeout(Duration::ZERO);
    let warmed = engine.add_keyspace(config).unwrap();
    origin.wait_for_calls_at_gate(1);
    engine.delete_keyspace("things").unwrap();
    origin.open_gate();
    engine.shutdown(LONG).expect("its thread has ended");
    let calls = origin.calls();
    assert!(calls < 250, "{calls} keys were loaded for nobody");
    drop(warmed);
}

#[test]
fn two_engines_of_one_process_share_nothing() {
    let engines = [engine().0, engine().0];
    for (at, engine) in engines.iter().enumerate() {
        let things = engine.add_keyspace(things()).unwrap();
        things.put(b"a", at.to_string().as_bytes()).unwrap();
    }
    engines[0].clear_all().unwrap();
    engines[0].shutdown(LONG).unwrap();
    assert_eq!(text(&engines[1].get("things", b"a").unwrap().unwrap()), "1");
}
