//! Stores beside the cache: write-through and write-behind.

use std::sync::Arc;
use std::time::Duration;

use distcache::{Error, Item, KeyspaceConfig, WriteBehind};

use crate::database::{Database, Writes};
use crate::support::{
    LONG, Origin, SECOND, engine, keyspace, on_threads, over, text, until, within,
};

/// A patient keyspace that is written through to a database, and read from it.
fn through(database: &Arc<Database>) -> KeyspaceConfig {
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(LONG)
        .write_timeout(LONG)
        .source(database.clone())
        .write_through(database.clone())
}

/// The same, but written behind.
fn behind(database: &Arc<Database>, how: WriteBehind) -> KeyspaceConfig {
    through(database).write_behind(database.clone(), how)
}

/// Writes wait, until they are let go by the end of their keyspace.
fn at_the_end() -> WriteBehind {
    WriteBehind::new().delay(Duration::from_hours(1)).batch_max(10_000)
}

/// Writes are made as soon as they can be, and tried again at once.
fn at_once() -> WriteBehind {
    WriteBehind::new().delay(Duration::ZERO).retry_after(Duration::from_millis(1))
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be there")]
fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.into())
}

#[test]
fn a_write_is_acknowledged_when_both_have_it() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    let version = things.put(b"a", b"1").unwrap();
    assert_eq!(database.row(b"a"), some("1"));
    let found = things.get(b"a").unwrap().unwrap();
    assert_eq!((text(&found), found.version()), ("1".to_owned(), version));
    assert!(things.delete(b"a").unwrap());
    assert_eq!(database.row(b"a"), None);
    assert!(things.get(b"a").unwrap().is_none());
    assert_eq!(database.fetches(), 1, "only the deleted key was asked for");
}

#[test]
fn writes_of_one_key_come_to_the_store_and_the_cache_in_one_order() {
    const KEYS: u8 = 4;
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    on_threads(8, |thread| {
        for round in 0..200 {
            let value = format!("{thread}-{round}");
            things.put(&[round % KEYS], value.as_bytes()).expect("stored");
        }
    });
    for key in 0..KEYS {
        let last = database.history(&[key]).pop().flatten();
        let cached = things.peek(&[key]).unwrap().map(|found| found.to_vec());
        assert_eq!(cached, last);
    }
}

#[test]
fn concurrent_puts_and_deletes_leave_the_cache_as_the_store() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    for round in 0..100_u32 {
        on_threads(4, |thread| {
            if thread % 2 == 0 {
                things.put(b"a", format!("{round}-{thread}").as_bytes()).expect("stored");
            } else {
                things.delete(b"a").expect("removed");
            }
        });
        let cached = things.peek(b"a").unwrap().map(|found| found.to_vec());
        assert_eq!(cached, database.row(b"a"));
    }
}

#[test]
fn after_a_failure_the_cache_shows_what_the_store_has() {
    for writes in [Writes::Refuses, Writes::MakesAndFails] {
        let database = Database::new();
        let (_engine, things, _) = keyspace(through(&database));
        things.put(b"a", b"1").unwrap();
        database.does(writes);
        let error = things.put(b"a", b"2").unwrap_err();
        assert!(matches!(error, Error::StoreFailed(_)), "{error}");
        let shown = things.get(b"a").unwrap().map(|found| found.to_vec());
        assert_eq!(shown, database.row(b"a"), "{writes:?}");
        assert!(matches!(things.delete(b"a"), Err(Error::StoreFailed(_))));
        let shown = things.get(b"a").unwrap().map(|found| found.to_vec());
        assert_eq!(shown, database.row(b"a"), "{writes:?}");
        assert_eq!(things.stats().unwrap().store_failures, 2);
    }
}

#[test]
fn after_a_panic_the_cache_shows_what_the_store_has() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    things.put(b"a", b"1").unwrap();
    database.does(Writes::MakesAndPanics);
    things.put(b"a", b"2").unwrap_err();
    assert_eq!(database.row(b"a"), some("2"));
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "2", "the store has 2, and said nothing");
}

#[test]
fn a_store_that_panics_is_not_told_as_one_that_is_slow() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    database.does(Writes::MakesAndPanics);
    let error = things.put(b"a", b"1").unwrap_err();
    assert!(matches!(error, Error::StoreFailed(_)), "{error}");
}

