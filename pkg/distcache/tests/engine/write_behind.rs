//! Stores beside the cache, written behind.

use std::sync::Arc;
use std::time::Duration;

use distcache::{Error, Item, KeyspaceConfig, WriteBehind};

use crate::database::{Database, Writes};
use crate::stores::{some, through};
use crate::support::{LONG, Origin, SECOND, keyspace, on_threads, over, text, until, within};

/// A patient keyspace that is written behind to a database, and read from it.
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
