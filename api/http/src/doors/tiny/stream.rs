//! Bodies that are made while they are sent, on a worker of the door.
//!
//! `tiny_http` would keep pieces back until it has 8 KiB of them; so head and
//! chunks are written here.

use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use bytes::Bytes;
use tiny_http::{HTTPVersion, Method};

use crate::observe::Gauge;
use crate::{Chunks, Response};
use distcache_bus::block_on;

/// Workers that send streams at a time: the others answer.
pub(super) const STREAMS_MAX: u64 = 2;

/// A stream that is being sent, counted out on drop.
pub(super) struct Stream<'a>(&'a Gauge);

impl<'a> Stream<'a> {
    /// One more, unless there are as many as may be.
    pub(super) fn enter(gauge: &'a Gauge) -> Option<Self> {
        let now = gauge.add(1);
        let stream = Self(gauge);
        if STREAMS_MAX < now {
            gauge.mark.reach();
            return None;
        }
        gauge.mark.note(now);
        Some(stream)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.0.sub(1);
    }
}

/// Sends an answer whose body comes in pieces, to its end or that of the door.
pub(super) fn send(
    request: tiny_http::Request,
    response: &Response,
    mut chunks: Box<dyn Chunks>,
    stopping: &AtomicBool,
) -> io::Result<()> {
    // HTTP/1.0 has no chunks: the connection's end is that of the body.
    let is_chunked = *request.http_version() != HTTPVersion(1, 0);
    let is_head = *request.method() == Method::Head;
    let mut out = request.into_writer();
    out.write_all(head(response, is_chunked).as_bytes())?;
    out.flush()?;
    if is_head {
        return Ok(());
    }
    while let Some(piece) = next(&mut *chunks, stopping) {
        if is_chunked {
            write!(out, "{:X}\r\n", piece.len())?;
        }
        out.write_all(&piece)?;
        if is_chunked {
            out.write_all(b"\r\n")?;
        }
        out.flush()?;
    }
    if is_chunked {
        out.write_all(b"0\r\n\r\n")?;
    }
    out.flush()
}

/// The next piece; none at the end, and when the door closes. That unparks the
/// thread, so that it looks again.
fn next(chunks: &mut dyn Chunks, stopping: &AtomicBool) -> Option<Bytes> {
    block_on(poll_fn(|cx| {
        if stopping.load(Ordering::Acquire) { Poll::Ready(None) } else { chunks.poll_next(cx) }
    }))
}

fn head(response: &Response, is_chunked: bool) -> String {
    use std::fmt::Write as _;
    let mut head = format!("HTTP/1.1 {} OK\r\n", response.status());
    let content_type = response.content_type().map(|kind| ("content-type", kind.as_ref()));
    let framing =
        if is_chunked { ("transfer-encoding", "chunked") } else { ("connection", "close") };
    let others = response.headers().iter().map(|(name, value)| (*name, value.as_ref()));
    for (name, value) in content_type.into_iter().chain([framing]).chain(others) {
        write!(head, "{name}: {value}\r\n").expect("a String takes all text");
    }
    head + "\r\n"
}
