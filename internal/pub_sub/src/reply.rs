//! The slot in which one reply travels from a node back to its caller.
//!
//! A thread waits for it parked, a future as a waker; both on the same slot,
//! which is filled or abandoned exactly once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::Deadline;
use crate::sync::{Condvar, Mutex};

/// The node went away without a reply: it was shut down, retired, or its
/// inbox was emptied. The command has not run, or its effect is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node ended without a reply")]
pub struct Abandoned;

/// What has become of a reply.
enum State<R> {
    /// Nobody has answered. The waker is that of the future that waits, if one
    /// does; a parked thread needs none.
    Pending(Option<Waker>),
    /// The answer is here and nobody has taken it yet.
    Answered(R),
    /// The replier was dropped without an answer.
    Abandoned,
    /// The waiter's time is over; it left without an answer.
    Expired,
    /// The waiter is gone, with the answer or without.
    Left,
}

struct Slot<R> {
    state: Mutex<State<R>>,
    answered: Condvar,
}

/// The node's end: answers once, or abandons by being dropped.
pub struct Replier<R> {
    slot: Arc<Slot<R>>,
}

/// The caller's end: a thread calls [`wait`](Self::wait), a task awaits it.
#[must_use = "a waiter that nobody waits on drops the reply"]
pub struct Waiter<R> {
    slot: Arc<Slot<R>>,
}

/// A new slot and its two ends.
pub fn reply_slot<R>() -> (Replier<R>, Waiter<R>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Pending(None)), answered: Condvar::new() });
    (Replier { slot: slot.clone() }, Waiter { slot })
}

impl<R> Slot<R> {
    /// Replaces a pending state by `next` and wakes whoever waits for it.
    ///
    /// The interleaving that must not be:
    ///
    /// 1. The waiter finds the state pending.
    /// 2. The state is replaced here; nobody is registered, nobody is woken.
    /// 3. The waiter registers itself and waits for ever.
    ///
    /// Hence the waiter looks and registers itself (by waiting on the condition,
    /// or by leaving its waker in the state) under one hold of the lock under
    /// which the state is replaced here.
    fn settle(&self, next: State<R>) {
        let mut state = self.state.lock();
        let State::Pending(waker) = &mut *state else { return };
        let waker = waker.take();
        *state = next;
        // Wake with the lock released: the one who wakes needs it at once.
        drop(state);
        self.answered.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<R> Replier<R> {
    /// Hands the answer over. It is dropped if the caller has left.
    pub fn answer(self, reply: R) {
        self.slot.settle(State::Answered(reply));
    }

    /// Whether the caller has left, so that the work can be spared.
    pub fn is_unwanted(&self) -> bool {
        matches!(*self.slot.state.lock(), State::Left | State::Expired)
    }
}

impl<R> Drop for Replier<R> {
    /// Abandons the reply, unless it was given.
    fn drop(&mut self) {
        self.slot.settle(State::Abandoned);
    }
}

impl<R> Waiter<R> {
    /// Parks the thread until the answer comes, the node ends (`Abandoned`) or
    /// the deadline passes (`None`).
    pub fn wait(self, deadline: &Deadline) -> Option<Result<R, Abandoned>> {
        let mut state = self.slot.state.lock();
        while let State::Pending(_) = *state {
            if self.slot.answered.wait_until(&mut state, deadline.instant()).timed_out() {
                break;
            }
        }
        Self::take(&mut state)
    }

    /// A handle that can end the wait from outside.
    pub fn expiry(&self) -> Arc<dyn Expire>
    where
        R: Send + 'static,
    {
        self.slot.clone()
    }

    /// What the state holds for the waiter, who leaves with it.
    fn take(state: &mut State<R>) -> Option<Result<R, Abandoned>> {
        match std::mem::replace(state, State::Left) {
            State::Answered(reply) => Some(Ok(reply)),
            State::Abandoned => Some(Err(Abandoned)),
            State::Pending(_) | State::Expired | State::Left => None,
        }
    }
}

/// Something that waits and can be told that its time is over.
pub trait Expire: Send + Sync {
    /// Ends the wait without an answer; does nothing if one has come.
    fn expire(&self);
    /// Whether there is still a wait to end.
    fn is_waiting(&self) -> bool;
}

impl<R: Send> Expire for Slot<R> {
    fn expire(&self) {
        self.settle(State::Expired);
    }

    fn is_waiting(&self) -> bool {
        matches!(*self.state.lock(), State::Pending(_))
    }
}

/// Resolves to `None` when the wait was ended by [`Expire::expire`].
impl<R> Future for Waiter<R> {
    type Output = Option<Result<R, Abandoned>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.state.lock();
        if let State::Pending(waker) = &mut *state {
            // 1. One task polls, and leaves its waker.
            // 2. The future moves to another task, which polls it again.
            // 3. The answer wakes the first; the second waits for ever.
            // Hence the last waker counts, not the first.
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        Poll::Ready(Self::take(&mut state))
    }
}

impl<R> Drop for Waiter<R> {
    /// Says that nobody wants the answer any more.
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *self.slot.state.lock(), State::Left);
        // An answer that came too late is dropped here, outside the lock.
        drop(left);
    }
}

impl<R> fmt::Debug for Replier<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replier").finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Waiter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn long() -> Deadline {
        Deadline::within(Duration::from_mins(1))
    }

    #[test]
    fn an_answer_reaches_a_thread_that_waits() {
        let (replier, waiter) = reply_slot();
        let node = std::thread::Builder::new().spawn(move || replier.answer(7)).unwrap();
        assert_eq!(waiter.wait(&long()), Some(Ok(7)));
        node.join().unwrap();
    }

    #[test]
    fn a_dropped_replier_abandons_its_waiter() {
        let (replier, waiter) = reply_slot::<u8>();
        drop(replier);
        assert_eq!(waiter.wait(&long()), Some(Err(Abandoned)));
    }

    #[test]
    fn a_waiter_leaves_at_its_deadline_and_the_replier_learns_it() {
        let (replier, waiter) = reply_slot::<u8>();
        assert_eq!(waiter.wait(&Deadline::within(Duration::ZERO)), None);
        assert!(replier.is_unwanted());
        replier.answer(1); // into the void, without harm
    }

    #[test]
    fn a_future_is_woken_once_by_the_answer() {
        let (replier, waiter) = reply_slot();
        let flag = Arc::new(crate::mailbox::tests::CountingWaker::default());
        let waker = Waker::from(flag.clone());
        let mut context = Context::from_waker(&waker);
        let mut waiter = Box::pin(waiter);
        assert!(waiter.as_mut().poll(&mut context).is_pending());
        assert!(waiter.as_mut().poll(&mut context).is_pending());
        replier.answer("late");
        assert_eq!(flag.wakes(), 1);
        assert_eq!(waiter.as_mut().poll(&mut context), Poll::Ready(Some(Ok("late"))));
    }

    #[test]
    fn an_expired_wait_resolves_to_nothing() {
        let (replier, waiter) = reply_slot::<u8>();
        let expiry = waiter.expiry();
        assert!(expiry.is_waiting());
        expiry.expire();
        assert!(!expiry.is_waiting());
        replier.answer(1);
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(Box::pin(waiter).as_mut().poll(&mut context), Poll::Ready(None));
    }
}
