//! How an engine is told where its spans and numbers go.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::metrics::MeterProvider;

use super::numbers::Numbers;
use crate::EngineBuilder;

/// Who tells: the name under which spans and numbers are found.
fn scope() -> InstrumentationScope {
    let version = env!("CARGO_PKG_VERSION");
    InstrumentationScope::builder("distcache").with_version(version).build()
}

impl EngineBuilder {
    /// Counts and times calls and loads with this provider's instruments:
    /// `distcache.engine.requests`, `distcache.engine.errors` and
    /// `distcache.engine.duration.ms` by `distcache.operation` and
    /// `distcache.keyspace`; `distcache.cache.misses` and
    /// `distcache.cache.fetch.duration.ms` by `distcache.keyspace`. Default: nobody
    /// is told.
    #[must_use]
    pub fn meter_provider(mut self, provider: &(impl MeterProvider + ?Sized)) -> Self {
        self.otel.numbers = Some(Arc::new(Numbers::new(&provider.meter_with_scope(scope()))));
        self
    }

    /// Makes a span of each call, `distcache.get` and so on, within the caller's
    /// current one; and of each request to a source, `distcache.load`, within the
    /// call that leads it. Default: nobody is told.
    #[must_use]
    pub fn tracer_provider(mut self, provider: &(impl ObjectSafeTracerProvider + ?Sized)) -> Self {
        let tracer = BoxedTracer::new(provider.boxed_tracer(scope()));
        self.otel.tracer = Some(Arc::new(tracer));
        self
    }
}
