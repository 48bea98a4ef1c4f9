//! A source that fails, is slow, or has enough to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache::{
    Answer, CircuitBreaker, Context, Error, KeyspaceConfig, LoadError, Loaded, ManualClock,
    RateLimit,
};

use crate::support::{LONG, Origin, SECOND, keyspace, over, text};

#[test]
fn for_a_minute_without_its_source_every_cached_key_is_served_and_the_source_left_alone() {
    const KEYS: u8 = 100;
    let origin = Origin::new("1");
    let config = over(&origin)
        .ttl(SECOND * 5)
        .stale_if_error(SECOND * 90)
        .circuit_breaker(CircuitBreaker::new(3, SECOND));
    let (_engine, things, clock) = keyspace(config);
    (0..KEYS).for_each(|key| assert!(things.get(&[key]).expect("the source is there").is_some()));
    clock.advance(SECOND * 5);
    origin.fail(true);
    let before = origin.calls();
    for _second in 0..60 {
        for key in 0..KEYS {
            let found = things.get(&[key]).unwrap().expect("a stale value");
            assert!(found.is_stale() && text(&found) == "1");
        }
        clock.advance(SECOND);
    }
    let calls = origin.calls() - before;
    assert!((60..=60 + 3).contains(&calls), "{calls} calls: three to learn it, one a second after");
    let error = things.get(b"never seen").unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Failed(_) | LoadError::CircuitOpen { .. })));
    origin.fail(false);
    clock.advance(SECOND);
    assert!(!things.get(&[0]).unwrap().unwrap().is_stale(), "the probe brought it back");
    assert!(!things.get(&[1]).unwrap().unwrap().is_stale());
}

#[test]
fn what_was_invalidated_during_an_outage_is_an_error_and_not_stale() {
    let origin = Origin::new("1");
    let (_engine, things, clock) = keyspace(over(&origin).ttl(SECOND).stale_if_error(LONG));
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.fail(true);
    assert!(things.get(b"a").unwrap().unwrap().is_stale());
    things.invalidate(b"a").unwrap();
    assert!(matches!(things.get(b"a"), Err(Error::Load(LoadError::Failed(_)))));
}

#[test]
fn stale_values_are_served_for_their_window_and_no_longer() {
    let origin = Origin::new("1");
    let (_engine, things, clock) = keyspace(over(&origin).ttl(SECOND).stale_if_error(SECOND * 10));
    things.get(b"a").unwrap();
    origin.fail(true);
    clock.advance(Duration::from_millis(10_999));
    assert!(things.get(b"a").unwrap().unwrap().is_stale());
    clock.advance(Duration::from_millis(1));
    assert!(things.get(b"a").is_err());
}

#[test]
fn missing_keys_and_cancelled_loads_do_not_open_the_breaker() {
    let origin = Origin::new("");
    origin.set(Answer::NotFound);
    let config = over(&origin).circuit_breaker(CircuitBreaker::new(2, SECOND));
    let (_engine, things, _) = keyspace(config);
    for key in 0..10_u8 {
        assert!(things.get(&[key]).unwrap().is_none());
    }
    origin.close_gate();
    for key in 10..20_u8 {
        let error = things.within(Duration::ZERO).get(&[key]).unwrap_err();
        assert!(matches!(error, Error::WaitedTooLong { .. }), "{error}");
    }
    origin.open_gate();
    assert!(things.get(b"a").unwrap().is_none());
    assert_eq!(things.breaker(), Some(distcache::BreakerState::Closed));
}

