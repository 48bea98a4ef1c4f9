//! Who is told: for an engine, and for a keyspace of it.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "cluster")]
use distcache_cluster::wire::Address;
use distcache_manager::Stopwatch;
use opentelemetry::global::BoxedTracer;
#[cfg(feature = "cluster")]
use opentelemetry::trace::SpanKind;
use opentelemetry::trace::{SpanBuilder, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::call::{Begun, Told};
#[cfg(feature = "cluster")]
use super::link::{self, LinkWatch};
use super::load::LoadWatch;
use super::numbers::Numbers;
use super::outcome::Tells;
use super::{Here, Operation};

/// Where an engine's spans and numbers go; nowhere, unless its builder was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Otel {
    pub(super) tracer: Option<Arc<BoxedTracer>>,
    pub(super) numbers: Option<Arc<Numbers>>,
}

/// What runs the calls of a keyspace. `None`: nobody is told, and no clock is read.
pub(crate) struct Watch(Option<Box<Live>>);

/// A watch that somebody looks at.
pub(super) struct Live {
    pub(super) otel: Otel,
    /// What is said with each span and number: once for each operation, so that
    /// a call makes none of it.
    by_operation: [[KeyValue; 2]; Operation::ALL.len()],
    pub(super) of_keyspace: [KeyValue; 1],
}

impl Otel {
    /// The watch of a keyspace.
    pub(crate) fn watch(&self, keyspace: &str) -> Watch {
        if self.tracer.is_none() && self.numbers.is_none() {
            return Watch(None);
        }
        let keyspace = KeyValue::new("distcache.keyspace", Arc::<str>::from(keyspace));
        let with_operation = |operation: Operation| {
            [KeyValue::new("distcache.operation", operation.name()), keyspace.clone()]
        };
        let by_operation = Operation::ALL.map(with_operation);
        Watch(Some(Box::new(Live { otel: self.clone(), by_operation, of_keyspace: [keyspace] })))
    }
}

impl Watch {
    /// Whether anybody is told.
    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        self.0.is_some()
    }

    /// Runs a call, and tells how it went.
    #[inline]
    pub(crate) fn call<R: Tells>(&self, operation: Operation, work: impl FnOnce() -> R) -> R {
        match &self.0 {
            None => work(),
            Some(live) => live.call(operation, work),
        }
    }

    /// The same for a call that is a future. It begins now.
    #[inline]
    pub(crate) fn call_async<F: Future<Output: Tells>>(
        &self,
        operation: Operation,
        future: F,
    ) -> Told<'_, F> {
        Told::new(future, self.0.as_deref().map(|live| live.begin(operation)))
    }

    /// A request to the source, for so many keys, of the call that stands `here`.
    pub(crate) fn load(&self, here: &Here, keys: usize) -> LoadWatch {
        match &self.0 {
            None => LoadWatch::of_nobody(here),
            Some(live) => LoadWatch::begin(live, here, keys),
        }
    }
}

#[cfg(feature = "cluster")]
impl Watch {
    /// A request to another member, within the call that makes it.
    pub(crate) fn asks(&self, operation: &'static str, to: &Address) -> LinkWatch {
        let here = Context::current();
        match &self.0 {
            Some(live) if live.otel.tracer.is_some() => {
                let to = KeyValue::new("server.address", to.to_string());
                LinkWatch::within(live.link(link::ASKS, &here, operation, Some(to)))
            }
            _ => LinkWatch::of_nobody(here),
        }
    }

    /// A request of another member, within the span that it tells of. One outside of any
    /// trace begins none.
    pub(crate) fn answers(&self, operation: &'static str, traceparent: &[u8]) -> LinkWatch {
        let Some(remote) = link::remote(traceparent) else {
            return LinkWatch::of_nobody(Context::new());
        };
        let here = Context::new().with_remote_span_context(remote);
        match &self.0 {
            Some(live) if live.otel.tracer.is_some() => {
                LinkWatch::within(live.link(link::ANSWERS, &here, operation, None))
            }
            _ => LinkWatch::of_nobody(here),
        }
    }
}

impl Live {
    /// The span of one side of a link.
    #[cfg(feature = "cluster")]
    fn link(
        &self,
        (name, kind): (&'static str, SpanKind),
        parent: &Context,
        operation: &'static str,
        more: Option<KeyValue>,
    ) -> Here {
        let [keyspace] = self.of_keyspace.clone();
        let about = [KeyValue::new("distcache.operation", operation), keyspace];
        let about = about.into_iter().chain(more);
        let span = SpanBuilder::from_name(name).with_kind(kind).with_attributes(about);
        Here(match &self.otel.tracer {
            Some(tracer) => parent.with_span(span.start_with_context(&**tracer, parent)),
            None => parent.clone(),
        })
    }

    #[inline(never)]
    fn call<R: Tells>(&self, operation: Operation, work: impl FnOnce() -> R) -> R {
        let begun = self.begin(operation);
        let returned = begun.run(work);
        begun.end(&returned.outcome());
        returned
    }

    fn begin(&self, operation: Operation) -> Begun<'_> {
        let about = self.about(operation);
        let here = self.span_within(&Context::current(), operation.span_name(), about);
        let watch = self.otel.numbers.is_some().then(Stopwatch::start);
        Begun::new(self, operation, here, watch)
    }

    pub(super) fn about(&self, operation: Operation) -> &[KeyValue] {
        &self.by_operation[operation as usize]
    }

    /// A new span; no more than its parent, where spans are not wanted.
    pub(super) fn span_within(
        &self,
        parent: &Context,
        name: &'static str,
        about: &[KeyValue],
    ) -> Here {
        Here(match &self.otel.tracer {
            Some(tracer) => {
                let span = SpanBuilder::from_name(name).with_attributes(about.iter().cloned());
                parent.with_span(span.start_with_context(&**tracer, parent))
            }
            None => parent.clone(),
        })
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.is_some()).finish()
    }
}
