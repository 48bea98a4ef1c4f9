//! What hostile clients find at the `tiny_http` door. The table in its module
//! says what it cannot stand; those cases would hang this test or abort it.

use distcache_http::Limits;
use distcache_http::doors::Kind;

use crate::support::{Echo, TestDoor};

fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n")
}

#[test]
fn what_tiny_http_lets_through_is_refused_behind_it() {
    let door = TestDoor::serving(Kind::TinyHttp, Echo, &Limits::default());
    let cases = [
        (400, "DC-212", post("Content-Length: -5\r\n")),
        (400, "DC-212", post("Content-Length: +5\r\n") + "hello"),
        (400, "DC-212", post("Content-Length: 0x5\r\n")),
        (400, "DC-212", post("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello"),
        (400, "DC-212", post("Content-Length: 99999999999999999999999\r\n")),
        (400, "DC-212", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"),
        (501, "DC-221", post("Transfer-Encoding: gzip\r\n") + "0\r\n\r\n"),
        (400, "DC-212", post("Transfer-Encoding: chunked\r\n") + "zz\r\n"),
        (400, "DC-212", post("Host: b\r\n")),
        (400, "DC-212", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned()),
    ];
    for (status, code, bytes) in cases {
        let mut client = door.connect();
        client.send(&bytes);
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{bytes}");
        assert_eq!(door.ask("GET", "/?3", "", b"").body, b"xxx", "others are served");
    }
}

#[test]
fn what_tiny_http_refuses_itself_has_no_body() {
    let door = TestDoor::serving(Kind::TinyHttp, Echo, &Limits::default());
    let cases = [
        (400, "GET /\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned()),
        (417, post("Expect: a miracle\r\n")),
    ];
    for (status, bytes) in cases {
        let mut client = door.connect();
        client.send(&bytes);
        assert_eq!(client.reply_without_body().status, status, "{bytes}");
        assert_eq!(door.ask("GET", "/?3", "", b"").body, b"xxx", "others are served");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    let door = TestDoor::serving(Kind::TinyHttp, Echo, &limits);
    let announced = door.ask("POST", "/", "", b"hello, world");
    assert_eq!((announced.status, announced.code().as_str()), (413, "DC-211"));
    let mut client = door.connect();
    client.send(post("Transfer-Encoding: chunked\r\n") + "c\r\nhello, world\r\n0\r\n\r\n");
    let chunked = client.reply();
    assert_eq!((chunked.status, chunked.code().as_str()), (413, "DC-211"));
}
