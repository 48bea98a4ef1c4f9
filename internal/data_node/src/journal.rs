//! What was done to keyspaces of which other processes keep copies, in order.
//!
//! A node writes each change down under the lock under which it makes it, so that the
//! order here is the order in which keys were changed, whichever node made it: a process
//! has one journal for all its nodes. Who keeps copies follows it from record to record.
//! A change is **committed** when all who keep a copy have it.
//!
//! 1. A owns a key and stores version 5. B, who keeps a copy, has not heard of it.
//! 2. A reader asks A and gets version 5. A dies.
//! 3. B owns the key now, and answers with the copy that it has: version 4.
//!
//! So neither who writes nor who reads is answered before the last change of the key is
//! committed: [`Journal::latest`] says which one that is, [`Journal::wait`] waits for it.
//!
//! Where a majority of those who hold a key is enough, a change is **agreed** when all who
//! keep a copy have it but so many **laggards** as may be behind. What is committed is
//! agreed without any. See [`Journal::agree`].
//!
//! Beside copies there are **near copies** of single keys, which whoever reads them often is
//! [granted](Journal::grant) for some time. A change of such a key is written down, too,
//! and is committed when all have dropped theirs, or the time is over.

mod grants;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::time::Duration;

use distcache_bus::mutants::{Mutant, is_planted};
use distcache_bus::sync::Mutex;
use distcache_bus::{Replier, Waiter, Watermark, reply_slot};

use self::grants::Grants;
use crate::{Clock, Entry, KeyspaceId, Selection, SystemClock, Tick, Version};

/// Bytes of keys and values that wait for those who follow; what is on its way when there
/// are so many is written down all the same.
pub const JOURNAL_BYTES_MAX: u64 = 8 << 20;

/// Changes that wait for those who follow, as before.
pub const JOURNAL_RECORDS_MAX: usize = 1 << 16;

/// Who keeps copies and may be behind, at most: three of seven who hold an entry.
pub const LAGGARDS_MAX: usize = 3;

/// Keys are told apart by so many bits of their hash: two that are not wait for each
/// other's changes.
const PLACES: usize = 1 << 12;

/// What was done.
#[derive(Debug, Clone)]
pub enum Change {
    /// The key has this entry; or the same as before, with another end.
    Put(Entry),
    /// The key has none.
    Forget(Box<[u8]>),
    /// Nothing is left.
    Clear,
    /// What bears one of these tags is gone, as of this version.
    Revoke(Arc<[u64]>, Version),
    /// What is selected is gone.
    Remove(Selection),
}

/// One change.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number: 1 for the first, and one more for each.
    pub number: u64,
    /// Of which keyspace.
    pub keyspace: KeyspaceId,
    /// What was done.
    pub change: Change,
    /// Others may have near copies of what was changed until then; `None` if not.
    pub near_until: Option<Tick>,
    /// Whether others keep copies of the keyspace.
    pub is_copied: bool,
}

/// Keys are walked through, and no near copies granted: see [`Journal::walk`].
#[must_use]
#[derive(Debug)]
pub struct Walk<'a>(&'a Journal);

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.0.walks.fetch_sub(1, Ordering::Release);
    }
}

/// Who follows the changes of a keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Others may have near copies until then.
    pub near_until: Option<Tick>,
    /// Others keep copies.
    pub is_copied: bool,
}

impl Followed {
    /// What is written down of a key that was given this entry: near copies are dropped.
    pub(crate) fn told(self, entry: Entry) -> Change {
        if self.is_copied { Change::Put(entry) } else { Change::Forget(entry.key().into()) }
    }
}

/// Changes that come after each other.
#[derive(Debug, Default)]
pub struct Excerpt {
    /// Those that were wanted.
    pub records: Vec<Record>,
    /// Of those up to this number none else was.
    pub up_to: u64,
}

/// The changes that somebody asks for are not here any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal begins after record {first}")]
pub struct Forgotten {
    /// The number before the first that is here.
    pub first: u64,
}

