//! TTL, stale windows, refresh ahead, idle expiry: through the engine.

use std::time::Duration;

use distcache::{Answer, KeyspaceConfig, Loaded, Ttl};

use crate::support::{LONG, Origin, SECOND, keyspace, over, text};

#[test]
fn a_value_is_fresh_as_long_as_its_keyspace_its_source_or_its_put_says() {
    let origin = Origin::new("1");
    let (_engine, things, clock) = keyspace(over(&origin).ttl(SECOND * 10));
    things.get(b"keyspace").unwrap();
    origin.set(Loaded::new("1").ttl(SECOND * 20).into());
    things.get(b"source").unwrap();
    things.put(b"put", b"1").unwrap();
    things.put_item(&distcache::Item::new(b"item", b"1").ttl(SECOND * 30)).unwrap();
    let ttl = |key: &[u8]| things.ttl(key).unwrap();
    assert_eq!(ttl(b"keyspace"), Some(Ttl::For(SECOND * 10)));
    assert_eq!(ttl(b"source"), Some(Ttl::For(SECOND * 20)));
    assert_eq!(ttl(b"put"), Some(Ttl::For(SECOND * 10)));
    assert_eq!(ttl(b"item"), Some(Ttl::For(SECOND * 30)));
    assert_eq!(ttl(b"none"), None);
    clock.advance(Duration::from_millis(9_999));
    assert!(things.contains(b"keyspace").unwrap());
    clock.advance(Duration::from_millis(1));
    assert!(!things.contains(b"keyspace").unwrap() && !things.contains(b"put").unwrap());
    assert_eq!(ttl(b"item"), Some(Ttl::For(SECOND * 20)));
}

#[test]
fn a_ttl_of_zero_is_for_those_who_wait_alone() {
    let origin = Origin::new("");
    origin.set(Loaded::new("1").ttl(Duration::ZERO).into());
    let (_engine, things, _) = keyspace(over(&origin));
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    assert_eq!((origin.calls(), things.stats().unwrap().entries), (2, 0));
}

#[test]
fn touch_expire_and_persist_change_the_time_of_what_is_there() {
    let (_engine, things, clock) = keyspace(KeyspaceConfig::new("things").ttl(SECOND * 10));
    assert!(!things.touch(b"a").unwrap());
    things.put(b"a", b"1").unwrap();
    clock.advance(SECOND * 9);
    assert!(things.touch(b"a").unwrap());
    assert_eq!(things.ttl(b"a").unwrap(), Some(Ttl::For(SECOND * 10)));
    assert!(things.expire(b"a", SECOND * 2).unwrap());
    assert_eq!(things.ttl(b"a").unwrap(), Some(Ttl::For(SECOND * 2)));
    assert!(things.persist(b"a").unwrap());
    assert_eq!(things.ttl(b"a").unwrap(), Some(Ttl::UntilEvicted));
    assert!(things.expire(b"a", Duration::ZERO).unwrap());
    assert!(things.get(b"a").unwrap().is_none());
}

#[test]
fn a_stale_value_is_served_marked_while_the_next_one_is_loaded() {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND).stale_while_revalidate(LONG);
    let (_engine, things, clock) = keyspace(config);
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.set(Answer::from("2"));
    origin.close_gate();
    for _ in 0..3 {
        let found = things.get(b"a").unwrap().unwrap();
        assert!(found.is_stale() && text(&found) == "1", "and nobody waits");
    }
    origin.open_gate();
    while things.stats().unwrap().loads < 2 || things.stats().unwrap().flights != 0 {
        std::thread::yield_now();
    }
    let found = things.get(b"a").unwrap().unwrap();
    assert!(!found.is_stale() && text(&found) == "2");
    assert_eq!((origin.calls(), things.stats().unwrap().served_stale), (2, 3));
}

