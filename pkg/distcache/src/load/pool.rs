//! A few threads for blocking work, and a bounded queue before them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use distcache_bus::{Deadline, join_by};
use parking_lot::{Condvar, Mutex};

use crate::keyspace::QueueMarks;

/// What a pool runs.
type Job = Box<dyn FnOnce() + Send>;

/// Threads that start when they are needed, and end with the pool.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    name: String,
    threads_max: usize,
    waiting_max: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    marks: Arc<QueueMarks>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// Jobs that run.
    running: usize,
    threads: Vec<JoinHandle<()>>,
    closed: bool,
}

/// The queue is full, or closed; the job was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Pool {
    /// A pool of up to `threads_max` threads (at least 1), before which up to
    /// `waiting_max` jobs wait. The threads are named `name-N`.
    pub(crate) fn new(
        name: String,
        threads_max: usize,
        waiting_max: usize,
        marks: Arc<QueueMarks>,
    ) -> Self {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), marks };
        Self { shared: Arc::new(shared), name, threads_max: threads_max.max(1), waiting_max }
    }

    /// Runs a job when a thread is free. It is made only if there is room for it.
    pub(crate) fn submit<J: FnOnce() + Send + 'static>(
        &self,
        job: impl FnOnce() -> J,
    ) -> Result<(), Full> {
        let mut state = self.shared.state.lock();
        // Those that an idle thread will take at once do not wait.
        let is_full = self.waiting_max + state.idle <= state.waiting.len();
        let needs_thread = state.idle <= state.waiting.len();
        let may_start = state.threads.len() < self.threads_max;
        if state.closed {
            return Err(Full);
        }
        if is_full && !(needs_thread && may_start) {
            self.shared.marks.waiting.reach();
            return Err(Full);
        }
        if needs_thread && may_start {
            self.start_thread(&mut state)?;
        }
        state.waiting.push_back(Box::new(job()));
        self.shared.mark_waiting(&state);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    fn start_thread(&self, state: &mut State) -> Result<(), Full> {
        let shared = self.shared.clone();
        let name = format!("{}-{}", self.name, state.threads.len());
        let started = thread::Builder::new().name(name).spawn(move || shared.run());
        match started {
            Ok(thread) => state.threads.push(thread),
            // Those that there are will do, if there are any.
            Err(error) if state.threads.is_empty() => {
                log::error!("no thread could be started for loads: {error}");
                return Err(Full);
            }
            Err(error) => log::warn!("a thread for loads could not be started: {error}"),
        }
        Ok(())
    }

    /// Jobs that run now.
    pub(crate) fn running(&self) -> usize {
        self.shared.state.lock().running
    }

    /// Jobs that wait for a thread.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.state.lock().waiting.len()
    }

    /// Takes nothing more. What waits is dropped, or run first.
    pub(crate) fn close(&self, runs_waiting: bool) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        let dropped =
            if runs_waiting { VecDeque::new() } else { std::mem::take(&mut state.waiting) };
        drop(state);
        self.shared.changed.notify_all();
        // Jobs tell when they are dropped: no lock is held.
        drop(dropped);
    }

    /// Waits for the threads of a closed pool. Returns how many did not end.
    pub(crate) fn join(&self, deadline: &Deadline) -> usize {
        let threads = std::mem::take(&mut self.shared.state.lock().threads);
        let me = thread::current().id();
        // A job may hold the last handle to its own pool.
        let others = threads.into_iter().filter(|thread| thread.thread().id() != me);
        others.filter_map(|thread| (!join_by(thread, deadline)).then_some(())).count()
    }
}

impl Shared {
    /// Notes how many jobs wait for others to end: each thread takes one.
    fn mark_waiting(&self, state: &State) {
        let waiting = (state.running + state.waiting.len()).saturating_sub(state.threads.len());
        self.marks.waiting.note(waiting as u64);
        if waiting != 0 {
            self.marks.running.reach();
        }
    }

    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                state.running += 1;
                self.marks.running.note(state.running as u64);
                drop(state);
                // What a job does about its panic is its own business.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                state = self.state.lock();
                state.running -= 1;
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                self.changed.wait(&mut state);
                state.idle -= 1;
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close(false);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn patient() -> Deadline {
        Deadline::within(Duration::from_mins(1))
    }

    #[test]
    fn as_many_jobs_run_at_once_as_there_may_be_threads_and_no_more() {
        let pool = Pool::new("p".to_owned(), 3, 100, Arc::default());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let together = Arc::new(Barrier::new(3));
        for _ in 0..30 {
            let (running, most, together) = (running.clone(), most.clone(), together.clone());
            let job = move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                together.wait();
                running.fetch_sub(1, Ordering::SeqCst);
            };
            pool.submit(|| job).unwrap();
        }
        pool.close(true);
        assert_eq!(pool.join(&patient()), 0);
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn jobs_beyond_the_queue_are_refused_and_those_in_it_are_run() {
        let pool = Pool::new("p".to_owned(), 1, 2, Arc::default());
        let gate = Arc::new(Barrier::new(2));
        let (first, ran) = (gate.clone(), Arc::new(AtomicUsize::new(0)));
        pool.submit(|| move || _ = first.wait()).unwrap();
        while pool.waiting() != 0 {
            thread::yield_now();
        }
        let accepted = (0..5)
            .filter(|_| {
                let ran = ran.clone();
                pool.submit(|| move || _ = ran.fetch_add(1, Ordering::SeqCst)).is_ok()
            })
            .count();
        assert_eq!(accepted, 2);
        gate.wait();
        pool.close(true);
        assert_eq!(pool.join(&patient()), 0);
        assert_eq!(ran.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_job_that_panics_leaves_its_thread_to_the_next() {
        let pool = Pool::new("p".to_owned(), 1, 9, Arc::default());
        let ran = Arc::new(AtomicUsize::new(0));
        pool.submit(|| || panic!("a job")).unwrap();
        let other = ran.clone();
        pool.submit(|| move || _ = other.fetch_add(1, Ordering::SeqCst)).unwrap();
        pool.close(true);
        assert_eq!(pool.join(&patient()), 0);
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_closed_pool_drops_what_waits_and_takes_nothing() {
        let pool = Pool::new("p".to_owned(), 1, 9, Arc::default());
        let gate = Arc::new(Barrier::new(2));
        let first = gate.clone();
        pool.submit(|| move || _ = first.wait()).unwrap();
        while pool.waiting() != 0 {
            thread::yield_now();
        }
        let held = Arc::new(());
        let of_job = held.clone();
        pool.submit(|| move || drop(of_job)).unwrap();
        pool.close(false);
        assert_eq!(Arc::strong_count(&held), 1, "the job was dropped");
        assert_eq!(pool.submit(|| || ()), Err(Full));
        gate.wait();
        assert_eq!(pool.join(&patient()), 0);
    }
}
