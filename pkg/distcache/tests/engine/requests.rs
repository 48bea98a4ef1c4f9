//! Requests for many keys: one key's error is its own, and a request that fails
//! is one failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use distcache::{
    Answer, Answers, AsyncDataSource, BreakerState, CircuitBreaker, Context, DataSource, Error,
    Keyspace, KeyspaceConfig, LoadError, SourceError,
};

use crate::runtimes::{multi_thread, spawner};
use crate::support::{LONG, SECOND, keyspace, text};

/// A database that answers many keys by one query.
#[derive(Default)]
struct Rows {
    queries: AtomicU64,
    is_down: AtomicBool,
}

impl Rows {
    /// Keys that begin with `x` have rows that cannot be read.
    fn row(key: &[u8]) -> Result<Answer, SourceError> {
        match key {
            [b'x', ..] => Err("the row cannot be read".into()),
            [b'n', ..] => Ok(Answer::NotFound),
            _ => Ok(Answer::from(key)),
        }
    }

    fn query(&self, keys: &[&[u8]]) -> Result<Answers, SourceError> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err("the database is down".into());
        }
        Ok(keys.iter().map(|key| Self::row(key)).collect())
    }
}

impl DataSource for Rows {
    fn fetch(&self, key: &[u8], _: &Context) -> Result<Answer, SourceError> {
        self.query(&[key])?.pop().ok_or("one answer")?
    }

    fn fetch_many(&self, keys: &[&[u8]], _: &Context) -> Result<Answers, SourceError> {
        self.query(keys)
    }
}

/// The same as a source of futures.
struct Futures(Arc<Rows>);

impl AsyncDataSource for Futures {
    async fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        self.0.fetch(key, context)
    }

    async fn fetch_many(&self, keys: &[&[u8]], context: &Context) -> Result<Answers, SourceError> {
        self.0.fetch_many(keys, context)
    }
}

fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(LONG)
        .circuit_breaker(CircuitBreaker::new(2, SECOND))
}

fn is_down(error: &Error) -> bool {
    let Error::Load(LoadError::Failed(cause)) = error else { return false };
    cause.to_string() == "the database is down"
}

/// What a request that fails as a whole is for callers, counters and breaker.
fn one_outage_is_one_failure(rows: &Rows, things: &Keyspace, advance: impl Fn()) {
    let keys: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];
    rows.is_down.store(true, Ordering::SeqCst);
    let answers = things.get_many(&keys);
    assert_eq!(answers.len(), 10);
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(is_down)), "{answers:?}");
    let stats = things.stats().expect("an answer");
    assert_eq!((stats.source_requests, stats.load_failures, stats.loads), (1, 10, 10));
    assert_eq!(things.breaker(), Some(BreakerState::Closed), "ten keys, one failure");
    things.get_many(&keys);
    assert!(!matches!(things.breaker(), Some(BreakerState::Closed)), "two failures in a row");
    things.get_many(&keys);
    assert_eq!(rows.queries.load(Ordering::SeqCst), 2, "it is left alone");
    rows.is_down.store(false, Ordering::SeqCst);
    advance();
    assert!(things.get_many(&keys).iter().all(Result::is_ok));
}

#[test]
fn a_request_that_fails_is_an_error_of_each_key_and_one_failure() {
    let rows = Arc::new(Rows::default());
    let (_engine, things, clock) = keyspace(things().source(rows.clone()));
    one_outage_is_one_failure(&rows, &things, || clock.advance(SECOND));
}

#[test]
fn a_request_of_futures_that_fails_is_one_failure_too() {
    let (runtime, rows) = (multi_thread(), Arc::new(Rows::default()));
    let config = things().async_source(Box::new(Futures(rows.clone())), spawner(&runtime));
    let (_engine, things, clock) = keyspace(config);
    one_outage_is_one_failure(&rows, &things, || clock.advance(SECOND));
}

#[test]
fn what_is_wrong_with_one_key_is_its_own_error_and_no_failure_of_the_source() {
    let source: Box<dyn DataSource> = Box::new(Rows::default());
    let (_engine, things, _) = keyspace(things().source(source));
    for _ in 0..5 {
        let answers = things.get_many(&[b"a", b"x", b"n"]);
        let [Ok(Some(found)), Err(error), Ok(None)] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!(text(found), "a");
        assert_eq!(error.to_string(), "the source failed: the row cannot be read");
    }
    assert_eq!(things.breaker(), Some(BreakerState::Closed));
}

#[test]
fn a_function_that_gives_a_future_is_a_source() {
    let runtime = multi_thread();
    let fetch = |key: Vec<u8>| async move {
        tokio::task::yield_now().await;
        if key == b"x" { Err("no such key") } else { Ok((key != b"n").then_some(key)) }
    };
    let (_engine, things, _) = keyspace(things().async_source_fn(fetch, spawner(&runtime)));
    let answers = things.get_many(&[b"a", b"x", b"n"]);
    let [Ok(Some(found)), Err(error), Ok(None)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(
        (text(found), error.to_string()),
        ("a".into(), "the source failed: no such key".into())
    );
}

#[test]
fn sources_are_shared_behind_any_pointer() {
    let runtime = multi_thread();
    let futures = Arc::new(Futures(Arc::default()));
    let boxed: Box<dyn DataSource> = Box::new(Arc::new(Rows::default()));
    for config in [
        things().source(Arc::new(Rows::default())),
        things().source(Arc::<dyn DataSource>::from(boxed)),
        things().async_source(futures.clone(), spawner(&runtime)),
        things().async_source(Box::new(futures), spawner(&runtime)),
    ] {
        let (_engine, things, _) = keyspace(config);
        assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "a");
        assert!(things.get_many(&[b"n1", b"n2"]).iter().all(|got| matches!(got, Ok(None))));
        assert_eq!(things.stats().unwrap().source_requests, 2, "many keys in one request");
    }
}
