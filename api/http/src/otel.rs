//! A span of OpenTelemetry for each request, within that of its client.

use std::borrow::Cow;
use std::fmt;

use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{FutureExt, SpanBuilder, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope, KeyValue};

use crate::{HeaderName, Method, Request, Response, Route};

/// The headers of W3C Trace Context, by the names under which they are asked for.
const HEADERS: [HeaderName; 2] = [HeaderName::Traceparent, HeaderName::Tracestate];

/// Where spans of requests go, and by which rules their headers are read.
pub struct Tracing {
    tracer: BoxedTracer,
    propagator: Box<dyn TextMapPropagator + Send + Sync>,
}

impl Tracing {
    /// Spans go to the provider. The propagator is shown `traceparent` and
    /// `tracestate`.
    pub fn new(
        provider: &(impl ObjectSafeTracerProvider + ?Sized),
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        let scope = InstrumentationScope::builder("distcache-http");
        let scope = scope.with_version(env!("CARGO_PKG_VERSION")).build();
        let tracer = BoxedTracer::new(provider.boxed_tracer(scope));
        Self { tracer, propagator: Box::new(propagator) }
    }

    /// Answers a request within its span, and says in that what the answer was.
    ///
    /// A probe begins no trace: a machine that asks every few seconds whether the server
    /// is well would leave more of them than everybody else. One that comes with a trace
    /// is a part of that.
    pub(crate) async fn trace(
        &self,
        request: &Request<'_>,
        route: Option<&'static Route>,
        answer: impl Future<Output = Response>,
    ) -> Response {
        let client = Carried::of(request);
        let parent = self.propagator.extract_with_context(&Context::new(), &client);
        if route.is_some_and(Route::is_probe) && !parent.span().span_context().is_valid() {
            return answer.await;
        }
        let here = self.begin(&parent, request, route);
        let response = answer.with_context(here.clone()).await;
        end(&here, response.status());
        response
    }

    /// The name and what is said are those of OpenTelemetry's conventions for HTTP
    /// servers. The path itself is not told: it has the key in it.
    fn begin(
        &self,
        parent: &Context,
        request: &Request<'_>,
        route: Option<&'static Route>,
    ) -> Context {
        let (method, path) = (name_of(request.method), route.map(|route| route.path));
        let name: Cow<'static, str> = match path {
            Some(path) => format!("{method} {path}").into(),
            None => method.into(),
        };
        let mut about = vec![KeyValue::new("http.request.method", method)];
        about.extend(path.map(|path| KeyValue::new("http.route", path)));
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(about);
        let span = span.start_with_context(&self.tracer, parent);
        parent.with_span(span)
    }
}

fn end(here: &Context, status: u16) {
    let span = here.span();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
    if 500 <= status {
        span.set_attribute(KeyValue::new("error.type", status.to_string()));
        // What has failed is said by the spans within.
        span.set_status(Status::error(""));
    }
    span.end();
}

/// A method that nobody knows could be anything.
fn name_of(method: Method) -> &'static str {
    match method {
        Method::Other => "_OTHER",
        known => known.as_str(),
    }
}

/// What a client has sent of its trace: in the order of [`HEADERS`].
struct Carried([Option<String>; HEADERS.len()]);

impl Carried {
    fn of(request: &Request<'_>) -> Self {
        Self(HEADERS.map(|name| {
            let mut values = Vec::new();
            request.headers.each_value_of(name, &mut |value| {
                values.extend(str::from_utf8(value).ok().map(str::to_owned));
            });
            // A list may come in several headers. Of two parents neither is one.
            (!values.is_empty()).then(|| values.join(","))
        }))
    }
}

impl Extractor for Carried {
    fn get(&self, key: &str) -> Option<&str> {
        let at = HEADERS.iter().position(|name| name.as_str() == key)?;
        self.0[at].as_deref()
    }

    fn keys(&self) -> Vec<&str> {
        HEADERS.iter().map(|name| name.as_str()).collect()
    }
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").finish_non_exhaustive()
    }
}