#[test]
fn an_open_breaker_says_when_to_come_back() {
    let origin = Origin::new("1");
    origin.fail(true);
    let config = over(&origin).circuit_breaker(CircuitBreaker::new(1, SECOND * 3));
    let (_engine, things, clock) = keyspace(config);
    assert!(matches!(things.get(b"a"), Err(Error::Load(LoadError::Failed(_)))));
    clock.advance(SECOND);
    match things.get(b"a") {
        Err(Error::Load(LoadError::CircuitOpen { retry_after })) => {
            assert_eq!(retry_after, SECOND * 2);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((origin.calls(), things.stats().unwrap().loads_refused), (1, 1));
}

#[test]
fn no_more_loads_than_the_rate_allows_and_hits_as_many_as_one_likes() {
    let origin = Origin::new("1");
    let config = over(&origin).rate_limit(RateLimit::per_second(5.0));
    let (_engine, things, clock) = keyspace(config);
    let loaded = |from: u8| (from..from + 20).filter(|key| things.get(&[*key]).is_ok()).count();
    assert_eq!(loaded(0), 5);
    assert!(matches!(
        things.get(&[19]),
        Err(Error::Load(LoadError::RateLimited { retry_after })) if retry_after <= SECOND / 5
    ));
    assert!((0..5_u8).all(|key| things.get(&[key]).is_ok()), "hits are free");
    clock.advance(SECOND);
    assert_eq!(loaded(100), 5);
}

#[test]
fn a_load_that_takes_too_long_is_told_as_that_and_the_next_caller_tries_again() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let config = KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(Duration::ZERO)
        .source(move |_: &[u8], context: &Context| {
            counted.fetch_add(1, Ordering::SeqCst);
            // As a driver does that notices.
            if context.is_over() { Err("query cancelled".into()) } else { Ok(Answer::NotFound) }
        });
    let (_engine, things, _) = keyspace(config);
    for _ in 0..2 {
        let error = things.get(b"a").unwrap_err();
        assert!(matches!(error, Error::Load(LoadError::TimedOut { .. })), "{error}");
    }
    assert_eq!((calls.load(Ordering::SeqCst), things.stats().unwrap().load_timeouts), (2, 2));
}

#[test]
fn what_is_loaded_together_does_not_end_together() {
    const KEYS: u32 = 100_000;
    const SECONDS: u64 = 90;
    let clock = Arc::new(ManualClock::new());
    let loads = Arc::new(AtomicU64::new(0));
    let counted = loads.clone();
    let engine = distcache::Engine::builder().clock(clock.clone()).start().unwrap();
    let config = KeyspaceConfig::new("things").ttl(SECOND * 60).ttl_jitter(0.5).source_fn(
        move |_: &[u8]| -> Result<&str, std::convert::Infallible> {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok("1")
        },
    );
    let things = engine.add_keyspace(config).unwrap();
    let names: Vec<[u8; 4]> = (0..KEYS).map(u32::to_le_bytes).collect();
    let keys: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
    things.warm(&keys);
    // Each key is asked for each second; what has ended is loaded again.
    let mut peak = 0;
    let before = loads.load(Ordering::Relaxed);
    for _second in 0..SECONDS {
        clock.advance(SECOND);
        let at = loads.load(Ordering::Relaxed);
        for batch in keys.chunks(1_000) {
            assert!(things.get_many(batch).iter().all(Result::is_ok));
        }
        peak = peak.max(loads.load(Ordering::Relaxed) - at);
    }
    let mean = (loads.load(Ordering::Relaxed) - before) / SECONDS;
    assert!(0 < mean && peak <= 3 * mean, "{peak} loads in one second, {mean} on the average");
}

#[test]
fn a_value_does_not_come_back_after_an_answer_that_is_not_kept() {
    let too_large = Answer::from(vec![0; 16 << 20]);
    for answer in [Answer::NotFound, Loaded::new("2").ttl(Duration::ZERO).into(), too_large] {
        let origin = Origin::new("1");
        let (_engine, things, clock) = keyspace(over(&origin).ttl(SECOND).stale_if_error(LONG));
        things.get(b"a").unwrap();
        clock.advance(SECOND * 2);
        origin.set(answer);
        let newer = things.get(b"a").unwrap();
        assert!(newer.is_none_or(|found| text(&found) != "1"), "the source has something newer");
        origin.fail(true);
        assert!(matches!(things.get(b"a"), Err(Error::Load(LoadError::Failed(_)))));
    }
}

#[test]
fn a_value_that_the_source_no_longer_has_is_not_served_while_it_is_revalidated() {
    let origin = Origin::new("1");
    let config = over(&origin).ttl(SECOND).stale_while_revalidate(LONG);
    let (_engine, things, clock) = keyspace(config);
    things.get(b"a").unwrap();
    clock.advance(SECOND * 2);
    origin.set(Answer::NotFound);
    assert!(things.get(b"a").unwrap().unwrap().is_stale());
    while things.stats().unwrap().loads < 2 || things.stats().unwrap().flights != 0 {
        std::thread::yield_now();
    }
    assert!(things.get(b"a").unwrap().is_none());
}
