//! The last answer on a connection, and a close that lets it be read.

use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Problem;

/// How long a client may take to read the last answer and close.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much the client may go on sending meanwhile: most of a body that was
/// refused is on its way already.
const DISCARD_BYTES_MAX: usize = 16 << 20;

/// Answers with `problem` and closes.
pub(super) async fn send(mut stream: TcpStream, problem: &Problem) {
    let last = async {
        write_all(&stream, message(problem).as_bytes()).await?;
        close(&mut stream).await
    };
    // Whatever goes wrong now, the connection is over.
    let _ = timeout(PATIENCE, last).await;
}

/// Closes a connection that was answered before the client had sent all.
pub(super) async fn linger(mut stream: TcpStream) {
    let _ = timeout(PATIENCE, close(&mut stream)).await;
}

/// Closing a socket with unread bytes in it resets the connection, and the reset
/// may overtake the answer. So the sending side is shut first, and what the
/// client still sends is read and thrown away until it closes, within bounds.
async fn close(stream: &mut TcpStream) -> io::Result<()> {
    shut_sending_side(stream).await?;
    discard(stream).await
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

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn shut_sending_side(stream: &mut TcpStream) -> io::Result<()> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)).await
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
