//! Spans of loads, and where sources stand.

use std::sync::Arc;

use distcache::opentelemetry::trace::TraceContextExt;
use distcache::{Answer, AsyncDataSource, Context, DataSource, How, KeyspaceConfig, SourceError};
use parking_lot::{Condvar, Mutex};

use crate::support::{
    LONG, Listener, Seen, assert_within, block_on, failure, outcome, quiet, said, see,
    the_one_seen, things, threads,
};

/// A source that notes where it stands.
#[derive(Clone, Default)]
struct Noting(Seen);

impl DataSource for Noting {
    fn fetch(&self, _: &[u8], context: &Context) -> Result<Answer, SourceError> {
        see(&self.0, context.otel());
        Ok(Answer::from("there"))
    }

    fn fetch_many(
        &self,
        keys: &[&[u8]],
        context: &Context,
    ) -> Result<Vec<Result<Answer, SourceError>>, SourceError> {
        see(&self.0, context.otel());
        Ok(keys.iter().map(|_| Ok(Answer::from("there"))).collect())
    }
}

/// The same as futures that are polled more than once.
struct NotingAsync(Noting);

impl AsyncDataSource for NotingAsync {
    async fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        yield_once().await;
        self.0.fetch(key, context)
    }

    async fn fetch_many(
        &self,
        keys: &[&[u8]],
        context: &Context,
    ) -> Result<Vec<Result<Answer, SourceError>>, SourceError> {
        yield_once().await;
        self.0.fetch_many(keys, context)
    }
}

async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Each way in which a source can be asked.
fn each_way() -> [(&'static str, KeyspaceConfig, Seen); 3] {
    let sources: [Noting; 3] = Default::default();
    let seen = sources.clone().map(|Noting(seen)| seen);
    let [pool, caller, tasks] = sources;
    let [of_pool, of_caller, of_tasks] = seen;
    [
        ("on a thread for it", things().source(pool), of_pool),
        ("on its caller's", things().source(caller).loads_on_caller(), of_caller),
        ("as a future", things().async_source(NotingAsync(tasks), threads()), of_tasks),
    ]
}

#[test]
fn a_load_is_within_its_call_and_its_source_within_the_load() {
    for (way, config, seen) in each_way() {
        let listener = Listener::new();
        let engine = listener.engine(config);
        let found = engine.get("things", b"a").unwrap().unwrap();
        assert_eq!(found.how(), How::Loaded, "{way}");
        let (get, load) = (listener.span("distcache.get"), listener.span("distcache.load"));
        assert_within(&load, &get);
        assert_eq!(the_one_seen(&seen), load.span_context.span_id(), "{way}");
        assert_eq!((outcome(&get), outcome(&load)), ("loaded".to_owned(), "found".to_owned()));
        assert_eq!(said(&load, "distcache.keyspace").as_deref(), Some("things"));
        assert_eq!(said(&load, "distcache.keys.count").as_deref(), Some("1"));
    }
}

#[test]
fn the_load_of_a_task_is_within_its_call_too() {
    for (way, config, seen) in each_way() {
        let listener = Listener::new();
        let engine = listener.engine(config);
        block_on(engine.get_async("things", b"a")).unwrap().unwrap();
        let load = listener.span("distcache.load");
        assert_within(&load, &listener.span("distcache.get"));
        assert_eq!(the_one_seen(&seen), load.span_context.span_id(), "{way}");
    }
}

#[test]
fn the_load_of_a_batch_is_one_within_its_call() {
    for (way, config, seen) in each_way() {
        let listener = Listener::new();
        let engine = listener.engine(config);
        engine.get_many("things", &[b"a", b"b"]).unwrap();
        let load = listener.span("distcache.load");
        assert_within(&load, &listener.span("distcache.get_many"));
        assert_eq!(the_one_seen(&seen), load.span_context.span_id(), "{way}");
        assert_eq!(said(&load, "distcache.keys.count").as_deref(), Some("2"), "{way}");
    }
}

#[test]
fn what_is_hit_is_not_loaded() {
    let listener = Listener::new();
    let engine = listener.engine(things().source(Noting::default()));
    engine.get("things", b"a").unwrap();
    listener.forget();
    engine.get("things", b"a").unwrap();
    assert_eq!(listener.names(), ["distcache.get"]);
    assert_eq!(outcome(&listener.span("distcache.get")), "hit");
}

/// A source that waits until it is let go.
#[derive(Default)]
struct Held {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl Held {
    fn open(&self) {
        *self.is_open.lock() = true;
        self.changed.notify_all();
    }
}

impl DataSource for Held {
    fn fetch(&self, _: &[u8], _: &Context) -> Result<Answer, SourceError> {
        let mut is_open = self.is_open.lock();
        while !*is_open {
            assert!(!self.changed.wait_for(&mut is_open, LONG).timed_out(), "it is held");
        }
        Ok(Answer::from("there"))
    }
}

#[test]
fn who_follows_has_no_load_of_its_own() {
    let (listener, source) = (Listener::new(), Arc::new(Held::default()));
    let engine = listener.engine(things().source(source.clone()));
    let keyspace = engine.keyspace("things").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| keyspace.get(b"a").unwrap());
        }
        // The second one is counted when it follows.
        while keyspace.stats().unwrap().collapsed == 0 {
            std::thread::yield_now();
        }
        source.open();
    });
    let spans = listener.spans();
    let of = |how: &str| {
        let get = spans.iter().find(|span| span.name == "distcache.get" && outcome(span) == how);
        get.unwrap_or_else(|| panic!("no get was {how}"))
    };
    let load = listener.span("distcache.load");
    assert_within(&load, of("loaded"));
    assert_ne!(load.parent_span_id, of("collapsed").span_context.span_id());
}

