//! A request on its way to a member.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use distcache::codes;
use distcache_http::{HeaderName, Method, Problem, Request};

use crate::line::Wire;
use crate::member::Member;

/// What a member reads of a client's headers: these go on, and no other does. So nothing
/// does that is between two neighbours.
///
/// Not `Host`: a member is called by its own name, and our door has judged the client's.
/// Nor `Origin` and `Sec-Fetch-Site`, by which that door tells pages of other sites: to a
/// member, our own name would be that of another site. And no `Forwarded`: no member
/// asks who the client is, and a client could write what it likes there.
const PASSED_ON: [HeaderName; 8] = [
    HeaderName::Accept,
    HeaderName::Authorization,
    HeaderName::CacheControl,
    HeaderName::ContentType,
    HeaderName::IfMatch,
    HeaderName::IfNoneMatch,
    HeaderName::Traceparent,
    HeaderName::Tracestate,
];

/// What the head of a request takes, and a small body behind it.
const HEAD_BYTES: usize = 512;

/// A body of so many bytes is copied behind its head: to write one piece costs the kernel
/// less than to gather two.
const JOINED_BYTES_MAX: usize = 4 << 10;

/// A head that is longer has its connection for itself: far below what a member takes.
const PLAIN_BYTES_MAX: usize = 4 << 10;

/// The name of this balancer in `Via`: one of its own, so that it knows what it has sent
/// itself.
#[derive(Debug, Clone)]
pub(crate) struct Pseudonym(String);

impl Pseudonym {
    pub(crate) fn random() -> Self {
        // The standard library's keys are drawn at random.
        let number = RandomState::new().hash_one("distcache-balancer");
        Self(format!("1.1 distcache-{:08x}", number >> 32))
    }

    /// As a line of `Via`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request that may be sent to several members, one after the other.
pub(crate) struct Outbound {
    pub(crate) method: Method,
    /// The request line, and the headers without `Host` and the empty line.
    lines: Vec<u8>,
    /// Where the request line ends.
    first_end: usize,
    body: Bytes,
}

impl Outbound {
    /// What goes on of a client's request.
    pub(crate) fn of(request: &Request<'_>, own: &Pseudonym) -> Result<Self, Problem> {
        let method = request.method;
        if method == Method::Other {
            let known = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            return Err(Problem::new(405, codes::METHOD_NOT_ALLOWED).header("allow", known));
        }
        let mut lines = Vec::with_capacity(HEAD_BYTES);
        append(&mut lines, &[method.as_str().as_bytes(), b" "]);
        append_target(&mut lines, request)?;
        append(&mut lines, &[b" HTTP/1.1\r\n"]);
        let first_end = lines.len();
        append_headers(&mut lines, request, own)?;
        let body = request.body.clone();
        if !body.is_empty() || matches!(method, Method::Post | Method::Put | Method::Patch) {
            append(&mut lines, &[b"content-length: ", body.len().to_string().as_bytes(), b"\r\n"]);
        }
        Ok(Self { method, lines, first_end, body })
    }

    /// Whether it is a read of one short head.
    ///
    /// 1. Somebody sends heads that are just not too long for us, and are for a member.
    /// 2. It says so, and closes the connection, of which others waited for their answers.
    pub(crate) fn is_plain_read(&self) -> bool {
        let is_short = self.lines.len() <= PLAIN_BYTES_MAX;
        matches!(self.method, Method::Get | Method::Head) && self.body.is_empty() && is_short
    }

    /// Writes the head for one member, with another line in it.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>, member: &Member, line: &str) {
        let (first, others) = self.lines.split_at(self.first_end);
        let (host, line) = (member.host.as_bytes(), line.as_bytes());
        append(bytes, &[first, b"host: ", host, b"\r\n", others, line, b"\r\n"]);
    }

    /// The same for one member.
    pub(crate) fn to(&self, member: &Member) -> Wire {
        let joined = if self.body.len() <= JOINED_BYTES_MAX { &*self.body } else { &[] };
        let length = HEAD_BYTES.max(self.lines.len() + member.host.len()) + joined.len();
        let mut head = Vec::with_capacity(length);
        self.write(&mut head, member, "");
        append(&mut head, &[joined]);
        let body = if joined.is_empty() { self.body.clone() } else { Bytes::new() };
        Wire { head: head.into(), body, is_head: self.method == Method::Head }
    }
}

fn append(bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        bytes.extend_from_slice(piece);
    }
}

/// The path and query as they came: nothing is decoded, so nothing can become something
/// else.
fn append_target(lines: &mut Vec<u8>, request: &Request<'_>) -> Result<(), Problem> {
    let start = lines.len();
    append(lines, &[request.path.as_bytes()]);
    if let Some(query) = request.query {
        append(lines, &[b"?", query.as_bytes()]);
    }
    // What would end it, or the line.
    let is_of_target = |byte: &u8| !matches!(byte, 0..=b' ' | b'#' | 0x7f);
    if lines.len() == start || !lines[start..].iter().all(is_of_target) {
        return Err(invalid("the target"));
    }
    Ok(())
}

fn append_headers(
    lines: &mut Vec<u8>,
    request: &Request<'_>,
    own: &Pseudonym,
) -> Result<(), Problem> {
    for name in PASSED_ON {
        if request.headers.value_of(name).is_none() || is_named(request, name) {
            continue;
        }
        request.headers.each_value_of(name, &mut |value| {
            if is_field_value(value) {
                append(lines, &[name.as_str().as_bytes(), b": ", value, b"\r\n"]);
            }
        });
    }
    append(lines, &[b"via: "]);
    append_way(lines, request, own)?;
    append(lines, &[b"\r\n"]);
    Ok(())
}

/// Whether a value ends neither its line nor the head.
fn is_field_value(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

fn invalid(what: &'static str) -> Problem {
    Problem::new(400, codes::FRAMING_INVALID).detail(what)
}

/// Whether a header is one between the client and us, because `Connection` names it.
fn is_named(request: &Request<'_>, name: HeaderName) -> bool {
    let mut is_named = false;
    request.headers.each_value_of(HeaderName::Connection, &mut |value| {
        let mut options = value.split(|byte| *byte == b',');
        let is_it =
            |option: &[u8]| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes());
        is_named |= options.any(is_it);
    });
    is_named
}

/// The way of the request until here, and us.
///
/// # Errors
/// 508, if we are on it already.
fn append_way(lines: &mut Vec<u8>, request: &Request<'_>, own: &Pseudonym) -> Result<(), Problem> {
    let start = lines.len();
    request.headers.each_value_of(HeaderName::Via, &mut |value| {
        append(lines, &[value, b", "]);
    });
    let own = own.as_str().as_bytes();
    let way = &lines[start..];
    if way.windows(own.len()).any(|part| part == own) {
        return Err(Problem::new(508, codes::BALANCER_LOOP));
    }
    if !is_field_value(way) {
        return Err(invalid("Via"));
    }
    append(lines, &[own]);
    Ok(())
}