/// The changes that somebody may still want, and who waits for them to be committed.
pub struct Journal {
    /// Whether changes are written down.
    is_kept: AtomicBool,
    /// The last number that was given.
    head: AtomicU64,
    /// By how many may be behind, up to which number all changes are agreed; without any,
    /// committed.
    agreed: [AtomicU64; LAGGARDS_MAX + 1],
    /// By place of the key's hash, the number of its last change.
    latest: Box<[AtomicU64]>,
    /// How many bytes there were.
    mark: Watermark,
    /// The tenure in which near copies are granted.
    tenure: AtomicU64,
    grants: Grants,
    /// Walks that are under way.
    walks: AtomicUsize,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// By number of the change.
type Waiters = BTreeMap<u64, Vec<Replier<()>>>;

#[derive(Default)]
struct State {
    /// Those after number `forgotten`, one by one.
    records: VecDeque<Record>,
    forgotten: u64,
    bytes: u64,
    /// Who waits for what, by how many may be behind.
    waiters: [Waiters; LAGGARDS_MAX + 1],
    /// Is told of each change, under the lock of a node.
    listener: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock::new()))
    }
}

impl Journal {
    /// One in which nothing is written down yet. By the clock near copies end.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let latest = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        let (head, agreed) = (AtomicU64::new(0), Default::default());
        let is_kept = AtomicBool::new(false);
        let (mark, state) = (Watermark::default(), Mutex::new(State::default()));
        let (tenure, grants) = (AtomicU64::new(0), Grants::default());
        let walks = AtomicUsize::new(0);
        Self { is_kept, head, agreed, latest, mark, tenure, grants, walks, clock, state }
    }

    /// Begins to write changes down, and tells `listener` of each: it MUST be quick and
    /// MUST NOT look into a node or the journal.
    pub fn begin(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        let mut state = self.state.lock();
        state.listener = Some(listener);
        self.is_kept.store(true, Ordering::Release);
    }

    /// Nobody keeps copies any more: every change is committed as it is made.
    pub fn end(&self) {
        self.is_kept.store(false, Ordering::Release);
        self.commit(u64::MAX);
    }

    /// Nobody can say any more who keeps copies: who waits is told nothing, and nothing more
    /// is written down.
    pub fn abandon(&self) {
        self.is_kept.store(false, Ordering::Release);
        let waiters = {
            let mut state = self.state.lock();
            state.records.clear();
            (state.bytes, state.forgotten) = (0, self.head());
            self.agreed.iter().for_each(|agreed| agreed.store(self.head(), Ordering::Release));
            std::mem::take(&mut state.waiters)
        };
        // Without the lock: who waits may look into the journal at once.
        drop(waiters);
    }

    /// Whether changes are written down.
    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Acquire)
    }

    /// Whether as much waits as may.
    pub fn is_full(&self) -> bool {
        let has_too_many = || {
            let state = self.state.lock();
            JOURNAL_BYTES_MAX <= state.bytes || JOURNAL_RECORDS_MAX <= state.records.len()
        };
        let is_full = self.is_kept() && has_too_many() && {
            self.lapse();
            has_too_many()
        };
        if is_full {
            self.mark.reach();
        }
        is_full
    }

    /// The most bytes that have waited, and how often somebody found too many of them.
    pub fn mark(&self) -> &Watermark {
        &self.mark
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Near copies are granted in this tenure from now on. In the one before others may
    /// have been granted some of keys that are this process's now; until it is said that
    /// they have [dropped](Self::drop_near) them, every key counts as granted.
    ///
    /// 1. A owns a key, and grants C a near copy. A is gone; B owns the key.
    /// 2. It is put at B, and that is acknowledged. B has granted nothing.
    /// 3. C has not heard of B's view, and answers with its near copy.
    pub fn begin_near(&self, tenure: u64, lasts: Duration) {
        if !is_planted(Mutant::UnsettledViews) {
            self.grants.grant_every(self.clock.now().after(lasts));
        }
        self.tenure.store(tenure, Ordering::Release);
    }

    /// All others have dropped the near copies that they were granted in earlier tenures.
    pub fn drop_near(&self) {
        self.grants.grant_every(Tick::ZERO);
    }

    /// Lets somebody have a near copy of the key of this hash, for so long; not in another
    /// tenure. MUST be called before the value is read that is copied:
    ///
    /// 1. The value is read, to be copied.
    /// 2. It is changed: nobody has a near copy, so nobody is told.
    /// 3. The near copy is granted.
    pub fn grant(&self, tenure: u64, hash: u64, lasts: Duration) -> bool {
        if !self.is_kept() || self.tenure.load(Ordering::Acquire) != tenure {
            return false;
        }
        if !is_planted(Mutant::NearUncounted) {
            self.grants.grant(hash, self.clock.now().after(lasts));
        }
        // Whoever walks sees that grant, or is seen here.
        fence(Ordering::SeqCst);
        self.walks.load(Ordering::Acquire) == 0
    }

    /// Lets nobody have a near copy until what this returns is dropped, while many keys are
    /// walked through to forget some:
    ///
    /// 1. Keys with a prefix are to be forgotten. That is written down, and the first
    ///    thousand are.
    /// 2. Somebody reads another one of them often, and is granted a near copy.
    /// 3. That one is forgotten, too, and the walk is at its end. The near copy is read.
    pub fn walk(&self) -> Walk<'_> {
        self.walks.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        Walk(self)
    }

    /// Until when others may have near copies of the key of this hash, or of any key without
    /// one; `None` if nobody may have.
    #[inline]
    pub(crate) fn near_until(&self, hash: Option<u64>) -> Option<Tick> {
        let until = self.grants.until(hash);
        (until != Tick::ZERO && self.clock.now() < until).then_some(until)
    }

    /// Whether all that was written down is committed.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.head() <= self.committed()
    }

    /// Commits those first changes that were written down for near copies alone, whose time
    /// is over. Who has not heard of them finds that they are [forgotten](Forgotten).
    fn lapse(&self) {
        let last = {
            let state = self.state.lock();
            let now = self.clock.now();
            let has_lapsed = |record: &&Record| {
                !record.is_copied && record.near_until.is_none_or(|until| until <= now)
            };
            state.records.iter().take_while(has_lapsed).last().map(|record| record.number)
        };
        if let Some(last) = last {
            self.commit(last);
        }
    }

    /// Writes down what was done to the key of this hash; to all keys without one.
    ///
    /// MUST be called with the lock of the node held that makes the change.
    pub(crate) fn note(
        &self,
        keyspace: KeyspaceId,
        hash: Option<u64>,
        change: Change,
        followed: Followed,
    ) {
        if !self.is_kept() {
            return;
        }
        let Followed { near_until, is_copied } = followed;
        let mut state = self.state.lock();
        let number = self.head.load(Ordering::Relaxed) + 1;
        state.bytes += change.bytes();
        self.mark.note(state.bytes);
        state.records.push_back(Record { number, keyspace, change, near_until, is_copied });
        match hash {
            Some(hash) => self.latest[place(hash)].store(number, Ordering::Release),
            None => self.latest.iter().for_each(|latest| latest.store(number, Ordering::Release)),
        }
        self.head.store(number, Ordering::Release);
        if let Some(listener) = &state.listener {
            listener();
        }
    }

    /// The number of the last change.
    pub fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// All changes up to this number are committed.
    pub fn committed(&self) -> u64 {
        self.agreed(0)
    }

    /// All changes up to this number are with those who keep copies, but for so many of them.
    pub fn agreed(&self, laggards: usize) -> u64 {
        self.agreed[laggards.min(LAGGARDS_MAX)].load(Ordering::Acquire)
    }

    /// The number of the last change of the key with this hash, or of a later one of
    /// another key.
    #[inline]
    pub fn latest(&self, hash: u64) -> u64 {
        self.latest[place(hash)].load(Ordering::Acquire)
    }

    /// Where to wait until a change is agreed, with so many `laggards` as may be behind:
    /// committed, without any. Nowhere if it is. Who waits SHOULD look here again every so
    /// often: what is over by time alone nobody is told of.
    pub fn wait(&self, number: u64, laggards: usize) -> Option<Waiter<()>> {
        if number <= self.agreed(laggards) {
            return None;
        }
        self.lapse();
        // 1. A waiter finds number 7 not committed.
        // 2. It is committed; nobody waits for it yet.
        // 3. The waiter is written down, and waits for ever.
        // So it looks again under the lock under which those who wait are told.
        let mut state = self.state.lock();
        if number <= self.agreed(laggards) {
            return None;
        }
        let (replier, waiter) = reply_slot();
        let waiters = &mut state.waiters[laggards.min(LAGGARDS_MAX)];
        let waiting = waiters.entry(number).or_default();
        waiting.retain(|replier| !replier.is_unwanted());
        waiting.push(replier);
        Some(waiter)
    }

    /// All changes up to this number are with everybody who keeps copies: they are
    /// forgotten here, and who has waited is told.
    pub fn commit(&self, number: u64) {
        let told = {
            let mut state = self.state.lock();
            let number = number.min(self.head());
            if number <= self.committed() {
                return;
            }
            while state.records.front().is_some_and(|record| record.number <= number) {
                let Some(record) = state.records.pop_front() else { break };
                state.bytes -= record.change.bytes();
            }
            state.forgotten = number;
            // With laggards it is agreed all the more.
            let levels = 0..=LAGGARDS_MAX;
            levels.flat_map(|laggards| self.raise(&mut state, laggards, number)).collect()
        };
        answer(told);
    }

    /// All changes up to this number are with everybody who keeps copies but for so many
    /// `laggards`, one at least: who has waited for that is told. What they have not made is
    /// not forgotten.
    pub fn agree(&self, laggards: usize, number: u64) {
        let number = number.min(self.head());
        if number <= self.agreed(laggards) {
            return;
        }
        let told = self.raise(&mut self.state.lock(), laggards, number);
        answer(told);
    }

    /// Returns who has waited for that.
    fn raise(&self, state: &mut State, laggards: usize, number: u64) -> Vec<Replier<()>> {
        self.agreed[laggards].fetch_max(number, Ordering::AcqRel);
        let waiters = &mut state.waiters[laggards];
        let later = waiters.split_off(&(number + 1));
        std::mem::replace(waiters, later).into_values().flatten().collect()
    }

    /// The changes after number `after` that are wanted: as many as have room in so many
    /// bytes, or one that is larger.
    ///
    /// # Errors
    /// [`Forgotten`] if some of them are not here any more.
    pub fn after(
        &self,
        after: u64,
        bytes_max: u64,
        wants: impl Fn(&Record) -> bool,
    ) -> Result<Excerpt, Forgotten> {
        let state = self.state.lock();
        if after < state.forgotten {
            return Err(Forgotten { first: state.forgotten });
        }
        let (mut bytes, mut excerpt) = (0, Excerpt { records: Vec::new(), up_to: after });
        let known = usize::try_from(after - state.forgotten).unwrap_or(usize::MAX);
        for record in state.records.iter().skip(known) {
            if wants(record) {
                bytes += record.change.bytes();
                if bytes_max < bytes && !excerpt.records.is_empty() {
                    break;
                }
                excerpt.records.push(record.clone());
            }
            excerpt.up_to = record.number;
        }
        Ok(excerpt)
    }
}

impl Change {
    /// The key that it is about; `None` if it is about any number of them.
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Put(entry) => Some(entry.key()),
            Self::Forget(key) => Some(key),
            Self::Clear | Self::Revoke(..) | Self::Remove(_) => None,
        }
    }

    /// What a record of it takes from memory, and in a message, more or less.
    fn bytes(&self) -> u64 {
        let own = match self {
            Self::Put(entry) => return entry.heap_bytes() + size_of::<Record>() as u64,
            Self::Forget(key) => key.len(),
            Self::Clear => 0,
            Self::Revoke(tags, _) => size_of_val(&**tags),
            Self::Remove(selection) => selection.text().len(),
        };
        (own + size_of::<Record>()) as u64
    }
}

/// Without the lock: who waits may look into the journal at once.
fn answer(told: Vec<Replier<()>>) {
    for replier in told {
        replier.answer(());
    }
}

fn place(hash: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    let low = hash as usize;
    low % PLACES
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("head", &self.head())
            .field("committed", &self.committed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
