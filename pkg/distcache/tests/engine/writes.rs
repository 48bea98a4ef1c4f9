//! Writes without a store: conditions, numbers, times, tags, walks and batches,
//! from many threads.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use distcache::{
    Engine, Error, Item, Keyspace, KeyspaceConfig, LoadError, Loaded, ManualClock, Ttl,
};

use crate::support::{LONG, Origin, SECOND, keyspace, on_threads, over, text, until, within};

/// A keyspace without a source.
fn plain() -> (Engine, Keyspace, Arc<ManualClock>) {
    keyspace(KeyspaceConfig::new("things"))
}

fn number(things: &Keyspace, key: &[u8]) -> i64 {
    text(&things.get(key).expect("an answer").expect("a value")).parse().expect("a number")
}

#[test]
fn no_increment_by_compare_and_swap_is_lost() {
    const THREADS: usize = 8;
    const EACH: i64 = 200;
    let (_engine, things, _) = plain();
    things.put(b"n", b"0").unwrap();
    on_threads(THREADS, |_| {
        for _ in 0..EACH {
            loop {
                let held = things.get(b"n").expect("an answer").expect("a value");
                let next = text(&held).parse::<i64>().expect("a number") + 1;
                let next = next.to_string();
                let item = Item::new(b"n", next.as_bytes()).if_version(held.version());
                match things.put_item(&item) {
                    Ok(_) => break,
                    Err(error) => {
                        let present = error.unmet().expect("another was faster").expect("a value");
                        assert!(held.version() < present);
                    }
                }
            }
        }
    });
    assert_eq!(number(&things, b"n"), EACH * i64::try_from(THREADS).unwrap());
    assert_eq!(things.stats().unwrap().updates, EACH.unsigned_abs() * THREADS as u64);
}

#[test]
fn of_many_who_put_if_absent_one_does() {
    let (_engine, things, _) = plain();
    for round in 0..100_u32 {
        let key = round.to_le_bytes();
        let puts = on_threads(4, |thread| {
            let value = thread.to_string();
            things.put_item(&Item::new(&key, value.as_bytes()).if_absent())
        });
        let made: Vec<_> = puts.iter().enumerate().filter(|(_, put)| put.is_ok()).collect();
        assert_eq!(made.len(), 1);
        let (thread, version) = (made[0].0, *made[0].1.as_ref().unwrap());
        let found = things.get(&key).unwrap().unwrap();
        assert_eq!((text(&found), found.version()), (thread.to_string(), version));
        for put in puts.iter().filter(|put| put.is_err()) {
            assert_eq!(put.as_ref().unwrap_err().unmet(), Some(Some(version)));
        }
    }
}

#[test]
fn of_many_who_delete_a_version_one_does_and_the_next_stays() {
    let (_engine, things, _) = plain();
    for round in 0..100_u32 {
        let key = round.to_le_bytes();
        let first = things.put(&key, b"1").unwrap();
        // 1. All have read the first version.
        // 2. One deletes it.
        // 3. It puts the second, which the others do not know.
        let outcomes = on_threads(4, |_| {
            things.delete_if_version(&key, first).map(|()| things.put(&key, b"2").expect("stored"))
        });
        let mut made = outcomes.iter().flatten();
        let second = *made.next().expect("the fastest has deleted it");
        assert!(made.next().is_none());
        let found = things.get(&key).unwrap().unwrap();
        assert_eq!((text(&found), found.version()), ("2".to_owned(), second));
    }
}

#[test]
fn a_put_if_present_revives_nothing_that_is_deleted_expired_or_absent() {
    let origin = Origin::new("");
    origin.set(distcache::Answer::NotFound);
    let (_engine, things, clock) = keyspace(over(&origin).negative_ttl(LONG));
    let if_present = |key: &[u8]| things.put_item(&Item::new(key, b"2").if_present());
    things.put(b"deleted", b"1").unwrap();
    things.delete(b"deleted").unwrap();
    things.put_item(&Item::new(b"expired", b"1").ttl(SECOND)).unwrap();
    things.put_item(&Item::new(b"tagged", b"1").tag("t")).unwrap();
    things.invalidate_tags(&["t"]).unwrap();
    clock.advance(SECOND);
    assert!(things.get(b"absent").unwrap().is_none());
    for key in [&b"deleted"[..], b"expired", b"tagged", b"absent"] {
        assert_eq!(if_present(key).unwrap_err().unmet(), Some(None));
        things.put_item(&Item::new(key, b"1").if_absent()).unwrap();
        if_present(key).unwrap();
    }
}