#[test]
fn a_refresh_does_not_overwrite_a_put_that_came_meanwhile() {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND * 10).refresh_ahead(SECOND * 2);
    let (_engine, things, clock) = keyspace(config);
    things.get(b"a").unwrap();
    clock.advance(SECOND * 9);
    origin.close_gate();
    assert!(!things.get(b"a").unwrap().unwrap().is_stale(), "still fresh, and loaded again");
    origin.wait_for_calls_at_gate(1);
    things.put(b"a", b"put").unwrap();
    origin.open_gate();
    while things.stats().unwrap().loads < 2 {
        std::thread::yield_now();
    }
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "put");
}

#[test]
fn what_is_used_often_is_loaded_ahead_and_never_missed() {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND * 10).refresh_ahead(SECOND * 2);
    let (_engine, things, clock) = keyspace(config);
    things.get(b"hot").unwrap();
    things.get(b"cold").unwrap();
    for _second in 0..60 {
        clock.advance(SECOND);
        assert_eq!(things.get(b"hot").unwrap().unwrap().how(), distcache::How::Hit);
        while things.stats().unwrap().flights != 0 {
            std::thread::yield_now();
        }
    }
    assert_eq!(origin.calls(), 2 + 7, "the hot key each eight seconds, the cold one once");
}

#[test]
fn a_source_is_given_the_stale_value_and_may_say_that_it_is_unchanged() {
    let config =
        KeyspaceConfig::new("things").ttl(SECOND).ttl_jitter(0.0).stale_if_error(LONG).source(
            |_: &[u8], context: &distcache::Context| {
                Ok(match context.stale() {
                    Some(stale) if &**stale == b"1" => Answer::Unchanged { ttl: None },
                    Some(_) => Answer::NotFound,
                    None => Answer::from("1"),
                })
            },
        );
    let (_engine, things, clock) = keyspace(config);
    let first = things.get(b"a").unwrap().unwrap();
    for _ in 0..3 {
        clock.advance(SECOND);
        let again = things.get(b"a").unwrap().unwrap();
        assert_eq!((text(&again), again.version()), ("1".to_owned(), first.version()));
        assert_eq!(things.ttl(b"a").unwrap(), Some(Ttl::For(SECOND)));
    }
    assert_eq!(things.stats().unwrap().loads_found, 4);
}

#[test]
fn a_source_that_has_nothing_to_compare_with_is_told_so() {
    let config = KeyspaceConfig::new("things")
        .source(|_: &[u8], _: &distcache::Context| Ok(Answer::Unchanged { ttl: None }));
    let (_engine, things, _) = keyspace(config);
    let error = things.get(b"a").unwrap_err();
    assert!(error.to_string().contains("no value to compare with"), "{error}");
}

#[test]
fn what_nobody_uses_goes_though_its_ttl_is_long() {
    let config = KeyspaceConfig::new("things").ttl(LONG).idle_expiry(SECOND * 10);
    let (_engine, things, clock) = keyspace(config);
    things.put(b"used", b"1").unwrap();
    things.put(b"unused", b"1").unwrap();
    for _ in 0..4 {
        clock.advance(SECOND * 5);
        assert!(things.get(b"used").unwrap().is_some());
    }
    assert!(things.get(b"unused").unwrap().is_none());
}

#[test]
fn a_date_takes_room_and_is_left_out_where_it_is_not_wanted() {
    let (engine, dated, clock) = keyspace(KeyspaceConfig::new("things"));
    let undated = engine.add_keyspace(KeyspaceConfig::new("undated").dated(false)).unwrap();
    clock.advance(SECOND);
    let bytes_of_one = |things: &distcache::Keyspace| {
        let before = things.stats().unwrap().bytes;
        // With its header 48 bytes: not one more fits into what is allocated.
        things.put(b"key", b"thirteen long").unwrap();
        things.stats().unwrap().bytes - before
    };
    assert!(bytes_of_one(&undated) < bytes_of_one(&dated));
    assert_eq!(dated.get(b"key").unwrap().unwrap().born(), Some(engine.now()));
    assert_eq!(undated.get(b"key").unwrap().unwrap().born(), None);
}
