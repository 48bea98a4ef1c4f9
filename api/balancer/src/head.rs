//! The head of a member's answer.
//!
//! It is read strictly wherever two readers might disagree about where the body ends: what
//! is behind it would be taken for the answer to somebody else.

use std::borrow::Cow;
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;

use distcache_http::{MEMBER_HEADER, OWNER_HEADER, Response};
use httparse::{Header, ParserConfig, Status};

use crate::framing::{Chunked, Framing, malformed};

/// How many headers an answer may have: far more than a member sends.
const HEADERS_MAX: usize = 100;

/// How long a head may be: far longer than a member's.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

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

/// What they say so often that it is worth no memory of its own.
const OFTEN: [&str; 6] = [
    "application/json",
    "application/octet-stream",
    "distcache; hit",
    "no-cache",
    "nosniff",
    "sandbox",
];

/// What a head says.
#[derive(Debug)]
pub(crate) struct Head {
    /// What of it goes on to the client, without a body.
    pub(crate) response: Response,
    /// The length that it tells: the answer to a HEAD has no body of that length.
    pub(crate) announced: Option<u64>,
    /// How the body is framed that comes behind it.
    pub(crate) framing: Framing,
    /// Whether another request may be sent on the connection then.
    pub(crate) stays: bool,
    /// Who gives the answer, if it says so.
    pub(crate) member: Option<Name>,
    /// Who owns the key that was asked for, if the member says that it does not.
    pub(crate) owner: Option<Name>,
}

/// How a member is called in its cluster: sixteen hexadecimal digits. Whoever has started
/// anew has another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) NonZeroU64);

impl Name {
    fn of(value: &[u8]) -> Option<Self> {
        let text = str::from_utf8(value).ok().filter(|text| text.len() == 16)?;
        let is_plain = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_plain)?;
        NonZeroU64::new(number).map(Self)
    }
}

/// What begins with the bytes that have come.
#[derive(Debug)]
pub(crate) enum Begins {
    /// A head of so many bytes.
    Head(Head, usize),
    /// Something of so many bytes that only says that a head will come (RFC 9110, 15.2).
    Interim(usize),
    /// A head that is not whole yet.
    More,
}

impl Head {
    /// Reads it, as the answer to a HEAD or to another request.
    ///
    /// # Errors
    /// It is none, or leaves open where the body ends.
    pub(crate) fn read(bytes: &[u8], to_head: bool) -> io::Result<Begins> {
        let mut space = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut read = httparse::Response::new(&mut []);
        let parsed = ParserConfig::default()
            .parse_response_with_uninit_headers(&mut read, bytes, &mut space)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let length = match parsed {
            Status::Complete(length) => length,
            Status::Partial if bytes.len() < HEAD_BYTES_MAX => return Ok(Begins::More),
            Status::Partial => return Err(malformed("a head that does not end")),
        };
        let (Some(status), Some(minor_version)) = (read.code, read.version) else {
            return Err(malformed("a head without a status"));
        };
        match status {
            0..100 => Err(malformed("a status")),
            101 => Err(malformed("another protocol, for which nobody asked")),
            100..200 => Ok(Begins::Interim(length)),
            _ => {
                let has_none = to_head || matches!(status, 204 | 304);
                let head = Self::of(status, minor_version, read.headers, has_none)?;
                Ok(Begins::Head(head, length))
            }
        }
    }