#[test]
fn no_increment_or_decrement_of_many_threads_is_lost() {
    let (_engine, things, _) = plain();
    let sums: Vec<HashSet<i64>> = on_threads(8, |thread| {
        (0..250)
            .map(|_| {
                let sum = things.increment(b"n", 2).expect("a sum");
                if thread % 2 == 0 { things.decrement(b"m", 1) } else { things.increment(b"m", 1) }
                    .expect("a sum");
                sum
            })
            .collect()
    });
    assert_eq!((number(&things, b"n"), number(&things, b"m")), (4_000, 0));
    let all: HashSet<i64> = sums.iter().flatten().copied().collect();
    assert_eq!(all.len(), 2_000, "nobody saw a sum that another has seen");
}

#[test]
fn a_number_begins_with_what_its_source_has() {
    let origin = Origin::new("40");
    let (_engine, things, _) = keyspace(over(&origin));
    let mut sums = on_threads(2, |_| things.increment(b"n", 1).expect("a sum"));
    sums.sort_unstable();
    assert_eq!((sums, origin.calls()), (vec![41, 42], 1));
    origin.set(distcache::Answer::NotFound);
    assert_eq!(things.increment(b"none", 5).unwrap(), 5);
    origin.fail(true);
    things.increment(b"unknown", 1).unwrap_err();
    assert!(things.peek(b"unknown").unwrap().is_none());
}

#[test]
fn a_number_that_is_stale_and_cannot_be_loaded_does_not_begin_again() {
    let origin = Origin::new("41");
    let (_engine, things, clock) = keyspace(over(&origin).ttl(SECOND).stale_if_error(LONG));
    assert_eq!(number(&things, b"n"), 41);
    clock.advance(SECOND * 2);
    origin.fail(true);
    let sum = things.increment(b"n", 1);
    assert!(sum.is_err(), "41 and 1 make {sum:?}");
}

/// A keyspace whose number 41 is stale, and is served while it is loaded again.
fn with_a_stale_number() -> (Engine, Keyspace, Arc<Origin>) {
    let origin = Origin::new("41");
    let config = over(&origin).ttl(SECOND).stale_while_revalidate(LONG);
    let (engine, things, clock) = keyspace(config);
    assert_eq!(number(&things, b"n"), 41);
    clock.advance(SECOND * 2);
    (engine, things, origin)
}

#[test]
fn a_number_that_is_being_revalidated_does_not_begin_again() {
    let (_engine, things, origin) = with_a_stale_number();
    origin.close_gate();
    let sum = std::thread::scope(|scope| {
        let sum = scope.spawn(|| things.increment(b"n", 1));
        // It should wait for the load, which is let go after a while.
        within(SECOND, || sum.is_finished());
        origin.open_gate();
        sum.join().expect("no panic")
    });
    assert_eq!(sum.unwrap(), 42);
}

#[test]
fn an_increment_waits_for_the_load_by_which_others_are_served_stale() {
    let (_engine, things, origin) = with_a_stale_number();
    origin.close_gate();
    assert!(things.get(b"n").unwrap().unwrap().is_stale());
    origin.wait_for_calls_at_gate(1);
    std::thread::scope(|scope| {
        let sum = scope.spawn(|| things.increment(b"n", 1));
        until("it waits", || things.stats().expect("an answer").collapsed == 1);
        assert!(things.get(b"n").unwrap().unwrap().is_stale(), "reads do not");
        origin.open_gate();
        assert_eq!(sum.join().expect("no panic").unwrap(), 42);
    });
    assert_eq!((number(&things, b"n"), origin.calls()), (42, 2));
}

#[test]
fn an_increment_of_a_number_that_cannot_be_loaded_again_says_why() {
    let (_engine, things, origin) = with_a_stale_number();
    origin.fail(true);
    let error = things.increment(b"n", 1).unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Failed(_))), "{error}");
    assert!(things.get(b"n").unwrap().unwrap().is_stale(), "it is as it was");
}

#[test]
fn a_number_that_is_not_kept_does_not_begin_again() {
    let origin = Origin::new("");
    origin.set(Loaded::new("41").ttl(Duration::ZERO).into());
    let (_engine, things, _) = keyspace(over(&origin));
    let sum = things.increment(b"n", 1);
    assert!(!matches!(sum, Ok(1)), "41 and 1 make {sum:?}");
}

