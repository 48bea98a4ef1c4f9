//! A future that is given up when its time is over or it is called off, and whose
//! panic is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use distcache_bus::{Deadline, Replier, Timer, Waiter, reply_slot};

use super::{LoadError, Place};
use crate::source::BoxFuture;

/// A future and its end.
pub(crate) struct Timed<'a, T> {
    future: BoxFuture<'a, T>,
    alarm: Alarm,
    timeout: Duration,
    /// Of a load, which can be called off.
    place: Option<&'a Place>,
}

/// Resolves when its time has come, or its load is called off.
pub(crate) struct Alarm {
    waiter: Waiter<()>,
    /// Nobody answers; kept, because dropping it would.
    _replier: Replier<()>,
}

impl Alarm {
    pub(crate) fn after(time: Duration, timer: &Timer, place: Option<&Place>) -> Self {
        let (replier, waiter) = reply_slot();
        if let Some(place) = place {
            place.ends(waiter.expiry());
        }
        if !timer.keep(Deadline::within(time).instant(), &waiter.expiry()) {
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
    /// Gives `future` up after `timeout`, or when the load in `place`, if it is
    /// one, is called off.
    pub(crate) fn new(
        future: BoxFuture<'a, T>,
        timeout: Duration,
        timer: &Timer,
        place: Option<&'a Place>,
    ) -> Self {
        Self { future, alarm: Alarm::after(timeout, timer, place), timeout, place }
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
        let given_up = if self.place.is_some_and(Place::is_called_off) {
            LoadError::Cancelled
        } else {
            LoadError::TimedOut { timeout: self.timeout }
        };
        Pin::new(&mut self.alarm).poll(context).map(|()| Err(given_up))
    }
}