#[test]
fn a_write_that_takes_too_long_has_made_the_cache_forget_the_key_as_its_error_says() {
    let database = Database::new();
    let config = through(&database).write_timeout(Duration::from_millis(10));
    let (_engine, things, _) = keyspace(config);
    database.set(b"a", b"1");
    things.get(b"a").unwrap();
    database.hold(b"2");
    let error = things.put(b"a", b"2").unwrap_err();
    assert!(matches!(error, Error::StoreTimedOut { .. }), "{error}");
    assert!(things.peek(b"a").unwrap().is_none(), "{error}");
    database.let_go();
}

#[test]
fn a_write_that_returns_too_late_comes_before_the_next_one() {
    let database = Database::new();
    let config = through(&database).write_timeout(Duration::from_millis(10));
    let (_engine, things, _) = keyspace(config);
    database.hold(b"2");
    assert!(matches!(things.put(b"a", b"2"), Err(Error::StoreTimedOut { .. })));
    std::thread::scope(|scope| {
        let late = scope.spawn(|| things.put(b"a", b"3"));
        let error = late.join().expect("no panic").unwrap_err();
        assert!(matches!(error, Error::StoreTimedOut { .. }), "{error}");
    });
    database.let_go();
    database.wait_for_log(|log| log.len() == 2);
    assert_eq!(database.history(b"a"), [some("2"), some("3")]);
    until("the cache has the last one too", || {
        things.peek(b"a").expect("an answer").is_some_and(|found| *found == *b"3")
    });
}

#[test]
fn a_store_that_hangs_holds_up_the_keys_of_one_lane_and_no_others() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    database.hold(b"held");
    std::thread::scope(|scope| {
        let held = scope.spawn(|| things.put(b"held", b"held"));
        database.wait_for_held(1);
        // Of so many keys some are in another lane, whatever their hashes.
        let free = (0..64_u8).find(|key| {
            let (things, key) = (things.clone(), *key);
            let put = std::thread::Builder::new().spawn(move || things.put(&[key], b"1"));
            let put = put.expect("a thread");
            within(SECOND, || put.is_finished())
        });
        assert!(free.is_some(), "one slow write holds up all others");
        database.let_go();
        held.join().expect("no panic").unwrap();
    });
}

#[test]
fn what_the_cache_refuses_does_not_reach_the_store() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    things.put(b"a", b"1").unwrap();
    let tags: Vec<String> = (0..64).map(|tag| tag.to_string()).collect();
    let item = tags.iter().fold(Item::new(b"a", b"2"), |item, tag| item.tag(tag));
    let error = things.put_item(&item).unwrap_err();
    assert_eq!(error.to_string(), "64 tags are given, and at most 63 are allowed");
    // "Nothing has changed", as the error says.
    assert_eq!(database.row(b"a"), some("1"));
    assert!(things.put(&vec![7; 65_536], b"1").is_err());
    assert_eq!(database.log().len(), 1);
}

#[test]
fn a_value_that_the_cache_cannot_keep_is_in_the_store_and_the_one_before_is_gone() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database).value_bytes_max(10));
    things.put(b"a", b"small").unwrap();
    assert_eq!(things.put(b"a", b"too large to keep").unwrap().get(), 0);
    assert!(things.peek(b"a").unwrap().is_none());
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "too large to keep");
}

#[test]
fn a_condition_that_is_not_met_keeps_a_write_from_the_store() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    let version = things.put_item(&Item::new(b"a", b"1").if_absent()).unwrap();
    let error = things.put_item(&Item::new(b"a", b"2").if_absent()).unwrap_err();
    assert_eq!(error.unmet(), Some(Some(version)));
    let error = things.put_item(&Item::new(b"b", b"2").if_present()).unwrap_err();
    assert_eq!(error.unmet(), Some(None));
    things.put_item(&Item::new(b"a", b"3").if_version(version)).unwrap();
    let error = things.put_item(&Item::new(b"a", b"4").if_version(version)).unwrap_err();
    assert!(error.unmet().is_some());
    assert_eq!(database.history(b"a"), [some("1"), some("3")]);
    assert_eq!(database.row(b"b"), None);
}