#[test]
fn what_is_no_number_and_what_would_be_too_large_stay_as_they_are() {
    let (_engine, things, _) = plain();
    for wrong in ["", "a", "1.5", "+1", " 1", "9223372036854775808"] {
        things.put(b"n", wrong.as_bytes()).unwrap();
        assert!(matches!(
            things.increment(b"n", 1),
            Err(Error::Cache(error)) if error.to_string().contains("no whole number")
        ));
        assert_eq!(text(&things.get(b"n").unwrap().unwrap()), wrong);
    }
    things.put(b"n", i64::MAX.to_string().as_bytes()).unwrap();
    things.increment(b"n", 1).unwrap_err();
    things.decrement(b"n", i64::MIN).unwrap_err();
    assert_eq!(number(&things, b"n"), i64::MAX);
    assert_eq!(things.decrement(b"n", i64::MAX).unwrap(), 0);
}

#[test]
fn a_number_keeps_its_time_and_its_tags() {
    let (_engine, things, clock) = plain();
    things.put_item(&Item::new(b"n", b"9").ttl(SECOND * 10).tag("t")).unwrap();
    clock.advance(SECOND * 4);
    assert_eq!(things.increment(b"n", 1).unwrap(), 10);
    assert_eq!(things.ttl(b"n").unwrap(), Some(Ttl::For(SECOND * 6)));
    things.invalidate_tags(&["t"]).unwrap();
    assert!(things.get(b"n").unwrap().is_none());
    assert_eq!(things.increment(b"n", 1).unwrap(), 1);
}

#[test]
fn a_ttl_that_is_longer_than_any_clock_means_for_ever() {
    let (_engine, things, clock) = plain();
    things.put_item(&Item::new(b"a", b"1").ttl(Duration::MAX)).unwrap();
    clock.advance(Duration::from_hours(24 * 365));
    assert_eq!(things.ttl(b"a").unwrap(), Some(Ttl::UntilEvicted));
    things.put(b"b", b"1").unwrap();
    assert!(things.expire(b"b", Duration::MAX).unwrap());
    assert_eq!(things.ttl(b"b").unwrap(), Some(Ttl::UntilEvicted));
}

#[test]
fn times_changed_by_many_threads_are_each_of_those_and_none_other() {
    let (_engine, things, _) = plain();
    things.put(b"a", b"1").unwrap();
    on_threads(6, |thread| {
        for _ in 0..200 {
            match thread % 3 {
                0 => assert!(things.expire(b"a", LONG).expect("an answer")),
                1 => assert!(things.persist(b"a").expect("an answer")),
                _ => {
                    let ttl = things.ttl(b"a").expect("an answer");
                    assert!(matches!(ttl, Some(Ttl::UntilEvicted | Ttl::For(LONG))), "{ttl:?}");
                }
            }
        }
    });
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
}

#[test]
fn a_tag_takes_what_bears_it_and_nothing_else_however_often() {
    let (_engine, things, _) = plain();
    for round in 0..3_000_u32 {
        let tag = format!("tag {round}");
        things.put_item(&Item::new(b"one", b"1").tag("kept").tag(&tag)).unwrap();
        things.put(b"none", b"1").unwrap();
        things.invalidate_tags(&[&tag]).unwrap();
        assert!(things.get(b"one").unwrap().is_none());
        assert!(things.get(b"none").unwrap().is_some());
    }
}

#[test]
fn after_a_prefix_is_invalidated_nothing_of_before_is_left() {
    const KEYS: u32 = 20_000;
    let (_engine, things, _) = plain();
    for round in 0..3_u32 {
        let round = round.to_le_bytes();
        let key = |n: u32| format!("{}/{n}", if n.is_multiple_of(2) { "even" } else { "odd" });
        (0..KEYS).for_each(|n| _ = things.put(key(n).as_bytes(), &round).expect("stored"));
        std::thread::scope(|scope| {
            // Others come and go meanwhile, so that the tables change.
            let other = scope.spawn(|| {
                for n in 0..KEYS {
                    things.put(format!("other/{n}").as_bytes(), b"1").expect("stored");
                    things.delete(format!("other/{}", n / 2).as_bytes()).expect("deleted");
                }
            });
            let gone = things.invalidate_prefix(b"even/").unwrap();
            assert_eq!(gone, u64::from(KEYS / 2));
            other.join().expect("no panic");
        });
        for n in 0..KEYS {
            assert_eq!(things.get(key(n).as_bytes()).unwrap().is_some(), n % 2 == 1);
        }
    }
}

