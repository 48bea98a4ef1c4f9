//! Waits until whoever keeps copies of a key has its last change.
//!
//! Of a keyspace with replicas nobody is told anything of a key here before that: neither
//! who has changed it nor who reads it. The same holds, in every keyspace, of keys of which
//! others were granted near copies. Where a majority is waited for, some may be behind. See [`Journal`](distcache_manager::Journal).

use std::time::{Duration, Instant};

use distcache_bus::Deadline;
use distcache_bus::mutants::{Mutant, is_planted};
use distcache_manager::{Condition, Error as CacheError, Version};

use super::ask::{Ask, Asks, FromTold};
use super::{Item, Keyspace};
use crate::Error;
use crate::cluster::in_place;

/// How often who waits looks whether this process answers for the key still: its lease may
/// have ended, and the key be another's.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether there can be others at all: where there cannot, a hit does not ask for them.
const MAY_HAVE_COPIES: bool = cfg!(any(feature = "cluster", test));

/// How it stands with a change.
#[derive(Clone, Copy)]
enum Stands {
    Committed,
    /// This process does not answer for the key any more.
    Gone,
    /// Not in time.
    Late,
}

/// Since which tenure a call is under way, where others may have copies.
///
/// 1. A owns a key, and changes it. A is stopped.
/// 2. B owns the key by the next view, and answers with what was there before; then A owns
///    it again, and is given that.
/// 3. A goes on. What it has done is committed; who has asked for it is told that all is
///    well, and who reads the key is told otherwise.
///
/// So it is not enough that A owns the key in the end.
#[derive(Clone, Copy)]
pub(crate) struct Begun(Option<u64>);

/// A call that may have to wait.
#[derive(Clone, Copy)]
struct Pending {
    tenure: u64,
    timeout: Duration,
    ends: Instant,
}

type Result<T> = std::result::Result<T, Error>;

impl Keyspace {
    /// Whether other members keep copies.
    #[inline]
    pub(super) fn is_replicated(&self) -> bool {
        1 < self.inner.cache.replicas()
    }

    /// A call begins. To be said before anything is done for it.
    #[inline]
    pub(crate) fn begin_call(&self) -> Begun {
        if !MAY_HAVE_COPIES {
            return Begun(None);
        }
        let may_have_copies = self.is_replicated() || self.inner.manager.journal().is_kept();
        Begun(may_have_copies.then(|| self.inner.manager.tenure()))
    }

    /// Whether others may have copies that are to be waited for: known when a call was made,
    /// and not before. Where there are no replicas, that is so only while some change is not
    /// committed.
    #[inline]
    pub(super) fn may_wait(&self) -> bool {
        MAY_HAVE_COPIES && (self.is_replicated() || !self.inner.manager.journal().is_quiet())
    }

    /// A call that has to wait from now on; `None` if there are no copies.
    fn pending(&self, Begun(tenure): Begun, is_read: bool) -> Option<Pending> {
        if !self.may_wait() {
            return None;
        }
        // Who was alone when the call began is that no more: whose the key has been since
        // then, nobody knows.
        let tenure = tenure.unwrap_or(0);
        let setup = self.inner.setup.load();
        let timeout = if is_read { self.timeout(&setup) } else { setup.config.write_timeout };
        Some(Pending { tenure, timeout, ends: Deadline::within(timeout).instant() })
    }

    /// The same, if something is told that has to wait.
    fn pending_of<T>(&self, begun: Begun, here: &Result<T>, ask: Ask<'_>) -> Option<Pending> {
        let mutant =
            if ask.is_read() { Mutant::ReadBeforeCopies } else { Mutant::AckedBeforeCopies };
        let waits = !is_planted(mutant) && tells_of_key(here);
        self.pending(begun, ask.is_read()).filter(|_| waits)
    }

    /// What a call came to here, when the key's last change is committed.
    pub(super) fn committed<T: FromTold>(
        &self,
        begun: Begun,
        here: Result<T>,
        ask: Ask<'_>,
    ) -> Result<T> {
        let Some(pending) = self.pending_of(begun, &here, ask) else { return here };
        let stands = self.wait_for_key(pending, ask.key());
        told(here, ask, stands, pending.timeout)
    }

    /// As [`committed`](Self::committed), for a task.
    pub(super) async fn committed_async<T: FromTold>(
        &self,
        begun: Begun,
        here: Result<T>,
        ask: Ask<'_>,
    ) -> Result<T> {
        let Some(pending) = self.pending_of(begun, &here, ask) else { return here };
        let stands = self.wait_for_key_async(pending, ask.key()).await;
        told(here, ask, stands, pending.timeout)
    }

