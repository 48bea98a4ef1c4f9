//! A member's answer on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use distcache_http::{Chunks, Method, Response};
use http_body_util::{BodyExt, Limited};
use hyper::Response as HyperResponse;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::exchange::Tried;
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

/// What members say, beside the length and the type of a body: these go on, and no other
/// header does. So nothing does that is between two neighbours. Nor does `Location`: where
/// a member would send clients is behind us.
const PASSED_BACK: [&str; 10] = [
    "age",
    "allow",
    "cache-control",
    "cache-status",
    "content-security-policy",
    "etag",
    "retry-after",
    "www-authenticate",
    "x-accel-buffering",
    "x-content-type-options",
];

/// The head of an answer has come.
pub(crate) struct Inbound<'a> {
    pub(crate) response: HyperResponse<Incoming>,
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
        let Self { response, mut connection, member } = self;
        let (parts, incoming) = response.into_parts();
        let status = parts.status.as_u16();
        let head = head_of(status, &parts.headers, own);
        if method == Method::Head {
            let length = length_of(&parts.headers);
            connection.keep();
            return Tried::Answered(match length {
                Some(length) => head.with_chunks(Omitted(length)),
                None => head,
            });
        }
        let length = incoming.size_hint().exact();
        let is_stream = head.content_type().is_some_and(|kind| kind.starts_with(EVENTS));
        if is_stream || length.is_some_and(|length| WHOLE_BYTES_MAX < length) {
            // What takes its time has none that is over.
            let stall_max = (!is_stream).then_some(stall_max);
            let member = Arc::clone(member);
            let pieces = Pieces::new(incoming, connection, member, length, stall_max);
            return Tried::Answered(head.with_chunks(pieces));
        }
        let body = Limited::new(incoming, HELD_BYTES_MAX).collect();
        match timeout(stall_max, connection.line.until(body)).await {
            Ok(Ok(body)) => {
                connection.keep();
                Tried::Answered(head.with_body(body.to_bytes()))
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

/// The answer without its body.
fn head_of(status: u16, headers: &HeaderMap, own: &Pseudonym) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(text_of);
    let head = match kind {
        Some(kind) => Response::of_type(status, kind, Bytes::new()),
        None => Response::empty(status),
    };
    let head = PASSED_BACK.into_iter().fold(head, |head, name| {
        if is_named(headers, name) {
            return head;
        }
        let values = headers.get_all(name).iter().filter_map(text_of);
        values.fold(head, |head, value| head.with_header(name, value))
    });
    head.with_header("via", own.as_str().to_owned())
}

fn text_of(value: &HeaderValue) -> Option<String> {
    str::from_utf8(value.as_bytes()).ok().map(str::to_owned)
}

fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a header is one between the member and us, because `Connection` names it.
fn is_named(headers: &HeaderMap, name: &str) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter();
    let mut options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
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
    incoming: Incoming,
    /// Given back when the last piece has come.
    connection: Option<Connection>,
    member: Arc<Member>,
    left: Option<u64>,
    stall: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Pieces {
    fn new(
        incoming: Incoming,
        connection: Connection,
        member: Arc<Member>,
        left: Option<u64>,
        stall_max: Option<Duration>,
    ) -> Self {
        let stall = stall_max.map(|max| (max, Box::pin(sleep(max))));
        Self { incoming, connection: Some(connection), member, left, stall }
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
            connection.line.poll(cx);
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                return self.poll_stall(cx);
            };
            match frame {
                // What is no data is a trailer, which no member sends.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Poll::Ready(Some(self.pass(piece))),
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => self.cut_off(&error),
                None => self.end(),
            }
        }
    }

    fn bytes_left(&self) -> Option<u64> {
        self.left
    }
}
