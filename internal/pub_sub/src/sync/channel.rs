//! A bounded channel with the rules of `crossbeam_channel`'s, and no more order
//! between its ends than that one has.
//!
//! * A message is received after it was sent, and nothing else.
//! * The last sender that is dropped disconnects; the count of senders is
//!   `AcqRel`, as in `crossbeam_channel`'s `counter.rs`.
//! * A `try_recv` that finds nothing has not synchronised with anybody, except
//!   by a fence: the caller may have seen the queue as it was a moment ago.
//!
//! The third is why this is not a plain queue behind a lock, which would order
//! each receive before or after each send and so hide what a caller forgot.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub(crate) use crossbeam_channel::{
    RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError,
};
use loom::sync::atomic::{AtomicUsize, fence};

use super::locks::{Condvar, Mutex};

struct Queue<T> {
    messages: Mutex<VecDeque<T>>,
    changed: Condvar,
    capacity: usize,
    /// How many messages wait, as one sees it who does not take the lock.
    len: AtomicUsize,
    senders: AtomicUsize,
}

pub(crate) struct Sender<T>(Arc<Queue<T>>);
pub(crate) struct Receiver<T>(Arc<Queue<T>>);

pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue {
        messages: Mutex::new(VecDeque::new()),
        changed: Condvar::new(),
        capacity,
        len: AtomicUsize::new(0),
        senders: AtomicUsize::new(1),
    });
    (Sender(queue.clone()), Receiver(queue))
}

impl<T> Sender<T> {
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut messages = self.0.messages.lock();
        if messages.len() == self.0.capacity {
            return Err(TrySendError::Full(message));
        }
        messages.push_back(message);
        self.0.len.fetch_add(1, Ordering::SeqCst);
        self.0.changed.notify_one();
        Ok(())
    }

    /// Gives up at once where the queue is full: no time passes here.
    pub(crate) fn send_deadline(&self, message: T, _: Instant) -> Result<(), SendTimeoutError<T>> {
        self.try_send(message).map_err(|error| SendTimeoutError::Timeout(error.into_inner()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len.load(Ordering::SeqCst)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Under the lock, lest a receiver be between its look and its wait.
            let messages = self.0.messages.lock();
            self.0.changed.notify_all();
            drop(messages);
        }
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        fence(Ordering::SeqCst);
        if self.0.len.load(Ordering::Relaxed) == 0 {
            return Err(TryRecvError::Empty);
        }
        let mut messages = self.0.messages.lock();
        self.0.pop(&mut messages).ok_or(TryRecvError::Empty)
    }

    pub(crate) fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        let mut messages = self.0.messages.lock();
        loop {
            if let Some(message) = self.0.pop(&mut messages) {
                return Ok(message);
            }
            if self.0.senders.load(Ordering::Acquire) == 0 {
                return Err(RecvTimeoutError::Disconnected);
            }
            self.0.changed.wait_until(&mut messages, at);
        }
    }
}

impl<T> Queue<T> {
    fn pop(&self, messages: &mut VecDeque<T>) -> Option<T> {
        let message = messages.pop_front()?;
        self.len.fetch_sub(1, Ordering::SeqCst);
        Some(message)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
