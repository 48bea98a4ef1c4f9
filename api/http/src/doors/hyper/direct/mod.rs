//! Answers that hyper has no part in.
//!
//! A hit takes less time than hyper needs to read its request and to write its answer, and
//! a request that is passed on to another not much more. So the door answers by itself what
//! is simple on both sides: a GET or HEAD without a body, on a connection on which hyper has
//! nothing to do, whose answer comes in one piece. All others are hyper's.
//!
//! ```text
//! guard -- a plain head, hyper idle --> begin -----> whole --> Sending --> the stream
//!   |                                     |            ^
//!   |                                     +-- waits ---+
//!   |                                     +-----+-- in pieces, or the door closes
//!   v                                           v        (kept here)
//! hyper <------ the same head ------------------+
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
use super::drain::Drain;
use super::outgoing::Outgoing;
use super::shared::Shared;
use crate::{Method, Response, Service};
use head::PlainHead;
pub(super) use sending::Sending;

type Answering<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// Answers the requests of one connection, whoever reads and writes for it.
pub(super) struct Desk<'a, S> {
    shared: &'a Shared<S>,
    /// What was begun, and waits; or is for a request that hyper is shown next.
    begun: Mutex<Option<Begun<'a>>>,
    /// How many answers of hyper have come to their end.
    ended: Arc<AtomicU64>,
}

/// An answer on its way.
struct Begun<'a> {
    method: Method,
    answering: Answering<'a>,
}

/// What becomes of a request.
pub(super) enum Course {
    /// Its answer can be sent.
    Sends(Sending),
    /// Its answer is awaited: [`Direct::go_on`].
    Waits,
    /// hyper must be shown it.
    IsForHyper,
}

/// What a connection needs of its desk.
pub(super) trait Direct: Sync {
    /// Begins to answer a request of which the whole head has come, and that has no body.
    fn begin(&self, cx: &mut Context<'_>, head: &[u8]) -> Course;

    /// Goes on with what waits.
    fn go_on(&self, cx: &mut Context<'_>) -> Course;

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
                self.shared.outgoing(begun.answering.await, parts)
            }
            None => answer(self.shared, request).await?,
        };
        Ok(response.map(|body| body.counted(&self.ended)))
    }

    /// Whether the door closes.
    pub(super) fn drain(&self) -> &Drain {
        &self.shared.drain
    }

    /// Whether something was begun that hyper has not been shown.
    pub(super) fn is_answering(&self) -> bool {
        self.begun.lock().is_some()
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

    /// Sends what has come, and keeps what has not, and what only hyper can send.
    fn poll(&self, cx: &mut Context<'_>, begun: Begun<'a>) -> Course {
        let Begun { method, mut answering } = begun;
        let Poll::Ready(response) = answering.as_mut().poll(cx) else {
            *self.begun.lock() = Some(Begun { method, answering });
            return Course::Waits;
        };
        if !Sending::can_send(&response) {
            let answering = Box::pin(async { response });
            *self.begun.lock() = Some(Begun { method, answering });
            return Course::IsForHyper;
        }
        let (response, reservation) = self.shared.within_budget(response, method);
        Course::Sends(Sending::new(response, reservation, method))
    }
}

impl<S: Service> Direct for Desk<'_, S> {
    fn begin(&self, cx: &mut Context<'_>, head: &[u8]) -> Course {
        // hyper closes the connection once the door does.
        if self.shared.drain.is_started() {
            return Course::IsForHyper;
        }
        let Some(head) = PlainHead::of(head) else { return Course::IsForHyper };
        let method = head.method();
        self.poll(cx, Begun { method, answering: self.direct(head) })
    }

    fn go_on(&self, cx: &mut Context<'_>) -> Course {
        // 1. An answer is awaited. The door closes.
        // 2. The answer is sent from here, which says nothing of the connection.
        // 3. The client sends its next request, and the connection is closed under it.
        //
        // So hyper sends it, and says that the connection ends.
        if self.shared.drain.is_started() {
            return Course::IsForHyper;
        }
        // Not in the condition, or it would be locked below.
        let begun = self.begun.lock().take();
        begun.map_or(Course::IsForHyper, |begun| self.poll(cx, begun))
    }

    fn ended(&self) -> u64 {
        // Relaxed: a connection has one task.
        self.ended.load(Ordering::Relaxed)
    }
}
