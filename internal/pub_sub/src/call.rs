//! A call of a task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{CallError, Waiter};

/// A call on its way; awaits its reply.
#[derive(Debug)]
#[must_use = "a call does nothing unless awaited"]
pub struct Call<R>(Inner<R>);

#[derive(Debug)]
enum Inner<R> {
    Ready(Option<Result<R, CallError>>),
    Waiting(Waiter<Result<R, CallError>>),
}

impl<R> Call<R> {
    pub(crate) fn ready(outcome: Result<R, CallError>) -> Self {
        Self(Inner::Ready(Some(outcome)))
    }

    pub(crate) fn waiting(waiter: Waiter<Result<R, CallError>>) -> Self {
        Self(Inner::Waiting(waiter))
    }
}

impl<R: Unpin> Future for Call<R> {
    type Output = Result<R, CallError>;

    /// # Panics
    /// If polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Ready(outcome) => {
                Poll::Ready(outcome.take().expect("a future is not polled after it was ready"))
            }
            Inner::Waiting(waiter) => Pin::new(waiter).poll(context).map(|reply| match reply {
                Some(Ok(outcome)) => outcome,
                // A closed node refuses its jobs; only a retired one drops them.
                Some(Err(_abandoned)) => Err(CallError::Retired),
                None => Err(CallError::TimedOut),
            }),
        }
    }
}
