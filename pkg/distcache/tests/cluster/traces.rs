//! One trace goes from a call over the link to the source of the key's owner.

use std::sync::Arc;

use distcache::opentelemetry::Context;
use distcache::opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, TraceContextExt, Tracer, TracerProvider,
};
use distcache::{Answer, Found, KeyspaceConfig};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use parking_lot::Mutex;

use crate::fleet::Fleet;

/// The spans of which somebody is told.
struct Listener {
    spans: InMemorySpanExporter,
    tracers: SdkTracerProvider,
}

impl Listener {
    fn new() -> Self {
        let spans = InMemorySpanExporter::default();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        Self { spans, tracers }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().expect("they are kept in memory")
    }

    /// The only span of a name.
    fn span(&self, name: &str) -> SpanData {
        let mut spans = self.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.to_string()).collect();
        spans.retain(|span| span.name == name);
        assert_eq!(spans.len(), 1, "one {name} among {names:?}");
        spans.remove(0)
    }

    /// A span of the service around its engine, as its current context.
    fn own_span(&self) -> Context {
        let tracer = self.tracers.tracer("the service");
        Context::new().with_span(tracer.start_with_context("request", &Context::new()))
    }
}

/// The contexts in which sources were asked.
type Seen = Arc<Mutex<Vec<SpanContext>>>;

/// Two engines, each with a listener of its own, and a keyspace whose keys are their own
/// values.
struct Pair {
    fleet: Fleet,
    listeners: Vec<Listener>,
    seen: Seen,
}

impl Pair {
    /// `tells`: of which engine anybody is told.
    fn start(tells: [bool; 2]) -> Self {
        let mut fleet = Fleet::to_be_of(2);
        let (mut listeners, seen) = (Vec::new(), Seen::default());
        for is_told in tells {
            let listener = Listener::new();
            let engine = fleet.start_as(
                vec![things(&seen)],
                |cluster| cluster,
                |builder| {
                    if is_told { builder.tracer_provider(&listener.tracers) } else { builder }
                },
            );
            fleet.engines.push(engine);
            listeners.push(listener);
        }
        fleet.settle();
        let pair = Self { fleet, listeners, seen };
        pair.forget();
        pair
    }

    fn forget(&self) {
        for listener in &self.listeners {
            listener.spans.reset();
        }
    }

    /// What was seen within one span of the service of the first engine: that span.
    fn within_own_span<T>(&self, work: impl FnOnce() -> T) -> (SpanContext, T) {
        let context = self.listeners[0].own_span();
        let own = context.span().span_context().clone();
        let _here = context.attach();
        (own, work())
    }
}

fn things(seen: &Seen) -> KeyspaceConfig {
    let seen = seen.clone();
    KeyspaceConfig::new("things").source(move |key: &[u8], context: &distcache::Context| {
        seen.lock().push(context.otel().span().span_context().clone());
        Ok(Answer::from(key))
    })
}

#[track_caller]
fn assert_within(child: &SpanData, parent: &SpanContext) {
    assert_eq!(child.parent_span_id, parent.span_id());
    assert_eq!(child.span_context.trace_id(), parent.trace_id());
}

/// The spans of a request of the first engine to the second, down to its source.
#[track_caller]
fn assert_one_trace(pair: &Pair, own: &SpanContext, call: &str) {
    let [here, there] = &pair.listeners[..] else { panic!("two") };
    let (call, ask) = (here.span(call), here.span("distcache.ask"));
    let (answer, load) = (there.span("distcache.answer"), there.span("distcache.load"));
    assert_within(&call, own);
    assert_within(&ask, &call.span_context);
    assert_within(&answer, &ask.span_context);
    assert_within(&load, &answer.span_context);
    assert!(answer.parent_span_is_remote && !ask.parent_span_is_remote);
    assert_eq!((ask.span_kind, answer.span_kind), (SpanKind::Client, SpanKind::Server));
    let seen = pair.seen.lock();
    let at_owner = seen.iter().filter(|seen| **seen == load.span_context);
    assert_eq!(at_owner.count(), 1, "its source is asked within the load");
}

#[test]
fn one_trace_goes_from_a_read_over_the_link_to_the_source_of_the_owner() {
    let pair = Pair::start([true, true]);
    let things = pair.fleet.engines[0].keyspace("things").unwrap();
    let theirs = pair.fleet.a_key_of_each("things").remove(1);
    let (own, read) = pair.within_own_span(|| things.get(&theirs));
    assert_eq!(&*read.unwrap().unwrap(), &*theirs);
    assert_one_trace(&pair, &own, "distcache.get");
    let answer = pair.listeners[1].span("distcache.answer");
    let told = format!("{:?}", [answer, pair.listeners[0].span("distcache.ask")]);
    assert!(!told.contains(str::from_utf8(&theirs).unwrap()), "no key is told: {told}");
    // A hit of the owner: the trace ends there.
    pair.forget();
    let (own, read) = pair.within_own_span(|| things.get(&theirs));
    assert!(read.unwrap().is_some());
    let [here, there] = &pair.listeners[..] else { panic!("two") };
    assert_within(&here.span("distcache.get"), &own);
    assert_within(&there.span("distcache.answer"), &here.span("distcache.ask").span_context);
    assert_eq!(there.spans().len(), 1);
}

#[test]
fn one_trace_goes_from_a_batch_to_the_sources_of_all_owners() {
    let pair = Pair::start([true, true]);
    let things = pair.fleet.engines[0].keyspace("things").unwrap();
    let keys = pair.fleet.a_key_of_each("things");
    let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    let (own, read) = pair.within_own_span(|| things.get_many(&keys));
    assert!(read.into_iter().all(|found: Result<Option<Found>, _>| found.unwrap().is_some()));
    assert_one_trace(&pair, &own, "distcache.get_many");
    let [here, _] = &pair.listeners[..] else { panic!("two") };
    assert_within(&here.span("distcache.load"), &here.span("distcache.get_many").span_context);
}

#[test]
fn an_engine_that_tells_nobody_hands_the_trace_on() {
    let pair = Pair::start([false, true]);
    let things = pair.fleet.engines[0].keyspace("things").unwrap();
    let theirs = pair.fleet.a_key_of_each("things").remove(1);
    let (own, read) = pair.within_own_span(|| things.get(&theirs));
    assert!(read.unwrap().is_some());
    assert_within(&pair.listeners[1].span("distcache.answer"), &own);
    let told = pair.listeners[0].spans();
    assert_eq!(told.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["request"]);

    let pair = Pair::start([true, false]);
    let things = pair.fleet.engines[0].keyspace("things").unwrap();
    let theirs = pair.fleet.a_key_of_each("things").remove(1);
    let (_, read) = pair.within_own_span(|| things.get(&theirs));
    assert!(read.unwrap().is_some());
    let ask = pair.listeners[0].span("distcache.ask").span_context;
    let seen = pair.seen.lock().pop().expect("it was asked");
    assert_eq!((seen.trace_id(), seen.span_id()), (ask.trace_id(), ask.span_id()));
    assert!(seen.is_remote());
}

#[test]
fn a_request_outside_of_a_trace_begins_none_at_the_owner() {
    let pair = Pair::start([false, true]);
    let things = pair.fleet.engines[0].keyspace("things").unwrap();
    let theirs = pair.fleet.a_key_of_each("things").remove(1);
    assert!(things.get(&theirs).unwrap().is_some());
    let load = pair.listeners[1].span("distcache.load");
    assert_eq!((load.parent_span_id, pair.listeners[1].spans().len()), (SpanId::INVALID, 1));
}
