//! Spans of calls.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use distcache::opentelemetry::trace::{FutureExt, TraceContextExt};
use distcache::{Answer, Context, Engine, Error, Item, Keyspace, SourceError, Version};
use opentelemetry_sdk::metrics::data::ResourceMetrics;

use crate::support::{
    Listener, assert_root, assert_within, block_on, failure, outcome, quiet, said, things, threads,
};

/// Every call of a keyspace, in the order of [`EXPECTED`].
fn every_call(things: &Keyspace) -> Result<(), Error> {
    let (key, other): (&[u8], &[u8]) = (b"secret-key", b"secret-other");
    things.put(key, b"secret-value")?;
    things.get(key)?;
    things.get(other)?;
    things.peek(key)?;
    things.contains(key)?;
    things.ttl(key)?;
    things.put_many(&[Item::new(key, b"secret-value"), Item::new(other, b"1")]);
    things.get_many(&[key, other]);
    things.increment(other, 1)?;
    things.decrement(other, 1)?;
    assert!(things.increment(key, 1).is_err());
    things.touch(key)?;
    things.expire(key, Duration::from_mins(1))?;
    things.persist(key)?;
    things.scan(b"secret*", None, 10)?;
    assert!(things.put_item(&Item::new(key, b"secret-value").if_absent()).is_err());
    assert!(things.delete_if_version(key, Version::ZERO).is_err());
    things.invalidate(key)?;
    things.invalidate_tags(&["secret-tag"])?;
    things.invalidate_prefix(b"secret")?;
    things.delete(key)?;
    things.delete_many(&[key, other]);
    things.clear()?;
    Ok(())
}

/// The same by the twins.
async fn every_call_async(things: &Keyspace) -> Result<(), Error> {
    let (key, other): (&[u8], &[u8]) = (b"secret-key", b"secret-other");
    things.put_async(key, b"secret-value").await?;
    things.get_async(key).await?;
    things.get_async(other).await?;
    things.peek_async(key).await?;
    things.contains_async(key).await?;
    things.ttl_async(key).await?;
    things.put_many_async(&[Item::new(key, b"secret-value"), Item::new(other, b"1")]).await;
    things.get_many_async(&[key, other]).await;
    things.increment_async(other, 1).await?;
    things.decrement_async(other, 1).await?;
    assert!(things.increment_async(key, 1).await.is_err());
    things.touch_async(key).await?;
    things.expire_async(key, Duration::from_mins(1)).await?;
    things.persist_async(key).await?;
    things.scan_async(b"secret*", None, 10).await?;
    assert!(things.put_item_async(&Item::new(key, b"secret-value").if_absent()).await.is_err());
    assert!(things.delete_if_version_async(key, Version::ZERO).await.is_err());
    things.invalidate_async(key).await?;
    things.invalidate_tags_async(&["secret-tag"]).await?;
    things.invalidate_prefix_async(b"secret").await?;
    things.delete_async(key).await?;
    things.delete_many_async(&[key, other]).await;
    things.clear_async().await?;
    Ok(())
}

/// The operation, how it went, and the code if it has failed.
const EXPECTED: [(&str, &str, Option<&str>); 23] = [
    ("put", "ok", None),
    ("get", "hit", None),
    ("get", "absent", None),
    ("peek", "hit", None),
    ("peek", "hit", None),
    ("peek", "hit", None),
    ("put_many", "ok", None),
    ("get_many", "ok", None),
    ("increment", "ok", None),
    ("increment", "ok", None),
    ("increment", "error", Some("DC-118")),
    ("touch", "ok", None),
    ("expire", "ok", None),
    ("persist", "ok", None),
    ("scan", "ok", None),
    ("put", "error", Some("DC-117")),
    ("delete", "error", Some("DC-117")),
    ("invalidate", "ok", None),
    ("invalidate_tags", "ok", None),
    ("invalidate_prefix", "ok", None),
    ("delete", "ok", None),
    ("delete_many", "ok", None),
    ("clear", "ok", None),
];

fn heard_of(calls: impl FnOnce(&Keyspace) -> Result<(), Error>) -> Listener {
    let listener = Listener::new();
    let engine = listener.engine(things());
    let keyspace = engine.keyspace("things").expect("it was added");
    listener.forget();
    calls(&keyspace).expect("what is to fail is expected to");
    listener
}

