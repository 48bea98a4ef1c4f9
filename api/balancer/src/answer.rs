//! A member's answer on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use distcache_http::{Chunks, Method, Response};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::exchange::Tried;
use crate::framing::Framing;
use crate::head::Head;
use crate::member::{Counts, Member};
use crate::outbound::Pseudonym;
use crate::pool::Connection;

/// An answer up to so long is read to its end before the client gets any of it: if its
/// member dies before, a read is asked again of another. A longer one is passed on as it
/// comes.
const WHOLE_BYTES_MAX: u64 = 64 << 10;

/// An answer of which nobody knows how long it is, and that is no stream, is held as a
/// whole: cut off, it would look like its end. No member gives such an answer.
const HELD_BYTES_MAX: usize = 1 << 20;

/// The type of a stream of events, which has no end to be known.
const EVENTS: &str = "text/event-stream";

/// The client's answer, of one that has come whole.
pub(crate) fn whole(head: Head, body: Bytes, method: Method, own: &Pseudonym) -> Response {
    let Head { response, announced, .. } = head;
    let response = response.with_header("via", own.as_str().to_owned());
    if method == Method::Head { omitted(response, announced) } else { response.with_body(body) }
}

/// The answer to a HEAD.
fn omitted(response: Response, announced: Option<u64>) -> Response {
    match announced {
        Some(length) => response.with_chunks(Omitted(length)),
        None => response,
    }
}

/// The head of an answer has come.
pub(crate) struct Inbound<'a> {
    pub(crate) head: Head,
    pub(crate) connection: Connection,
    pub(crate) member: &'a Arc<Member>,
}

impl Inbound<'_> {
    /// Makes the client's answer of it.
    pub(crate) async fn deliver(
        self,
        method: Method,
        own: &Pseudonym,
        stall_max: Duration,
    ) -> Tried {
        let Self { head, mut connection, member } = self;
        let Head { response, announced, framing, .. } = head;
        let response = response.with_header("via", own.as_str().to_owned());
        if method == Method::Head {
            connection.keep();
            return Tried::Answered(omitted(response, announced));
        }
        let length = match framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked(_) | Framing::UntilClosed => None,
        };
        let is_stream = response.content_type().is_some_and(|kind| kind.starts_with(EVENTS));
        if is_stream || length.is_some_and(|length| WHOLE_BYTES_MAX < length) {
            // What takes its time has none that is over.
            let stall_max = (!is_stream).then_some(stall_max);
            let member = Arc::clone(member);
            let pieces = Pieces::new(connection, member, length, stall_max);
            return Tried::Answered(response.with_chunks(pieces));
        }
        match timeout(stall_max, connection.line.whole(HELD_BYTES_MAX)).await {
            Ok(Ok(body)) => {
                connection.keep();
                Tried::Answered(response.with_body(body))
            }
            Ok(Err(error)) => {
                log::debug!("member {}: an answer ended: {error}", member.address);
                member.look_soon();
                Tried::Lost
            }
            Err(_stalled) => {
                member.look_soon();
                Tried::Lost
            }
        }
    }
}

/// The body that the answer to a HEAD would have: its length alone.
struct Omitted(u64);

impl Chunks for Omitted {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Poll::Ready(None)
    }

    fn bytes_left(&self) -> Option<u64> {
        Some(self.0)
    }
}

/// A body that is passed on as it comes. The member is read no faster than the client
/// reads.
struct Pieces {
    /// Given back when the last piece has come.
    connection: Option<Connection>,
    member: Arc<Member>,
    left: Option<u64>,
    stall: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Pieces {
    fn new(
        connection: Connection,
        member: Arc<Member>,
        left: Option<u64>,
        stall_max: Option<Duration>,
    ) -> Self {
        let stall = stall_max.map(|max| (max, Box::pin(sleep(max))));
        Self { connection: Some(connection), member, left, stall }
    }

    /// Ready with nothing where there has been nothing for too long.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((_, alarm)) = &mut self.stall else { return Poll::Pending };
        ready!(alarm.as_mut().poll(cx));
        self.cut_off(&"nothing came for too long");
        Poll::Ready(None)
    }

    fn cut_off(&mut self, why: &dyn std::fmt::Display) {
        log::debug!("member {}: a body was cut off: {why}", self.member.address);
        self.connection = None;
        Counts::add(&self.member.counts.lost);
        self.member.look_soon();
    }

    /// The last piece has come.
    fn end(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.keep();
        }
    }

    fn pass(&mut self, piece: Bytes) -> Bytes {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(piece.len() as u64);
            if *left == 0 {
                // Nobody asks a door for more than was announced.
                self.end();
            }
        }
        if let Some((max, alarm)) = &mut self.stall {
            alarm.as_mut().reset(Instant::now() + *max);
        }
        piece
    }
}

impl Chunks for Pieces {
    /// Where a member dies here the pieces end too early, and the door says so to the
    /// client by closing the connection: another member's answer may be another one.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
            let Poll::Ready(piece) = connection.line.poll_piece(cx) else {
                return self.poll_stall(cx);
            };
            match piece {
                Some(Ok(piece)) => return Poll::Ready(Some(self.pass(piece))),
                Some(Err(error)) => self.cut_off(&error),
                None => self.end(),
            }
        }
    }

    fn bytes_left(&self) -> Option<u64> {
        self.left
    }
}
