//! A call that is on its way.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use distcache_manager::Stopwatch;
use pin_project_lite::pin_project;

use super::outcome::{Outcome, Tells};
use super::watch::Live;
use super::{Here, Operation};

/// A call that has begun. If it is dropped before it ends, that is told too: its
/// task was cancelled, or it has panicked.
pub(super) struct Begun<'a> {
    live: &'a Live,
    operation: Operation,
    here: Here,
    /// `None` if nobody wants to know how long it takes.
    watch: Option<Stopwatch>,
    is_over: bool,
}

impl<'a> Begun<'a> {
    pub(super) fn new(
        live: &'a Live,
        operation: Operation,
        here: Here,
        watch: Option<Stopwatch>,
    ) -> Self {
        Self { live, operation, here, watch, is_over: false }
    }

    /// Does some of its work, within its span.
    pub(super) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        self.here.run(work)
    }

    pub(super) fn end(mut self, outcome: &Outcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: &Outcome) {
        self.is_over = true;
        if let (Some(numbers), Some(watch)) = (&self.live.otel.numbers, self.watch) {
            let about = self.live.about(self.operation);
            numbers.note_call(outcome.is_error(), watch.elapsed(), about);
        }
        if self.live.otel.tracer.is_some() {
            outcome.end_span(&self.here);
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.tell(&Outcome::DROPPED);
        }
    }
}

pin_project! {
    /// A call that is a future, and what is told of it.
    pub(crate) struct Told<'a, F> {
        #[pin]
        future: F,
        begun: Option<Begun<'a>>,
    }
}

impl<'a, F> Told<'a, F> {
    #[inline]
    pub(super) fn new(future: F, begun: Option<Begun<'a>>) -> Self {
        Self { future, begun }
    }
}

impl<F: Future<Output: Tells>> Future for Told<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(begun) = this.begun.as_ref() else { return this.future.poll(context) };
        let returned = ready!(begun.run(|| this.future.poll(context)));
        if let Some(begun) = this.begun.take() {
            begun.end(&returned.outcome());
        }
        Poll::Ready(returned)
    }
}
