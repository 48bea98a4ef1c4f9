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
