//! One load for a missing key, however many callers wait, and whatever becomes
//! of it.

use std::sync::Barrier;
use std::time::Duration;

use distcache::{Answer, Error, Found, How, LoadError};

use crate::support::{LONG, Origin, keyspace, on_threads, over, text};

#[test]
fn a_thousand_threads_on_one_missing_key_load_it_once() {
    const THREADS: usize = 1_000;
    const ROUNDS: u64 = 3;
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    for round in 0..ROUNDS {
        let key = round.to_le_bytes();
        let together = Barrier::new(THREADS);
        origin.close_gate();
        let answers = std::thread::scope(|scope| {
            let threads = scope.spawn(|| {
                on_threads(THREADS, |_| {
                    together.wait();
                    things.get(&key).map(|found| found.map(|found| text(&found)))
                })
            });
            origin.wait_for_calls_at_gate(1);
            // All of them but the one that leads wait for its load.
            while things.stats().expect("an answer").collapsed < (round + 1) * 999 {
                std::thread::yield_now();
            }
            origin.open_gate();
            threads.join().expect("no panic")
        });
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(value)) if value == "1")));
        assert_eq!(origin.calls(), round + 1);
    }
    let stats = things.stats().unwrap();
    assert_eq!((stats.loads, stats.flights), (ROUNDS, 0));
    assert_eq!(stats.collapsed, ROUNDS * 999);
}

#[test]
fn who_leads_and_who_follows_can_be_seen_in_the_answer() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    let (leader, follower) = std::thread::scope(|scope| {
        let leader = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        let follower = scope.spawn(|| things.get(b"a"));
        while things.stats().expect("an answer").collapsed == 0 {
            std::thread::yield_now();
        }
        origin.open_gate();
        (leader.join().expect("no panic"), follower.join().expect("no panic"))
    });
    let how = |answer: Result<Option<Found>, Error>| answer.unwrap().unwrap().how();
    assert_eq!((how(leader), how(follower)), (How::Loaded, How::Collapsed));
    assert_eq!(how(things.get(b"a")), How::Hit);
}

#[test]
fn a_caller_that_leads_leaves_at_its_own_deadline_and_the_load_still_fills() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    let error = things.within(Duration::from_millis(10)).get(b"a").unwrap_err();
    assert!(matches!(error, Error::WaitedTooLong { timeout } if timeout.as_millis() == 10));
    origin.open_gate();
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    assert_eq!(origin.calls(), 1, "the same load, or the value that it has brought");
    assert_eq!(things.stats().unwrap().gave_up, 1);
}

#[test]
fn a_follower_with_little_time_leaves_the_others_waiting() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        let error = things.within(Duration::from_millis(10)).get(b"a").unwrap_err();
        assert!(matches!(error, Error::WaitedTooLong { .. }));
        origin.open_gate();
        assert_eq!(text(&leader.join().expect("no panic").unwrap().unwrap()), "1");
    });
}

#[test]
fn a_source_that_panics_harms_nobody_and_is_tried_again() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.panic(true);
    origin.close_gate();
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        let follower = scope.spawn(|| things.get(b"a"));
        while things.stats().expect("an answer").collapsed == 0 {
            std::thread::yield_now();
        }
        origin.open_gate();
        for caller in [leader, follower] {
            let error = caller.join().expect("no panic").unwrap_err();
            assert!(matches!(error, Error::Load(LoadError::Panicked)), "{error}");
        }
    });
    origin.panic(false);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    assert_eq!(things.stats().unwrap().flights, 0);
}

#[test]
fn an_error_reaches_everybody_with_its_cause_and_is_not_kept() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.fail(true);
    let error = things.get(b"a").unwrap_err();
    assert!(error.to_string().contains("the source was told to fail"), "{error}");
    assert_eq!(error.code().to_string(), "DC-131");
    origin.fail(false);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    let stats = things.stats().unwrap();
    assert_eq!((stats.loads, stats.load_failures, stats.loads_found), (2, 1, 1));
}

#[test]
fn a_slow_load_delays_neither_hits_nor_other_keys() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    things.put(b"hit", b"2").unwrap();
    origin.close_gate();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| things.get(b"slow"));
        origin.wait_for_calls_at_gate(1);
        for key in 0..=255_u8 {
            // Every data node answers, the slow key's too.
            things.put(&[key], b"3").unwrap();
            assert!(things.get(&[key]).unwrap().is_some());
        }
        assert_eq!(text(&things.get(b"hit").unwrap().unwrap()), "2");
        origin.open_gate();
        assert!(slow.join().expect("no panic").unwrap().is_some());
    });
}

#[test]
fn loads_at_once_stop_exactly_at_the_limit_and_more_than_may_wait_are_refused() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin).loads_max(3).loads_waiting_max(2));
    origin.close_gate();
    let answers = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3_u8)
            .map(|key| {
                let things = things.clone();
                let caller = scope.spawn(move || things.get(&[key]));
                origin.wait_for_calls_at_gate(u64::from(key) + 1);
                caller
            })
            .collect();
        let waiting: Vec<_> = (3..5_u8)
            .map(|key| {
                let things = things.clone();
                scope.spawn(move || things.get(&[key]))
            })
            .collect();
        while things.stats().expect("an answer").loads_waiting < 2 {
            std::thread::yield_now();
        }
        let error = things.get(&[9]).unwrap_err();
        assert!(matches!(error, Error::Load(LoadError::Busy)), "{error}");
        origin.open_gate();
        let all = callers.into_iter().chain(waiting);
        all.map(|caller| caller.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(_)))));
    assert_eq!(origin.most_running(), 3);
    assert_eq!(things.stats().unwrap().loads_refused, 1);
}

#[test]
fn not_found_is_remembered_for_its_time_and_is_no_value() {
    let origin = Origin::new("");
    origin.set(Answer::NotFound);
    let (_engine, things, clock) = keyspace(over(&origin).negative_ttl(Duration::from_secs(10)));
    for _ in 0..3 {
        assert!(things.get(b"a").unwrap().is_none());
    }
    assert!(things.peek(b"a").unwrap().is_none() && !things.contains(b"a").unwrap());
    assert_eq!((origin.calls(), things.stats().unwrap().absent_hits), (1, 2));
    clock.advance(Duration::from_secs(10));
    assert!(things.get(b"a").unwrap().is_none());
    assert_eq!(origin.calls(), 2);
    things.put(b"a", b"1").unwrap();
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
}

#[test]
fn not_found_is_not_kept_unless_asked_for() {
    let origin = Origin::new("");
    origin.set(Answer::NotFound);
    let (_engine, things, _) = keyspace(over(&origin));
    assert!(things.get(b"a").unwrap().is_none() && things.get(b"a").unwrap().is_none());
    assert_eq!((origin.calls(), things.stats().unwrap().entries), (2, 0));
}

#[test]
fn a_load_that_is_on_its_way_when_the_engine_ends_tells_those_who_wait() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin).loads_max(1));
    origin.close_gate();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        let waiting = scope.spawn(|| things.get(b"b"));
        while things.stats().expect("an answer").loads_waiting == 0 {
            std::thread::yield_now();
        }
        let ending = scope.spawn(|| engine.shutdown(LONG));
        for waits in [waiting, running] {
            let error = waits.join().expect("no panic").unwrap_err();
            assert!(matches!(error, Error::Load(LoadError::Cancelled)), "{error}");
        }
        origin.open_gate();
        ending.join().expect("no panic").unwrap();
    });
    assert!(things.get(b"a").is_err() && things.put(b"a", b"2").is_err());
    engine.shutdown(LONG).expect("a second end is none");
}
