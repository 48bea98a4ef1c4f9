//! What one client may ask of the server before it is told no.

use std::time::Duration;

use distcache::Engine;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The bounds of the HTTP doors. Each is a flag of the server.
///
/// The `tiny_http` door keeps only `body_bytes` and `write_timeout`; its module
/// says what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest request line, in bytes without its CRLF, from 64 to 64,000.
    /// Default 8 KiB: the keys of a cache are short, and large values belong in
    /// the body.
    pub request_line_bytes: usize,
    /// All header lines of one request together, in bytes, from 256 to 1 MiB.
    /// Default 16 KiB: twice what browsers with many cookies send. Chunked
    /// trailers obey it too.
    pub header_bytes: usize,
    /// The number of header lines of one request, from 1 to 1,000. Default 100,
    /// up to which hyper keeps them on its stack.
    pub headers: usize,
    /// The largest request body, in bytes. Default 8 MiB: set it to the largest
    /// value that the cache takes.
    pub body_bytes: usize,
    /// Request bodies and answers over 1 KiB that are held for all clients
    /// together, in bytes; at least `body_bytes`. Default 64 MiB: without it,
    /// slow clients decide how much memory the process needs.
    pub buffered_bytes: usize,
    /// Connections open at one time. Default 10,000, about 10 KiB each when
    /// idle, and 25 KiB over TLS; one more is answered 503 and closed.
    pub connections: usize,
    /// Requests that wait at one time: for a load, for a busy data node, for another
    /// member. Default 4,096: enough to keep every data node busy; one more request is
    /// answered 503, whether it would wait or not. Each of the door's threads, one a
    /// core, may let one more in that came before.
    pub in_flight: usize,
    /// From the accepted connection to the end of the handshake of TLS, where there is
    /// one. Default 5 s, then the connection is closed: it takes a few ways there and
    /// back.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers. Default 10 s,
    /// then 408: an honest client sends them in one packet.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body. Default 30 s, then
    /// 408: 8 MiB arrive in that time at 280 KB/s.
    pub body_timeout: Duration,
    /// How long a connection may stay open with no request. Default 75 s, then
    /// it is closed without a word: longer than the 60 s for which most clients
    /// and proxies keep a connection.
    pub idle_timeout: Duration,
    /// How long a client may take to accept one answer once the kernel's buffer
    /// is full. Default 30 s, then the connection is closed.
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line_bytes: 8 * KIB,
            header_bytes: 16 * KIB,
            headers: 100,
            body_bytes: 8 * MIB,
            buffered_bytes: 64 * MIB,
            connections: 10_000,
            in_flight: 4_096,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// The largest value that any keyspace of an engine takes: no body is larger.
pub fn largest_value(engine: &Engine) -> u64 {
    let names = engine.keyspaces();
    let keyspaces = names.iter().filter_map(|name| engine.keyspace(name).ok());
    keyspaces.filter_map(|keyspace| keyspace.value_bytes_max()).max().unwrap_or_default()
}

/// A limit that no server could keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {rule}, not {given}")]
pub struct LimitError {
    /// The field of [`Limits`].
    pub name: &'static str,
    /// What would be accepted.
    pub rule: &'static str,
    /// What was given.
    pub given: String,
}

impl Limits {
    /// The defaults for bodies of up to so many bytes.
    pub fn of_bodies(bytes: u64) -> Self {
        let limits = Self::default();
        let body_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { body_bytes, buffered_bytes: limits.buffered_bytes.max(body_bytes), ..limits }
    }

    /// Checks that every limit can be kept.
    ///
    /// # Errors
    ///
    /// The first limit out of its range.
    pub fn validate(&self) -> Result<(), LimitError> {
        // hyper takes URIs of up to 65,534 bytes, and reads no head longer than
        // its buffer: what the guard accepts must fit in both.
        within("request_line_bytes", self.request_line_bytes, 64..=64_000, "64 to 64000")?;
        within("header_bytes", self.header_bytes, 256..=MIB, "256 to 1 MiB")?;
        within("headers", self.headers, 1..=1_000, "1 to 1000")?;
        within("connections", self.connections, 1..=1_000_000, "1 to 1000000")?;
        within("in_flight", self.in_flight, 1..=1_000_000, "1 to 1000000")?;
        let largest = self.body_bytes..=usize::MAX / 2;
        within("buffered_bytes", self.buffered_bytes, largest, "at least body_bytes")?;
        positive("handshake_timeout", self.handshake_timeout)?;
        positive("header_timeout", self.header_timeout)?;
        positive("body_timeout", self.body_timeout)?;
        positive("idle_timeout", self.idle_timeout)?;
        positive("write_timeout", self.write_timeout)
    }
}

fn within(
    name: &'static str,
    given: usize,
    range: std::ops::RangeInclusive<usize>,
    rule: &'static str,
) -> Result<(), LimitError> {
    if range.contains(&given) {
        return Ok(());
    }
    Err(LimitError { name, rule, given: given.to_string() })
}

fn positive(name: &'static str, given: Duration) -> Result<(), LimitError> {
    if !given.is_zero() {
        return Ok(());
    }
    Err(LimitError { name, rule: "more than zero", given: "0s".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Limits::default().validate(), Ok(()));
    }

    #[test]
    fn a_limit_out_of_range_is_named_with_what_would_do() {
        let limits = Limits { request_line_bytes: 70_000, ..Limits::default() };
        let error = limits.validate().expect_err("over hyper's longest URI");
        assert_eq!(error.to_string(), "request_line_bytes must be 64 to 64000, not 70000");
    }

    #[test]
    fn buffers_that_could_not_hold_one_body_are_refused() {
        let limits = Limits { buffered_bytes: 1_000, body_bytes: 1_001, ..Limits::default() };
        assert_eq!(limits.validate().expect_err("too small").name, "buffered_bytes");
    }

    #[test]
    fn a_timeout_of_zero_is_refused() {
        let limits = Limits { idle_timeout: Duration::ZERO, ..Limits::default() };
        assert_eq!(limits.validate().expect_err("never idle").name, "idle_timeout");
    }
}
