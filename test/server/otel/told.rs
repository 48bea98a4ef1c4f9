//! What a collector is told.

use super::collector::{Collector, said};
use crate::config::Folder;
use crate::support::{Door, Server, eventually, on_each_door};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

/// What a client sends that has a trace: one that is told, or one that is not.
fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{CLIENT}-{flags}\r\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A server over the files of a folder, which has the key `secret`.
fn serve(collector: &Collector, otel: &str, arguments: &[&str]) -> (Server, Folder) {
    let endpoint = collector.endpoint();
    let folder = Folder::with(&format!(
        "[otel]\nendpoint = '{endpoint}'\n{otel}\n\
         [keyspaces.users.source]\nkind = 'file'\ndirectory = 'values'\n"
    ));
    std::fs::create_dir(folder.path("values")).expect("a folder");
    folder.write("values/secret", b"a value");
    folder.write("headers", b"Authorization: Bearer open%20sesame\n");
    let server = Server::start(&[&["--config", &folder.file()], arguments].concat());
    (server, folder)
}

on_each_door!(a_request_with_a_trace_leads_to_spans_of_it_down_to_the_load,);

fn a_request_with_a_trace_leads_to_spans_of_it_down_to_the_load(door: Door) {
    let collector = Collector::start();
    let otel = "span_interval = '50ms'\nservice_name = 'users'\nheaders_file = 'headers'";
    let (server, _folder) = serve(&collector, otel, &["--http-server", door.name()]);
    let target = "/v1/keyspaces/users/keys/secret";
    assert_eq!(server.ask("GET", target, &traceparent("01"), b"").status, 200);

    let request = collector.span("GET /v1/keyspaces/{keyspace}/keys/{key}");
    let (get, load) = (collector.span("distcache.get"), collector.span("distcache.load"));
    for span in [&request, &get, &load] {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
    }
    assert_eq!(hex(&request.parent_span_id), CLIENT);
    assert_eq!(get.parent_span_id, request.span_id);
    assert_eq!(load.parent_span_id, get.span_id);
    assert_eq!(said(&request.attributes, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(said(&get.attributes, "distcache.keyspace").as_deref(), Some("users"));
    assert_eq!(said(&get.attributes, "distcache.outcome").as_deref(), Some("loaded"));
    assert_eq!(collector.resource("service.name").as_deref(), Some("users"));
    // As it stands in the file: it is not unescaped.
    let heads = collector.heads();
    let is_right = |head: &String| head.contains("authorization: Bearer open%20sesame\r\n");
    assert!(heads.iter().all(is_right), "{heads:?}");
    assert!(!collector.everything().contains("secret"));
}

#[test]
fn numbers_are_told_again_and_again() {
    let collector = Collector::start();
    let (server, _folder) = serve(&collector, "export_interval = '50ms'", &[]);
    server.ask("GET", "/v1/keyspaces/users/keys/secret", "", b"");
    let expected = [
        "distcache.engine.requests",
        "distcache.engine.duration.ms",
        "distcache.cache.misses",
        "distcache.cache.fetch.duration.ms",
    ];
    for name in expected {
        eventually(&format!("{name} comes twice"), || {
            let instruments = collector.instruments();
            let times = instruments.iter().filter(|one| **one == name).count();
            (1 < times).then_some(())
        });
    }
}

#[test]
fn what_waits_is_sent_when_the_server_ends() {
    let collector = Collector::start();
    let never = "span_interval = '1h'\nexport_interval = '1h'";
    let (server, _folder) = serve(&collector, never, &[]);
    server.put("a", b"1");
    assert_eq!((collector.spans().len(), collector.instruments().len()), (0, 0));
    let ended = server.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let is_there = |name: &str| collector.spans().iter().any(|span| span.name == name);
    assert!(is_there("POST /") && is_there("distcache.put"));
    assert!(collector.instruments().iter().any(|name| name == "distcache.engine.requests"));
}

#[test]
fn of_requests_without_a_trace_a_part_is_told_and_of_others_what_their_client_wants() {
    let collector = Collector::start();
    let (server, _folder) = serve(&collector, "sample = 0\nspan_interval = '1h'", &[]);
    for headers in ["", &traceparent("00"), &traceparent("01")] {
        server.ask("GET", "/v1/nodes", headers, b"");
    }
    server.end();
    let spans = collector.spans();
    let told: Vec<_> = spans.iter().map(|span| (&*span.name, hex(&span.trace_id))).collect();
    assert_eq!(told, [("GET /v1/nodes", TRACE.to_owned())]);
}
