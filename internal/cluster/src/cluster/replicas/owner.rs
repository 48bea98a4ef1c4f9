//! The owner of keys: tells those who keep copies what was done to them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::mutants::{Mutant, is_planted};
use distcache_manager::{CacheManager, Error, Excerpt, Keyspace, LAGGARDS_MAX, Record};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::super::Holding;
use super::super::handover::Tenure;
use super::super::seat::CacheSeat;
use super::words::{self, Names};
use crate::proto::follow::Place;
use crate::proto::reply::Outcome;
use crate::proto::{Busy, Follow, Followed, Moved, Nothing, Reply, UnknownOutcome};
use crate::view::{Address, MemberId, View};
use crate::wire;

/// Bytes of changes in one answer, unless a single one is larger.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// How long a follower is left waiting while nothing happens. It waits longer than that
/// for the answer.
pub(super) const QUIET_MAX: Duration = Duration::from_secs(2);

/// Followers for whom entries are read off at once: each may have a thread go through the
/// cache. One that comes too many is told that we are busy.
const READ_OFF_AT_ONCE_MAX: usize = 4;

/// When it makes sense to ask again then.
const BUSY_RETRY_MS: u64 = 20;

/// Answers those who keep copies, and knows how far each of them is.
pub(crate) struct Owner {
    seat: Arc<CacheSeat>,
    state: Mutex<State>,
    /// Something was written down, or a tenure has begun.
    news: Arc<Notify>,
    reading_off: Semaphore,
}

/// How far those are who may keep copies, in one tenure.
#[derive(Default)]
struct State {
    tenure: u64,
    /// The last change before it began.
    began: u64,
    followers: BTreeMap<MemberId, Progress>,
    /// A view of the tenure right before.
    before: Option<Arc<View>>,
}

/// How far one is.
#[derive(Clone, Copy)]
struct Progress {
    /// The last change that it has made.
    done: u64,
    /// It is to be told as soon as more changes are committed.
    wants_committed: bool,
    /// It has taken the view of this tenure, and has no near copies of earlier ones.
    is_here: bool,
}

impl Owner {
    pub(super) fn new(seat: Arc<CacheSeat>) -> Self {
        let reading_off = Semaphore::new(READ_OFF_AT_ONCE_MAX);
        Self { seat, state: Mutex::default(), news: Arc::default(), reading_off }
    }

    fn cache(&self) -> &Arc<CacheManager> {
        self.seat.cache()
    }

    /// A tenure begins: every other owner may keep copies from now on.
    ///
    /// Called when the cache has settled in its view, and before that is told to anybody.
    pub(in crate::cluster) fn begin(&self, tenure: &Tenure) {
        let journal = self.cache().journal();
        let mut state = self.state.lock();
        if tenure.others().is_empty() {
            *state = State { tenure: tenure.number(), ..State::default() };
            drop(state);
            // Agreed upon: nobody has a copy that could be served.
            journal.end();
            self.news.notify_waiters();
            return;
        }
        if !journal.is_kept() {
            let news = self.news.clone();
            journal.begin(Arc::new(move || news.notify_waiters()));
        }
        // Who comes has no copies yet. Who stays has those of before, and those alone.
        let head = journal.head();
        let before = std::mem::take(&mut state.followers);
        let anew = Progress { done: head, wants_committed: false, is_here: false };
        let so_far = |id| Progress { is_here: false, ..before.get(&id).copied().unwrap_or(anew) };
        let followers = tenure.others().iter().map(|other| (other.id, so_far(other.id)));
        // Whoever is granted a near copy in this tenure is one of its followers.
        self.cache().grant_near_in(tenure.number());
        let followers = followers.collect();
        let before = tenure.before().cloned();
        *state = State { tenure: tenure.number(), began: head, followers, before };
        self.commit(&state);
        drop(state);
        self.news.notify_waiters();
    }

    /// Another cluster, or none: who waits is not told that anything was committed.
    pub(in crate::cluster) fn abandon(&self) {
        *self.state.lock() = State::default();
        self.cache().journal().abandon();
        self.news.notify_waiters();
    }

    fn commit(&self, state: &State) {
        let journal = self.cache().journal();
        let before = journal.committed();
        let mut done: Vec<u64> = state.followers.values().map(|follower| follower.done).collect();
        done.sort_unstable();
        let quickest = done.last().filter(|_| is_planted(Mutant::CommittedByQuickest));
        let Some(least) = quickest.or(done.first()).copied() else { return };
        journal.commit(least);
        // Where there are fewer members than replicas, fewer may be behind: of two, none.
        let all_but = |laggards: usize| done[laggards.min(done.len() / 2)];
        (1..=LAGGARDS_MAX).for_each(|laggards| journal.agree(laggards, all_but(laggards)));
        let wants_committed = |follower: &Progress| follower.wants_committed;
        if before < least && state.followers.values().any(wants_committed) {
            self.news.notify_waiters();
        }
    }

