//! Stores beside the cache, written through.

use std::sync::Arc;
use std::time::Duration;

use distcache::{Error, Item, KeyspaceConfig};

use crate::database::{Database, Writes};
use crate::support::{
    LONG, Origin, SECOND, engine, keyspace, on_threads, over, text, until, within,
};

/// A patient keyspace that is written through to a database, and read from it.
pub(crate) fn through(database: &Arc<Database>) -> KeyspaceConfig {
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(LONG)
        .write_timeout(LONG)
        .source(database.clone())
        .write_through(database.clone())
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be there")]
pub(crate) fn some(text: &str) -> Option<Vec<u8>> {
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
    let stats = things.stats().unwrap();
    assert_eq!((stats.stored, stats.store_failures), (2, 0), "late, and made");
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
    assert_eq!(error.to_string(), "64 tags are given, and at most 31 are allowed");
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
fn what_is_not_to_be_dated_is_not_dated_on_its_way_to_the_store_or_by_an_increment() {
    let database = Database::new();
    for (config, name) in [(through(&database), "things"), (KeyspaceConfig::new("plain"), "plain")]
    {
        for is_dated in [true, false] {
            let (_engine, things, _) = keyspace(config.clone().dated(is_dated));
            things.put(b"n", b"1").unwrap();
            let is_noted = || things.peek(b"n").unwrap().unwrap().born().is_some();
            assert_eq!(is_noted(), is_dated, "{name}");
            assert_eq!(things.increment(b"n", 1).unwrap(), 2);
            assert_eq!(is_noted(), is_dated, "{name}");
        }
    }
}

#[test]
fn a_version_that_is_there_no_more_is_not_deleted_from_the_store() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    let first = things.put(b"a", b"1").unwrap();
    let second = things.put(b"a", b"2").unwrap();
    let error = things.delete_if_version(b"a", first).unwrap_err();
    assert_eq!(error.unmet(), Some(Some(second)));
    assert_eq!(database.row(b"a"), some("2"));
    things.delete_if_version(b"a", second).unwrap();
    assert_eq!(database.history(b"a"), [some("1"), some("2"), None]);
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