    fn of(
        status: u16,
        minor_version: u8,
        headers: &[Header<'_>],
        has_no_body: bool,
    ) -> io::Result<Self> {
        let of_connection = Options::of(headers);
        let (mut announced, mut is_chunked, mut kind) = (None, false, None);
        let (mut member, mut owner) = (None, None);
        let mut response = Response::empty(status);
        for header in headers {
            match header.name.len() {
                12 if is(header, "content-type") => kind = kind.or_else(|| text_of(header)),
                14 if is(header, "content-length") => {
                    let length = decimal(header.value).filter(|_| announced.is_none());
                    announced = Some(length.ok_or_else(|| malformed("a length"))?);
                }
                15 if is(header, OWNER_HEADER) => owner = Name::of(header.value),
                16 if is(header, MEMBER_HEADER) => member = Name::of(header.value),
                17 if is(header, "transfer-encoding") => {
                    let is_known = header.value.eq_ignore_ascii_case(b"chunked");
                    if is_chunked || !is_known || minor_version == 0 {
                        return Err(malformed("a transfer coding"));
                    }
                    is_chunked = true;
                }
                _ => {
                    let passed = PASSED_BACK.into_iter().find(|name| is(header, name));
                    let passed = passed.filter(|name| !of_connection.has(name));
                    if let Some((name, value)) = passed.zip(text_of(header)) {
                        response = response.with_header(name, value);
                    }
                }
            }
        }
        let framing = match (announced, is_chunked) {
            (Some(_), true) => return Err(malformed("a length, and a transfer coding")),
            _ if has_no_body => Framing::Length(0),
            (None, true) => Framing::Chunked(Chunked::default()),
            (Some(length), false) => Framing::Length(length),
            (None, false) => Framing::UntilClosed,
        };
        let stays =
            minor_version == 1 && framing != Framing::UntilClosed && !of_connection.has("close");
        if let Some(kind) = kind {
            response = response.with_type(kind);
        }
        Ok(Self { response, announced, framing, stays, member, owner })
    }
}

/// What `Connection` says: options, and names of headers that are between the member and us.
struct Options<'a>(&'a [Header<'a>]);

impl<'a> Options<'a> {
    fn of(headers: &'a [Header<'a>]) -> Self {
        let are_there = headers.iter().any(|header| is(header, "connection"));
        Self(if are_there { headers } else { &[] })
    }

    fn has(&self, option: &str) -> bool {
        let lines = self.0.iter().filter(|header| is(header, "connection"));
        let mut options = lines.flat_map(|header| header.value.split(|byte| *byte == b','));
        options.any(|one| one.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    }
}

/// Names come in lower case from our own members, as they are here.
fn is(header: &Header<'_>, name: &str) -> bool {
    header.name == name || header.name.eq_ignore_ascii_case(name)
}

fn text_of(header: &Header<'_>) -> Option<Cow<'static, str>> {
    if let Some(often) = OFTEN.into_iter().find(|often| often.as_bytes() == header.value) {
        return Some(Cow::Borrowed(often));
    }
    str::from_utf8(header.value).ok().map(|text| Cow::Owned(text.to_owned()))
}

/// Digits alone: `parse` would take a sign.
fn decimal(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(lines: &str) -> Vec<u8> {
        format!("{}\r\n\r\n", lines.replace('\n', "\r\n")).into_bytes()
    }

    fn of(lines: &str) -> Head {
        let bytes = bytes_of(lines);
        match Head::read(&bytes, false) {
            Ok(Begins::Head(head, length)) if length == bytes.len() => head,
            other => panic!("{lines}: {other:?}"),
        }
    }

    #[test]
    fn where_the_body_ends_is_as_the_head_says() {
        let framing = |lines: &str| (of(lines).framing, of(lines).stays);
        let chunked = || Framing::Chunked(Chunked::default());
        for (lines, expected) in [
            ("HTTP/1.1 200 OK\nContent-Length: 5", (Framing::Length(5), true)),
            ("HTTP/1.1 200 OK\ncontent-length:  0 ", (Framing::Length(0), true)),
            ("HTTP/1.1 200\nTransfer-Encoding: Chunked", (chunked(), true)),
            ("HTTP/1.1 204 No Content", (Framing::Length(0), true)),
            ("HTTP/1.1 304 Not Modified\nContent-Length: 5", (Framing::Length(0), true)),
            ("HTTP/1.1 200 OK", (Framing::UntilClosed, false)),
            ("HTTP/1.0 200 OK\nContent-Length: 5", (Framing::Length(5), false)),
            (
                "HTTP/1.1 200 OK\nContent-Length: 5\nConnection: x, Close",
                (Framing::Length(5), false),
            ),
        ] {
            assert_eq!(framing(lines), expected, "{lines}");
        }
        let to_head = Head::read(&bytes_of("HTTP/1.1 200 OK\nContent-Length: 5"), true);
        let Ok(Begins::Head(head, _)) = to_head else { panic!("{to_head:?}") };
        assert_eq!((head.framing, head.announced), (Framing::Length(0), Some(5)));
    }

    #[test]
    fn what_leaves_open_where_the_body_ends_is_refused() {
        let many = format!("HTTP/1.1 200 OK{}", "\na: b".repeat(HEADERS_MAX + 1));
        for lines in [
            "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5",
            "HTTP/1.1 200 OK\nContent-Length: 5, 5",
            "HTTP/1.1 200 OK\nContent-Length: +5",
            "HTTP/1.1 200 OK\nContent-Length:",
            "HTTP/1.1 200 OK\nContent-Length: 99999999999999999999",
            "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked",
            "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
            "HTTP/1.0 200 OK\nTransfer-Encoding: chunked",
            "HTTP/1.1 101 Switching Protocols",
            "HTTP/1.1 004 OK\nContent-Length: 5",
            "HTTP/1.1 200 OK\nContent-Length : 5",
            "SSH-2.0-OpenSSH",
            &many,
        ] {
            let error = Head::read(&bytes_of(lines), false).expect_err(lines);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{lines}");
        }
    }

    #[test]
    fn a_head_that_is_not_whole_is_waited_for_but_not_without_end() {
        let bytes = bytes_of("HTTP/1.1 100 Continue\nA: b");
        for end in 0..bytes.len() {
            assert!(matches!(Head::read(&bytes[..end], false), Ok(Begins::More)), "{end}");
        }
        let all = Head::read(&bytes, false);
        assert!(matches!(all, Ok(Begins::Interim(length)) if length == bytes.len()));
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(HEAD_BYTES_MAX));
        assert!(Head::read(endless.as_bytes(), false).is_err());
    }

    #[test]
    fn what_is_between_neighbours_stays_there() {
        let head = of("HTTP/1.1 200 OK\nContent-Type: a/b\nContent-Type: c/d\nETag: \"1\"\n\
                       Location: http://inner/\nSet-Cookie: a=b\nAge: 7\nContent-Length: 0\n\
                       Connection: age\nKeep-Alive: timeout=5\nCache-Status: one\n\
                       Cache-Status: two");
        let told: Vec<_> =
            head.response.headers().iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(told, [("etag", "\"1\""), ("cache-status", "one"), ("cache-status", "two")]);
        assert_eq!(head.response.content_type().map(|kind| &**kind), Some("a/b"));
    }
}
