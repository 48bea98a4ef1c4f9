//! A few futures at once on somebody's runtime, and a bounded queue before them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Full;
use crate::keyspace::QueueMarks;
use crate::source::{BoxFuture, Spawner};

/// Futures that are run as a runtime allows.
pub(crate) struct Runs {
    shared: Arc<Shared>,
    spawner: Spawner,
    running_max: usize,
    waiting_max: usize,
    marks: Arc<QueueMarks>,
}

struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<BoxFuture<'static, ()>>,
    running: usize,
    closed: bool,
}

impl Runs {
    /// Up to `running_max` futures at once (at least 1), before which up to
    /// `waiting_max` wait.
    pub(crate) fn new(
        spawner: Spawner,
        running_max: usize,
        waiting_max: usize,
        marks: Arc<QueueMarks>,
    ) -> Self {
        let shared = Arc::new(Shared(Mutex::default()));
        Self { shared, spawner, running_max: running_max.max(1), waiting_max, marks }
    }

    /// Runs a future when there is room. It is made only if there is room for it
    /// to run or to wait.
    pub(crate) fn submit(
        &self,
        future: impl FnOnce() -> BoxFuture<'static, ()>,
    ) -> Result<(), Full> {
        let mut state = self.shared.0.lock();
        if state.closed {
            return Err(Full);
        }
        if state.running < self.running_max {
            state.running += 1;
            self.marks.running.note(state.running as u64);
            drop(state);
            let turn = Turn { shared: self.shared.clone(), is_over: false };
            self.spawner.spawn(Box::pin(turn.run(future())));
            return Ok(());
        }
        if self.waiting_max <= state.waiting.len() {
            self.marks.waiting.reach();
            return Err(Full);
        }
        state.waiting.push_back(future());
        self.marks.waiting.note(state.waiting.len() as u64);
        self.marks.running.reach();
        Ok(())
    }

    /// Futures that run now.
    pub(crate) fn running(&self) -> usize {
        self.shared.0.lock().running
    }

    /// Futures that wait for room.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.0.lock().waiting.len()
    }

    /// Takes nothing more, and drops what waits.
    pub(crate) fn close(&self) {
        let mut state = self.shared.0.lock();
        state.closed = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        drop(dropped);
    }
}

/// One of the places where futures run.
struct Turn {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Turn {
    /// Runs one future after the other. The place is given back under the lock
    /// under which nothing was found to run:
    ///
    /// 1. A turn finds the queue empty, and lets go of the lock.
    /// 2. A future is submitted: every place is taken, so it waits.
    /// 3. The turn gives its place back. Nobody takes the future up.
    async fn run(mut self, first: BoxFuture<'static, ()>) {
        let mut next = Some(first);
        while let Some(future) = next {
            future.await;
            let mut state = self.shared.0.lock();
            next = state.waiting.pop_front();
            if next.is_none() {
                state.running -= 1;
                self.is_over = true;
            }
        }
    }
}

impl Drop for Turn {
    /// A runtime that ends drops what has not ended. If nobody is left who could
    /// take up what waits, that is dropped too: it tells those who wait for it.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.shared.0.lock();
        state.running -= 1;
        let is_last = state.running == 0;
        let stranded = if is_last { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        drop(state);
        drop(stranded);
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs").field("running_max", &self.running_max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Waker};

    use super::*;

    /// A runtime that does nothing until it is told to.
    #[derive(Clone, Default)]
    struct ByHand(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

    impl ByHand {
        fn spawner(&self) -> Spawner {
            let spawned = self.0.clone();
            Spawner::new(move |future| spawned.lock().push(future))
        }

        /// Polls everything once; drops what has ended.
        fn turn(&self) {
            let mut context = Context::from_waker(Waker::noop());
            let mut futures = std::mem::take(&mut *self.0.lock());
            futures.retain_mut(|future| future.as_mut().poll(&mut context).is_pending());
            self.0.lock().extend(futures);
        }

        fn len(&self) -> usize {
            self.0.lock().len()
        }
    }

    fn count(counter: &Arc<AtomicUsize>) -> BoxFuture<'static, ()> {
        let counter = counter.clone();
        Box::pin(async move { _ = counter.fetch_add(1, Ordering::SeqCst) })
    }

    #[test]
    fn no_more_run_at_once_than_may_and_what_waits_comes_next() {
        let (runtime, ran) = (ByHand::default(), Arc::new(AtomicUsize::new(0)));
        let runs = Runs::new(runtime.spawner(), 1, 2, Arc::default());
        runs.submit(|| Box::pin(std::future::pending())).unwrap();
        runs.submit(|| count(&ran)).unwrap();
        runs.submit(|| count(&ran)).unwrap();
        assert_eq!(runs.submit(|| count(&ran)), Err(Full));
        runtime.turn();
        assert_eq!((runtime.len(), ran.load(Ordering::SeqCst), runs.waiting()), (1, 0, 2));
    }

    #[test]
    fn a_place_is_used_again_when_everything_has_run() {
        let (runtime, ran) = (ByHand::default(), Arc::new(AtomicUsize::new(0)));
        let runs = Runs::new(runtime.spawner(), 1, 2, Arc::default());
        for expected in 1..4 {
            runs.submit(|| count(&ran)).unwrap();
            runtime.turn();
            assert_eq!((runtime.len(), ran.load(Ordering::SeqCst)), (0, expected));
        }
    }

    #[test]
    fn a_runtime_that_ends_drops_what_waits_too() {
        let (runtime, ran) = (ByHand::default(), Arc::new(AtomicUsize::new(0)));
        let runs = Runs::new(runtime.spawner(), 1, 2, Arc::default());
        runs.submit(|| Box::pin(std::future::pending())).unwrap();
        runs.submit(|| count(&ran)).unwrap();
        runtime.0.lock().clear();
        assert_eq!(runs.waiting(), 0);
        assert_eq!(Arc::strong_count(&ran), 1, "and whoever waits for it would be told");
    }
}
