//! One connection, from the first byte to the last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1::Connection;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::time::{sleep, timeout};

use super::direct::Desk;
use super::farewell;
use super::io::{GuardedIo, Parting};
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::stream::Stream;
use crate::Service;

/// How long a client may take to read the end of a stream when the door closes:
/// one that does not read holds nobody up.
const STREAM_PATIENCE: Duration = Duration::from_secs(1);

/// Serves `stream` to its end.
pub(super) async fn serve<S: Service>(stream: impl Stream, shared: &Shared<S>) {
    let desk = Desk::new(shared);
    let io = TokioIo::new(GuardedIo::new(stream, &shared.limits, &desk));
    let is_stream = AtomicBool::new(false);
    let service = service_fn(|request| async {
        let answer = desk.answer(request).await;
        let comes_in_pieces = answer.as_ref().is_ok_and(|answer| answer.body().is_stream());
        is_stream.store(comes_in_pieces, Ordering::Relaxed);
        answer
    });
    let mut connection = shared.http.serve_connection(io, service);
    if let Err(error) = drive(&mut connection, &desk, &is_stream).await {
        log::debug!("a connection ended: {error}");
    }
    let mut io = connection.into_parts().io.into_inner();
    // hyper may have ended while the client takes an answer that hyper knows nothing of.
    let sent = timeout(farewell::PATIENCE, poll_fn(|cx| io.poll_send(cx)));
    if !matches!(sent.await, Ok(Ok(()))) {
        return;
    }
    let (stream, parting) = io.into_parts(&shared.watch);
    match parting {
        Parting::Close => farewell::leave(stream).await,
        Parting::Linger => farewell::linger(stream).await,
        Parting::Tell(problem) => farewell::send(stream, &problem).await,
    }
}

/// Polls `connection` until it ends, and tells it when the door closes.
async fn drive<T, H>(
    connection: &mut Connection<TokioIo<GuardedIo<'_, T>>, H>,
    desk: &Desk<'_, impl Service>,
    is_stream: &AtomicBool,
) -> hyper::Result<()>
where
    T: Stream,
    H: HttpService<Incoming, ResBody = Outgoing>,
    H::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let drain = desk.drain();
    let mut closing = pin!(drain.heard());
    let mut listening = false;
    let mut told = false;
    let mut cut_off = None;
    poll_fn(|cx| {
        if !listening {
            // Once is enough: a task has one waker for life, and what became of
            // the signal is in the flag.
            listening = closing.as_mut().poll(cx) == Poll::Pending;
        }
        // 1. A request is being answered without hyper. The door closes.
        // 2. hyper is told, has nothing to do, and ends the connection at once.
        // 3. The client has no answer.
        //
        // So it is told when it has been shown that request, which the desk sees to.
        loop {
            if !told && drain.is_started() && !desk.is_answering() {
                told = true;
                Pin::new(&mut *connection).graceful_shutdown();
            }
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(ended);
            }
            if told || !drain.is_started() || desk.is_answering() {
                break;
            }
        }
        if told && is_stream.load(Ordering::Relaxed) {
            let cut_off = cut_off.get_or_insert_with(|| Box::pin(sleep(STREAM_PATIENCE)));
            return cut_off.as_mut().poll(cx).map(Ok);
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::runtime::Builder;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{Limits, Request, Response};

    /// Answers when it may.
    struct Gate {
        asked: Semaphore,
        may_answer: Semaphore,
    }

    impl Service for Gate {
        async fn call(&self, _: Request<'_>) -> Response {
            self.asked.add_permits(1);
            let _permit = self.may_answer.acquire().await;
            Response::octets(Bytes::from_static(b"through"))
        }
    }

    /// What a client is told that asks with `head`, when the door closes and its answer
    /// comes before its connection's task runs again.
    async fn told_at_the_end(head: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (served, _) = listener.accept().await.unwrap();
        let gate = Gate { asked: Semaphore::new(0), may_answer: Semaphore::new(0) };
        let drain = Arc::default();
        let limits = Limits::default();
        let shared = Arc::new(Shared::new(gate, limits, drain, None, Arc::default()));
        let serving = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { serve(served, &shared).await }
        });
        client.write_all(head.as_bytes()).await.unwrap();
        let _asked = shared.service.asked.acquire().await.unwrap();
        shared.drain.start();
        shared.service.may_answer.add_permits(1);
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        serving.await.unwrap();
        text
    }

    #[test]
    fn an_answer_that_comes_while_the_door_closes_says_that_the_connection_ends() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        // The first is begun without hyper, the second is not.
        for head in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PUT / HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let text = runtime.block_on(told_at_the_end(head));
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
            assert_eq!(text.matches("\r\nconnection: close\r\n").count(), 1, "{text}");
            assert!(text.ends_with("\r\n\r\nthrough"), "{text}");
        }
    }
}
