//! Where a server sends the source, and where it goes.

use distcache_sources::HttpError;

use crate::server::{Reply, Server};
use crate::{answered, builder, failure, fetch, found, source};

/// A server that sends `/things/N` to `/things/N-1`, down to 0.
fn countdown(status: u16) -> Server {
    Server::routing(move |request| {
        let left: u32 = request.target.trim_start_matches("/things/").parse().expect("a number");
        match left.checked_sub(1) {
            Some(next) => Reply::new(status).header("Location", &format!("/things/{next}#there")),
            None => Reply::ok("landed"),
        }
    })
}

#[test]
fn redirects_are_followed_within_their_server() {
    for status in [301, 302, 303, 307, 308] {
        let server = countdown(status);
        assert_eq!(fetch(&source(&server), "3"), found("landed"));
        assert_eq!(server.targets(), ["/things/3", "/things/2", "/things/1", "/things/0"]);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn one_redirect_too_many_is_an_error() {
    let server = countdown(302);
    assert_eq!(failure(&source(&server), b"4"), HttpError::Redirects { max: 3 });
    let source = builder(&server).redirects_max(0).build().unwrap();
    assert_eq!(failure(&source, b"1"), HttpError::Redirects { max: 0 });
    assert_eq!(fetch(&source, "0"), found("landed"));
}

#[test]
fn another_server_is_not_asked_and_is_told_no_token() {
    let other = Server::answering(Reply::ok("not mine"));
    let to = other.url("/things/secret");
    let server = Server::routing(move |_| Reply::new(302).header("Location", &to));
    let source = builder(&server).bearer("token").build().unwrap();
    let failed = failure(&source, b"a");
    assert_eq!(failed, HttpError::Elsewhere { to: format!("http://{}", other.address()) });
    assert!(!failed.to_string().contains("secret"));
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_redirect_to_nowhere_is_an_error() {
    let nowhere = HttpError::Status { status: 302, retry_after: None };
    assert_eq!(answered(Reply::new(302)), Err(nowhere));
    let odd = answered(Reply::new(302).header("Location", "http://a b/")).unwrap_err();
    assert!(matches!(odd, HttpError::Malformed { .. }), "{odd}");
}
