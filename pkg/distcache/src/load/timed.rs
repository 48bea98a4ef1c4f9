//! A future that is given up when its time is over, and whose panic is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use distcache_bus::{Deadline, Replier, Timer, Waiter, reply_slot};

use super::LoadError;
use crate::source::BoxFuture;

/// A future and its end.
pub(crate) struct Timed<'a, T> {
    future: BoxFuture<'a, T>,
    alarm: Alarm,
    timeout: Duration,
}

/// Resolves when its time has come.
pub(crate) struct Alarm {
    waiter: Waiter<()>,
    /// Nobody answers; kept, because dropping it would.
    _replier: Replier<()>,
}

impl Alarm {
    pub(crate) fn after(time: Duration, timer: &Timer) -> Self {
        Self::at(Deadline::within(time).instant(), timer)
    }

    fn at(at: Instant, timer: &Timer) -> Self {
        let (replier, waiter) = reply_slot();
        if !timer.keep(at, &waiter.expiry()) {
            // A timer that is full or closed: at once rather than never.
            waiter.expiry().expire();
        }
        Self { waiter, _replier: replier }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.waiter).poll(context).map(|_| ())
    }
}

impl<'a, T> Timed<'a, T> {
    /// Gives `future` up after `timeout`.
    pub(crate) fn new(future: BoxFuture<'a, T>, timeout: Duration, timer: &Timer) -> Self {
        Self { future, alarm: Alarm::after(timeout, timer), timeout }
    }
}

impl<T> Future for Timed<'_, T> {
    type Output = Result<T, LoadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => {}
            Err(_panic) => return Poll::Ready(Err(LoadError::Panicked)),
        }
        let timeout = self.timeout;
        Pin::new(&mut self.alarm).poll(context).map(|()| Err(LoadError::TimedOut { timeout }))
    }
}
