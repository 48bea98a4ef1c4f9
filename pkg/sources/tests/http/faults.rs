//! Servers that do not do as they should.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use distcache_sources::{Http, HttpError};

use crate::server::{Reply, Server, hang_up, wait_for_the_end};
use crate::{answered, builder, failure, fetch, found, source};

#[test]
fn a_server_that_is_not_there_is_told_by_its_address() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = Http::builder(format!("http://{address}/{{key}}")).build().unwrap();
    let failed = failure(&source, b"secret");
    let HttpError::Connect { origin, .. } = &failed else { panic!("{failed}") };
    assert_eq!(*origin, format!("http://{address}"));
    assert!(!failed.to_string().contains("secret"));
}

#[test]
fn a_host_that_nobody_knows_is_an_error_of_the_connection() {
    let source = Http::builder("http://no-such-host.invalid/{key}").build().unwrap();
    let failed = failure(&source, b"a");
    assert!(matches!(failed, HttpError::Connect { .. }), "{failed:?}");
}

#[test]
fn a_value_that_is_too_large_is_not_read_to_its_end() {
    let (fits, too_large) = (Server::answering(Reply::ok("1234")), HttpError::TooLarge { max: 4 });
    let source = builder(&fits).bytes_max(4).build().unwrap();
    assert_eq!(fetch(&source, "a"), found("1234"));
    // Told at once, by its length.
    let told = Server::answering(Reply::ok("12345"));
    let source = builder(&told).bytes_max(4).build().unwrap();
    assert_eq!(failure(&source, b"a"), too_large);
    // Without a length: it never ends, and its server sees the connection closed.
    let endless = Server::start(|_, line| {
        line.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        loop {
            line.write_all(&[b'x'; 4096])?;
        }
    });
    let source = builder(&endless).build().unwrap();
    assert_eq!(failure(&source, b"a"), HttpError::TooLarge { max: 8 << 20 });
}

#[test]
fn a_value_that_breaks_off_is_not_taken_for_whole() {
    for whole in ["Content-Length: 10\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n5\r\n123"] {
        let server = Server::start(move |_, line| {
            line.write_all(b"HTTP/1.1 200 OK\r\n")?;
            line.write_all(whole.as_bytes())?;
            Err(hang_up())
        });
        let failed = failure(&source(&server), b"a");
        assert!(matches!(failed, HttpError::Broken { .. }), "{failed:?}");
        assert_eq!(server.requests().len(), 1, "an answer that has begun is not asked for again");
    }
}

#[test]
fn what_comes_after_a_value_is_not_the_next_one() {
    // By one write, so that it has come when the value has.
    let server = Server::routing(|request| {
        let wrong = Reply::ok("WRONG").bytes();
        Reply::ok(request.target.clone()).followed_by(wrong)
    });
    let source = source(&server);
    for key in ["a", "b", "c"] {
        assert_eq!(fetch(&source, key), found(&format!("/things/{key}")));
    }
}

#[test]
fn an_idle_connection_that_its_server_has_closed_is_replaced() {
    let connections = AtomicUsize::new(0);
    let server = Server::start(move |_, line| {
        // Each second request of a connection finds it closed, as it arrives.
        if connections.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            return Err(hang_up());
        }
        line.write_all(&Reply::ok("1").bytes())
    });
    let source = source(&server);
    for key in ["a", "b", "c"] {
        assert_eq!(fetch(&source, key), found("1"));
    }
    assert_eq!(server.targets().len(), 5, "b and c were asked for twice");
}

#[test]
fn a_server_that_hangs_up_again_and_again_is_asked_twice() {
    let server = Server::start(|_, _| Err(hang_up()));
    let failed = failure(&source(&server), b"a");
    assert!(matches!(failed, HttpError::Broken { .. }), "{failed:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_is_no_http_is_told_so() {
    let raw = |bytes: &'static [u8]| {
        let server = Server::start(move |_, line| {
            line.write_all(bytes)?;
            line.flush()?;
            wait_for_the_end(line)
        });
        failure(&source(&server), b"a")
    };
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let failed = raw(bytes);
        assert!(matches!(failed, HttpError::Malformed { .. }), "{failed:?}");
    }
}

#[test]
fn headers_without_an_end_are_an_error() {
    let server = Server::start(|_, line| {
        line.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            line.write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")?;
        }
    });
    let failed = failure(&source(&server), b"a");
    assert!(matches!(failed, HttpError::Malformed { .. }), "{failed:?}");
}

#[test]
fn a_value_that_is_compressed_all_the_same_is_refused() {
    let coded = |coding| answered(Reply::ok("1").header("Content-Encoding", coding));
    assert_eq!(coded("gzip"), Err(HttpError::Encoded));
    assert_eq!(coded("Identity"), Ok(found("1")));
}
