//! The last answer on a connection, and a close that lets it be read.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::direct::Sending;
use super::stream::Stream;
use crate::{Method, Problem};

/// How long a client may take to read the last answer and close.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How much the client may go on sending meanwhile: most of a body that was
/// refused is on its way already.
const DISCARD_BYTES_MAX: usize = 16 << 20;

/// Answers with `problem` and closes.
pub(super) async fn send(mut stream: impl Stream, problem: &Problem) {
    let response = problem.clone().into_response().with_header("connection", "close");
    let mut answer = Sending::new(response, None, Method::Get);
    let last = async {
        poll_fn(|cx| answer.poll_write(cx, Pin::new(&mut stream))).await?;
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