#[test]
fn a_scan_finds_what_is_there_all_the_time_though_others_write() {
    const KEYS: u32 = 3_000;
    let (_engine, things, _) = plain();
    (0..KEYS).for_each(|n| _ = things.put(format!("stays/{n}").as_bytes(), b"1").unwrap());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (things, is_over) = (&things, &is_over);
        for thread in 0..2 {
            scope.spawn(move || {
                for n in 0..u32::MAX {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    things.put(format!("comes/{thread}/{n}").as_bytes(), b"1").expect("stored");
                    things.put(format!("stays/{}", n % KEYS).as_bytes(), b"another").expect("ok");
                    things.delete(format!("comes/{thread}/{}", n / 2).as_bytes()).expect("ok");
                }
            });
        }
        for _ in 0..20 {
            let (mut found, mut from) = (HashSet::new(), None);
            loop {
                let page = things.scan(b"stays/*", from, 100).expect("a page");
                found.extend(page.keys);
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            assert_eq!(found.len(), KEYS as usize);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn of_a_key_that_comes_twice_in_a_batch_the_later_value_stays() {
    let (_engine, things, _) = plain();
    let values: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let items: Vec<_> = values.iter().map(|value| Item::new(b"a", value.as_bytes())).collect();
    let versions: Vec<_> = things.put_many(&items).into_iter().map(|put| put.unwrap()).collect();
    assert!(versions.is_sorted(), "in their order");
    let found = things.get(b"a").unwrap().unwrap();
    assert_eq!((text(&found), found.version()), ("999".to_owned(), *versions.last().unwrap()));
    let got = things.get_many(&[&b"a"[..]; 300]);
    assert!(got.iter().all(|got| matches!(got, Ok(Some(found)) if text(found) == "999")));
    let deleted: Vec<_> = things.delete_many(&[b"a", b"a"]).into_iter().flatten().collect();
    assert_eq!(deleted, [true, false]);
}

#[test]
fn a_missing_key_that_comes_often_in_a_batch_is_loaded_once() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    let got = things.get_many(&[&b"a"[..]; 500]);
    assert!(got.iter().all(|got| matches!(got, Ok(Some(found)) if text(found) == "1")));
    assert_eq!(origin.calls(), 1);
}

#[test]
fn one_bad_item_of_a_batch_fails_alone() {
    let (_engine, things, _) = keyspace(KeyspaceConfig::new("things").value_bytes_max(100));
    let (large, long) = ([b'x'; 101], vec![b'k'; 65_536]);
    let tags: Vec<String> = (0..64).map(|tag| tag.to_string()).collect();
    let many = tags.iter().fold(Item::new(b"tags", b"1"), |item, tag| item.tag(tag));
    let items = [
        Item::new(b"a", b"1"),
        Item::new(b"large", &large),
        many,
        Item::new(&long, b"1"),
        Item::new(b"", b"1").if_present(),
        Item::new(b"b", b"2"),
    ];
    let outcomes: Vec<_> = things.put_many(&items).iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, false, false, false, true]);
    let got = things.get_many(&[b"a", b"large", b"tags", &long, b"", b"b"]);
    let got: Vec<_> = got.into_iter().map(|got| got.map(|found| found.map(|f| text(&f)))).collect();
    assert!(matches!(got[3], Err(Error::Cache(_))), "a key too long to have a value");
    for (at, value) in [(0, Some("1")), (1, None), (2, None), (4, None), (5, Some("2"))] {
        assert_eq!(got[at].as_ref().unwrap().as_deref(), value);
    }
}

#[test]
fn one_key_of_a_batch_that_cannot_be_loaded_fails_alone() {
    let source = |key: &[u8]| -> Result<Option<Vec<u8>>, std::io::Error> {
        match key {
            b"bad" => Err(std::io::Error::other("no such row")),
            b"none" => Ok(None),
            _ => Ok(Some(key.to_vec())),
        }
    };
    let config = KeyspaceConfig::new("things").read_timeout(LONG).source_fn(source).batch_max(2);
    let (_engine, things, _) = keyspace(config);
    let got = things.get_many(&[b"a", b"bad", b"none", b"b", b"bad"]);
    let got: Vec<_> = got.into_iter().map(|got| got.ok().map(|f| f.map(|f| text(&f)))).collect();
    let value = |text: &str| Some(Some(text.to_owned()));
    assert_eq!(got, [value("a"), None, Some(None), value("b"), None]);
}

#[test]
fn every_key_and_every_value_comes_back_as_it_was_put() {
    let (_engine, things, _) = plain();
    let large = vec![0xA5; 1 << 20];
    let long = vec![0xFF; 65_535];
    let odd: [&[u8]; 9] = [b"", b"\0", b"..", b"/", b"a b", b"%2F", b"&ttl=1", b"\xFF\xFE", &long];
    for key in odd {
        for value in [&b""[..], b"\0", key, &large] {
            things.put(key, value).unwrap();
            assert!(things.get(key).unwrap().unwrap() == *value);
        }
    }
    assert_eq!(things.stats().unwrap().entries, 9);
}