    /// What calls about many keys came to here, when all their last changes are committed.
    /// If that is not so for all together, each key is told by itself.
    pub(super) fn committed_many<T: FromTold>(
        &self,
        begun: Begun,
        answers: &mut [Result<T>],
        asks: Asks<'_>,
    ) {
        let Some(pending) = self.pending(begun, asks.are_reads()) else { return };
        let last = self.last_change_of_many(answers, asks);
        let are_ours = || self.are_ours(pending.tenure, answers, asks);
        if let Stands::Committed = self.wait_for(pending, last, are_ours) {
            return;
        }
        for (at, answer) in answers.iter_mut().enumerate().filter(|(_, one)| tells_of_key(one)) {
            let ask = asks.one(at);
            let stands = self.wait_for_key(pending, ask.key());
            tell(answer, ask, stands, pending.timeout);
        }
    }

    /// As [`committed_many`](Self::committed_many), for a task.
    pub(crate) async fn committed_many_async<T: FromTold>(
        &self,
        begun: Begun,
        answers: &mut [Result<T>],
        asks: Asks<'_>,
    ) {
        let Some(pending) = self.pending(begun, asks.are_reads()) else { return };
        let last = self.last_change_of_many(answers, asks);
        let are_ours = || self.are_ours(pending.tenure, answers, asks);
        if let Stands::Committed = self.wait_for_async(pending, last, are_ours).await {
            return;
        }
        for (at, answer) in answers.iter_mut().enumerate().filter(|(_, one)| tells_of_key(one)) {
            let ask = asks.one(at);
            let stands = self.wait_for_key_async(pending, ask.key()).await;
            tell(answer, ask, stands, pending.timeout);
        }
    }

    /// What was done to many keys that nobody has named, when all changes that were made by
    /// now are committed.
    pub(super) async fn all_committed_async<T>(&self, here: Result<T>) -> Result<T> {
        let pending = self.pending(self.begin_call(), false).filter(|_| here.is_ok());
        let Some(pending) = pending else { return here };
        let head = self.inner.manager.journal().head();
        // Whether this process had a lease all the time is asked by who has given the order.
        match self.wait_for_async(pending, head, || true).await {
            Stands::Committed => here,
            Stands::Gone | Stands::Late => Err(Error::NotCommitted { timeout: pending.timeout }),
        }
    }

    /// The number of the last change of a key.
    fn last_change(&self, key: &[u8]) -> u64 {
        let (manager, cache) = (&self.inner.manager, &self.inner.cache);
        manager.journal().latest(manager.key_hash(cache, key))
    }

    /// The last change of all keys of which something is told.
    fn last_change_of_many<T>(&self, answers: &[Result<T>], asks: Asks<'_>) -> u64 {
        let told = answers.iter().enumerate().filter(|(_, answer)| tells_of_key(answer));
        told.map(|(at, _)| self.last_change(asks.key(at))).max().unwrap_or(0)
    }

    /// What a put comes to that was made before, under a version that the owner may have
    /// got: with the key, or as a copy.
    ///
    /// 1. A owns a key, and puts version 5. B gets it with the key. The put is not
    ///    acknowledged: not all copies were made.
    /// 2. A reader gets version 5 from B; then another put is acknowledged there.
    /// 3. The first is made again: a later reader gets what was there before the other.
    ///
    /// Hence it is made again only over an older version; the same or a later one shows that
    /// it was made. If there is none, nobody knows whether there was, unless the store has it.
    pub(super) fn stored_already(
        &self,
        condition: Condition,
        put: Result<Version>,
    ) -> Result<Version> {
        let Condition::Before(version) = condition else { return put };
        match put.as_ref().err().and_then(Error::unmet) {
            Some(Some(_same_or_later)) => Ok(version),
            Some(None) if self.inner.setup.load().writer.is_some() => Ok(version),
            _ => put,
        }
    }

    /// Whether this process answers for a key, and nobody else has since that tenure.
    fn is_ours(&self, tenure: u64, key: &[u8]) -> bool {
        self.inner.manager.answers_since(tenure, &self.inner.cache, key)
    }

    fn are_ours<T>(&self, tenure: u64, answers: &[Result<T>], asks: Asks<'_>) -> bool {
        let mut told = answers.iter().enumerate().filter(|(_, answer)| tells_of_key(answer));
        told.all(|(at, _)| self.is_ours(tenure, asks.key(at)))
    }

