//! The signal that the door is closing.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Set once, and heard by every task.
#[derive(Debug, Default)]
pub(super) struct Drain {
    started: AtomicBool,
    heard: Notify,
}

impl Drain {
    /// Closes the door.
    pub(super) fn start(&self) {
        self.started.store(true, Ordering::Release);
        self.heard.notify_waiters();
    }

    /// Whether it is closing. Costs one load: asked on every poll of a connection.
    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Ready when the door closes after this call; whether it did so before,
    /// [`is_started`](Self::is_started) tells when asked afterwards.
    pub(super) fn heard(&self) -> Notified<'_> {
        self.heard.notified()
    }
}