#[test]
fn a_failed_load_is_an_error_of_the_load_and_of_its_call() {
    let fails = |_: &[u8], _: &Context| Err::<Answer, SourceError>("it is away".into());
    let panics = |_: &[u8], _: &Context| panic!("as it was told");
    let cases: [(KeyspaceConfig, &str); 2] =
        [(things().source(fails), "DC-131"), (things().source(panics), "DC-133")];
    for (config, code) in cases {
        let listener = Listener::new();
        let engine = listener.engine(config);
        engine.get("things", b"a").unwrap_err();
        for name in ["distcache.load", "distcache.get"] {
            let span = listener.span(name);
            assert_eq!(failure(&span).as_deref(), Some(code), "{name}");
            assert_eq!(outcome(&span), "error");
        }
    }
}

#[test]
fn what_the_source_does_not_have_is_no_error() {
    let nothing = |_: &[u8], _: &Context| Ok::<_, SourceError>(Answer::NotFound);
    let listener = Listener::new();
    let engine = listener.engine(things().source(nothing));
    assert!(engine.get("things", b"a").unwrap().is_none());
    for name in ["distcache.load", "distcache.get"] {
        let span = listener.span(name);
        assert_eq!((outcome(&span).as_str(), failure(&span)), ("absent", None), "{name}");
    }
}

#[test]
fn a_load_that_is_refused_has_no_span() {
    let listener = Listener::new();
    let limit = distcache::RateLimit::per_second(0.001).burst(1);
    let engine = listener.engine(things().source(Noting::default()).rate_limit(limit));
    engine.get("things", b"a").unwrap();
    listener.forget();
    engine.get("things", b"b").unwrap_err();
    assert_eq!(listener.names(), ["distcache.get"]);
    assert_eq!(failure(&listener.span("distcache.get")).as_deref(), Some("DC-135"));
}

#[test]
fn a_source_goes_on_with_its_callers_trace_also_if_the_engine_tells_nobody() {
    let (listener, source) = (Listener::new(), Noting::default());
    let config = things().source(source.clone());
    let engine = quiet().keyspace(config).start().unwrap();
    let caller = listener.own_span("request");
    let current = caller.clone().attach();
    engine.get("things", b"a").unwrap();
    drop(current);
    assert_eq!(the_one_seen(&source.0), caller.span().span_context().span_id());
    assert_eq!(listener.names(), [""; 0]);
}

#[test]
fn a_source_can_be_tried_out_with_a_trace() {
    let (listener, source) = (Listener::new(), Noting::default());
    let trace = listener.own_span("trial");
    let expected = trace.span().span_context().span_id();
    let current = trace.clone().attach();
    source.fetch(b"a", &Context::unbounded().with_otel(trace)).unwrap();
    drop(current);
    assert_eq!(the_one_seen(&source.0), expected);
}