    /// Notes how far a follower is; of one that does not follow in this tenure nothing.
    fn note(&self, asker: &Asker, done: u64) -> bool {
        let mut state = self.state.lock();
        let known = state.tenure == asker.tenure;
        let Some(follower) = state.followers.get_mut(&asker.follower).filter(|_| known) else {
            return false;
        };
        follower.done = done.max(follower.done);
        follower.wants_committed = asker.wants_committed;
        if !std::mem::replace(&mut follower.is_here, true)
            && state.followers.values().all(|follower| follower.is_here)
        {
            self.cache().journal().drop_near();
        }
        self.commit(&state);
        true
    }

    /// A view of the tenure in which a follower had all of its copies, if that was the one
    /// right before this.
    fn had_by(&self, asker: &Asker) -> Option<Arc<View>> {
        let state = self.state.lock();
        let before = state.before.clone().filter(|_| state.tenure == asker.tenure)?;
        (Some(before.placed()) == asker.had_in).then_some(before)
    }

    /// Up to which change all are committed, and the last before this tenure; nothing in
    /// another one.
    ///
    /// 1. Tenure 8 ends what A owns: nobody follows it. What waits there is given up.
    /// 2. B, who follows A in tenure 7, is told that nothing waits any more, and takes it
    ///    for committed.
    fn committed(&self, tenure: u64) -> Option<(u64, u64)> {
        let state = self.state.lock();
        (state.tenure == tenure).then(|| (self.cache().journal().committed(), state.began))
    }

    /// Answers the member that is reached at an address.
    pub(crate) fn answer(
        self: &Arc<Self>,
        from: &wire::Address,
        ask: Follow,
    ) -> BoxFuture<'static, Reply> {
        let (this, from) = (Arc::clone(self), Address::new(from.as_str()));
        Box::pin(async move {
            let outcome = this.outcome(&from, ask).await;
            let epoch = this.seat.holding().map_or(0, |holding| holding.view().epoch());
            Reply { epoch, outcome: Some(outcome), ..Reply::default() }
        })
    }

    async fn outcome(&self, from: &Address, ask: Follow) -> Outcome {
        let asked = Instant::now();
        let follower = MemberId::from_number(ask.follower);
        let Some(holding) = self.seat.holding().filter(|holding| {
            // 1. C says that it is B, and that B has made a change to its copies.
            // 2. It is acknowledged. B has never heard of it.
            let member = holding.view().member(follower);
            member.is_some_and(|member| member.address == *from)
        }) else {
            return Outcome::Moved(Moved {});
        };
        let Follow { tenure, committed, wants_committed, had_in, .. } = ask;
        let asker = Asker { follower, tenure, committed, wants_committed, had_in, holding };
        let head = self.cache().journal().head();
        let Some(after) = ask.after else {
            // It has dropped all that it had: none of that can be too old.
            return if self.note(&asker, head) {
                let next = self.first_place();
                let followed = Followed { up_to: head, next, ..Followed::default() };
                Outcome::Follow(Box::new(followed))
            } else {
                Outcome::Moved(Moved {})
            };
        };
        if head < after || !self.note(&asker, after) {
            return Outcome::Moved(Moved {});
        }
        let followed = match self.told(&asker, after, ask.from, asked + QUIET_MAX).await {
            Ok(followed) => followed,
            Err(outcome) => return outcome,
        };
        let Some((committed, began)) = self.committed(tenure) else {
            return Outcome::Moved(Moved {});
        };
        let waited_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(0);
        let followed = Followed { waited_ms, committed, began: Some(began), ..followed };
        Outcome::Follow(Box::new(followed))
    }

    /// What a follower is told that has made all changes up to `after`, as soon as there is
    /// something to tell.
    async fn told(
        &self,
        asker: &Asker,
        mut after: u64,
        from: Option<Place>,
        until: Instant,
    ) -> Result<Followed, Outcome> {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // 1. There is nothing to tell.
            // 2. A change is written down; nobody waits for it yet.
            // 3. The follower is left waiting, and who made the change, too.
            // So it counts as one who waits before it looks.
            news.as_mut().enable();
            let keyspaces = self.cache().keyspaces();
            let wants = |record: &Record| asker.wants(&keyspaces, record);
            let Ok(excerpt) = self.cache().journal().after(after, ANSWER_BYTES_MAX, wants) else {
                return Ok(Followed { is_lost: true, ..Followed::default() });
            };
            if !excerpt.records.is_empty() {
                return Ok(self.page(asker, &keyspaces, &excerpt, from));
            }
            // What does not concern it, it has done.
            after = excerpt.up_to;
            if !self.note(asker, after) {
                return Err(Outcome::Moved(Moved {}));
            }
            if let Some(from) = from {
                return self.read_off(asker, after, from).await;
            }
            let committed = self.cache().journal().committed();
            let is_news = asker.wants_committed && asker.committed < committed;
            if is_news || timeout_at(until, news).await.is_err() {
                return Ok(Followed { up_to: after, ..Followed::default() });
            }
        }
    }

    fn page(
        &self,
        asker: &Asker,
        keyspaces: &[Keyspace],
        excerpt: &Excerpt,
        from: Option<Place>,
    ) -> Followed {
        let (mut names, now) = (Names::default(), self.cache().now());
        let sent = |record: &Record| {
            // One that was removed meanwhile is nobody's any more.
            let keyspace = keyspaces.iter().find(|held| held.id() == record.keyspace)?;
            let keeps = record.change.key().is_none_or(|key| asker.keeps(keyspace, key));
            Some(words::sent(record, keyspace, keeps, &mut names, now))
        };
        let changes = excerpt.records.iter().filter_map(sent).collect();
        let (up_to, keyspaces) = (excerpt.up_to, names.into_vec());
        Followed { up_to, keyspaces, changes, next: from, ..Followed::default() }
    }

    /// What lies here of the keys of which the follower keeps copies, from a place on.
    ///
    /// It is read off when the follower has made all changes up to `after`, and sent before
    /// it is told of any other:
    ///
    /// 1. An entry is read off, to be sent after the next changes.
    /// 2. Its key is deleted. The follower makes that change; there is no copy.
    /// 3. It gets the entry.
    async fn read_off(&self, asker: &Asker, after: u64, from: Place) -> Result<Followed, Outcome> {
        // 1. B owns the keys of A, and asks others which of its copies are the latest.
        // 2. C reads them off B: there are none yet.
        // 3. B adopts its copies. It dies, and so does what C should have of them.
        let has_adopted = self.seat.has_adopted(asker.tenure);
        let Some(_place) = self.reading_off.try_acquire().ok().filter(|_| has_adopted) else {
            return Err(Outcome::Busy(Busy { retry_after_ms: BUSY_RETRY_MS }));
        };
        let had_by = self.had_by(asker);
        let (cache, asker) = (self.cache().clone(), asker.clone());
        let read = spawn_blocking(move || {
            let next = next_keyspace(&cache, &from.keyspace);
            let Some(keyspace) = cache.keyspace(&from.keyspace).filter(is_replicated) else {
                return Ok(Followed { up_to: after, next, ..Followed::default() });
            };
            let wants = |key: &[u8]| asker.lacks(had_by.as_deref(), &keyspace, key);
            let (entries, seeds) =
                cache.read_off(&keyspace, words::seeds(&from), ANSWER_BYTES_MAX, wants)?;
            let (mut names, now) = (Names::default(), cache.now());
            let seed = |entry| words::seed(entry, &keyspace, &mut names, now);
            let changes = entries.iter().filter_map(seed).collect();
            let next = seeds.map_or(next, |seeds| Some(words::place(keyspace.name(), seeds)));
            let keyspaces = names.into_vec();
            // What was read off may be ahead of the changes that were told, and of what is
            // committed; not of what was written down by now.
            let as_of = Some(cache.journal().head());
            Ok(Followed { up_to: after, as_of, keyspaces, changes, next, ..Followed::default() })
        });
        match read.await {
            Ok(Ok(followed)) => Ok(followed),
            Ok(Err(Error::Elsewhere)) => Err(Outcome::Moved(Moved {})),
            // The cache is closed: it tells nothing more.
            Ok(Err(_closed)) => Err(Outcome::Unsupported(Nothing {})),
            Err(why) => Err(Outcome::UnknownOutcome(UnknownOutcome { why: why.to_string() })),
        }
    }

    fn first_place(&self) -> Option<Place> {
        next_keyspace(self.cache(), "")
    }
}