#[track_caller]
fn assert_as_expected(listener: &Listener) {
    let spans = listener.spans();
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            assert_root(span);
            assert_eq!(said(span, "distcache.keyspace").as_deref(), Some("things"));
            let operation = said(span, "distcache.operation").expect("each has one");
            assert_eq!(span.name, format!("distcache.{operation}"));
            (operation, outcome(span), failure(span))
        })
        .collect();
    let expected: Vec<_> = EXPECTED
        .iter()
        .map(|(name, how, code)| ((*name).to_owned(), (*how).to_owned(), code.map(str::to_owned)))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn each_call_is_a_span_with_its_operation_keyspace_and_outcome() {
    assert_as_expected(&heard_of(every_call));
}

#[test]
fn each_call_of_a_task_is_the_same_span() {
    assert_as_expected(&heard_of(|things| block_on(every_call_async(things))));
}

#[test]
fn no_key_value_or_word_of_an_error_is_told() {
    let source = |_: &[u8], _: &Context| -> Result<Answer, SourceError> {
        Err("the row secret-key has the value secret-value".into())
    };
    let listener = Listener::new();
    let engine = listener.engine(things().source(source));
    engine.get("things", b"secret-key").unwrap_err();
    let quiet = heard_of(every_call);
    for listener in [listener, quiet] {
        listener.meters.force_flush().unwrap();
        let spans = listener.spans();
        let numbers = listener.metrics.get_finished_metrics().unwrap();
        assert!(!spans.is_empty() && !numbers.is_empty());
        let told = format!("{spans:?} {numbers:?}");
        assert!(!told.contains("secret"), "{told}");
    }
}

#[test]
fn a_batch_says_how_many_keys_it_had_and_how_many_failed() {
    let source = |key: &[u8], _: &Context| -> Result<Answer, SourceError> {
        if key == b"bad" { Err("no".into()) } else { Ok(Answer::from("good")) }
    };
    let listener = Listener::new();
    let engine = listener.engine(things().source(source));
    engine.get_many("things", &[b"good", b"bad", b"fine"]).unwrap();
    for name in ["distcache.get_many", "distcache.load"] {
        let span = listener.span(name);
        assert_eq!(said(&span, "distcache.keys.count").as_deref(), Some("3"), "{name}");
        assert_eq!(said(&span, "distcache.keys.failed").as_deref(), Some("1"), "{name}");
        assert_eq!(failure(&span).as_deref(), Some("DC-131"), "{name}");
    }
}

#[test]
fn a_call_is_within_the_span_of_its_caller() {
    let listener = Listener::new();
    let engine = listener.engine(things());
    let caller = listener.own_span("request");
    {
        let _current = caller.clone().attach();
        engine.put("things", b"a", b"1").unwrap();
    }
    let task = engine.get_async("things", b"a").with_context(caller.clone());
    assert_eq!(block_on(task).unwrap().as_deref(), Some(&b"1"[..]));
    engine.delete("things", b"a").unwrap();
    caller.span().end();
    let caller = listener.span("request");
    assert_within(&listener.span("distcache.put"), &caller);
    assert_within(&listener.span("distcache.get"), &caller);
    assert_root(&listener.span("distcache.delete"));
}

#[test]
fn a_call_that_nobody_waits_for_any_more_was_dropped() {
    let listener = Listener::new();
    let config = things().async_source(Never, threads());
    let engine = listener.engine(config);
    listener.forget();
    block_on(async {
        let mut get = pin!(engine.get_async("things", b"a"));
        let polled = poll_fn(|context| Poll::Ready(get.as_mut().poll(context).is_pending()));
        assert!(polled.await, "the source never answers");
    });
    assert_eq!(outcome(&listener.span("distcache.get")), "dropped");
}

struct Never;

impl distcache::AsyncDataSource for Never {
    async fn fetch(&self, _: &[u8], _: &Context) -> Result<Answer, SourceError> {
        std::future::pending().await
    }
}

#[test]
fn without_a_tracer_there_is_no_span_and_without_a_meter_no_number() {
    let listener = Listener::new();
    let get = |builder: distcache::EngineBuilder| {
        let engine: Engine = builder.keyspace(things()).start().unwrap();
        engine.get("things", b"a").unwrap();
        listener.meters.force_flush().unwrap();
        let numbers = listener.metrics.get_finished_metrics().unwrap();
        let instruments = numbers.iter().flat_map(ResourceMetrics::scope_metrics).count();
        (listener.spans().len(), instruments)
    };
    assert_eq!(get(quiet()), (0, 0));
    let (spans, instruments) = get(quiet().tracer_provider(&listener.tracers));
    assert!(spans != 0 && instruments == 0);
    listener.forget();
    let (spans, instruments) = get(quiet().meter_provider(&listener.meters));
    assert!(spans == 0 && instruments != 0);
}
