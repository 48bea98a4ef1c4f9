//! One connection to a member.
//!
//! Whoever asks something on it also works it: what is written and read is written and read
//! by the task that waits for the answer. A task of its own would be woken for each request,
//! and wake the other for each answer, often on another core.
//!
//! An idle one nobody works. That the member has closed it is seen when it is taken next.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// What is read of an answer before somebody takes it. A head is far shorter.
const READ_BYTES: usize = 64 << 10;

/// How often both sides are looked at before it is left to the one that is woken: one gives
/// the other something to do, a head first, and then its body.
const LOOKS: usize = 2;

/// Speaks HTTP/1.1 with a member, one request after the other. Dropped, it is closed.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    work: Work,
}

/// What is written and read; none when it has ended.
struct Work(Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>);

impl Line {
    /// Speaks over a stream.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> io::Result<Self> {
        let mut http = Builder::new();
        http.max_buf_size(READ_BYTES);
        let (sender, connection) =
            http.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, work: Work(Some(Box::pin(connection))) })
    }

    /// Whether another request can be sent: the last answer has come to its end, and the
    /// member has not closed it.
    pub(crate) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.work.poll(cx);
            Poll::Ready(self.sender.is_ready() && self.work.0.is_some())
        })
        .await
    }

    /// Sends a request, and waits for the head of the answer.
    ///
    /// # Errors
    /// With the request, if nothing of it was written.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let answer = self.sender.try_send_request(request);
        self.work.until(answer).await
    }

    /// Waits for something that comes on it: the body of an answer.
    pub(crate) async fn until<T>(&mut self, comes: impl Future<Output = T>) -> T {
        self.work.until(comes).await
    }

    /// Goes on with what is written and read, for who looks at the answer's body next.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        self.work.poll(cx);
    }
}

impl Work {
    fn poll(&mut self, cx: &mut Context<'_>) {
        let Some(work) = &mut self.0 else { return };
        if let Poll::Ready(ended) = work.as_mut().poll(cx) {
            self.0 = None;
            if let Err(error) = ended {
                log::debug!("a connection to a member ended: {error}");
            }
        }
    }

    async fn until<T>(&mut self, comes: impl Future<Output = T>) -> T {
        let mut comes = pin!(comes);
        poll_fn(|cx| {
            for _ in 0..LOOKS {
                self.poll(cx);
                if let Poll::Ready(it) = comes.as_mut().poll(cx) {
                    return Poll::Ready(it);
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nval";

    fn request() -> Request<Full<Bytes>> {
        Request::new(Full::new(Bytes::new()))
    }

    /// What the member does, asked once.
    async fn answers(member: &mut DuplexStream, answer: &[u8]) {
        let mut head = [0; 1024];
        assert_ne!(member.read(&mut head).await.expect("it is asked"), 0);
        member.write_all(answer).await.expect("it is heard");
    }

    #[tokio::test]
    async fn it_is_usable_when_the_answer_has_come_to_its_end_until_the_member_closes_it() {
        let (here, mut member) = duplex(1024);
        let mut line = Line::over(here).await.expect("it is there");
        for _ in 0..2 {
            assert!(line.is_usable().await);
            let (response, ()) = tokio::join!(line.send(request()), answers(&mut member, BEGUN));
            let response = response.expect("it is answered");
            assert!(!line.is_usable().await, "it has not come to its end");
            member.write_all(b"ue").await.expect("it is heard");
            let body = line.until(response.into_body().collect()).await.expect("it is whole");
            assert_eq!(body.to_bytes(), "value");
        }
        drop(member);
        assert!(!line.is_usable().await);
        let error = line.send(request()).await.expect_err("nobody is there");
        assert!({ error }.take_message().is_some(), "nothing of it was written");
    }

    #[tokio::test]
    async fn what_the_member_says_unasked_ends_it() {
        let (here, mut member) = duplex(1024);
        let mut line = Line::over(here).await.expect("it is there");
        assert!(line.is_usable().await);
        member.write_all(BEGUN).await.expect("it is heard");
        assert!(!line.is_usable().await);
    }

    #[tokio::test]
    async fn one_that_the_member_closes_after_its_answer_is_not_usable() {
        let (here, mut member) = duplex(1024);
        let mut line = Line::over(here).await.expect("it is there");
        let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nvalue";
        let (response, ()) = tokio::join!(line.send(request()), answers(&mut member, last));
        let body = response.expect("it is answered").into_body();
        assert_eq!(line.until(body.collect()).await.expect("it is whole").to_bytes(), "value");
        assert!(!line.is_usable().await);
    }
}