/// Who asks, and by which view it is answered.
#[derive(Clone)]
struct Asker {
    follower: MemberId,
    tenure: u64,
    /// What it knows to be committed, and whether it waits to be told of more.
    committed: u64,
    wants_committed: bool,
    /// The tenure in which it had copies of all that it was to keep.
    had_in: Option<u64>,
    holding: Arc<Holding>,
}

impl Asker {
    /// Whether a change concerns it.
    fn wants(&self, keyspaces: &[Keyspace], record: &Record) -> bool {
        let Some(key) = record.change.key() else { return true };
        if record.near_until.is_some() {
            return true;
        }
        let keyspace = keyspaces.iter().find(|held| held.id() == record.keyspace);
        keyspace.is_some_and(|keyspace| self.keeps(keyspace, key))
    }

    fn keeps(&self, keyspace: &Keyspace, key: &[u8]) -> bool {
        self.holding.keeps(self.follower, keyspace, key)
    }

    /// Whether it keeps a copy, and must be sent what lies here: of a key of which it kept
    /// one in the tenure before it was told of every change since.
    fn lacks(&self, had_by: Option<&View>, keyspace: &Keyspace, key: &[u8]) -> bool {
        let had = |before| self.holding.kept(before, self.follower, keyspace, key);
        self.keeps(keyspace, key) && !had_by.is_some_and(had)
    }
}

fn is_replicated(keyspace: &Keyspace) -> bool {
    1 < keyspace.replicas()
}

/// The first place in the replicated keyspace that comes after `name`.
fn next_keyspace(cache: &CacheManager, name: &str) -> Option<Place> {
    let replicated = cache.keyspaces().into_iter().filter(is_replicated);
    let later = replicated.filter(|keyspace| name < keyspace.name());
    let next = later.min_by(|one, other| one.name().cmp(other.name()))?;
    Some(words::place(next.name(), distcache_manager::Seeds::default()))
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").field("tenure", &self.state.lock().tenure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
