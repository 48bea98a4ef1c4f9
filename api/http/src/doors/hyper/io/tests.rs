//! What is written reaches the client, or the connection ends: also over a stream that
//! holds bytes back, as TLS does while the kernel takes no more.

use std::future::poll_fn;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// Holds back what is written until it is flushed.
struct Holding {
    held: Vec<u8>,
    sent: Vec<u8>,
    /// Whether the other end takes nothing.
    is_deaf: bool,
}

impl Holding {
    fn new(is_deaf: bool) -> Self {
        Self { held: Vec::new(), sent: Vec::new(), is_deaf }
    }
}

impl AsyncRead for Holding {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Holding {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_deaf {
            return Poll::Pending;
        }
        this.sent.append(&mut this.held);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Holding {
    fn socket(&self) -> &TcpStream {
        unreachable!("nobody takes leave here")
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

async fn answer(io: &mut GuardedIo<Holding>) -> io::Result<()> {
    let written = poll_fn(|cx| Pin::new(&mut *io).poll_write(cx, b"an answer")).await?;
    assert_eq!(written, 9);
    poll_fn(|cx| Pin::new(&mut *io).poll_flush(cx)).await
}

#[test]
fn what_a_stream_holds_back_is_flushed_behind_an_answer() {
    runtime().block_on(async {
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default());
        answer(&mut io).await.unwrap();
        assert_eq!(io.stream.sent, b"an answer");
    });
}

#[test]
fn a_flush_that_does_not_end_is_cut_off_in_the_time_of_a_write() {
    runtime().block_on(async {
        let limits = Limits { write_timeout: Duration::from_millis(5), ..Limits::default() };
        let mut io = GuardedIo::new(Holding::new(true), &limits);
        let error = answer(&mut io).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    });
}
