//! The guard, case by case and by property.

use distcache_http::Limits;
use distcache_http::guard::{Guard, Phase, Progress, Violation};
use proptest::prelude::*;

/// What became of a whole connection.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    released: usize,
    violation: Option<Violation>,
    heads: u64,
}

/// Feeds `bytes` cut at `cuts`, keeping what is not released as a door does.
fn feed(limits: &Limits, bytes: &[u8], cuts: &[usize]) -> (Verdict, Phase) {
    let mut guard = Guard::new(limits);
    let mut released = 0;
    let mut arrived = 0;
    let mut violation = None;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        arrived = cut.clamp(arrived, bytes.len());
        let progress: Progress = guard.advance(&bytes[released..arrived]);
        released += progress.released;
        violation = progress.violation;
        if violation.is_some() {
            break;
        }
    }
    (Verdict { released, violation, heads: guard.heads() }, guard.phase())
}

fn whole(bytes: &[u8]) -> Verdict {
    feed(&Limits::default(), bytes, &[]).0
}

/// A head with these lines behind `Host`.
fn head(lines: &str) -> String {
    format!("POST /?key=a HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

#[test]
fn each_violation_is_named_and_nothing_of_its_message_is_released() {
    use Violation as V;
    let (kib_9, headers_101) = ("a".repeat(9 << 10), "a: b\r\n".repeat(101));
    let (line_max, bytes_max) = (8 << 10, 16 << 10);
    let cases = [
        (V::NotHttp, "\x16\x03\x01\x02\0\x01".to_owned()),
        (V::NotHttp, " GET / HTTP/1.1\r\n".to_owned()),
        (V::BareLf, "GET / HTTP/1.1\nHost: a\n\n".to_owned()),
        (V::BareLf, "GET / HTTP/1.1\r\nHost: a\n\r\n".to_owned()),
        (V::RequestLine, "GET /\r\n\r\n".to_owned()),
        (V::RequestLine, "GET  / HTTP/1.1\r\n\r\n".replace("  ", "\t")),
        (V::RequestLine, "GET / HTTP/1.1x\r\n\r\n".to_owned()),
        (V::RequestLine, "GET / http/1.1\r\n\r\n".to_owned()),
        (V::RequestLine, "GE(T / HTTP/1.1\r\n\r\n".to_owned()),
        (V::RequestLine, "\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_owned()),
        (V::RequestLine, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Target, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Target, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Target, "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Target, "GET key HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Target, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Target, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (V::Version, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        (V::Version, "GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_owned()),
        (V::HostMissing, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (V::HostRepeated, head("hOST: a\r\n")),
        (V::HostInvalid, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned()),
        (V::Header, head("no colon\r\n")),
        (V::Header, head("a : b\r\n")),
        (V::Header, head(" a: folded\r\n")),
        (V::Header, head(": b\r\n")),
        (V::Header, head("a: b\0c\r\n")),
        (V::Header, head("a: b\rc\r\n")),
        (V::LengthInvalid, head("Content-Length: -1\r\n")),
        (V::LengthInvalid, head("Content-Length: +5\r\n")),
        (V::LengthInvalid, head("Content-Length: 0x5\r\n")),
        (V::LengthInvalid, head("Content-Length:\r\n")),
        (V::LengthInvalid, head("Content-Length: 5, 5\r\n")),
        (V::LengthInvalid, head("Content-Length: 18446744073709551616\r\n")),
        (V::LengthRepeated, head("Content-Length: 5\r\nContent-Length: 5\r\n")),
        (V::LengthWithCoding, head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        (V::LengthWithCoding, head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
        (V::CodingUnknown, head("Transfer-Encoding: gzip, chunked\r\n")),
        (V::CodingUnknown, head("Transfer-Encoding: xchunked\r\n")),
        (V::CodingRepeated, head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        (V::CodingTooNew, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()),
        (V::Expectation, head("Expect: the worst\r\n")),
        (V::RequestLineTooLong { max: line_max }, format!("GET /{kib_9}")),
        (V::TooManyHeaders { max: 100 }, head(&headers_101)),
        (V::HeadersTooLarge { max: bytes_max }, head(&format!("a: {kib_9}\r\nb: {kib_9}"))),
        (V::BodyTooLarge { max: 8 << 20 }, head("Content-Length: 100000000000\r\n")),
    ];
    for (violation, bytes) in cases {
        let verdict = whole(bytes.as_bytes());
        let expected = Verdict { released: 0, violation: Some(violation), heads: 0 };
        assert_eq!(verdict, expected, "{:?}", &bytes[..bytes.len().min(80)]);
    }
}

#[test]
fn well_formed_messages_pass_whole() {
    let cases = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET http://a:80/x?y HTTP/1.1\r\nHOST: a:80\r\n\r\n".to_owned(),
        "GET https://[::1] HTTP/1.1\r\nHost: [::1]\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /?key=k\u{f6}ln HTTP/1.1\r\nHost: a\r\nx:\ty \r\nz:\r\n\r\n".to_owned(),
        head("Content-Length: 0\r\n"),
        head("Content-Length: 005 \r\nExpect: 100-Continue\r\n") + "hello",
        head("Transfer-Encoding: Chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked\r\n") + "A ; x=\"y\"\r\n0123456789\r\n00\r\nt: u\r\n\r\n",
        head(&"a: b\r\n".repeat(99)),
    ];
    for bytes in cases {
        let verdict = whole(bytes.as_bytes());
        let expected = Verdict { released: bytes.len(), violation: None, heads: 1 };
        assert_eq!(verdict, expected, "{bytes:?}");
    }
}

#[test]
fn broken_chunks_end_the_connection_behind_the_last_good_piece() {
    let chunked = head("Transfer-Encoding: chunked\r\n");
    let too_many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(100));
    let cases = [
        ("", "x\r\n", Violation::Chunk),
        ("", "\r\n", Violation::Chunk),
        ("", "-1\r\n", Violation::Chunk),
        ("", "11111111111111111\r\n", Violation::Chunk),
        ("", "5 hello\r\n", Violation::Chunk),
        ("", "5;a\0b\r\n", Violation::Chunk),
        ("", "5\nhello", Violation::BareLf),
        ("5\r\nhello", "x", Violation::Chunk),
        ("5\r\nhello\r\n", "ffffffff\r\n", Violation::BodyTooLarge { max: 8 << 20 }),
        ("0\r\n", "no colon\r\n\r\n", Violation::Header),
    ];
    for (good, bad, violation) in cases {
        let bytes = format!("{chunked}{good}{bad}");
        let released = chunked.len() + good.len();
        let expected = Verdict { released, violation: Some(violation), heads: 1 };
        assert_eq!(whole(bytes.as_bytes()), expected, "{good:?} {bad:?}");
    }
    let verdict = whole(format!("{chunked}{too_many}").as_bytes());
    assert_eq!(verdict.violation, Some(Violation::TooManyHeaders { max: 100 }));
    let long_line = format!("{chunked}5;{}", "x".repeat(300));
    assert_eq!(whole(long_line.as_bytes()).violation, Some(Violation::Chunk));
    let long_trailer = format!("{chunked}0\r\n{}", "a: b\r\n".repeat(3_000));
    assert!(matches!(
        whole(long_trailer.as_bytes()).violation,
        Some(Violation::TooManyHeaders { .. })
    ));
}

#[test]
fn chunk_extensions_of_one_body_have_a_bound_together() {
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(200));
    let body = head("Transfer-Encoding: chunked\r\n") + &chunk.repeat(50);
    assert_eq!(whole(body.as_bytes()).violation, Some(Violation::Chunk));
}

#[test]
fn limits_count_exactly() {
    let limits = Limits {
        request_line_bytes: 64,
        header_bytes: 256,
        headers: 3,
        body_bytes: 10,
        ..Limits::default()
    };
    let verdict = |bytes: String| feed(&limits, bytes.as_bytes(), &[]).0.violation;
    let line = |bytes: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(bytes - 14));
    assert_eq!(verdict(line(64)), None);
    assert_eq!(verdict(line(65)), Some(Violation::RequestLineTooLong { max: 64 }));

    let headers = |bytes: usize| format!("GET / HTTP/1.0\r\na: {}\r\n\r\n", "a".repeat(bytes - 5));
    assert_eq!(verdict(headers(256)), None);
    assert_eq!(verdict(headers(257)), Some(Violation::HeadersTooLarge { max: 256 }));

    let count = |count: usize| format!("GET / HTTP/1.0\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(verdict(count(3)), None);
    assert_eq!(verdict(count(4)), Some(Violation::TooManyHeaders { max: 3 }));

    let body = |bytes: usize| format!("POST / HTTP/1.0\r\nContent-Length: {bytes}\r\n\r\n");
    assert_eq!(verdict(body(10)), None);
    assert_eq!(verdict(body(11)), Some(Violation::BodyTooLarge { max: 10 }));

    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    assert_eq!(verdict(format!("{chunked}5\r\n")), None);
    assert_eq!(verdict(format!("{chunked}6\r\n")), Some(Violation::BodyTooLarge { max: 10 }));
}

#[test]
fn the_phase_says_what_the_connection_waits_for() {
    let message = head("Content-Length: 5\r\n") + "hello";
    let head_bytes = message.len() - 5;
    let phase_after = |bytes: usize| {
        let limits = Limits::default();
        feed(&limits, &message.as_bytes()[..bytes], &[]).1
    };
    assert_eq!(phase_after(0), Phase::Idle);
    assert!((1..head_bytes).all(|bytes| phase_after(bytes) == Phase::Head));
    assert!((head_bytes..message.len()).all(|bytes| phase_after(bytes) == Phase::Body));
    assert_eq!(phase_after(message.len()), Phase::Idle);
}

/// One message and where its head ends.
fn message() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let line = (
        prop_oneof!["GET", "POST", "DELETE", "M-SEARCH"],
        "/[a-z0-9%?=&{}\\[\\]^|.-]{0,20}",
        prop_oneof![Just("HTTP/1.1"), Just("HTTP/1.0")],
    );
    let headers = prop::collection::vec(("x-[a-zA-Z0-9_!~]{1,8}", "[ -~\u{e9}\t]{0,12}"), 0..5);
    let body = prop::collection::vec(any::<u8>(), 0..40);
    let chunk_bytes = prop::option::of(1..10_usize);
    (line, headers, body, chunk_bytes).prop_map(
        |((method, target, version), headers, body, chunk)| {
            let mut bytes = format!("{method} {target} {version}\r\nhost: a\r\n").into_bytes();
            for (name, value) in headers {
                bytes.extend(format!("{name}:{value}\r\n").bytes());
            }
            let chunk_bytes = chunk.filter(|_| version == "HTTP/1.1");
            let (framing, body) = framed(&body, chunk_bytes);
            bytes.extend(framing.bytes());
            bytes.extend(b"\r\n");
            let head_bytes = bytes.len();
            bytes.extend(body);
            (bytes, head_bytes)
        },
    )
}

/// A body's header and its bytes on the wire.
fn framed(body: &[u8], chunk_bytes: Option<usize>) -> (String, Vec<u8>) {
    let Some(chunk_bytes) = chunk_bytes else {
        return (format!("Content-Length: {}\r\n", body.len()), body.to_vec());
    };
    let mut wire = Vec::new();
    for chunk in body.chunks(chunk_bytes) {
        wire.extend(format!("{:X};e\r\n", chunk.len()).bytes());
        wire.extend(chunk);
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\ntrailer: t\r\n\r\n");
    ("transfer-encoding: chunked\r\n".to_owned(), wire)
}

/// Bytes that look like HTTP from afar.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop_oneof![
            Just("\r\n"), Just("GET / HTTP/1.1\r\n"), Just("Host: a\r\n"), Just("\r\n\r\n"),
            Just("Content-Length: 3\r\n"), Just("Transfer-Encoding: chunked\r\n"),
            Just("3\r\nabc\r\n"), Just("0\r\n\r\n"), Just("GET /?key=a HTTP/1.0\r\n"),
        ].prop_map(str::to_owned),
        1 => prop_oneof![
            Just("\n"), Just("\r"), Just("\0"), Just(" "), Just(":"), Just("\t"), Just("GET "),
            Just("HTTP/1.1"), Just("x:"), Just("\u{e9}"), Just("Host: b c\r\n"), Just("/"),
        ].prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..400_usize, 0..20).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Pipelined messages are released whole, and each head is found at its place.
    #[test]
    fn messages_are_followed_exactly(messages in prop::collection::vec(message(), 1..5), cuts in cuts()) {
        let bytes: Vec<u8> = messages.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let (verdict, phase) = feed(&Limits::default(), &bytes, &cuts);
        let heads = messages.len() as u64;
        prop_assert_eq!(verdict, Verdict { released: bytes.len(), violation: None, heads });
        prop_assert_eq!(phase, Phase::Idle);

        // Up to any byte, as many heads as lie wholly before it.
        let mut start = 0;
        for (at, (message, head_bytes)) in (0_u64..).zip(&messages) {
            let end = start + head_bytes;
            let heads_at = |end: usize| feed(&Limits::default(), &bytes[..end], &[]).0.heads;
            prop_assert_eq!(heads_at(end - 1), at);
            prop_assert_eq!(heads_at(end), at + 1);
            start += message.len();
        }
    }

    /// However a connection is cut into packets, the verdict is the same.
    #[test]
    fn the_cuts_do_not_matter(bytes in noise(), cuts in cuts()) {
        let limits = Limits { request_line_bytes: 64, header_bytes: 256, headers: 4, ..Limits::default() };
        prop_assert_eq!(feed(&limits, &bytes, &cuts), feed(&limits, &bytes, &[]));
        let everywhere: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(feed(&limits, &bytes, &everywhere), feed(&limits, &bytes, &[]));
    }

    /// One changed byte anywhere gives one verdict, however it is cut.
    #[test]
    fn a_damaged_message_has_one_verdict(
        (mut bytes, _) in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cuts in cuts(),
    ) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let limits = Limits::default();
        prop_assert_eq!(feed(&limits, &bytes, &cuts), feed(&limits, &bytes, &[]));
    }

    /// What passes the guard, hyper's own parsers take too.
    #[test]
    fn whatever_passes_is_no_riddle_to_hyper((mut bytes, _) in message(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut guard = Guard::new(&Limits::default());
        let mut end = 0;
        while guard.heads() == 0 && end < bytes.len() {
            end += 1;
            if guard.advance(&bytes[..end]).violation.is_some() {
                return Ok(());
            }
        }
        prop_assume!(guard.heads() == 1);
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        prop_assert_eq!(request.parse(&bytes[..end]), Ok(httparse::Status::Complete(end)));
        #[cfg(feature = "hyper")]
        prop_assert!(request.path.expect("parsed").parse::<hyper::Uri>().is_ok());
    }
}
