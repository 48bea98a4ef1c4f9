//! How engines and keyspaces end: whoever waits for a load is told, whatever its
//! source does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use distcache::{Answer, Cancelled, Context, Error, KeyspaceConfig, LoadError, RateLimit};

use crate::support::{LONG, Origin, SECOND, engine, keyspace, over, until, within};

/// Too little for a thread that is stuck in its source.
const BRIEF: Duration = Duration::from_millis(20);

fn is_cancelled<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Load(LoadError::Cancelled)))
}

#[test]
fn the_end_of_an_engine_tells_those_who_wait_for_a_source_that_is_stuck() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin).loads_max(1));
    origin.close_gate();
    std::thread::scope(|scope| {
        let leads = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        let follows = scope.spawn(|| things.get(b"a"));
        let in_batch = scope.spawn(|| things.get_many(&[b"a"]).remove(0));
        let has_no_turn = scope.spawn(|| things.get(b"b"));
        until("all wait", || {
            let stats = things.stats().expect("an answer");
            (stats.collapsed, stats.loads_waiting) == (2, 1)
        });
        let ended = engine.shutdown(BRIEF);
        let waiters = [leads, follows, in_batch, has_no_turn];
        let are_told = within(SECOND * 5, || waiters.iter().all(ScopedJoinHandle::is_finished));
        origin.open_gate();
        assert!(are_told, "they wait for their own deadlines");
        assert!(0 < ended.expect_err("a thread is in the source").threads);
        assert!(waiters.into_iter().all(|waiter| is_cancelled(&waiter.join().expect("no panic"))));
    });
}

#[test]
fn those_who_wait_for_a_load_from_before_an_update_are_told_too() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        engine.update_keyspace(over(&origin)).unwrap();
        let ended = engine.shutdown(BRIEF);
        let is_told = within(SECOND * 5, || waits.is_finished());
        origin.open_gate();
        assert!(is_told && is_cancelled(&waits.join().expect("no panic")), "{ended:?}");
    });
}

#[test]
fn a_keyspace_that_is_stuck_does_not_keep_the_others_from_being_told() {
    let (engine, _) = engine();
    let origins = [Origin::new("1"), Origin::new("1")];
    let spaces = ["a", "b"].map(|name| {
        let origin = origins[usize::from(name == "b")].clone();
        let config = KeyspaceConfig::new(name).read_timeout(LONG).load_timeout(LONG);
        engine.add_keyspace(config.source(origin)).expect("good settings")
    });
    for origin in &origins {
        origin.close_gate();
    }
    std::thread::scope(|scope| {
        let waiters = spaces.each_ref().map(|space| scope.spawn(|| space.get(b"a")));
        for origin in &origins {
            origin.wait_for_calls_at_gate(1);
        }
        let end = scope.spawn(|| engine.shutdown(LONG));
        let are_told = within(SECOND * 5, || waiters.iter().all(ScopedJoinHandle::is_finished));
        let waits_for_threads = !end.is_finished();
        for origin in &origins {
            origin.open_gate();
        }
        assert!(are_told && waits_for_threads);
        assert!(waiters.into_iter().all(|waiter| is_cancelled(&waiter.join().expect("no panic"))));
        end.join().expect("no panic").unwrap();
    });
}

#[test]
fn deleting_a_keyspace_tells_those_who_wait_for_a_source_that_is_stuck() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        engine.delete_keyspace("things").unwrap();
        let is_told = within(SECOND * 5, || waits.is_finished());
        origin.open_gate();
        assert!(is_told && is_cancelled(&waits.join().expect("no panic")));
    });
}

#[test]
fn a_source_is_told_that_nobody_wants_its_load_any_more() {
    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = has_begun.clone();
    let source = move |_: &[u8], context: &Context| {
        begun.store(true, Ordering::SeqCst);
        until("it is cancelled", || context.is_cancelled());
        Err::<Answer, _>(Cancelled.into())
    };
    let config = KeyspaceConfig::new("things").read_timeout(LONG).load_timeout(LONG);
    let (engine, things, _) = keyspace(config.source(source));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| things.get(b"a"));
        until("the load has begun", || has_begun.load(Ordering::SeqCst));
        // Before the update the load was another's; the end is for all.
        engine.update_keyspace(KeyspaceConfig::new("things")).unwrap();
        engine.shutdown(LONG).unwrap();
        assert!(is_cancelled(&waits.join().expect("no panic")));
    });
}

#[test]
fn the_end_of_an_engine_does_not_wait_for_the_turn_that_a_rate_limit_gives() {
    let origin = Origin::new("1");
    let limit = RateLimit::per_second(0.001).wait_max(Duration::from_hours(1));
    let (engine, things, _) = keyspace(over(&origin).rate_limit(limit));
    things.get(b"first").unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| things.get(b"a"));
        until("it waits", || things.stats().expect("an answer").flights == 1);
        engine.shutdown(SECOND * 5).expect("its thread ended");
        assert!(is_cancelled(&waits.join().expect("no panic")));
    });
    assert_eq!(origin.calls(), 1);
}
