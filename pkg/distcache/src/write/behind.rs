//! Writes that reach their store later.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use distcache_bus::{Deadline, join_by};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::config::WriteBehind;
use crate::{Answer, Context, DataStore, Error};

/// Is told of a key of which a write was lost.
pub(crate) type Forget = Box<dyn Fn(&[u8], Outcome) + Send + Sync>;

/// What came of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stored,
    Failed,
    Lost,
}

/// What waits, and the thread that writes it.
pub(crate) struct Behind {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    store: Arc<dyn DataStore>,
    how: WriteBehind,
    timeout: Duration,
    forget: OnceLock<Forget>,
}

#[derive(Default)]
struct State {
    /// The last write of each key that was not made yet.
    pending: HashMap<Box<[u8]>, Pending>,
    /// Their keys, the one that waits longest first.
    order: VecDeque<Box<[u8]>>,
    bytes: u64,
    next_number: u64,
    /// No try before this: the last one failed.
    not_before: Option<Instant>,
    closing: bool,
    lost: u64,
}

struct Pending {
    wanted: Option<Vec<u8>>,
    /// Tells a write from a later one of its key.
    number: u64,
    tries: u32,
}

/// A write as it is tried.
struct Try {
    key: Box<[u8]>,
    wanted: Option<Vec<u8>>,
    number: u64,
}

impl Behind {
    pub(crate) fn start(
        name: &str,
        store: Arc<dyn DataStore>,
        how: WriteBehind,
        timeout: Duration,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            store,
            how,
            timeout,
            forget: OnceLock::new(),
        });
        let of_thread = shared.clone();
        let builder = thread::Builder::new().name(format!("distcache-behind-{name}"));
        let thread = builder.spawn(move || of_thread.run());
        if let Err(error) = &thread {
            log::error!("no thread could be started for write-behind: {error}");
        }
        Arc::new(Self { shared, thread: Mutex::new(thread.ok()) })
    }

    pub(crate) fn forget_by(&self, forget: Forget) {
        // Only the first counts; there is one.
        let _ = self.shared.forget.set(forget);
    }

    /// Keeps a write, instead of an earlier one of its key.
    pub(crate) fn keep(&self, key: &[u8], wanted: Option<&[u8]>) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        let how = self.shared.how;
        let bytes = bytes_of(key, wanted);
        let had = state.pending.get(key).map(|held| bytes_of(key, held.wanted.as_deref()));
        let is_full = had.is_none() && how.waiting_max <= state.pending.len();
        let bytes_after = state.bytes - had.unwrap_or(0) + bytes;
        if state.closing || is_full || how.waiting_bytes_max < bytes_after {
            return Err(Error::StoreBusy);
        }
        state.bytes = bytes_after;
        state.next_number += 1;
        let pending =
            Pending { wanted: wanted.map(<[u8]>::to_vec), number: state.next_number, tries: 0 };
        match state.pending.entry(key.into()) {
            Entry::Occupied(mut held) => _ = held.insert(pending),
            Entry::Vacant(place) => {
                place.insert(pending);
                state.order.push_back(key.into());
            }
        }
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// What the store will answer for a key when what waits has been written.
    pub(crate) fn pending(&self, key: &[u8]) -> Option<Answer> {
        let state = self.shared.state.lock();
        state.pending.get(key).map(|pending| Answer::from(pending.wanted.clone()))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.shared.state.lock().pending.len()
    }

    /// Writes what waits, until the deadline. Returns whether the thread did not
    /// end, as a number, and how many writes were lost.
    pub(crate) fn close(&self, deadline: &Deadline) -> (usize, u64) {
        self.shared.state.lock().closing = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().take();
        let is_late = thread.is_some_and(|thread| !join_by(thread, deadline));
        let state = self.shared.state.lock();
        let lost = state.lost + state.pending.len() as u64;
        if lost != 0 {
            log::error!("write-behind ends with {lost} writes that the store did not get");
        }
        (usize::from(is_late), lost)
    }
}

