//! Who is let in, and what those who are not can make the server do.

use distcache_http::doors::Kind;
use distcache_http::{Access, Limits, Right};

use crate::support::TestDoor;

const WRITES: &str = "writes-writes-writes";
const READS: &str = "reads-reads-reads-reads";

fn guarded(kind: Kind) -> TestDoor {
    let access = Access::default();
    let tokens = [(WRITES, Right::Write), (READS, Right::Read)];
    let tokens = tokens.map(|(token, right)| (token.to_owned(), right)).to_vec();
    access.replace(tokens).expect("good tokens");
    TestDoor::routes_for(kind, &Limits::default(), access)
}

fn on_each(test: fn(&TestDoor)) {
    #[cfg(feature = "hyper")]
    test(&guarded(Kind::Hyper));
    test(&guarded(Kind::TinyHttp));
}

/// Of the body not one byte is sent: who waited for it would wait for ever.
#[test]
fn a_stranger_is_refused_before_the_body_is_read() {
    on_each(|door| {
        let mut client = door.connect();
        let head = "PUT /v1/keyspaces/default/keys/a HTTP/1.1\r\nHost: localhost\r\n";
        client.send(format!("{head}Content-Length: 8000000\r\n\r\n"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (401, "DC-226"), "{:?}", door.kind);
    });
}

#[test]
fn strangers_learn_that_the_server_lives_and_no_more() {
    on_each(|door| {
        let status = |target: &str| door.ask("GET", target, "", b"").status;
        assert_eq!(["/livez", "/readyz"].map(status), [200, 200]);
        for target in ["/?key=a", "/v1/nodes", "/v1/keyspaces/nobody/keys/a", "/nothing"] {
            assert_eq!(status(target), 401, "{target}");
        }
    });
}

#[test]
fn of_two_authorization_headers_the_first_counts_and_a_part_of_a_token_is_none() {
    on_each(|door| {
        let status = |headers: &str| door.ask("GET", "/?key=a", headers, b"").status;
        let header = |token: &str| format!("Authorization: Bearer {token}\r\n");
        assert_eq!(status(&header(READS)), 404);
        assert_eq!(status(&format!("AUTHORIZATION: BEARER {READS}\r\n")), 404);
        assert_eq!(status(&(header("x") + &header(READS))), 401);
        assert_eq!(status(&header(&READS[..READS.len() - 1])), 401);
        assert_eq!(status(&header(&READS.to_uppercase())), 401);
    });
}

#[test]
fn who_may_read_may_not_change_anything() {
    on_each(|door| {
        let header = format!("Authorization: Bearer {READS}\r\n");
        let cases = [
            ("POST", "/?key=a&value=1"),
            ("DELETE", "/?key=a"),
            ("PUT", "/v1/keyspaces/default/keys/a"),
            ("DELETE", "/v1/keyspaces/default/keys/a"),
        ];
        for (method, target) in cases {
            let reply = door.ask(method, target, &header, b"");
            assert_eq!((reply.status, reply.code().as_str()), (403, "DC-227"), "{method} {target}");
        }
        assert_eq!(door.ask("GET", "/?key=a", &header, b"").status, 404);
    });
}
