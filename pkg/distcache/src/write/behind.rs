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
use distcache_manager::Bound;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{Kept, Wanted};
use crate::config::WriteBehind;
use crate::keyspace::BehindMarks;
use crate::{Context, DataStore, Error};

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
    /// Rings after each try, for those who wait until it is made.
    tried: Condvar,
    store: Arc<dyn DataStore>,
    how: WriteBehind,
    timeout: Duration,
    time: Box<dyn Time>,
    marks: Arc<BehindMarks>,
    forget: OnceLock<Forget>,
}

/// By which time the thread waits between its tries.
trait Time: Send + Sync {
    /// The instant so long from now.
    fn after(&self, time: Duration) -> Instant;

    /// Waits for a change, until an instant. Returns whether that has come.
    fn wait(&self, changed: &Condvar, state: &mut MutexGuard<'_, State>, until: Instant) -> bool;
}

struct RealTime;

impl Time for RealTime {
    fn after(&self, time: Duration) -> Instant {
        Deadline::within(time).instant()
    }

    fn wait(&self, changed: &Condvar, state: &mut MutexGuard<'_, State>, until: Instant) -> bool {
        changed.wait_until(state, until).timed_out()
    }
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
    /// Who waits until what waits now is made: there is no time for company.
    drains: usize,
    /// Writes given up since the end began. Those of before are old news.
    lost: u64,
}

struct Pending {
    wanted: Kept,
    /// Tells a write from a later one of its key.
    number: u64,
    tries: u32,
}

/// A write as it is tried.
struct Try {
    key: Box<[u8]>,
    wanted: Kept,
    number: u64,
}

impl Behind {
    pub(crate) fn start(
        name: &str,
        store: Arc<dyn DataStore>,
        how: WriteBehind,
        timeout: Duration,
        marks: Arc<BehindMarks>,
    ) -> Arc<Self> {
        Self::start_by(Box::new(RealTime), name, store, how, timeout, marks)
    }

