//! Clients that mean harm, against the hyper door: each finds the documented
//! status or a close, and others are served meanwhile.

use std::time::Duration;

use distcache_http::Limits;
use distcache_http::doors::Kind;

use crate::support::{Client, Echo, TestDoor};

/// A timeout that is the point of the test, and one that must not be.
const SHORT: Duration = Duration::from_millis(200);
const NEVER: Duration = Duration::from_hours(1);

fn patient() -> Limits {
    Limits {
        header_timeout: NEVER,
        body_timeout: NEVER,
        idle_timeout: NEVER,
        write_timeout: NEVER,
        ..Limits::default()
    }
}

fn door(limits: &Limits) -> TestDoor {
    TestDoor::serving(Kind::Hyper, Echo, limits)
}

fn assert_serves(door: &TestDoor) {
    assert_eq!(door.ask("GET", "/?3", "", b"").body, b"xxx", "others are served");
}

/// The last answer: a problem, and then the end.
fn assert_refused(client: &mut Client, status: u16, code: &str, case: &str) {
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{case:.80}");
    assert_eq!(reply.header("connection"), Some("close"), "{case:.80}");
    assert!(reply.header("date").is_some(), "{case:.80}");
    client.shut_sending_side();
    assert!(client.is_closed(), "{case:.80}");
}

fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

