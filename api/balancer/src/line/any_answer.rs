//! Whatever a member sends is read alike in whatever pieces it comes, and ends where hyper
//! says that it ends: or what is behind would be taken for the answer to somebody else.

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::runtime::Builder;

use super::*;
use crate::shared::read_in_pieces as read_shared;

const BODY_BYTES_MAX: usize = 1 << 20;

const STATUS_LINES: [&str; 8] = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 404",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
    "HTTP/2.0 200 OK",
    "HTTP/1.1  200 OK",
];

const HEADERS: [&str; 22] = [
    "content-length: 5",
    "Content-Length: 5",
    "content-length: 05",
    "content-length: +5",
    "content-length: 5, 5",
    "content-length: 18446744073709551616",
    "content-length:",
    "content-length : 5",
    "transfer-encoding: chunked",
    "Transfer-Encoding: CHUNKED",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: identity",
    "transfer-encoding:\tchunked ",
    "connection: close",
    "connection: keep-alive",
    "connection: etag, close",
    "etag: \"1\"",
    "content-type: text/plain",
    "x-other: \u{e4}",
    "no header",
    " folded: 1",
    ": nameless",
];

const BODIES: [&str; 14] = [
    "",
    "value",
    "valu",
    "value and more",
    "5\r\nvalue\r\n0\r\n\r\n",
    "2\r\nva\r\n3\r\nlue\r\n0\r\n\r\n",
    "05\r\nvalue\r\n00\r\n\r\n",
    "5;a=b\r\nvalue\r\n0\r\n\r\n",
    "5\r\nvalue\r\n0\r\nEtag: \"2\"\r\n\r\n",
    "5\nvalue\n0\n\n",
    "5\r\nvalue0\r\n\r\n",
    "ffffffffffffffff1\r\nvalue\r\n0\r\n\r\n",
    "-1\r\nvalue\r\n0\r\n\r\n",
    "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
];

/// What was understood of an answer: its status and its body.
type Understood = Option<(u16, Bytes)>;

fn any_answer() -> impl Strategy<Value = Vec<u8>> {
    let headers = prop::collection::vec(select(&HEADERS[..]), 0..4);
    let one = (select(&STATUS_LINES[..]), headers, select(&BODIES[..]));
    let made = one.prop_map(|(status, headers, body)| {
        let lines = headers.iter().flat_map(|header| [*header, "\r\n"]);
        let head: String = [status, "\r\n"].into_iter().chain(lines).collect();
        [&head, "\r\n", body].concat().into_bytes()
    });
    // Here and there a byte is another.
    (made, prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()))).prop_map(
        |(mut made, other)| {
            if let Some((at, byte)) = other {
                let at = at.index(made.len());
                made[at] = byte;
            }
            made
        },
    )
}

/// What comes in these pieces, and then the end.
async fn read(pieces: &[&[u8]], is_head: bool) -> Understood {
    let (here, mut member) = duplex(1 << 16);
    let mut line = Line::over(here);
    let head = Bytes::from_static(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let wire = Wire { head, body: Bytes::new(), is_head };
    let says = async {
        for piece in pieces {
            if member.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        // It is closed when what was said was read.
        drop(member);
    };
    let hears = async {
        let head = line.send(&wire).await.ok()?;
        let body = line.whole(BODY_BYTES_MAX).await.ok()?;
        Some((head.response.status(), body))
    };
    tokio::join!(hears, says).0
}

/// The same by hyper.
async fn read_by_hyper(answer: &[u8], is_head: bool) -> Understood {
    let (here, mut member) = duplex(1 << 16);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(here)).await.expect("it is open");
    let driving = tokio::spawn(connection);
    let method = if is_head { "HEAD" } else { "GET" };
    let request = hyper::Request::builder().method(method).uri("/").header("host", "a");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let says = async {
        // hyper takes what comes before it has asked for an answer to nothing.
        let mut asked = [0; 1024];
        let _ = tokio::io::AsyncReadExt::read(&mut member, &mut asked).await;
        let _ = member.write_all(answer).await;
        drop(member);
    };
    let hears = async {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?;
        Some((status, body.to_bytes()))
    };
    let understood = tokio::join!(hears, says).0;
    drop(sender);
    let _ = driving.await;
    understood
}

proptest! {
    #[test]
    fn an_answer_is_read_alike_in_any_pieces_and_as_hyper_reads_it(
        answer in any_answer(),
        cut in any::<prop::sample::Index>(),
        is_head in any::<bool>(),
    ) {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let (one, other) = answer.split_at(cut.index(answer.len()));
        let bytes: Vec<&[u8]> = answer.chunks(1).collect();
        let whole = runtime.block_on(read(&[&answer], is_head));
        let shared = read_shared(&[&answer], is_head);
        for pieces in [&[one, other][..], &bytes] {
            let in_pieces = runtime.block_on(read(pieces, is_head));
            prop_assert_eq!(&in_pieces, &whole, "in {} pieces", pieces.len());
            prop_assert_eq!(&read_shared(pieces, is_head), &shared, "in {} pieces", pieces.len());
        }
        // Where answers come one behind the other there is less that is understood.
        if shared.is_some() {
            prop_assert_eq!(&shared, &whole);
        }
        // It understands more than is let through here, and never something else.
        if whole.is_some() {
            prop_assert_eq!(runtime.block_on(read_by_hyper(&answer, is_head)), whole);
        }
    }
}