    fn start_by(
        time: Box<dyn Time>,
        name: &str,
        store: Arc<dyn DataStore>,
        how: WriteBehind,
        timeout: Duration,
        marks: Arc<BehindMarks>,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            tried: Condvar::new(),
            store,
            how,
            timeout,
            time,
            marks,
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
    pub(crate) fn keep(&self, key: &[u8], wanted: Wanted<'_>) -> Result<(), Error> {
        let wanted = Kept::of(wanted);
        let mut state = self.shared.state.lock();
        let how = self.shared.how;
        let bytes = bytes_of(key, &wanted);
        let had = state.pending.get(key).map(|held| bytes_of(key, &held.wanted));
        let is_full = had.is_none() && how.waiting_max <= state.pending.len();
        let bytes_after = state.bytes - had.unwrap_or(0) + bytes;
        let marks = &self.shared.marks;
        if state.closing {
            return Err(Error::StoreBusy);
        }
        if is_full {
            marks.writes.reach();
            return Err(Error::StoreBusy);
        }
        if how.waiting_bytes_max < bytes_after {
            marks.bytes.reach();
            return Err(Error::StoreBusy);
        }
        marks.bytes.note(bytes_after);
        state.bytes = bytes_after;
        state.next_number += 1;
        let pending = Pending { wanted, number: state.next_number, tries: 0 };
        match state.pending.entry(key.into()) {
            Entry::Occupied(mut held) => _ = held.insert(pending),
            Entry::Vacant(place) => {
                place.insert(pending);
                state.order.push_back(key.into());
            }
        }
        marks.writes.note(state.pending.len() as u64);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// What the store will have of a key when what waits has been written.
    pub(crate) fn pending(&self, key: &[u8]) -> Option<Kept> {
        let state = self.shared.state.lock();
        state.pending.get(key).map(|pending| pending.wanted.clone())
    }

    pub(crate) fn waiting(&self) -> usize {
        self.shared.state.lock().pending.len()
    }

    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.shared.state.lock().bytes
    }

    /// The bounds of what waits.
    pub(crate) fn bounds(&self) -> [Bound; 2] {
        let (how, marks) = (self.shared.how, &self.shared.marks);
        let writes = Bound::new("behind_writes", "writes", how.waiting_max as u64);
        let bytes = Bound::new("behind_bytes", "bytes", how.waiting_bytes_max);
        [
            writes.marked(self.waiting() as u64, &marks.writes),
            bytes.marked(self.waiting_bytes(), &marks.bytes),
        ]
    }

    /// Waits until every write that waits now was made or given up. Returns whether that
    /// was before the deadline; later writes go on either way.
    #[cfg(feature = "cluster")]
    pub(crate) fn drain(&self, deadline: &Deadline) -> bool {
        let mut state = self.shared.state.lock();
        let last = state.next_number;
        state.drains += 1;
        self.shared.changed.notify_all();
        let mut is_in_time = true;
        while is_in_time && state.pending.values().any(|pending| pending.number <= last) {
            is_in_time = !self.shared.tried.wait_until(&mut state, deadline.instant()).timed_out();
        }
        state.drains -= 1;
        is_in_time
    }

    /// Writes what waits, until the deadline. Returns whether the thread did not
    /// end, as a number, and how many of those writes were lost or still wait.
    /// What was lost before, or told by an earlier call, is not told again.
    pub(crate) fn close(&self, deadline: &Deadline) -> (usize, u64) {
        self.shared.state.lock().closing = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().take();
        let is_late = thread.is_some_and(|thread| !join_by(thread, deadline));
        let mut state = self.shared.state.lock();
        let lost = std::mem::take(&mut state.lost) + state.pending.len() as u64;
        if lost != 0 {
            log::error!("write-behind ends with {lost} writes that the store did not get");
        }
        (usize::from(is_late), lost)
    }
}

fn bytes_of(key: &[u8], wanted: &Kept) -> u64 {
    (2 * key.len() + wanted.bytes()) as u64
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
        let company = self.time.after(self.how.delay);
        while !state.closing
            && state.drains == 0
            && state.pending.len() < self.how.batch_max
            && !self.time.wait(&self.changed, state, company)
        {}
        while let Some(until) = state.not_before {
            if self.time.wait(&self.changed, state, until) {
                state.not_before = None;
            }
        }
    }

    fn try_batch(&self, batch: &[Try]) -> Vec<bool> {
        let context = Context::within(self.timeout);
        let writes: Vec<_> = batch.iter().map(|one| (&*one.key, one.wanted.value())).collect();
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
            state.not_before = Some(self.time.after(self.how.retry_after));
        }
        self.tried.notify_all();
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
        self.bytes -= bytes_of(&one.key, &one.wanted);
        self.pending.remove(&one.key);
        if is_written {
            return Outcome::Stored;
        }
        self.lost += u64::from(self.closing);
        log::error!("write-behind gives up a write after {tries_max} tries");
        Outcome::Lost
    }
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use distcache_manager::Tick;

    use super::super::Written;
    use super::*;
    use crate::SourceError;

    /// Time that passes when somebody waits for it, and else stands still.
    struct ByHand {
        begun: Instant,
        passed: Mutex<Duration>,
    }

    impl ByHand {
        fn new() -> Arc<Self> {
            let begun = Deadline::within(Duration::ZERO).instant();
            Arc::new(Self { begun, passed: Mutex::default() })
        }

        fn passed(&self) -> Duration {
            *self.passed.lock()
        }
    }

    impl Time for Arc<ByHand> {
        fn after(&self, time: Duration) -> Instant {
            self.begun + self.passed() + time
        }

        fn wait(&self, _: &Condvar, _: &mut MutexGuard<'_, State>, until: Instant) -> bool {
            let mut passed = self.passed.lock();
            *passed = passed.max(until - self.begun);
            true
        }
    }

    /// Refuses its first writes, and notes when each was tried.
    struct Refuses {
        first: usize,
        tries: Mutex<Vec<Duration>>,
        time: Arc<ByHand>,
    }

    impl Refuses {
        fn the_first(first: usize) -> Arc<Self> {
            Arc::new(Self { first, tries: Mutex::default(), time: ByHand::new() })
        }

