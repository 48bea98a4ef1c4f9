//! Answers that hyper has no part in.
//!
//! A hit takes less time than hyper needs to read its request and to write its answer. So
//! the door answers by itself what is simple on both sides: a GET or HEAD without a body
//! that came whole and alone, on a connection on which hyper has nothing to do, whose
//! answer is there at once and comes in one piece. All others are hyper's.
//!
//! ```text
//! guard -- a plain head, hyper idle --> begin -- at once, whole --> Sending --> the stream
//!   |                                     |
//!   |                                     +-- it waits, or comes in pieces
//!   v                                     v        (kept here)
//! hyper <------ the same head ------------+
//!   +--> Desk::answer: what was begun goes on; nothing is begun twice
//! ```
//!
//! Both ways lead through the same [`Service`], limits and counts, and the answers have
//! the same headers.

mod date;
mod head;
mod sending;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::{Request as HyperRequest, Response as HyperResponse};
use parking_lot::Mutex;

use super::answer::{BodyLost, answer, handle};
use super::outgoing::Outgoing;
use super::shared::Shared;
use crate::{Response, Service};
use head::PlainHead;
pub(super) use sending::Sending;

type Answering<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// Answers the requests of one connection, whoever reads and writes for it.
pub(super) struct Desk<'a, S> {
    shared: &'a Shared<S>,
    /// What was begun for a request that hyper is shown next.
    begun: Mutex<Option<Answering<'a>>>,
    /// How many answers of hyper have come to their end.
    ended: Arc<AtomicU64>,
}

/// What a connection needs of its desk.
pub(super) trait Direct: Sync {
    /// The answer to a whole head that came alone; `None` if hyper must be shown it.
    fn begin(&self, cx: &mut Context<'_>, head: &[u8]) -> Option<Sending>;

    /// How many requests hyper has answered to the end: the last byte is in its buffer.
    fn ended(&self) -> u64;
}

impl<'a, S: Service> Desk<'a, S> {
    pub(super) fn new(shared: &'a Shared<S>) -> Self {
        Self { shared, begun: Mutex::default(), ended: Arc::default() }
    }

    /// Answers a request that hyper has read.
    pub(super) async fn answer(
        &self,
        request: HyperRequest<Incoming>,
    ) -> Result<HyperResponse<Outgoing>, BodyLost> {
        let begun = self.begun.lock().take();
        let response = match begun {
            Some(begun) => {
                let (parts, _no_body) = request.into_parts();
                self.shared.outgoing(begun.await, parts)
            }
            None => answer(self.shared, request).await?,
        };
        Ok(response.map(|body| body.counted(&self.ended)))
    }

    /// Answers a request that hyper has no part in, as far as that is known by now.
    fn direct(&self, head: PlainHead) -> Answering<'a> {
        let shared = self.shared;
        Box::pin(async move {
            let request = head.request();
            match shared.service.admit(&request) {
                Ok(()) => handle(shared, request).await,
                Err(problem) => problem.into_response(),
            }
        })
    }
}

impl<S: Service> Direct for Desk<'_, S> {
    fn begin(&self, cx: &mut Context<'_>, head: &[u8]) -> Option<Sending> {
        // hyper closes the connection once the door does.
        if self.shared.drain.is_started() {
            return None;
        }
        let head = PlainHead::of(head)?;
        let method = head.method();
        let mut answering = self.direct(head);
        let response = match answering.as_mut().poll(cx) {
            Poll::Ready(response) => response,
            Poll::Pending => {
                *self.begun.lock() = Some(answering);
                return None;
            }
        };
        if !Sending::can_send(&response) {
            *self.begun.lock() = Some(Box::pin(async { response }));
            return None;
        }
        let (response, reservation) = self.shared.within_budget(response, method);
        Some(Sending::new(response, reservation, method))
    }

    fn ended(&self) -> u64 {
        // Relaxed: a connection has one task.
        self.ended.load(Ordering::Relaxed)
    }
}
