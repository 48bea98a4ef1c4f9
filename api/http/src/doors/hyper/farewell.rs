//! The last answer on a connection, and a close that lets it be read.

use std::fmt::Write;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stream::Stream;
use crate::Problem;

/// How long a client may take to read the last answer and close.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much the client may go on sending meanwhile: most of a body that was
/// refused is on its way already.
const DISCARD_BYTES_MAX: usize = 16 << 20;

/// Answers with `problem` and closes.
pub(super) async fn send(mut stream: impl Stream, problem: &Problem) {
    let last = async {
        write_all(&mut stream, message(problem).as_bytes()).await?;
        close(&mut stream).await
    };
    // Whatever goes wrong now, the connection is over.
    let _ = timeout(PATIENCE, last).await;
}

/// Closes a connection that was answered before the client had sent all.
pub(super) async fn linger(mut stream: impl Stream) {
    let _ = timeout(PATIENCE, close(&mut stream)).await;
}

/// Closes a connection on which everything was said and read, at once. Over TLS that
/// is a last word too: without it the client could not tell the end from a cut.
pub(super) async fn leave(mut stream: impl Stream) {
    poll_fn(|cx| {
        // What the kernel does not take now is not waited for.
        let _ = Pin::new(&mut stream).poll_shutdown(cx);
        Poll::Ready(())
    })
    .await;
}

/// Closing a socket with unread bytes in it resets the connection, and the reset
/// may overtake the answer. So the sending side is shut first, and what the
/// client still sends is read and thrown away until it closes, within bounds.
async fn close(stream: &mut impl Stream) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)).await?;
    // Past TLS, if there is any: nobody reads it.
    discard(stream.socket()).await
}

fn message(problem: &Problem) -> String {
    let response = problem.clone().into_response();
    let status = StatusCode::from_u16(response.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = problem.to_json();
    let mut text = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ndate: {}\r\ncontent-length: {}\r\n",
        httpdate::fmt_http_date(SystemTime::now()),
        body.len(),
    );
    let content_type = response.content_type().map(|kind| ("content-type", kind.as_ref()));
    let headers = response.headers().iter().map(|(name, value)| (*name, value.as_ref()));
    for (name, value) in content_type.into_iter().chain(headers) {
        write!(text, "{name}: {value}\r\n").expect("a String takes all text");
    }
    text + "\r\n" + &String::from_utf8_lossy(&body)
}

async fn write_all(stream: &mut impl Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

async fn discard(stream: &TcpStream) -> io::Result<()> {
    let mut left = DISCARD_BYTES_MAX;
    while 0 < left {
        stream.readable().await?;
        // On the stack of this block only: it does not cross an await.
        let mut space = [0; 16 << 10];
        match stream.try_read(&mut space) {
            Ok(0) => return Ok(()),
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