        fn tries(&self) -> Vec<Duration> {
            self.tries.lock().clone()
        }

        fn written_behind(self: &Arc<Self>, how: WriteBehind) -> Arc<Behind> {
            let time = Box::new(self.time.clone());
            Behind::start_by(time, "t", self.clone(), how, PATIENCE, Arc::default())
        }
    }

    impl DataStore for Refuses {
        fn store(&self, _: &[u8], _: &[u8], _: &Context) -> Result<(), SourceError> {
            let mut tries = self.tries.lock();
            tries.push(self.time.passed());
            if tries.len() <= self.first { Err("not yet".into()) } else { Ok(()) }
        }

        fn remove(&self, _: &[u8], _: &Context) -> Result<(), SourceError> {
            unreachable!("nothing is removed here")
        }
    }

    const PATIENCE: Duration = Duration::from_mins(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn patient() -> Deadline {
        Deadline::within(PATIENCE)
    }

    fn keep(behind: &Behind, key: &[u8]) {
        let (born, fresh_until) = (Tick::ZERO, Tick::NEVER);
        let written = Written { value: b"1", content_type: None, born, fresh_until, tags: &[] };
        behind.keep(key, Some(written)).expect("there is room");
    }

    fn until_nothing_waits(behind: &Behind) {
        let deadline = patient();
        while behind.waiting() != 0 {
            assert!(!deadline.is_over(), "a write is never made nor given up");
            thread::yield_now();
        }
    }

    #[test]
    fn a_write_that_failed_is_tried_again_after_its_wait_and_no_sooner() {
        let store = Refuses::the_first(2);
        let how = WriteBehind::new().delay(Duration::ZERO).retry_after(SECOND * 60);
        let behind = store.written_behind(how);
        keep(&behind, b"a");
        until_nothing_waits(&behind);
        assert_eq!(store.tries(), [Duration::ZERO, SECOND * 60, SECOND * 120]);
        assert_eq!(behind.close(&patient()), (0, 0));
    }

    #[test]
    fn the_end_does_not_hurry_a_store_that_fails() {
        let store = Refuses::the_first(1);
        let how = WriteBehind::new().delay(Duration::ZERO).retry_after(SECOND * 60);
        let behind = store.written_behind(how);
        keep(&behind, b"a");
        assert_eq!(behind.close(&patient()), (0, 0));
        assert_eq!(store.tries(), [Duration::ZERO, SECOND * 60]);
    }

    #[test]
    fn a_write_waits_for_company_before_its_first_try() {
        let store = Refuses::the_first(0);
        let behind = store.written_behind(WriteBehind::new().delay(SECOND));
        keep(&behind, b"a");
        until_nothing_waits(&behind);
        assert_eq!(store.tries(), [SECOND]);
    }

    #[test]
    fn the_end_does_not_tell_of_writes_that_were_lost_long_before_it() {
        let store = Refuses::the_first(1);
        let behind = store.written_behind(WriteBehind::new().tries_max(1));
        keep(&behind, b"a");
        until_nothing_waits(&behind);
        assert_eq!(behind.close(&patient()), (0, 0));
    }

    #[test]
    fn what_is_lost_at_the_end_is_told_once() {
        let store = Refuses::the_first(usize::MAX);
        let behind = store.written_behind(WriteBehind::new().tries_max(3));
        behind.shared.state.lock().closing = true; // before the first try
        let settled = |key: &[u8]| {
            let mut state = behind.shared.state.lock();
            let kept = Kept::of(None);
            state.pending.insert(key.into(), Pending { wanted: kept.clone(), number: 1, tries: 2 });
            state.bytes = bytes_of(key, &kept);
            state.settle(&Try { key: key.into(), wanted: kept, number: 1 }, false, 3)
        };
        assert_eq!(settled(b"a"), Outcome::Lost);
        assert_eq!(behind.close(&patient()).1, 1);
        assert_eq!(behind.close(&patient()).1, 0, "an end that is tried again");
    }
}
