//! What a failing source, or one that has nothing any more, leaves to be served.

use std::time::Duration;

use distcache::{Answer, CircuitBreaker, Error, KeyspaceConfig, Loaded};

use crate::support::{LONG, Origin, SECOND, keyspace, over, text, within};

/// A keyspace that serves stale values for a while when its source fails.
fn forgiving(origin: &std::sync::Arc<Origin>) -> KeyspaceConfig {
    over(origin).ttl(SECOND).stale_if_error(LONG)
}

#[test]
fn a_value_that_its_source_has_no_more_does_not_come_back_when_the_source_fails() {
    let origin = Origin::new("1");
    let (_engine, things, clock) = keyspace(forgiving(&origin));
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.set(Answer::NotFound);
    assert!(things.get(b"a").unwrap().is_none(), "the source has said so");
    origin.fail(true);
    let got = things.get(b"a");
    assert!(!matches!(got, Ok(Some(_))), "it came back: {got:?}");
}

#[test]
fn a_value_that_is_not_kept_is_not_followed_by_the_one_before() {
    for not_kept in [Loaded::new("2").ttl(Duration::ZERO), Loaded::new([b'2'; 100])] {
        let origin = Origin::new("1");
        let (_engine, things, clock) = keyspace(forgiving(&origin).value_bytes_max(10));
        things.get(b"a").unwrap();
        clock.advance(SECOND * 2);
        origin.set(not_kept.into());
        assert!(text(&things.get(b"a").unwrap().unwrap()).starts_with('2'));
        origin.fail(true);
        let got = things.get(b"a");
        let is_older = matches!(&got, Ok(Some(found)) if text(found) == "1");
        assert!(!is_older, "1 was served after 2");
    }
}

#[test]
fn a_value_that_its_source_has_no_more_is_not_revalidated_again_and_again() {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND).stale_while_revalidate(LONG);
    let (_engine, things, clock) = keyspace(config);
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.set(Answer::NotFound);
    assert!(things.get(b"a").unwrap().unwrap().is_stale());
    let is_gone = within(SECOND * 3, || {
        let stats = things.stats().expect("an answer");
        (stats.loads_not_found, stats.flights) == (1, 0)
    });
    assert!(is_gone, "it was revalidated, and is not there");
    assert!(things.get(b"a").unwrap().is_none());
}

#[test]
fn a_source_that_hangs_is_an_outage_like_any_other() {
    let origin = Origin::new("1");
    let (_engine, things, clock) = keyspace(forgiving(&origin));
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.close_gate();
    let got = things.within(Duration::from_millis(20)).get(b"a");
    origin.open_gate();
    assert!(matches!(&got, Ok(Some(found)) if found.is_stale()), "{got:?}");
}

#[test]
fn a_probe_that_hangs_does_not_keep_the_source_from_being_asked_for_ever() {
    let origin = Origin::new("1");
    let breaker = CircuitBreaker::new(1, SECOND);
    let config = over(&origin).load_timeout(SECOND * 5).circuit_breaker(breaker);
    let (_engine, things, clock) = keyspace(config);
    origin.fail(true);
    things.get(b"a").unwrap_err();
    clock.advance(SECOND);
    origin.fail(false);
    origin.close_gate();
    let probe = things.within(Duration::from_millis(10)).get(b"a").unwrap_err();
    assert!(matches!(probe, Error::WaitedTooLong { .. }), "{probe}");
    origin.wait_for_calls_at_gate(1);
    // An hour after the probe's load timeout the source would answer anybody.
    clock.advance(Duration::from_hours(1));
    let before = origin.calls();
    let _second_probe = things.within(Duration::from_millis(10)).get(b"b");
    let calls = origin.calls() - before;
    origin.open_gate();
    assert_eq!(calls, 1, "one that hangs is all that is ever tried");
}

#[test]
fn loads_that_were_given_up_while_they_waited_for_a_thread_are_not_made() {
    let origin = Origin::new("1");
    let config = over(&origin).loads_max(1).load_timeout(SECOND);
    let (_engine, things, clock) = keyspace(config);
    origin.close_gate();
    let hasty = things.within(Duration::from_millis(10));
    hasty.get(b"hangs").unwrap_err();
    for _ in 0..10 {
        hasty.get(b"a").unwrap_err();
        clock.advance(SECOND);
    }
    assert_eq!(things.stats().unwrap().loads_waiting, 10, "ten loads of one key");
    origin.open_gate();
    let is_done = within(LONG, || things.stats().expect("an answer").loads_waiting == 0);
    assert!(is_done && things.get(b"a").unwrap().is_some());
    assert!(origin.calls() <= 3, "the source was asked {} times for two keys", origin.calls());
}

#[test]
fn never_is_a_stale_value_served_after_it_was_forgotten_in_any_way() {
    type Forget = fn(&distcache::Keyspace);
    let forgets: [Forget; 6] = [
        |things| _ = things.delete(b"a").expect("an answer"),
        |things| _ = things.invalidate(b"a").expect("an answer"),
        |things| things.invalidate_tags(&["t"]).expect("an answer"),
        |things| _ = things.invalidate_prefix(b"").expect("an answer"),
        |things| _ = things.clear().expect("an answer"),
        |things| _ = things.delete_many(&[b"a"]).remove(0).expect("an answer"),
    ];
    for forget in forgets {
        let origin = Origin::new("");
        origin.set(Loaded::new("1").tag("t").into());
        let config = forgiving(&origin).stale_while_revalidate(LONG);
        let (_engine, things, clock) = keyspace(config);
        things.get(b"a").unwrap();
        clock.advance(SECOND * 2);
        origin.fail(true);
        assert!(things.get(b"a").unwrap().unwrap().is_stale());
        forget(&things);
        things.get(b"a").unwrap_err();
        assert!(things.peek(b"a").unwrap().is_none());
    }
}

#[test]
fn a_load_that_fails_after_the_value_was_forgotten_serves_nothing_to_who_came_later() {
    let origin = Origin::new("");
    origin.set(Loaded::new("1").tag("t").into());
    let (_engine, things, clock) = keyspace(forgiving(&origin));
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.fail(true);
    origin.close_gate();
    std::thread::scope(|scope| {
        let early = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        things.invalidate_tags(&["t"]).unwrap();
        let late = scope.spawn(|| things.get(b"a"));
        while things.stats().expect("an answer").collapsed == 0 {
            std::thread::yield_now();
        }
        origin.open_gate();
        late.join().expect("no panic").unwrap_err();
        _ = early.join().expect("no panic");
    });
}
