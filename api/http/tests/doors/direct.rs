//! Answers that hyper has no part in are those that it would have sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

use distcache::KeyspaceConfig;
use distcache_http::doors::Kind;
use distcache_http::{Access, Limits, Right, Service};

use crate::support::{Client, Echo, Gate, PATIENCE, Reply, TestDoor, builder, until};

/// Says nothing new, but what it says is for hyper to understand.
const FOR_HYPER: &str = "Connection: keep-alive, x-other\r\n";

fn routes() -> TestDoor {
    TestDoor::routes(Kind::Hyper)
}

fn serving(service: impl Service) -> TestDoor {
    TestDoor::serving(Kind::Hyper, service, &Limits::default())
}

/// Everything but what changes from second to second.
fn told(reply: Reply) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let of_a_moment = |name: &str| matches!(name, "date" | "age");
    let mut headers = reply.headers;
    assert!(headers.iter().any(|(name, _)| name == "date"), "{headers:?}");
    headers.retain(|(name, _)| !of_a_moment(name));
    headers.sort();
    (reply.status, headers, reply.body)
}

fn is_alike(client: &mut Client, method: &str, target: &str, headers: &str) {
    let direct = told(client.ask(method, target, headers, b""));
    let by_hyper = told(client.ask(method, target, &format!("{headers}{FOR_HYPER}"), b""));
    assert_eq!(direct, by_hyper, "{method} {target} {headers}");
}

#[test]
fn both_ways_answer_alike() {
    let door = routes();
    let mut client = door.connect();
    let json = "Content-Type: application/json\r\n";
    let put = client.ask("PUT", "/v1/keyspaces/default/keys/a", json, b"[1]");
    let tag = put.header("etag").expect("a tag").to_owned();
    let long = vec![b'x'; 100_000];
    client.ask("PUT", "/v1/keyspaces/default/keys/long", "", &long);
    client.ask("GET", "/v1/keyspaces/users/keys/user", "", b"");
    for method in ["GET", "HEAD"] {
        for target in [
            "/v1/keyspaces/default/keys/a",
            "/v1/keyspaces/default/keys/long",
            "/v1/keyspaces/default/keys/none",
            "/v1/keyspaces/default/keys/",
            "/v1/keyspaces/default/keys/a?b",
            "/v1/keyspaces/none/keys/a",
            "/v1/keyspaces/users/keys/user",
            "/v1/keyspaces/users/keys/a/touch",
            "/?key=a",
            "/?key=none",
            "/?",
            "/livez",
            "/readyz",
            "/nowhere",
            "/v1/keyspaces/default/keys/%",
            "//",
        ] {
            is_alike(&mut client, method, target, "");
        }
        let key = "/v1/keyspaces/default/keys/a";
        is_alike(&mut client, method, key, &format!("If-None-Match: {tag}\r\n"));
        is_alike(&mut client, method, key, "If-Match: \"1\"\r\n");
        is_alike(&mut client, method, key, "If-Match: bad\r\n");
        is_alike(&mut client, method, key, "Cache-Control: only-if-cached\r\n");
        is_alike(&mut client, method, "/?key=a", "Accept: application/octet-stream\r\n");
        is_alike(&mut client, method, key, "Host: evil.example\r\n");
    }
}

#[test]
fn a_token_is_asked_for_on_both_ways() {
    let (reads, key) = ("a-token-of-the-readers", "/v1/keyspaces/default/keys/a");
    let access = Access::default();
    access.replace(vec![(reads.to_owned(), Right::Read)]).expect("a good token");
    let door = TestDoor::routes_for(Kind::Hyper, &Limits::default(), access);
    let mut client = door.connect();
    is_alike(&mut client, "GET", key, "");
    is_alike(&mut client, "GET", key, "Authorization: Bearer wrong\r\n");
    is_alike(&mut client, "GET", key, &format!("Authorization: Bearer {reads}\r\n"));
    assert_eq!(client.ask("GET", key, "", b"").status, 401);
}