#[test]
fn no_increment_is_lost_on_its_way_to_the_store() {
    let database = Database::new();
    database.set(b"n", b"1000");
    let (_engine, things, _) = keyspace(through(&database));
    on_threads(8, |_| (0..50).for_each(|_| _ = things.increment(b"n", 1).expect("a sum")));
    assert_eq!(text(&things.get(b"n").unwrap().unwrap()), "1400");
    assert_eq!(database.row(b"n"), some("1400"));
    let sums: Vec<_> = (1001..=1400).map(|sum| Some(sum.to_string().into_bytes())).collect();
    assert_eq!(database.history(b"n"), sums);
}

#[test]
fn an_increment_is_refused_when_the_number_is_not_known() {
    let (database, origin) = (Database::new(), Origin::new("41"));
    let config = over(&origin).ttl(SECOND).stale_if_error(LONG);
    let config = config.write_timeout(LONG).write_through(database.clone());
    let (_engine, things, clock) = keyspace(config);
    assert_eq!(text(&things.get(b"n").unwrap().unwrap()), "41");
    clock.advance(SECOND * 2);
    origin.fail(true);
    things.increment(b"n", 1).expect_err("what the source has is not known");
    assert_eq!(database.row(b"n"), None, "nothing was written on the strength of a stale value");
}

#[test]
fn an_increment_on_its_way_to_the_store_waits_for_the_number_to_be_loaded_again() {
    let (database, origin) = (Database::new(), Origin::new("41"));
    let config = over(&origin).ttl(SECOND).stale_while_revalidate(LONG);
    let config = config.write_timeout(LONG).write_through(database.clone());
    let (_engine, things, clock) = keyspace(config);
    assert_eq!(text(&things.get(b"n").unwrap().unwrap()), "41");
    clock.advance(SECOND * 2);
    assert_eq!(things.increment(b"n", 1).unwrap(), 42);
    assert_eq!(database.row(b"n"), some("42"));
}

#[test]
fn a_batch_has_one_write_timeout_and_not_one_for_each_item() {
    let database = Database::new();
    let config = through(&database).write_timeout(Duration::from_millis(300));
    let (_engine, things, _) = keyspace(config);
    database.hold(b"1");
    let keys: Vec<[u8; 1]> = (0..40_u8).map(|key| [key]).collect();
    let items: Vec<_> = keys.iter().map(|key| Item::new(key, b"1")).collect();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| things.put_many(&items));
        let is_done = within(SECOND * 4, || put.is_finished());
        database.let_go();
        put.join().expect("no panic");
        assert!(is_done, "thirteen timeouts have passed");
    });
}

#[test]
fn of_several_writes_behind_only_the_last_of_each_key_is_made() {
    let database = Database::new();
    let (engine, things, _) = keyspace(behind(&database, at_the_end()));
    for value in ["1", "2", "3"] {
        things.put(b"a", value.as_bytes()).unwrap();
        things.put(b"b", value.as_bytes()).unwrap();
    }
    things.delete(b"b").unwrap();
    assert_eq!((database.log().len(), things.stats().unwrap().writes_waiting), (0, 2));
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "3");
    engine.shutdown(LONG).unwrap();
    assert_eq!(database.history(b"a"), [some("3")]);
    assert_eq!(database.history(b"b"), [None]);
}

#[test]
fn a_miss_is_answered_from_what_waits_to_be_written() {
    let database = Database::new();
    database.set(b"a", b"old");
    database.set(b"gone", b"old");
    let config = behind(&database, at_the_end()).entries_max(4);
    let (_engine, things, _) = keyspace(config);
    things.put(b"a", b"new").unwrap();
    things.delete(b"gone").unwrap();
    for key in 0..=255_u8 {
        things.put(&[key, key], b"flood").unwrap();
    }
    assert!(things.peek(b"a").unwrap().is_none(), "it was evicted");
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "new");
    assert!(things.get(b"gone").unwrap().is_none());
    things.invalidate(b"a").unwrap();
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "new");
    assert_eq!(database.fetches(), 0);
}