fn bytes_of(key: &[u8], wanted: Option<&[u8]>) -> u64 {
    (2 * key.len() + wanted.map_or(0, <[u8]>::len)) as u64
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if state.pending.is_empty() {
                if state.closing {
                    return;
                }
                self.changed.wait(&mut state);
                continue;
            }
            self.wait_for_company(&mut state);
            let batch = state.take_batch(self.how.batch_max);
            drop(state);
            let outcomes = self.try_batch(&batch);
            let settled = self.settle(batch, &outcomes);
            if let Some(forget) = self.forget.get() {
                // The cache is called with no lock held.
                for (key, outcome) in &settled {
                    forget(key, *outcome);
                }
            }
            state = self.state.lock();
        }
    }

    /// Waits for more to write together, and until a failed try may be repeated.
    /// At the end there is no time for the first.
    fn wait_for_company(&self, state: &mut MutexGuard<'_, State>) {
        let company = Deadline::within(self.how.delay).instant();
        while !state.closing
            && state.pending.len() < self.how.batch_max
            && !self.changed.wait_until(state, company).timed_out()
        {}
        while let Some(until) = state.not_before {
            if self.changed.wait_until(state, until).timed_out() {
                state.not_before = None;
            }
        }
    }

    fn try_batch(&self, batch: &[Try]) -> Vec<bool> {
        let context = Context::within(self.timeout);
        let writes: Vec<_> = batch.iter().map(|one| (&*one.key, one.wanted.as_deref())).collect();
        let write = || self.store.write_many(&writes, &context);
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write));
        let mut outcomes: Vec<bool> = match written {
            Ok(results) => results.iter().map(Result::is_ok).collect(),
            Err(_panic) => Vec::new(),
        };
        // A store that gives fewer answers than it was given writes has not said
        // that the others are made.
        outcomes.resize(batch.len(), false);
        outcomes
    }

    /// Forgets what was written, and what was tried too often. Returns what came
    /// of each.
    fn settle(&self, batch: Vec<Try>, outcomes: &[bool]) -> Vec<(Box<[u8]>, Outcome)> {
        let mut state = self.state.lock();
        let settle = |(one, &is_written): (Try, &bool)| {
            let outcome = state.settle(&one, is_written, self.how.tries_max);
            (one.key, outcome)
        };
        let settled: Vec<_> = batch.into_iter().zip(outcomes).map(settle).collect();
        if outcomes.iter().any(|is_written| !is_written) && !state.pending.is_empty() {
            state.not_before = Some(Deadline::within(self.how.retry_after).instant());
        }
        settled
    }
}

impl State {
    /// The writes that wait longest. They stay pending until they are made: a
    /// read that misses meanwhile must see them.
    fn take_batch(&mut self, batch_max: usize) -> Vec<Try> {
        let count = self.order.len().min(batch_max);
        let keys: Vec<_> = self.order.drain(..count).collect();
        let pending = &self.pending;
        let to_try = |key: Box<[u8]>| {
            let held = pending.get(&key)?;
            Some(Try { wanted: held.wanted.clone(), number: held.number, key })
        };
        keys.into_iter().filter_map(to_try).collect()
    }

    fn settle(&mut self, one: &Try, is_written: bool, tries_max: u32) -> Outcome {
        let outcome = if is_written { Outcome::Stored } else { Outcome::Failed };
        let Some(held) = self.pending.get_mut(&one.key) else { return outcome };
        if held.number != one.number {
            // A later write of the key waits: in its turn.
            self.order.push_back(one.key.clone());
            return outcome;
        }
        held.tries += 1;
        if !is_written && held.tries < tries_max {
            // Before the others, as it was.
            self.order.push_front(one.key.clone());
            return outcome;
        }
        self.bytes -= bytes_of(&one.key, one.wanted.as_deref());
        self.pending.remove(&one.key);
        if is_written {
            return Outcome::Stored;
        }
        self.lost += 1;
        log::error!("write-behind gives up a write after {tries_max} tries");
        Outcome::Lost
    }
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