#[test]
fn requests_that_are_no_http_are_refused_with_their_status() {
    let line_64_kib = format!("GET /?key={} HTTP/1.1\r\nHost: a\r\n\r\n", "k".repeat(64 << 10));
    let header_64_kib = post(&format!("Cookie: {}\r\n", "c".repeat(64 << 10)));
    let headers_1000 = post(&"a: b\r\n".repeat(1_000));
    let coding_and_length = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
    let cases = [
        (413, "DC-211", post("Content-Length: 100000000000\r\n")),
        (413, "DC-211", post("Content-Length: 100000000000\r\nExpect: 100-continue\r\n")),
        (400, "DC-212", post("Content-Length: -5\r\n")),
        (400, "DC-212", post("Content-Length: +5\r\n")),
        (400, "DC-212", post("Content-Length: 0x5\r\n")),
        (400, "DC-212", post("Content-Length: 5\r\nContent-Length: 5\r\n")),
        (400, "DC-212", post("Content-Length: 99999999999999999999999\r\n")),
        (400, "DC-212", post(coding_and_length)),
        (501, "DC-221", post("Transfer-Encoding: gzip\r\n")),
        (400, "DC-212", post("Transfer-Encoding: chunked\r\n") + "zz\r\n"),
        (413, "DC-211", post("Transfer-Encoding: chunked\r\n") + "ffffffff\r\n"),
        (417, "DC-220", post("Expect: a miracle\r\n")),
        (400, "DC-212", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, "DC-212", "GET / HTTP/1.1\nHost: a\n\n".to_owned()),
        (400, "DC-212", post("a: b\0c\r\n")),
        (400, "DC-212", post("a: b\rc\r\n")),
        (400, "DC-212", post(" folded: b\r\n")),
        (414, "DC-214", line_64_kib),
        (431, "DC-213", headers_1000),
        (431, "DC-213", header_64_kib),
        (400, "DC-212", "GET /\r\n\r\n".to_owned()),
        (505, "DC-217", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        (400, "DC-212", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03".to_owned()),
    ];
    let door = door(&patient());
    for (status, code, bytes) in cases {
        let mut client = door.connect();
        client.send_in_vain(&bytes);
        assert_refused(&mut client, status, code, &bytes);
        assert_serves(&door);
    }
}

#[test]
fn a_client_that_announces_100_gb_and_leaves_costs_nothing() {
    let door = door(&patient());
    for _ in 0..100 {
        door.connect().send(post("Content-Length: 100000000000\r\n"));
    }
    assert_serves(&door);
}

#[test]
fn a_client_that_leaves_within_its_body_is_forgotten() {
    let limits = Limits { connections: 1, ..patient() };
    let door = door(&limits);
    for _ in 0..20 {
        let mut client = door.connect();
        client.send(post("Content-Length: 1000\r\n") + "half");
        client.shut_sending_side();
        drop(client);
        // It had the only place there is, and gives it back.
        serves_again(&door);
    }
}

#[test]
fn what_came_before_a_bad_request_is_answered_first() {
    let door = door(&patient());
    let mut client = door.connect();
    client
        .send("GET /?1 HTTP/1.1\r\nHost: a\r\n\r\nGET /?2 HTTP/1.1\r\nHost: a\r\n\r\nbad\r\n\r\n");
    assert_eq!(client.reply().body, b"x");
    assert_eq!(client.reply().body, b"xx");
    assert_refused(&mut client, 400, "DC-212", "bad");
}

#[test]
fn nothing_is_said_behind_a_close_that_was_asked_for() {
    let door = door(&patient());
    let mut client = door.connect();
    client.send("GET /?1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nbad\r\n\r\n");
    assert_eq!(client.reply().body, b"x");
    assert!(client.is_closed());
}

#[test]
fn headers_that_drip_are_cut_off_with_408() {
    let limits = Limits { header_timeout: SHORT, ..patient() };
    let door = door(&limits);
    let mut client = door.connect();
    let mut dripping =
        b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ".iter().chain(std::iter::repeat(&b'c'));
    // Byte by byte for as long as the door listens: each keeps the connection
    // busy, and none moves the deadline.
    while client.send_one(*dripping.next().expect("without end"), SHORT / 10) {}
    assert_refused(&mut client, 408, "DC-215", "dripping headers");
    assert_serves(&door);
}

#[test]
fn a_body_that_does_not_come_is_cut_off_with_408() {
    let limits = Limits { body_timeout: SHORT, ..patient() };
    let door = door(&limits);
    for body in ["Content-Length: 9\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"] {
        let mut client = door.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{body}"));
        assert_refused(&mut client, 408, "DC-215", body);
        assert_serves(&door);
    }
}

#[test]
fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let limits = Limits { idle_timeout: SHORT, ..patient() };
    let door = door(&limits);
    assert!(door.connect().is_closed());
    let mut used = door.connect();
    assert_eq!(used.ask("GET", "/?1", "", b"").body, b"x");
    assert!(used.is_closed());
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let limits = Limits { write_timeout: SHORT, connections: 1, ..patient() };
    let door = door(&limits);
    let mut client = door.connect();
    // More than the kernel's buffers take.
    client.send("GET /?50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    // It had the only place there is; that it is free again says it was cut off.
    serves_again(&door);
    drop(client);
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order() {
    let door = door(&patient());
    let mut client = door.connect();
    let mut sending = client.twin();
    let sender = std::thread::Builder::new().spawn(move || {
        for number in 0..10_000 {
            let body = format!("request {number}");
            let length = body.len();
            sending.send(post(&format!("Content-Length: {length}\r\n")) + &body);
        }
    });
    for number in 0..10_000 {
        assert_eq!(client.reply().body, format!("request {number}").into_bytes());
    }
    sender.expect("a thread").join().expect("all were sent");
}

#[test]
fn a_head_cut_anywhere_is_the_same_request() {
    let door = door(&patient());
    let mut client = door.connect();
    let request = post("Content-Length: 5\r\n") + "hello";
    for cut in 1..request.len() {
        client.send(&request[..cut]);
        client.send(&request[cut..]);
        assert_eq!(client.reply().body, b"hello", "{cut}");
    }
}

#[test]
fn a_hundred_headers_and_trailers_pass_hyper_as_they_pass_the_guard() {
    let door = door(&patient());
    let lines = "a: b\r\n".repeat(98);
    assert_eq!(door.ask("GET", "/?1", &format!("{lines}c: d\r\n"), b"").body, b"x");
    let mut client = door.connect();
    client.send(
        post("Transfer-Encoding: chunked\r\n") + "2\r\nhi\r\n0\r\n" + &lines + "t: u\r\n\r\n",
    );
    assert_eq!(client.reply().body, b"hi");
    assert_eq!(client.ask("GET", "/?1", "", b"").body, b"x", "the connection goes on");
}

#[test]
fn http_1_0_needs_no_host_and_keeps_its_connection_only_when_it_asks() {
    let door = door(&patient());
    let mut client = door.connect();
    client.send("GET /?1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.reply().body, b"x");
    client.send("GET /?2 HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().body, b"xx");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_expects_continue_is_told_to() {
    let door = door(&patient());
    let mut client = door.connect();
    client.send(post("Content-Length: 5\r\nExpect: 100-continue\r\n"));
    assert_eq!(client.reply_without_body().status, 100);
    client.send("hello");
    assert_eq!(client.reply().body, b"hello");
}

#[test]
fn a_client_that_has_shut_its_sending_side_gets_its_answers() {
    let door = door(&patient());
    let mut client = door.connect();
    client.send("GET /?1 HTTP/1.1\r\nHost: a\r\n\r\nGET /?1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    client.shut_sending_side();
    assert_eq!(client.reply().body.len(), 1);
    assert_eq!(client.reply().body.len(), 1_000_000);
    assert!(client.is_closed());
}

/// Asks until the door has a place for a connection again.
fn serves_again(door: &TestDoor) {
    loop {
        let mut client = door.connect();
        client.send_in_vain("GET /?3 HTTP/1.1\r\nHost: a\r\n\r\n");
        match client.try_reply() {
            Some(reply) if reply.status == 200 => return assert_eq!(reply.body, b"xxx"),
            Some(reply) => assert_eq!((reply.status, reply.code().as_str()), (503, "DC-216")),
            None => {}
        }
    }
}