#[test]
fn no_read_goes_back_while_values_are_evicted_written_and_read() {
    const KEYS: u8 = 16;
    const ROUNDS: u32 = 400;
    let database = Database::new();
    let how = at_once().batch_max(3);
    let (engine, things, _) = keyspace(behind(&database, how).entries_max(4));
    on_threads(3, |thread| {
        if thread == 0 {
            for round in 1..=ROUNDS {
                (0..KEYS).for_each(|key| _ = things.put(&[key], &round.to_le_bytes()).expect("ok"));
            }
            return;
        }
        let mut seen = [0; KEYS as usize];
        while seen.iter().any(|&round| round < ROUNDS) {
            for key in 0..KEYS {
                let found = things.get(&[key]).expect("an answer");
                let round =
                    found.map_or(0, |found| u32::from_le_bytes(found[..].try_into().unwrap()));
                assert!(
                    seen[usize::from(key)] <= round,
                    "{round} after {}",
                    seen[usize::from(key)]
                );
                seen[usize::from(key)] = round;
            }
        }
    });
    let evictions = things.stats().unwrap().evictions;
    assert!(1_000 < evictions, "{evictions} evictions");
    engine.shutdown(LONG).unwrap();
    (0..KEYS).for_each(|key| assert_eq!(database.row(&[key]), Some(ROUNDS.to_le_bytes().to_vec())));
}

#[test]
fn no_more_writes_wait_than_may_and_one_more_changes_nothing() {
    let database = Database::new();
    let how = at_the_end().waiting_max(2).waiting_bytes_max(100);
    let (_engine, things, _) = keyspace(behind(&database, how));
    things.put(b"a", b"1").unwrap();
    things.put(b"b", b"1").unwrap();
    assert!(matches!(things.put(b"c", b"1"), Err(Error::StoreBusy)));
    assert!(things.peek(b"c").unwrap().is_none());
    things.put(b"a", b"2").unwrap();
    assert!(matches!(things.put(b"a", &[b'x'; 100]), Err(Error::StoreBusy)));
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "2");
    assert_eq!(things.stats().unwrap().writes_waiting, 2);
}

#[test]
fn writes_that_fail_are_tried_again_until_they_are_made() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(behind(&database, at_once().tries_max(u32::MAX)));
    database.does(Writes::Refuses);
    things.put(b"a", b"1").unwrap();
    until("it was tried again", || 2 < things.stats().expect("an answer").store_failures);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    database.does(Writes::Makes);
    database.wait_for_log(|log| !log.is_empty());
    until("nothing waits", || things.stats().expect("an answer").writes_waiting == 0);
    let stats = things.stats().unwrap();
    assert_eq!((database.row(b"a"), stats.store_lost), (some("1"), 0));
}

#[test]
fn a_write_that_is_given_up_is_counted_and_its_key_forgotten() {
    for writes in [Writes::Refuses, Writes::MakesAndPanics] {
        let database = Database::new();
        database.set(b"a", b"1");
        let (_engine, things, _) = keyspace(behind(&database, at_once().tries_max(3)));
        database.does(writes);
        things.put(b"a", b"2").unwrap();
        until("it was given up", || things.stats().expect("an answer").store_lost == 1);
        until("the cache shows what the store has", || {
            let found = things.get(b"a").expect("an answer").map(|found| found.to_vec());
            found == database.row(b"a")
        });
        let stats = things.stats().unwrap();
        assert_eq!((stats.store_failures, stats.writes_waiting), (3, 0));
    }
}

#[test]
fn a_write_behind_is_counted_as_stored_once_and_when_it_is() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(behind(&database, at_the_end()));
    (0..5).for_each(|_| _ = things.put(b"a", b"1").unwrap());
    assert_eq!(things.stats().unwrap().stored, 0, "none has reached the store");
}

