//! Everything that nodes answer is answered through the balancer.

use super::before;
use crate::cluster::Fleet;
use crate::cluster::fleet::path;
use crate::support::{Client, Server, escaped, head};

#[test]
fn what_was_written_through_the_balancer_is_read_through_it_and_through_every_node() {
    let fleet = Fleet::start(&[]);
    let balancers = [before(&fleet, &[]), before(&fleet, &["--balance=ring"])];
    for balancer in &balancers {
        keys_of_any_bytes(balancer, &fleet);
        conditions(balancer);
        batches(balancer);
        the_interface_of_cachely(balancer);
        events(balancer);
        what_is_about_all_of_it(balancer);
    }
}

fn keys_of_any_bytes(balancer: &Server, fleet: &Fleet) {
    let long = "x".repeat(1 << 20);
    let keys = [&b"a b"[..], b"a/b", b"..", b"%2F", b"&ttl=1", b"\xff\0\xfe", "\u{f6}".as_bytes()];
    for key in keys {
        let target = path(&escaped(key));
        for value in ["", "value", &long] {
            assert_eq!(balancer.ask("PUT", &target, "", value.as_bytes()).status, 204);
            for server in fleet.servers().chain([balancer]) {
                let reply = server.ask("GET", &target, "", b"");
                assert!(reply.status == 200 && reply.text() == value, "{target}");
            }
        }
        let reply = balancer.ask("DELETE", &target, "", b"");
        assert_eq!(reply.status, 204);
        assert!(balancer.ask("GET", &target, "", b"").is_problem(404, "DC-201"));
    }
}

fn conditions(balancer: &Server) {
    let target = path("condition");
    let first = balancer.ask("PUT", &target, "If-None-Match: *\r\n", b"1");
    let tag = first.header("etag").expect("a tag").to_owned();
    assert!(balancer.ask("PUT", &target, "If-None-Match: *\r\n", b"2").is_problem(412, "DC-117"));
    let unchanged = balancer.ask("GET", &target, &format!("If-None-Match: {tag}\r\n"), b"");
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(tag.as_str())));
    assert_eq!(balancer.ask("DELETE", &target, "", b"").status, 204);
    let sums = (1..=4)
        .map(|_| balancer.ask("POST", &path("count/increment"), "", b"").json()["value"].as_u64());
    assert_eq!(sums.collect::<Vec<_>>(), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(balancer.ask("DELETE", &path("count"), "", b"").status, 204);
}

fn batches(balancer: &Server) {
    let batch = |what: &str, body: &str| {
        let target = format!("/v1/keyspaces/default/batch/{what}");
        let reply = balancer.ask("POST", &target, "", body.as_bytes());
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["results"].as_array().expect("a list").len()
    };
    let entries: Vec<_> =
        (0..40).map(|n| format!("{{\"key\":\"b{n}\",\"value\":\"v\"}}")).collect();
    let keys: Vec<_> = (0..40).map(|n| format!("\"b{n}\"")).collect();
    let keys = format!("{{\"keys\":[{}]}}", keys.join(","));
    assert_eq!(batch("put", &format!("{{\"items\":[{}]}}", entries.join(","))), 40);
    assert_eq!(batch("get", &keys), 40);
    assert_eq!(batch("delete", &keys), 40);
}

fn the_interface_of_cachely(balancer: &Server) {
    let set = balancer.ask("POST", "/cache/set?key=a%20b&value=x%26y%3Dz+w&ttl=60", "", b"");
    assert_eq!((set.status, set.text()), (200, "Cache entry set for key: a b"));
    let get = balancer.ask("GET", "/cache/get?key=a+b", "", b"");
    assert_eq!((get.status, get.text()), (200, "\"x\\u0026y=z w\"\n"));
    let nothing = balancer.ask("GET", "/cache/get?key=none", "", b"");
    assert_eq!((nothing.status, nothing.text()), (404, "Key not found or expired\n"));
}

fn events(balancer: &Server) {
    let mut client = Client::connect(balancer.address());
    client.send(head("GET", "/v1/events", "", 0));
    client.line_of("event: open");
}

fn what_is_about_all_of_it(balancer: &Server) {
    let members = balancer.ask("GET", "/v1/members", "", b"").json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(3));
    let keyspaces = balancer.ask("GET", "/v1/keyspaces", "", b"");
    assert_eq!(keyspaces.status, 200);
    let document = balancer.ask("GET", "/openapi.json", "", b"");
    assert_eq!(document.json()["openapi"], "3.1.0");
    let scanned = balancer.ask("GET", "/v1/keyspaces/default/scan", "", b"");
    assert_eq!(scanned.status, 200);
    let hot = balancer.ask("GET", "/v1/keyspaces/default/hot?limit=1", "", b"");
    assert!(hot.status == 200 && hot.json()["keys"].is_array(), "{}", hot.text());
}

/// A hostile client meets the balancer's door, and no node.
#[test]
fn what_is_no_request_reaches_no_node() {
    let fleet = Fleet::start(&[]);
    let balancer = before(&fleet, &["--max-value=1KiB"]);
    let sent = || {
        let told = balancer.ask("GET", "/v1/balancer", "", b"").json();
        let members = told["members"].as_array().expect("a list");
        members.iter().map(|one| one["answered"].as_u64().expect("a count")).sum::<u64>()
    };
    let smuggled = "GET /cache/get?key=a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (both, chunks) = ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    let large = "x".repeat(2 << 10);
    let cases = [
        (format!("POST /?key=a HTTP/1.1\r\nHost: localhost\r\n{both}\r\n{chunks}{smuggled}"), 400),
        (
            format!(
                "POST /?key=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{smuggled}"
            ),
            400,
        ),
        ("GET / HTTP/1.1\nHost: localhost\n\n".to_owned(), 400),
        ("GET /?key=a HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /?key=a HTTP/3.1\r\nHost: localhost\r\n\r\n".to_owned(), 505),
        (format!("GET /?key={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "k".repeat(9 << 10)), 414),
        (
            format!(
                "POST /?key=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{large}",
                large.len()
            ),
            413,
        ),
        ("GET /?key=a HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 403),
    ];
    for (bytes, status) in cases {
        let mut client = Client::connect(balancer.address());
        client.send(&bytes);
        let shown = &bytes[..bytes.len().min(60)];
        assert_eq!(client.try_reply().map(|reply| reply.status), Some(status), "{shown:?}");
    }
    assert_eq!(sent(), 0);
}
