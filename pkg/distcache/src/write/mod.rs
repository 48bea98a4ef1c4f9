//! Writes that reach a store beside the cache.
//!
//! All writes of one key go through one lane, a thread that makes one after the
//! other. The interleaving that this stops:
//!
//! 1. A writes value 1 to the store, B value 2; the store has 2.
//! 2. B stores 2 in the cache, A stores 1: both are acknowledged.
//! 3. The cache serves 1 from now on, and the store has 2.

mod behind;
pub(crate) use behind::{Forget, Outcome};

mod kept;
pub(crate) use kept::{Kept, KeptValue, Wanted, Written};

mod turns;
pub(crate) use turns::Turn;
use turns::Turns;

mod on_runtime;
pub(crate) use on_runtime::OnRuntime;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use behind::Behind;
use distcache_bus::{Deadline, Waiter, reply_slot};

use distcache_manager::Bound;

use crate::config::WriteMode;
use crate::keyspace::Marks;
use crate::load::{Full, Pool};
use crate::{Context, DataStore, Error};

/// Writes of one keyspace at once: lanes. As many as a database likes to see.
const LANES: usize = 8;
/// Writes that wait in one lane at most.
const WAITING_MAX: usize = 1024;

/// The way to one keyspace's store.
pub(crate) struct Writer {
    lanes: Vec<Pool>,
    store: Arc<dyn DataStore>,
    behind: Option<Arc<Behind>>,
    turns: Turns,
    timeout: Duration,
}

/// A store has panicked. Its message is where the process's errors go.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the store panicked")]
struct Panicked;

impl Writer {
    pub(crate) fn new(
        name: &str,
        store: Arc<dyn DataStore>,
        mode: WriteMode,
        timeout: Duration,
        marks: &Marks,
    ) -> Self {
        let lane = |number| {
            let name = format!("distcache-write-{name}-{number}");
            Pool::new(name, 1, WAITING_MAX, marks.lanes.clone())
        };
        let behind = match mode {
            WriteMode::Through => None,
            WriteMode::Behind(how) => {
                let marks = marks.behind.clone();
                Some(Behind::start(name, store.clone(), how, timeout, marks))
            }
        };
        Self {
            lanes: (0..LANES).map(lane).collect(),
            store,
            behind,
            turns: Turns::default(),
            timeout,
        }
    }

    /// Who forgets a key of which a write was lost.
    pub(crate) fn forget_by(&self, forget: Forget) {
        if let Some(behind) = &self.behind {
            behind.forget_by(forget);
        }
    }

    /// Runs `work` in the lane of a key's hash; its result comes to the waiter.
    pub(crate) fn in_lane<R: Send + 'static>(
        &self,
        hash: u64,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<Waiter<R>, Error> {
        let lane = usize::try_from(hash >> 40).unwrap_or(0) % self.lanes.len();
        let (replier, waiter) = reply_slot();
        let submitted = self.lanes[lane].submit(|| move || replier.answer(work()));
        submitted.map_err(|Full| Error::StoreBusy)?;
        Ok(waiter)
    }

    /// Writes to the store; or sees to it that it will be written. In its key's
    /// lane.
    ///
    /// # Errors
    /// `StoreBusy`: nothing has changed. `StoreFailed`: that is not known.
    pub(crate) fn write(&self, key: &[u8], wanted: Wanted<'_>) -> Result<(), Error> {
        if let Some(behind) = &self.behind {
            return behind.keep(key, wanted);
        }
        let context = Context::within(self.timeout);
        let write = || match wanted {
            Some(Written { value, .. }) => self.store.store(key, value, &context),
            None => self.store.remove(key, &context),
        };
        let written =
            catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| Err(Panicked.into()));
        written.map_err(|error| Error::StoreFailed(error.into()))
    }

    /// Whether a write has not been made when [`write`](Self::write) returns.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    /// What the store will have of a key when what waits has been written;
    /// `None` if nothing waits.
    pub(crate) fn pending(&self, key: &[u8]) -> Option<Kept> {
        self.behind.as_ref()?.pending(key)
    }

    /// Writes that wait, those of write-behind included.
    pub(crate) fn waiting(&self) -> usize {
        let behind = self.behind.as_ref().map_or(0, |behind| behind.waiting());
        self.lanes.iter().map(Pool::waiting).sum::<usize>() + behind
    }

    /// Bytes that wait, in write-behind.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.behind.as_ref().map_or(0, |behind| behind.waiting_bytes())
    }

    /// Whether a write of the key waits, in write-behind.
    pub(crate) fn is_pending(&self, key: &[u8]) -> bool {
        self.pending(key).is_some()
    }

    /// The bounds of what waits here, as far as `marks` tell.
    pub(crate) fn bounds(&self, marks: &Marks) -> Vec<Bound> {
        let fullest = self.lanes.iter().map(Pool::waiting).max().unwrap_or(0);
        let lanes = Bound::new("writes_waiting_per_lane", "writes", WAITING_MAX as u64);
        let mut bounds = vec![lanes.marked(fullest as u64, &marks.lanes.waiting)];
        bounds.extend(self.behind.iter().flat_map(|behind| behind.bounds()));
        bounds
    }

    /// Enters a write of this process's key, in the key's lane: until what is returned is
    /// dropped, store and cache may differ.
    pub(crate) fn enter(&self) -> Turn<'_> {
        self.turns.enter()
    }

    /// Waits until every write that has [entered](Self::enter) is made, or given up.
    /// Returns whether that was before the deadline.
    #[cfg(feature = "cluster")]
    pub(crate) fn drain(&self, deadline: &Deadline) -> bool {
        let have_left = self.turns.drain(deadline);
        self.behind.as_ref().is_none_or(|behind| behind.drain(deadline)) && have_left
    }

    /// Takes nothing more, and writes what waits, until the deadline. Returns how
    /// many threads did not end, and how many writes were lost.
    pub(crate) fn close(&self, deadline: &Deadline) -> (usize, u64) {
        self.lanes.iter().for_each(|lane| lane.close(true));
        let late = self.lanes.iter().map(|lane| lane.join(deadline)).sum();
        match &self.behind {
            Some(behind) => {
                let (behind_late, lost) = behind.close(deadline);
                (late + behind_late, lost)
            }
            None => (late, 0),
        }
    }
}
