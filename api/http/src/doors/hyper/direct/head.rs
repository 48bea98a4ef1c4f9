//! A request's head that asks for an answer and for nothing else.

use std::ops::Range;

use bytes::Bytes;

use crate::{HeaderName, Headers, Method, Request};

/// A head that the guard has let through, and that says nothing of the connection.
pub(super) struct PlainHead {
    text: String,
    method: Method,
    path: Range<usize>,
    query: Option<Range<usize>>,
    /// Where the value of each header is that any handler reads.
    values: Values,
}

type Values = [Option<Range<usize>>; HeaderName::ALL.len()];

/// Headers by which a client tells how its message is framed, or what should become of
/// the connection: hyper knows them all.
const OF_THE_CONNECTION: [&str; 5] =
    [CONNECTION, "content-length", "expect", "transfer-encoding", "upgrade"];

const CONNECTION: &str = "connection";

impl PlainHead {
    /// Reads it; `None` if it is not so plain.
    ///
    /// The guard has seen to it that all lines end in CRLF, that each but the first has a
    /// colon, and that names and targets are made of the right bytes.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let text = str::from_utf8(head).ok()?;
        let first_end = memchr::memchr(b'\n', head)?;
        let (method, target) = request_line(&text[..first_end])?;
        let values = values_of(text, first_end + 1)?;
        let mark = memchr::memchr(b'?', &head[target.clone()]);
        let path_end = mark.map_or(target.end, |at| target.start + at);
        let query = (path_end < target.end).then(|| path_end + 1..target.end);
        Some(Self { method, path: target.start..path_end, query, values, text: text.to_owned() })
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            method: self.method,
            authority: None,
            path: &self.text[self.path.clone()],
            query: self.query.clone().map(|query| &self.text[query]),
            headers: self,
            body: Bytes::new(),
        }
    }
}

/// The method, and where the target is: that of a GET or HEAD of HTTP/1.1, for a path.
fn request_line(line: &str) -> Option<(Method, Range<usize>)> {
    let (method, target) = line.strip_suffix(" HTTP/1.1\r")?.split_once(' ')?;
    let method = Method::of(method);
    let is_plain = matches!(method, Method::Get | Method::Head) && target.starts_with('/');
    let start = method.as_str().len() + 1;
    is_plain.then_some((method, start..start + target.len()))
}

/// Where the values are, if the lines from `start` on say nothing of the connection but
/// that it stays.
fn values_of(text: &str, mut start: usize) -> Option<Values> {
    let mut values = [const { None }; HeaderName::ALL.len()];
    while let Some(length) = memchr::memchr(b'\n', &text.as_bytes()[start..]) {
        let line = &text[start..start + length];
        if let Some(colon) = memchr::memchr(b':', line.as_bytes()) {
            let (name, behind) = (&line[..colon], &line[colon + 1..]);
            let value = behind.trim_ascii_start();
            let value_start = start + line.len() - value.len();
            let value = value.trim_ascii_end();
            if is_of_the_connection(name) {
                let stays = name.eq_ignore_ascii_case(CONNECTION)
                    && value.eq_ignore_ascii_case("keep-alive");
                stays.then_some(())?;
            }
            if let Some(number) = number_of(name) {
                let place = value_start..value_start + value.len();
                // One that comes twice is a list.
                values[number].replace(place).is_none().then_some(())?;
            }
        }
        start += length + 1;
    }
    Some(values)
}

fn is_of_the_connection(name: &str) -> bool {
    OF_THE_CONNECTION.iter().any(|its| its.eq_ignore_ascii_case(name))
}

fn number_of(name: &str) -> Option<usize> {
    HeaderName::ALL.iter().position(|known| known.as_str().eq_ignore_ascii_case(name))
}

impl Headers for PlainHead {
    fn value_of(&self, name: HeaderName) -> Option<&[u8]> {
        let place = self.values[name as usize].clone()?;
        Some(self.text[place].as_bytes())
    }

