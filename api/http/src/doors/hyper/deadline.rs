//! A deadline that is moved often and reached seldom.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer a connection, armed lazily: moving the deadline later touches no
/// timer. An alarm that comes too early is set again then.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// A deadline that is of no meaning before it is [set](Self::set).
    pub(super) fn unset() -> Self {
        Self { at: Instant::now(), alarm: None }
    }

    /// Moves it.
    pub(super) fn set(&mut self, at: Instant) {
        self.at = at;
    }

    /// Ready when it has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < alarm.deadline() {
            alarm.as_mut().reset(at);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if at <= alarm.deadline() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(at);
        }
    }
}
