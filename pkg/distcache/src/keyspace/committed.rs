//! Waits until whoever keeps copies of a key has its last change.
//!
//! Of a keyspace with replicas nobody is told anything of a key here before that: neither
//! who has changed it nor who reads it. See [`Journal`](distcache_manager::Journal).

use std::time::{Duration, Instant};

use distcache_bus::Deadline;
use distcache_manager::{Condition, Error as CacheError, Version};

use super::ask::{Ask, Asks, FromTold};
use super::{Item, Keyspace};
use crate::Error;
use crate::cluster::in_place;

/// How often who waits looks whether this process answers for the key still: its lease may
/// have ended, and the key be another's.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How it stands with a change.
#[derive(Clone, Copy)]
enum Stands {
    Committed,
    /// This process does not answer for the key any more.
    Gone,
    /// Not in time.
    Late,
}

/// What is waited for.
#[derive(Clone, Copy)]
struct Wait {
    number: u64,
    ends: Instant,
    /// Whether it took a while already: this process may have lost the key meanwhile.
    has_waited: bool,
}

impl Wait {
    fn new(number: u64, timeout: Duration) -> Self {
        Self { number, ends: Deadline::within(timeout).instant(), has_waited: false }
    }

    /// One of the changes that were waited for together.
    fn of_one(self, number: u64) -> Self {
        Self { number, has_waited: true, ..self }
    }
}

type Result<T> = std::result::Result<T, Error>;

impl Keyspace {
    /// Whether other members keep copies.
    #[inline]
    pub(super) fn is_replicated(&self) -> bool {
        1 < self.inner.cache.replicas()
    }

    /// How long it is waited for copies.
    fn time_for_copies(&self, is_read: bool) -> Duration {
        let setup = self.inner.setup.load();
        if is_read { self.timeout(&setup) } else { setup.config.write_timeout }
    }

    /// The number of the last change of a key.
    fn last_change(&self, key: &[u8]) -> u64 {
        let (manager, cache) = (&self.inner.manager, &self.inner.cache);
        manager.journal().latest(manager.key_hash(cache, key))
    }

    /// What a call came to here, when the key's last change is committed.
    pub(super) fn committed<T: FromTold>(&self, here: Result<T>, ask: Ask<'_>) -> Result<T> {
        if !self.is_replicated() {
            return here;
        }
        let done = here?;
        let timeout = self.time_for_copies(ask.is_read());
        let wait = Wait::new(self.last_change(ask.key()), timeout);
        told(done, ask, self.wait_for(wait, || self.is_ours(ask.key())), timeout)
    }

    /// As [`committed`](Self::committed), for a task.
    pub(super) async fn committed_async<T: FromTold>(
        &self,
        here: Result<T>,
        ask: Ask<'_>,
    ) -> Result<T> {
        let done = here?;
        let timeout = self.time_for_copies(ask.is_read());
        let wait = Wait::new(self.last_change(ask.key()), timeout);
        told(done, ask, self.wait_for_async(wait, || self.is_ours(ask.key())).await, timeout)
    }

    /// What calls about many keys came to here, when all their last changes are committed.
    pub(super) fn committed_many<T: FromTold>(&self, answers: &mut [Result<T>], asks: Asks<'_>) {
        let Some(number) = self.last_change_of_many(answers, asks) else { return };
        let timeout = self.time_for_copies(asks.are_reads());
        let wait = Wait::new(number, timeout);
        if let Stands::Committed = self.wait_for(wait, || self.are_ours(answers, asks)) {
            return;
        }
        for (at, answer) in answers.iter_mut().enumerate().filter(|(_, answer)| answer.is_ok()) {
            let ask = asks.one(at);
            let wait = wait.of_one(self.last_change(ask.key()));
            let stands = self.wait_for(wait, || self.is_ours(ask.key()));
            tell(answer, ask, stands, timeout);
        }
    }

    /// As [`committed_many`](Self::committed_many), for a task.
    pub(crate) async fn committed_many_async<T: FromTold>(
        &self,
        answers: &mut [Result<T>],
        asks: Asks<'_>,
    ) {
        let Some(number) = self.last_change_of_many(answers, asks) else { return };
        let timeout = self.time_for_copies(asks.are_reads());
        let wait = Wait::new(number, timeout);
        if let Stands::Committed = self.wait_for_async(wait, || self.are_ours(answers, asks)).await
        {
            return;
        }
        for (at, answer) in answers.iter_mut().enumerate().filter(|(_, answer)| answer.is_ok()) {
            let ask = asks.one(at);
            let wait = wait.of_one(self.last_change(ask.key()));
            let stands = self.wait_for_async(wait, || self.is_ours(ask.key())).await;
            tell(answer, ask, stands, timeout);
        }
    }

