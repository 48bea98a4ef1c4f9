//! Bodies that come in pieces, of which it is known how long they are together.

use std::task::{Context, Poll};

use bytes::Bytes;
use distcache_http::doors::Kind;
use distcache_http::{Chunks, Limits, Request, Response, Service};

use crate::support::TestDoor;

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// So many bytes, of which so many come; at `/`.
#[derive(Clone, Copy)]
struct Announced {
    bytes: u64,
    come: usize,
}

struct Counted {
    left: u64,
    come: usize,
}

impl Chunks for Counted {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let piece = self.come.min(1_000);
        self.come -= piece;
        self.left -= piece as u64;
        Poll::Ready((0 < piece).then(|| vec![b'x'; piece].into()))
    }

    fn bytes_left(&self) -> Option<u64> {
        Some(self.left)
    }
}

impl Service for Announced {
    async fn call(&self, _: Request<'_>) -> Response {
        let Self { bytes, come } = *self;
        Response::empty(200).with_chunks(Counted { left: bytes, come })
    }
}

#[test]
fn pieces_of_which_the_sum_is_known_are_announced_and_the_connection_stays() {
    let whole = Announced { bytes: 10_000, come: 10_000 };
    let door = TestDoor::serving(Kind::Hyper, whole, &Limits::default());
    let mut client = door.connect();
    for _ in 0..2 {
        client.send(GET);
        let reply = client.reply();
        assert_eq!((reply.body.len(), reply.header("transfer-encoding")), (10_000, None));
    }
}

#[test]
fn pieces_that_end_before_their_sum_do_not_look_whole() {
    let cut = Announced { bytes: 10_000, come: 9_000 };
    let door = TestDoor::serving(Kind::Hyper, cut, &Limits::default());
    let mut client = door.connect();
    client.send(GET);
    let came = client.rest();
    let told = String::from_utf8_lossy(&came);
    assert!(!told.contains("chunked"), "chunks would have an end: {} bytes", came.len());
    assert!(told.matches('x').count() < 10_000, "it is not whole");
}