#[test]
fn what_waits_is_begun_once_and_answered_alike() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (gate, asks) = (Gate::default(), asked.clone());
    let slow = KeyspaceConfig::new("slow").source_fn(move |key: &[u8]| {
        asks.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Some(key.to_vec()))
    });
    let engine = builder().keyspace(slow).start().expect("the engine starts");
    let (limits, access) = (Limits::default(), Access::default());
    let door = TestDoor::routes_over(Kind::Hyper, &limits, access, engine, |routes| routes);
    let mut client = door.connect();
    for key in ["a", "b"] {
        let target = format!("/v1/keyspaces/slow/keys/{key}");
        let loaded = client.ask("GET", &target, "", b"");
        assert_eq!(loaded.header("cache-status"), Some("distcache; fwd=miss; stored"));
        assert_eq!(client.ask("GET", &target, "", b"").body, key.as_bytes());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let stats = client.ask("GET", "/v1/keyspaces/slow/stats", "", b"").json();
    assert_eq!((&stats["hits"], &stats["misses"]), (&2.into(), &2.into()), "{stats}");

    let door = serving(gate.clone());
    let mut client = door.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.wait_for(1);
    // It comes while the first one waits, and is read when that is answered.
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.open();
    for _ in 0..2 {
        assert_eq!(client.reply().body, b"through");
    }
    for method in ["GET", "HEAD"] {
        is_alike(&mut client, method, "/", "");
    }
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let door = serving(Echo);
    let mut client = door.connect();
    let mut expected = Vec::new();
    for round in 0..30 {
        // A long one stays in hyper's buffer while the next requests come.
        let long = 3_000_000 + round;
        for (count, headers) in [(long, FOR_HYPER), (round, ""), (long, ""), (7, FOR_HYPER)] {
            client.send(format!("GET /?{count} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
            expected.push(count);
        }
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {round}\r\n\r\n"));
        client.send(vec![b'x'; round]);
        expected.push(round);
        if round % 3 == 0 {
            for count in expected.drain(..) {
                assert_eq!(client.reply().body.len(), count, "in round {round}");
            }
        }
    }
    for count in expected {
        assert_eq!(client.reply().body.len(), count);
    }
}

#[test]
fn requests_that_come_together_are_answered_in_their_order_whoever_answers_them() {
    let door = serving(Echo);
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    for round in 0..200_usize {
        // Those that are answered here, and those that are hyper's, are never as many in a row.
        let count = round * round % 1_501;
        let get = |headers| format!("GET /?{count} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        requests.push(match round % 17 % 5 {
            0 => {
                let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length";
                format!("{head}: {count}\r\n\r\n{}", "x".repeat(count))
            }
            1 => get(FOR_HYPER),
            _ => get(""),
        });
        expected.push(count);
    }
    let requests = requests.concat();
    for piece_bytes in [usize::MAX, 5_000, 61, 7] {
        let mut client = door.connect();
        for piece in requests.as_bytes().chunks(piece_bytes) {
            client.send(piece);
        }
        for (at, count) in expected.iter().enumerate() {
            assert_eq!(client.reply().body.len(), *count, "{at}, in pieces of {piece_bytes}");
        }
    }
}

#[test]
fn a_long_answer_is_read_to_its_end_though_the_door_closes() {
    let door = serving(Echo);
    let mut client = door.connect();
    // More than two sockets hold.
    let bytes = 40_000_000;
    client.send(format!("GET /?{bytes} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let head = client.reply_without_body();
    assert_eq!(head.header("content-length"), Some("40000000"));
    let door = door.into_door();
    let shutting = Builder::new().spawn(move || door.shutdown(PATIENCE)).expect("a thread");
    assert_eq!(client.rest().len(), bytes);
    assert_eq!(shutting.join().expect("no panic"), Ok(()));
}

#[test]
fn a_long_answer_counts_among_the_bytes_that_are_held_until_it_is_read() {
    let door = routes();
    let mut client = door.connect();
    let long = vec![b'x'; 8_000_000];
    client.ask("PUT", "/v1/keyspaces/default/keys/long", "", &long);
    let held = |client: &mut Client| {
        let limits = client.ask("GET", "/v1/limits", "", b"").json();
        let mut bounds = limits["limits"].as_array().expect("a list").iter();
        let of_buffers = bounds.find(|bound| bound["name"] == "buffered_bytes");
        of_buffers.expect("the bound")["used"].as_u64().expect("a number")
    };
    let mut slow = door.connect();
    slow.send("GET /v1/keyspaces/default/keys/long HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until("its bytes are held", || held(&mut client) == 8_000_000);
    assert_eq!(slow.reply().body.len(), 8_000_000);
    until("they are given back", || held(&mut client) == 0);
}