    fn wait_for_key(&self, pending: Pending, key: &[u8]) -> Stands {
        self.wait_for(pending, self.last_change(key), || self.is_ours(pending.tenure, key))
    }

    async fn wait_for_key_async(&self, pending: Pending, key: &[u8]) -> Stands {
        let is_ours = || self.is_ours(pending.tenure, key);
        self.wait_for_async(pending, self.last_change(key), is_ours).await
    }

    fn wait_for(&self, pending: Pending, number: u64, is_ours: impl Fn() -> bool) -> Stands {
        let ends = Deadline::at(pending.ends);
        let laggards = self.inner.cache.laggards();
        while let Some(waiter) = self.inner.manager.journal().wait(number, laggards) {
            let soon = Deadline::within(LOOK_EVERY.min(ends.remaining()));
            if in_place(|| waiter.wait(&soon)) != Some(Ok(())) {
                match () {
                    () if !is_ours() => return Stands::Gone,
                    () if ends.is_over() => return Stands::Late,
                    () => {}
                }
            }
        }
        committed_by(is_ours)
    }

    async fn wait_for_async(
        &self,
        pending: Pending,
        number: u64,
        is_ours: impl Fn() -> bool,
    ) -> Stands {
        let ends = Deadline::at(pending.ends);
        let timer = self.inner.manager.timer();
        let laggards = self.inner.cache.laggards();
        while let Some(waiter) = self.inner.manager.journal().wait(number, laggards) {
            let soon = Deadline::within(LOOK_EVERY.min(ends.remaining()));
            // As many wait as may: that is no reason to say what is not known.
            let is_timed = timer.keep(soon.instant(), &waiter.expiry());
            if !is_timed || waiter.await != Some(Ok(())) {
                match () {
                    () if !is_ours() => return Stands::Gone,
                    () if ends.is_over() || !is_timed => return Stands::Late,
                    () => {}
                }
            }
        }
        committed_by(is_ours)
    }
}

/// How it stands with a change that all who keep copies have made.
///
/// 1. A owns a key, and changes it. A is stopped.
/// 2. Its lease ends. B owns the key by the next view, and answers for it.
/// 3. A goes on, and so does C, who keeps the copies and has not heard of that view either:
///    it makes the change to its copy.
/// 4. Who has changed the key is told that all is well; who asks B is told otherwise.
fn committed_by(is_ours: impl Fn() -> bool) -> Stands {
    if is_ours() { Stands::Committed } else { Stands::Gone }
}

/// Whether something is told of what a key has: also by what stood against a call.
fn tells_of_key<T>(here: &Result<T>) -> bool {
    match here {
        Ok(_) => true,
        Err(Error::Cache(error)) => {
            matches!(error, CacheError::Unmet { .. } | CacheError::NoNumber | CacheError::Overflow)
        }
        Err(_) => false,
    }
}

/// Tells one of many calls how its change stands.
fn tell<T: FromTold>(answer: &mut Result<T>, ask: Ask<'_>, stands: Stands, timeout: Duration) {
    let here = std::mem::replace(answer, Err(CacheError::Elsewhere.into()));
    *answer = told(here, ask, stands, timeout);
}

/// What a call is told whose key's last change stands so.
fn told<T: FromTold>(
    here: Result<T>,
    ask: Ask<'_>,
    stands: Stands,
    timeout: Duration,
) -> Result<T> {
    match (stands, here) {
        (Stands::Committed, here) => here,
        (Stands::Late, _) => Err(Error::NotCommitted { timeout }),
        (Stands::Gone, Ok(done)) => Err(gone(&done, ask)),
        // Nothing was done: whoever has the key now is asked.
        (Stands::Gone, Err(_)) => Err(CacheError::Elsewhere.into()),
    }
}

/// What a call is told that has done something here, where the key is not this process's
/// any more.
fn gone<T: FromTold>(done: &T, ask: Ask<'_>) -> Error {
    match (ask, done.stored()) {
        (ask, _) if !ask.is_idempotent() => CacheError::ClaimEnded.into(),
        (Ask::Put(Item { condition: Condition::Before(version), .. }), _) => {
            Error::OwnerChanged { version: *version }
        }
        (_, Some(version)) => Error::OwnerChanged { version },
        // That a value is gone, or ends at another time, may be so twice: readers find no
        // value, as they may at any time.
        _ => CacheError::Elsewhere.into(),
    }
}

#[cfg(test)]
mod tests;