#[test]
fn shutdown_writes_what_waits_or_says_how_much_was_lost() {
    let database = Database::new();
    let (engine, things, _) = keyspace(behind(&database, at_the_end()));
    (0..50_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    engine.shutdown(LONG).unwrap();
    assert_eq!(database.log().len(), 50);
    let database = Database::new();
    let how = at_the_end().tries_max(2).retry_after(Duration::ZERO);
    let (engine, things, _) = keyspace(behind(&database, how));
    database.does(Writes::Refuses);
    (0..50_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    let error = engine.shutdown(LONG).unwrap_err();
    assert_eq!((error.threads, error.writes), (0, 50));
}

#[test]
fn a_source_that_hangs_does_not_cost_the_writes_that_wait_at_shutdown() {
    let (database, origin) = (Database::new(), Origin::new("1"));
    let config = over(&origin).write_timeout(LONG).write_behind(database.clone(), at_the_end());
    let (engine, things, _) = keyspace(config);
    things.put(b"a", b"1").unwrap();
    origin.close_gate();
    std::thread::scope(|scope| {
        let hangs = scope.spawn(|| things.get(b"b"));
        origin.wait_for_calls_at_gate(1);
        let ended = engine.shutdown(SECOND);
        let (written, writes) = (database.row(b"a"), ended.map_err(|error| error.writes));
        origin.open_gate();
        _ = hangs.join().expect("no panic");
        assert_eq!((written, writes), (some("1"), Err(0)), "the store was there all the time");
    });
}

#[test]
fn a_keyspace_that_is_deleted_or_changed_writes_what_waits_first() {
    let database = Database::new();
    let (engine, things, _) = keyspace(behind(&database, at_the_end()));
    things.put(b"a", b"1").unwrap();
    engine.update_keyspace(through(&database)).unwrap();
    assert_eq!(database.history(b"a"), [some("1")]);
    things.put(b"a", b"2").unwrap();
    assert_eq!(database.row(b"a"), some("2"));
    engine.update_keyspace(behind(&database, at_the_end())).unwrap();
    things.put(b"a", b"3").unwrap();
    assert_eq!(database.row(b"a"), some("2"));
    engine.delete_keyspace("things").unwrap();
    assert_eq!(database.row(b"a"), some("3"));
}

/// What the store has at the end, of a key whose first write hangs while the
/// keyspace is changed, and whose second one is acknowledged after that.
fn last_of_two_writes(config: KeyspaceConfig, database: &Arc<Database>) -> [Option<Vec<u8>>; 2] {
    let brief = Duration::from_millis(20);
    let config = config.write_timeout(brief).load_timeout(brief);
    let (engine, things, _) = keyspace(config.clone());
    database.hold(b"2");
    let _unknown = things.put(b"a", b"2");
    database.wait_for_held(1);
    let updated = engine.update_keyspace(config);
    if updated.is_err() || things.put(b"a", b"3").is_err() {
        database.let_go();
        return [some("3"), some("3")];
    }
    if within(SECOND, || database.row(b"a") == some("3")) {
        database.let_go();
        // The first write is made now, or never: a correct engine may forget it.
        within(SECOND, || database.history(b"a").len() == 2);
    } else {
        database.let_go();
        until("the last write is made", || database.row(b"a") == some("3"));
    }
    within(SECOND, || things.stats().is_ok_and(|stats| stats.writes_waiting == 0));
    let shown = things.get(b"a").expect("an answer").map(|found| found.to_vec());
    [database.row(b"a"), shown]
}

#[test]
fn a_write_through_from_before_an_update_does_not_overtake_one_from_after_it() {
    let database = Database::new();
    let last = last_of_two_writes(through(&database), &database);
    assert_eq!(last, [some("3"), some("3")], "store and cache, after 3 was acknowledged");
}

#[test]
fn a_write_behind_from_before_an_update_does_not_overtake_one_from_after_it() {
    let database = Database::new();
    let last = last_of_two_writes(behind(&database, at_once()), &database);
    assert_eq!(last, [some("3"), some("3")], "store and cache, after 3 was acknowledged");
}

#[test]
fn a_miss_after_an_update_is_not_answered_with_what_was_overwritten_before() {
    let brief = Duration::from_millis(20);
    let database = Database::new();
    database.set(b"a", b"1");
    let how = at_once().tries_max(u32::MAX).retry_after(SECOND);
    let config = behind(&database, how).write_timeout(brief).load_timeout(brief);
    let (engine, things, _) = keyspace(config.clone());
    database.does(Writes::Refuses);
    things.put(b"a", b"2").expect("acknowledged: it waits");
    // If the change is refused because of what waits, that is an answer too.
    let _outcome = engine.update_keyspace(config);
    things.invalidate(b"a").unwrap();
    let shown = things.get(b"a").unwrap().map(|found| found.to_vec());
    assert_eq!(shown, some("2"), "an older value than the last acknowledged one");
    database.does(Writes::Makes);
}

#[test]
fn deleting_a_keyspace_tells_of_the_writes_that_were_not_made() {
    let database = Database::new();
    let config = behind(&database, at_the_end()).write_timeout(Duration::from_millis(20));
    let (engine, things, _) = keyspace(config);
    database.does(Writes::Refuses);
    things.put(b"a", b"1").expect("acknowledged: it waits");
    assert!(engine.delete_keyspace("things").is_err(), "an acknowledged write was not made");
}

#[test]
fn a_value_that_was_evicted_before_it_was_written_keeps_its_ttl_and_its_tags() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(behind(&database, at_the_end()).entries_max(4));
    things.put_item(&Item::new(b"a", b"1").ttl(SECOND).tag("t")).unwrap();
    (0..=255_u8).for_each(|key| _ = things.put(&[key, key], b"flood").unwrap());
    assert!(things.peek(b"a").unwrap().is_none(), "it was evicted");
    things.get(b"a").unwrap().unwrap();
    assert_ne!(things.ttl(b"a").unwrap(), Some(distcache::Ttl::UntilEvicted));
}

/// Evicts everything that was there before.
fn flood(things: &distcache::Keyspace) {
    (0..=255_u8).for_each(|key| _ = things.put(&[key, key], b"flood").expect("an answer"));
    assert!(things.peek(b"a").expect("an answer").is_none(), "it was evicted");
}

#[test]
fn a_value_that_comes_back_before_it_was_written_is_as_it_was_put() {
    let database = Database::new();
    let config = behind(&database, at_the_end()).entries_max(4).ttl_jitter(0.5);
    let (engine, things, clock) = keyspace(config.stale_if_error(SECOND * 7).ttl(LONG));
    let born = engine.now();
    things.put_item(&Item::new(b"a", b"1").ttl(SECOND * 10).tag("t")).unwrap();
    clock.advance(SECOND * 4);
    flood(&things);
    let found = things.get(b"a").unwrap().unwrap();
    assert_eq!((text(&found), found.born()), ("1".to_owned(), Some(born)));
    assert_eq!(things.ttl(b"a").unwrap(), Some(distcache::Ttl::For(SECOND * 6)));
    things.invalidate_tags(&["t"]).unwrap();
    assert!(things.peek(b"a").unwrap().is_none(), "it bears its tag still");
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1", "the store will have it");
    assert!(things.contains(b"a").unwrap(), "what comes back after the tag was invalidated stays");
}

#[test]
fn a_value_whose_ttl_is_over_before_it_was_written_comes_back_as_one_of_the_store() {
    let database = Database::new();
    let config = behind(&database, at_the_end()).ttl_jitter(0.0).ttl(LONG);
    let (_engine, things, clock) = keyspace(config);
    things.put_item(&Item::new(b"a", b"1").ttl(SECOND).tag("t")).unwrap();
    clock.advance(SECOND);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    assert_eq!(things.ttl(b"a").unwrap(), Some(distcache::Ttl::For(LONG)));
}

#[test]
fn a_sum_that_comes_back_before_it_was_written_is_as_it_was_put() {
    let database = Database::new();
    let config = behind(&database, at_the_end()).entries_max(4).stale_if_error(SECOND * 7);
    let (_engine, things, clock) = keyspace(config);
    things.put_item(&Item::new(b"a", b"41").ttl(SECOND * 10).tag("t")).unwrap();
    clock.advance(SECOND * 4);
    assert_eq!(things.increment(b"a", 1).unwrap(), 42);
    flood(&things);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "42");
    assert_eq!(things.ttl(b"a").unwrap(), Some(distcache::Ttl::For(SECOND * 6)));
    things.invalidate_tags(&["t"]).unwrap();
    assert!(things.peek(b"a").unwrap().is_none());
}

#[test]
fn a_write_that_was_lost_before_does_not_keep_a_keyspace_from_being_changed_or_ended() {
    let database = Database::new();
    let config = behind(&database, at_once().tries_max(1));
    let (engine, things, _) = keyspace(config.clone());
    database.does(Writes::Refuses);
    things.put(b"a", b"1").unwrap();
    until("it was given up", || things.stats().expect("an answer").store_lost == 1);
    engine.update_keyspace(config).expect("nothing waits");
    engine.shutdown(LONG).expect("nothing was lost since");
    assert_eq!(database.row(b"a"), None);
}

#[test]
fn two_engines_write_to_stores_of_their_own() {
    let databases = [Database::new(), Database::new()];
    let engines = [engine().0, engine().0];
    for (engine, database) in engines.iter().zip(&databases) {
        engine.add_keyspace(through(database)).unwrap();
    }
    engines[0].put("things", b"a", b"1").unwrap();
    assert!(engines[1].get("things", b"a").unwrap().is_none());
    assert_eq!((databases[0].row(b"a"), databases[1].row(b"a")), (some("1"), None));
}