    fn each_value_of(&self, name: HeaderName, show: &mut dyn FnMut(&[u8])) {
        if let Some(value) = self.value_of(name) {
            show(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Uri;
    use proptest::prelude::*;

    use super::*;
    use crate::Limits;
    use crate::guard::Guard;

    fn of(lines: &str) -> Option<PlainHead> {
        PlainHead::of(format!("{}\r\n\r\n", lines.replace('\n', "\r\n")).as_bytes())
    }

    #[test]
    fn every_header_has_the_number_of_its_place() {
        for (number, name) in HeaderName::ALL.into_iter().enumerate() {
            assert_eq!(name as usize, number);
        }
    }

    #[test]
    fn a_plain_head_is_read_as_it_stands() {
        let head =
            of("GET /a%2Fb?q=\u{f6}? HTTP/1.1\nhost:a\nX-Other: 1\nIF-None-Match: \t\"1\" \n\
             connection: Keep-Alive")
            .unwrap();
        let request = head.request();
        assert_eq!((request.method, request.path), (Method::Get, "/a%2Fb"));
        assert_eq!(request.query, Some("q=\u{f6}?"));
        assert_eq!(request.headers.value_of(HeaderName::Host), Some(&b"a"[..]));
        assert_eq!(request.headers.value_of(HeaderName::IfNoneMatch), Some(&b"\"1\""[..]));
        assert_eq!(request.headers.value_of(HeaderName::Accept), None);
        let mut seen = Vec::new();
        request.headers.each_value_of(HeaderName::Host, &mut |value| seen.push(value.to_vec()));
        assert_eq!(seen, [b"a"]);
        assert_eq!(of("HEAD /? HTTP/1.1\nhost:").unwrap().request().query, Some(""));
    }

    #[test]
    fn what_says_more_is_for_hyper() {
        for more in [
            "POST / HTTP/1.1\nhost: a",
            "get / HTTP/1.1\nhost: a",
            "GET / HTTP/1.0\nhost: a",
            "GET http://a/ HTTP/1.1\nhost: a",
            "OPTIONS * HTTP/1.1\nhost: a",
            "\nGET / HTTP/1.1\nhost: a",
            "GET / HTTP/1.1\nhost: a\nconnection: close",
            "GET / HTTP/1.1\nhost: a\nConnection: keep-alive, upgrade",
            "GET / HTTP/1.1\nhost: a\nContent-Length: 0",
            "GET / HTTP/1.1\nhost: a\ntransfer-encoding: chunked",
            "GET / HTTP/1.1\nhost: a\nexpect: 100-continue",
            "GET / HTTP/1.1\nhost: a\nupgrade: h2c",
            "GET / HTTP/1.1\nhost: a\nif-match: \"1\"\nIf-Match: \"2\"",
        ] {
            assert!(of(more).is_none(), "{more}");
        }
        assert!(PlainHead::of(b"GET / HTTP/1.1\r\nhost: a\r\nx: \xff\r\n\r\n").is_none());
    }

    /// A request's lines, most of them well-formed, some of them damaged.
    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let target = "[/][a-z/%?=.+&\u{f6}]{0,12}";
        let name = prop_oneof![
            prop::sample::select(HeaderName::ALL.map(HeaderName::as_str).to_vec()),
            prop::sample::select(OF_THE_CONNECTION.to_vec()),
            Just("X-Other"),
        ];
        let value = prop_oneof![Just("keep-alive".to_owned()), "[ \\t]{0,2}[ -~]{0,8}[ \\t]{0,2}"];
        let headers = prop::collection::vec((name, value), 0..6);
        let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
        ("GET|HEAD", target, headers, damage).prop_map(|(method, target, headers, damage)| {
            let field = |(name, value)| format!("{name}:{value}\r\n");
            let headers: String = headers.into_iter().map(field).collect();
            let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            let mut bytes = head.into_bytes();
            if let Some((at, byte)) = damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn what_is_read_here_hyper_reads_alike(bytes in lines()) {
            let mut guard = Guard::new(&Limits::default());
            let progress = guard.advance(&bytes);
            let is_alone = guard.heads() == 1 && progress.released == bytes.len();
            prop_assume!(is_alone && progress.violation.is_none());
            let Some(head) = PlainHead::of(&bytes) else { return Ok(()) };
            let request = head.request();

            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut parsed = httparse::Request::new(&mut headers);
            prop_assert_eq!(parsed.parse(&bytes), Ok(httparse::Status::Complete(bytes.len())));
            prop_assert_eq!(parsed.method, Some(request.method.as_str()));
            prop_assert_eq!(parsed.version, Some(1));
            let uri: Uri = parsed.path.expect("a target").parse().expect("as the guard says");
            prop_assert_eq!((uri.path(), uri.query()), (request.path, request.query));
            for name in HeaderName::ALL {
                let is_it = |field: &&httparse::Header<'_>| {
                    field.name.eq_ignore_ascii_case(name.as_str())
                };
                let theirs: Vec<_> = parsed.headers.iter().filter(is_it).collect();
                prop_assert!(theirs.len() <= 1, "{} comes twice", name.as_str());
                let theirs = theirs.first().map(|field| field.value);
                prop_assert_eq!(request.headers.value_of(name), theirs);
            }
        }
    }
}
