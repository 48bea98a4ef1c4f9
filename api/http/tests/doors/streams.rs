//! Bodies that are made while they are sent, and clients that do not read them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
#[cfg(feature = "hyper")]
use distcache_http::doors::Kind;
use distcache_http::{Chunks, Limits, Request, Response, Service};

use crate::support::{TestDoor, kinds};

/// Sends bytes without end, at `/`; counts the streams that were dropped.
#[derive(Clone, Default)]
struct Endless {
    ended: Arc<(Mutex<usize>, Condvar)>,
    made: Arc<AtomicUsize>,
}

struct Bodies(Endless);

impl Chunks for Bodies {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.made.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Bytes::from_static(&[b'x'; 16 << 10])))
    }
}

impl Drop for Bodies {
    fn drop(&mut self) {
        *self.0.ended.0.lock().expect("no test panics inside") += 1;
        self.0.ended.1.notify_all();
    }
}

impl Endless {
    fn wait_for_the_end_of(&self, count: usize) {
        let (ended, changed) = &*self.ended;
        let ended = ended.lock().expect("no test panics inside");
        let wait = changed.wait_timeout_while(ended, Duration::from_secs(20), |one| *one < count);
        assert!(!wait.expect("as above").1.timed_out(), "the stream goes on");
    }
}

impl Service for Endless {
    async fn call(&self, request: Request<'_>) -> Response {
        match request.path {
            "/" => Response::empty(200).with_chunks(Bodies(self.clone())),
            _ => Response::text("alive\n"),
        }
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_client_that_does_not_read_its_stream_is_cut_off() {
    for kind in kinds() {
        let endless = Endless::default();
        let limits = Limits { write_timeout: Duration::from_millis(200), ..Limits::default() };
        let door = TestDoor::serving(kind, endless.clone(), &limits);
        let mut client = door.connect();
        client.send(GET);
        assert_eq!(client.reply_without_body().status, 200, "{kind:?}");
        endless.wait_for_the_end_of(1);
        assert!(1 < endless.made.load(Ordering::Relaxed));
    }
}

#[test]
fn a_client_that_leaves_ends_its_stream() {
    for kind in kinds() {
        let endless = Endless::default();
        let door = TestDoor::serving(kind, endless.clone(), &Limits::default());
        let mut client = door.connect();
        client.send(GET);
        assert!(client.chunk_after_head().is_some(), "{kind:?}");
        drop(client);
        endless.wait_for_the_end_of(1);
    }
}

/// Its write timeout is longer than the test; only the door's end cuts it off.
#[cfg(feature = "hyper")]
#[test]
fn a_client_that_does_not_read_holds_up_no_shutdown() {
    let endless = Endless::default();
    let limits = Limits { write_timeout: Duration::from_hours(1), ..Limits::default() };
    let door = TestDoor::serving(Kind::Hyper, endless.clone(), &limits);
    let mut client = door.connect();
    client.send(GET);
    assert_eq!(client.reply_without_body().status, 200);
    assert_eq!(door.into_door().shutdown(Duration::from_secs(20)), Ok(()));
    endless.wait_for_the_end_of(1);
}

#[test]
fn a_connection_is_used_again_after_a_stream_has_ended() {
    for kind in kinds() {
        let door = TestDoor::serving(kind, Twice, &Limits::default());
        let mut client = door.connect();
        for _ in 0..2 {
            client.send(GET);
            assert_eq!(client.chunk_after_head().as_deref(), Some(&b"one"[..]), "{kind:?}");
            assert_eq!(client.chunk().as_deref(), Some(&b"two"[..]), "{kind:?}");
            assert_eq!(client.chunk(), None, "{kind:?}");
        }
    }
}

#[test]
fn http_1_0_reads_a_stream_to_the_end_of_the_connection() {
    for kind in kinds() {
        let door = TestDoor::serving(kind, Twice, &Limits::default());
        let mut client = door.connect();
        client.send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
        let head = client.reply_without_body();
        assert_eq!(head.header("transfer-encoding"), None, "{kind:?}");
        assert_eq!(client.rest(), b"onetwo", "{kind:?}");
    }
}

/// Answers with two pieces.
struct Twice;

struct Pieces(Vec<&'static str>);

impl Chunks for Pieces {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Poll::Ready(self.0.pop().map(|piece| Bytes::from_static(piece.as_bytes())))
    }
}

impl Service for Twice {
    async fn call(&self, _: Request<'_>) -> Response {
        Response::empty(200).with_chunks(Pieces(vec!["two", "one"]))
    }
}
