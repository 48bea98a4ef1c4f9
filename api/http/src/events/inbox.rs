//! What waits to be sent to one client.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::frame;

/// Events that wait for one client; it misses what comes beyond.
pub(super) const EVENTS_MAX: usize = 256;

/// One client's queue.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Whether it wants to be told of invalidations.
    pub(super) invalidations: bool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    /// Events that came behind the last of `frames` and found no room.
    missed: u64,
    waker: Option<Waker>,
    is_over: bool,
}

impl Inbox {
    pub(super) fn new(invalidations: bool) -> Self {
        Self { invalidations, queue: Mutex::default() }
    }

    /// Adds an event, or counts it as missed. Returns who is to be woken.
    pub(super) fn push(&self, frame: &Bytes) -> Option<Waker> {
        let mut queue = self.queue.lock();
        if EVENTS_MAX <= queue.frames.len() {
            queue.missed += 1;
            return None;
        }
        queue.tell_missed();
        queue.frames.push_back(frame.clone());
        queue.waker.take()
    }

    /// Counts events as missed that never came here.
    pub(super) fn miss(&self, events: u64) -> Option<Waker> {
        let mut queue = self.queue.lock();
        queue.missed += events;
        queue.waker.take()
    }

    /// Adds a comment, if nothing else waits.
    pub(super) fn keep_alive(&self) -> Option<Waker> {
        let mut queue = self.queue.lock();
        if queue.frames.is_empty() {
            queue.frames.push_back(frame::KEEP_ALIVE);
        }
        queue.waker.take()
    }

    /// Nothing more will come.
    pub(super) fn end(&self) -> Option<Waker> {
        let mut queue = self.queue.lock();
        queue.is_over = true;
        queue.waker.take()
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = self.queue.lock();
        if queue.frames.is_empty() {
            queue.tell_missed();
        }
        match queue.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if queue.is_over => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Queue {
    /// Puts the word of what was missed where that would have been.
    fn tell_missed(&mut self) {
        if self.missed != 0 {
            let missed = std::mem::take(&mut self.missed);
            self.frames.push_back(frame::lag(missed));
        }
    }
}