    /// What was done to many keys that nobody has named, when all changes that were made by
    /// now are committed.
    pub(super) async fn all_committed_async<T>(&self, here: Result<T>) -> Result<T> {
        if !self.is_replicated() || here.is_err() {
            return here;
        }
        let timeout = self.time_for_copies(false);
        let head = self.inner.manager.journal().head();
        // Whether this process had a lease all the time is asked by who has given the order.
        match self.wait_for_async(Wait::new(head, timeout), || true).await {
            Stands::Committed => here,
            Stands::Gone | Stands::Late => Err(Error::NotCommitted { timeout }),
        }
    }

    /// The last change of all keys for which there is an answer.
    fn last_change_of_many<T>(&self, answers: &[Result<T>], asks: Asks<'_>) -> Option<u64> {
        if !self.is_replicated() {
            return None;
        }
        let answered = answers.iter().enumerate().filter(|(_, answer)| answer.is_ok());
        answered.map(|(at, _)| self.last_change(asks.key(at))).max()
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

    fn is_ours(&self, key: &[u8]) -> bool {
        self.inner.manager.answers_for(&self.inner.cache, key).is_ok()
    }

    fn are_ours<T>(&self, answers: &[Result<T>], asks: Asks<'_>) -> bool {
        let mut answered = answers.iter().enumerate().filter(|(_, answer)| answer.is_ok());
        answered.all(|(at, _)| self.is_ours(asks.key(at)))
    }

    fn wait_for(&self, wait: Wait, is_ours: impl Fn() -> bool) -> Stands {
        let Wait { number, ends, mut has_waited } = wait;
        let ends = Deadline::at(ends);
        while let Some(waiter) = self.inner.manager.journal().wait(number) {
            has_waited = true;
            let soon = Deadline::within(LOOK_EVERY.min(ends.remaining()));
            if in_place(|| waiter.wait(&soon)) != Some(Ok(())) {
                match () {
                    () if !is_ours() => return Stands::Gone,
                    () if ends.is_over() => return Stands::Late,
                    () => {}
                }
            }
        }
        stands(has_waited, is_ours)
    }

    async fn wait_for_async(&self, wait: Wait, is_ours: impl Fn() -> bool) -> Stands {
        let Wait { number, ends, mut has_waited } = wait;
        let ends = Deadline::at(ends);
        let timer = self.inner.manager.timer();
        while let Some(waiter) = self.inner.manager.journal().wait(number) {
            has_waited = true;
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
        stands(has_waited, is_ours)
    }
}

/// How it stands with a change that is committed.
///
/// 1. A owns a key, and changes it. A is stopped.
/// 2. Its lease ends. B owns the key by the next view, and answers for it.
/// 3. A goes on, and so does C, who keeps the copies and has not heard of that view either:
///    it makes the change to its copy.
/// 4. Who has changed the key is told that all is well; who asks B is told otherwise.
fn stands(has_waited: bool, is_ours: impl Fn() -> bool) -> Stands {
    if !has_waited || is_ours() { Stands::Committed } else { Stands::Gone }
}

/// Tells one of many calls how its change stands.
fn tell<T: FromTold>(answer: &mut Result<T>, ask: Ask<'_>, stands: Stands, timeout: Duration) {
    let here = std::mem::replace(answer, Err(CacheError::Elsewhere.into()));
    *answer = here.and_then(|done| told(done, ask, stands, timeout));
}

/// What a call is told whose change stands so.
fn told<T: FromTold>(done: T, ask: Ask<'_>, stands: Stands, timeout: Duration) -> Result<T> {
    match stands {
        Stands::Committed => Ok(done),
        Stands::Gone if !ask.is_idempotent() => Err(CacheError::ClaimEnded.into()),
        // Whoever has the key now is asked. That a value is gone, or ends at another time, may
        // be so twice: readers find no value, as they may at any time.
        Stands::Gone => Err(match (ask, done.stored()) {
            (Ask::Put(Item { condition: Condition::Before(version), .. }), _) => {
                Error::OwnerChanged { version: *version }
            }
            (_, Some(version)) => Error::OwnerChanged { version },
            _ => CacheError::Elsewhere.into(),
        }),
        Stands::Late => Err(Error::NotCommitted { timeout }),
    }
}
