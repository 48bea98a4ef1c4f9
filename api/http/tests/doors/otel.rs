//! Spans of requests: from the client's, through the door, to the load.

use distcache::opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use distcache_http::doors::Kind;
use distcache_http::{Access, Limits, Tracing};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

use crate::support::{TestDoor, builder, on_each_door};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

/// What a client sends that has a trace, and wants it to be told.
fn traceparent() -> String {
    format!("traceparent: 00-{TRACE}-{CLIENT}-01\r\n")
}

/// A door whose engine and requests are heard.
struct Heard {
    door: TestDoor,
    spans: InMemorySpanExporter,
}

impl Heard {
    fn at(kind: Kind) -> Self {
        Self::for_whom(kind, Access::default())
    }

    fn for_whom(kind: Kind, access: Access) -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let engine = builder().tracer_provider(&provider).start().expect("the engine starts");
        spans.reset();
        let tracing = Tracing::new(&provider, TraceContextPropagator::new());
        let finish = |routes: distcache_http::Routes| routes.tracing(tracing);
        let door = TestDoor::routes_over(kind, &Limits::default(), access, engine, finish);
        Self { door, spans }
    }

    fn ask(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> u16 {
        self.door.ask(method, target, headers, body).status
    }

    /// The spans that have ended, the innermost first.
    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().expect("they are kept in memory")
    }
}

fn said(span: &SpanData, name: &str) -> Option<String> {
    let said = span.attributes.iter().find(|said| said.key.as_str() == name);
    said.map(|said| said.value.to_string())
}

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

on_each_door! {
    the_trace_of_a_client_goes_through_door_and_call_to_the_load,
    the_state_of_a_trace_is_handed_on_whole,
    who_sends_no_trace_or_a_broken_one_begins_one,
    a_request_says_its_route_and_its_status_and_never_its_key,
    an_answer_of_5xx_is_an_error_and_one_of_4xx_is_none,
    who_is_not_let_in_has_no_span,
    a_probe_begins_no_trace_and_is_a_part_of_one_that_it_comes_with,
}

fn a_probe_begins_no_trace_and_is_a_part_of_one_that_it_comes_with(door: &TestDoor) {
    let heard = Heard::at(door.kind);
    let admin = ["/_distcache/admin/healthz", "/_distcache/admin/readyz"];
    let probes = [&["/livez", "/readyz", "/metrics"][..], &admin].concat();
    for probe in &probes {
        for headers in ["", "traceparent: 00-0-0-01\r\n"] {
            assert_eq!(heard.ask("GET", probe, headers, b""), 200, "{probe}");
            assert_eq!(heard.ask("HEAD", probe, headers, b""), 200, "{probe}");
        }
    }
    assert_eq!(names(&heard.spans()), [""; 0]);
    for probe in &probes {
        heard.ask("GET", probe, &traceparent(), b"");
    }
    let spans = heard.spans();
    assert_eq!(spans.len(), probes.len());
    let client = SpanId::from_hex(CLIENT).expect("16 digits");
    assert!(spans.iter().all(|span| span.parent_span_id == client));
}

fn the_trace_of_a_client_goes_through_door_and_call_to_the_load(door: &TestDoor) {
    let heard = Heard::at(door.kind);
    let target = "/v1/keyspaces/users/keys/user-1";
    assert_eq!(heard.ask("GET", target, &traceparent(), b""), 200);
    let spans = heard.spans();
    let route = "GET /v1/keyspaces/{keyspace}/keys/{key}";
    assert_eq!(names(&spans), ["distcache.load", "distcache.get", route]);
    let trace = TraceId::from_hex(TRACE).expect("32 digits");
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
    let [load, get, request] = &spans[..] else { panic!("three") };
    assert_eq!(load.parent_span_id, get.span_context.span_id());
    assert_eq!(get.parent_span_id, request.span_context.span_id());
    assert_eq!(request.parent_span_id, SpanId::from_hex(CLIENT).expect("16 digits"));
    assert!(request.parent_span_is_remote);
    assert_eq!(request.span_kind, SpanKind::Server);
}

fn the_state_of_a_trace_is_handed_on_whole(door: &TestDoor) {
    let heard = Heard::at(door.kind);
    let headers = traceparent() + "tracestate: a=1\r\ntracestate: b=2\r\n";
    heard.ask("GET", "/v1/nodes", &headers, b"");
    let state = heard.spans()[0].span_context.trace_state().header();
    assert_eq!(state, "a=1,b=2");
}

fn who_sends_no_trace_or_a_broken_one_begins_one(door: &TestDoor) {
    let heard = Heard::at(door.kind);
    let twice = traceparent() + &traceparent();
    for headers in ["", "traceparent: 00-0-0-01\r\n", &twice] {
        assert_eq!(heard.ask("GET", "/v1/nodes", headers, b""), 200);
    }
    let spans = heard.spans();
    assert_eq!(names(&spans), ["GET /v1/nodes"; 3]);
    assert!(spans.iter().all(|span| span.parent_span_id == SpanId::INVALID));
}

fn a_request_says_its_route_and_its_status_and_never_its_key(door: &TestDoor) {
    let heard = Heard::at(door.kind);
    let requests = [
        (
            "PUT",
            "/v1/keyspaces/users/keys/secret",
            204,
            Some("/v1/keyspaces/{keyspace}/keys/{key}"),
        ),
        ("POST", "/?key=secret&value=secret", 200, Some("/")),
        ("DELETE", "/?key=secret", 200, Some("/")),
        ("GET", "/secret", 404, None),
        ("GET", "/v1/trace/users/secret", 200, Some("/v1/trace/{keyspace}/{key}")),
    ];
    for (method, target, status, _) in requests {
        assert_eq!(heard.ask(method, target, "", b""), status, "{method} {target}");
    }
    let spans = heard.spans();
    let of_requests = spans.iter().filter(|span| span.span_kind == SpanKind::Server);
    let told: Vec<_> = of_requests
        .map(|span| {
            let said = |name| said(span, name);
            (span.name.to_string(), said("http.response.status_code"), said("http.route"))
        })
        .collect();
    let expected = requests.map(|(method, _, status, route)| {
        let name = route.map_or(method.to_owned(), |route| format!("{method} {route}"));
        (name, Some(status.to_string()), route.map(str::to_owned))
    });
    assert_eq!(told, expected);
    assert!(!format!("{spans:?}").contains("secret"), "{spans:?}");
}

fn an_answer_of_5xx_is_an_error_and_one_of_4xx_is_none(door: &TestDoor) {
    let heard = Heard::at(door.kind);
    let status_of = |target, status| {
        heard.spans.reset();
        assert_eq!(heard.ask("GET", target, "", b""), status);
        let request = heard.spans().pop().expect("the request ends last");
        (request.status.clone(), said(&request, "error.type"))
    };
    let failed = status_of("/v1/keyspaces/users/keys/broken", 502);
    assert_eq!(failed, (Status::error(""), Some("502".to_owned())));
    assert_eq!(status_of("/v1/keyspaces/users/keys/nobody", 404), (Status::Unset, None));
}

/// Else anybody could fill the queue of what is told.
fn who_is_not_let_in_has_no_span(door: &TestDoor) {
    let access = Access::default();
    let token = ("a-token-of-24-characters".to_owned(), distcache_http::Right::Write);
    access.replace(vec![token]).expect("a good token");
    let heard = Heard::for_whom(door.kind, access);
    assert_eq!(heard.ask("GET", "/v1/nodes", &traceparent(), b""), 401);
    assert_eq!(names(&heard.spans()), [""; 0]);
}
