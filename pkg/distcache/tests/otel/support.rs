//! Who listens: exporters that keep what they are given.

use std::sync::Arc;
use std::time::Duration;

use distcache::opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt, Tracer, TracerProvider,
};
use distcache::opentelemetry::{Context, KeyValue, Value};
use distcache::{Engine, EngineBuilder, KeyspaceConfig, Spawn};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider, SpanData};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Who listens to one engine.
#[derive(Clone)]
pub(crate) struct Listener {
    spans: InMemorySpanExporter,
    pub(crate) metrics: InMemoryMetricExporter,
    pub(crate) tracers: SdkTracerProvider,
    pub(crate) meters: SdkMeterProvider,
}

impl Listener {
    pub(crate) fn new() -> Self {
        let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone()).build();
        Self { spans, metrics, tracers, meters }
    }

    /// An engine of which everything is heard.
    pub(crate) fn builder(&self) -> EngineBuilder {
        quiet().tracer_provider(&self.tracers).meter_provider(&self.meters)
    }

    pub(crate) fn engine(&self, keyspace: KeyspaceConfig) -> Engine {
        self.builder().keyspace(keyspace).start().expect("good settings")
    }

    /// Who makes the spans of a service around the engine.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.tracers.tracer("the service")
    }

    /// A span of the service, as its current context.
    pub(crate) fn own_span(&self, name: &'static str) -> Context {
        Context::new().with_span(self.tracer().start_with_context(name, &Context::new()))
    }

    /// The spans that have ended, in that order.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().expect("they are kept in memory")
    }

    /// The names of those spans.
    pub(crate) fn names(&self) -> Vec<String> {
        self.spans().iter().map(|span| span.name.to_string()).collect()
    }

    /// The only span of a name.
    pub(crate) fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let mut same = spans.into_iter().filter(|span| span.name == name);
        let span = same.next().unwrap_or_else(|| panic!("no {name} among {:?}", self.names()));
        assert!(same.next().is_none(), "{name} twice");
        span
    }

    pub(crate) fn forget(&self) {
        self.spans.reset();
    }
}

/// An engine of which nothing is heard.
pub(crate) fn quiet() -> EngineBuilder {
    Engine::builder().capacity_bytes(64 << 20).data_nodes(2).call_timeout(LONG)
}

/// The settings of a patient keyspace.
pub(crate) fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things").read_timeout(LONG).load_timeout(LONG).write_timeout(LONG)
}

/// What a span says under a name.
pub(crate) fn said(span: &SpanData, name: &str) -> Option<String> {
    value(&span.attributes, name).map(ToString::to_string)
}

pub(crate) fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|said| said.key.as_str() == name).map(|said| &said.value)
}

/// How a span says that its call went.
pub(crate) fn outcome(span: &SpanData) -> String {
    said(span, "distcache.outcome").expect("each has one")
}

/// The code that a span has failed with.
pub(crate) fn failure(span: &SpanData) -> Option<String> {
    let is_error = matches!(span.status, Status::Error { .. });
    let code = said(span, "error.type");
    assert_eq!(is_error, code.is_some(), "{span:?}");
    code
}

#[track_caller]
pub(crate) fn assert_within(child: &SpanData, parent: &SpanData) {
    assert_eq!(child.parent_span_id, parent.span_context.span_id());
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
    assert!(parent.start_time <= child.start_time);
}

#[track_caller]
pub(crate) fn assert_root(span: &SpanData) {
    assert_eq!(span.parent_span_id, SpanId::INVALID);
}

/// Runs a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// A runtime that has a thread for each future.
pub(crate) fn threads() -> impl Spawn {
    |future| drop(std::thread::Builder::new().spawn(move || block_on(future)).expect("a thread"))
}

/// What sources are asked within: the span of each call, as the engine hands it
/// over, and as it is current.
pub(crate) type Seen = Arc<parking_lot::Mutex<Vec<[SpanContext; 2]>>>;

pub(crate) fn see(seen: &Seen, handed_over: &Context) {
    let current = Context::current().span().span_context().clone();
    seen.lock().push([handed_over.span().span_context().clone(), current]);
}

/// The only span that sources were asked within.
#[track_caller]
pub(crate) fn the_one_seen(seen: &Seen) -> SpanId {
    let seen = seen.lock();
    let [[handed_over, current]] = &seen[..] else { panic!("not asked once: {seen:?}") };
    assert_eq!(handed_over, current, "the current context is the one that was handed over");
    current.span_id()
}
