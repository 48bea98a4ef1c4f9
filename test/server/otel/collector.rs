//! A collector: takes OTLP by HTTP, and keeps it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::support::eventually;

/// What a collector has been sent.
#[derive(Default)]
struct Kept {
    heads: Vec<String>,
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
}

/// A collector on a port of its own, until the test ends.
pub(super) struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Collector {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let kept = Arc::<Mutex<Kept>>::default();
        let of_thread = kept.clone();
        let serve = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = of_thread.clone();
                let serve = thread::Builder::new().spawn(move || serve(stream, &kept));
                serve.expect("a thread");
            }
        };
        thread::Builder::new().spawn(serve).expect("a thread");
        Self { address, kept }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests that came.
    pub(super) fn heads(&self) -> Vec<String> {
        self.kept.lock().expect("no test panics inside").heads.clone()
    }

    /// The spans that came.
    pub(super) fn spans(&self) -> Vec<Span> {
        let kept = self.kept.lock().expect("no test panics inside");
        let resources = kept.traces.iter().flat_map(|export| &export.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The span of a name, once it has come.
    pub(super) fn span(&self, name: &str) -> Span {
        eventually(&format!("the span {name} comes"), || {
            self.spans().into_iter().find(|span| span.name == name)
        })
    }

    /// The names of the instruments that told numbers.
    pub(super) fn instruments(&self) -> Vec<String> {
        let kept = self.kept.lock().expect("no test panics inside");
        let resources = kept.metrics.iter().flat_map(|export| &export.resource_metrics);
        let scopes = resources.flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).map(|metric| metric.name.clone()).collect()
    }

    /// What is said of those whose spans they are.
    pub(super) fn resource(&self, name: &str) -> Option<String> {
        let kept = self.kept.lock().expect("no test panics inside");
        let resource = kept.traces.first()?.resource_spans.first()?.resource.as_ref()?;
        said(&resource.attributes, name)
    }

    /// All that came, as text.
    pub(super) fn everything(&self) -> String {
        let kept = self.kept.lock().expect("no test panics inside");
        format!("{:?}{:?}", kept.traces, kept.metrics)
    }
}

pub(super) fn said(attributes: &[KeyValue], name: &str) -> Option<String> {
    let said = attributes.iter().find(|said| said.key == name)?;
    match said.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(stream: TcpStream, kept: &Mutex<Kept>) {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = request(&mut reader) {
        let mut kept = kept.lock().expect("no test panics inside");
        if head.starts_with("POST /v1/traces ") {
            kept.traces.push(Message::decode(&*body).expect("a message"));
        } else if head.starts_with("POST /v1/metrics ") {
            kept.metrics.push(Message::decode(&*body).expect("a message"));
        } else {
            panic!("{head}");
        }
        kept.heads.push(head);
        drop(kept);
        // No field of the answer has to be there.
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\
                      Content-Length: 0\r\n\r\n";
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The head and the body of the next request; none when the connection ends.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().expect("digits"))
    });
    let mut body = vec![0; length.expect("it says how long it is")];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
