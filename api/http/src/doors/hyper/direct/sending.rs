//! An answer on its way to the client, in the bytes of HTTP/1.1.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::StatusCode;
use tokio::io::AsyncWrite;

use super::super::budget::Reservation;
use super::super::io::JOINED_BYTES;
use super::date;
use crate::{Body, Method, Response};

/// What the head of a hit takes, and a small body behind it.
const HEAD_BYTES: usize = 512;

/// Answers are gathered until they have so many bytes: to requests that came together they
/// leave together, in one write.
const GATHERED_BYTES: usize = 16 << 10;

/// What is left to be written, and its share of the budget until then.
pub(in crate::doors::hyper) struct Sending {
    /// Heads, with small bodies behind them.
    bytes: Vec<u8>,
    /// How many of them were written.
    written: usize,
    /// Behind them.
    body: Bytes,
    _reservation: Option<Reservation>,
}

impl Sending {
    /// Whether an answer can be sent so: it is whole, and leaves the connection as it is.
    pub(super) fn can_send(response: &Response) -> bool {
        let is_whole = response.body().whole_bytes().is_some();
        is_whole && response.headers().iter().all(|(name, _)| *name != "connection")
    }

    /// The bytes of an answer that can be sent so.
    pub(in crate::doors::hyper) fn new(
        response: Response,
        reservation: Option<Reservation>,
        method: Method,
    ) -> Self {
        let may_have_body = may_have_body(&response);
        let mut bytes = head_of(&response);
        let mut body = match response.into_body() {
            Body::Whole(body) if method != Method::Head && may_have_body => body,
            _ => Bytes::new(),
        };
        if bytes.len() + body.len() <= JOINED_BYTES {
            bytes.extend_from_slice(&body);
            body = Bytes::new();
        }
        Self { bytes, written: 0, body, _reservation: reservation }
    }

    /// Whether another answer may come behind it.
    pub(in crate::doors::hyper) fn has_room(&self) -> bool {
        self.body.is_empty() && self.bytes.len() < GATHERED_BYTES
    }

    /// Both, this one first, which has [room](Self::has_room).
    pub(in crate::doors::hyper) fn then(mut self, next: Self) -> Self {
        self.bytes.extend_from_slice(&next.bytes);
        Self { bytes: self.bytes, written: self.written, ..next }
    }

    /// Writes on. Ready when all was taken.
    pub(in crate::doors::hyper) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        loop {
            let heads = &self.bytes[self.written..];
            let stream = stream.as_mut();
            let written = match (heads.is_empty(), self.body.is_empty()) {
                (true, true) => return Poll::Ready(Ok(())),
                (false, true) => stream.poll_write(cx, heads),
                (true, false) => stream.poll_write(cx, &self.body),
                (false, false) => {
                    let pieces = [IoSlice::new(heads), IoSlice::new(&self.body)];
                    stream.poll_write_vectored(cx, &pieces)
                }
            };
            let (of_heads, count) = (heads.len(), ready!(written)?);
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count.min(of_heads);
            self.body.advance(count.saturating_sub(of_heads));
        }
    }
}

/// The status line and the headers, as hyper writes them.
fn head_of(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES);
    status_line(&mut bytes, response.status());
    let content_type = response.content_type().map(|kind| ("content-type", kind));
    let headers = response.headers().iter().map(|(name, value)| (*name, value));
    for (name, value) in content_type.into_iter().chain(headers) {
        if is_field_value(value) {
            for piece in [name, ": ", value, "\r\n"] {
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    if may_have_body(response) {
        let length = response.body().whole_bytes().unwrap_or_default();
        write!(bytes, "content-length: {length}\r\n").expect("a Vec takes all bytes");
    }
    bytes.extend_from_slice(b"date: ");
    date::append_to(&mut bytes);
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}

/// RFC 9110, 6.4.1 and 8.6: those have neither a body nor its length.
fn may_have_body(response: &Response) -> bool {
    !matches!(response.status(), 204 | 304)
}

fn status_line(bytes: &mut Vec<u8>, status: u16) {
    if status == 200 {
        bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("<none>");
    write!(bytes, "HTTP/1.1 {} {reason}\r\n", status.as_str()).expect("a Vec takes all bytes");
}

/// A value that came with an entry may hold what would end its line.
fn is_field_value(value: &str) -> bool {
    // Without an early exit it becomes one vector loop.
    let is_of_value = |byte: u8| byte == b'\t' || matches!(byte, b' '..=b'~');
    value.bytes().fold(true, |all, byte| all & is_of_value(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(response: Response, method: Method) -> String {
        let Sending { bytes, body, .. } = Sending::new(response, None, method);
        String::from_utf8([&bytes[..], &body].concat()).unwrap()
    }

    #[test]
    fn a_header_that_would_end_its_line_is_left_out() {
        let forged = "text/plain\r\nset-cookie: a=b".to_owned();
        let text = text_of(Response::of_type(200, forged, Bytes::from("x")), Method::Get);
        assert!(!text.contains("cookie") && !text.contains("content-type"), "{text}");
        assert!(text.ends_with("GMT\r\n\r\nx"), "{text}");
    }

    #[test]
    fn the_length_is_told_where_there_may_be_a_body() {
        let body = || Bytes::from("1234567");
        let told = |status, method| {
            let text = text_of(Response::of_type(status, "a/b", body()), method);
            (text.contains("content-length: 7\r\n"), text.ends_with("1234567"))
        };
        assert_eq!(told(200, Method::Get), (true, true));
        assert_eq!(told(200, Method::Head), (true, false));
        let unchanged = text_of(Response::empty(304), Method::Get);
        assert!(!unchanged.contains("content-length"), "{unchanged}");
        assert!(unchanged.starts_with("HTTP/1.1 304 Not Modified\r\ndate: "), "{unchanged}");
    }
}
