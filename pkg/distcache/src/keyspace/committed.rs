//! Waits until whoever keeps copies of a key has its last change.
//!
//! Of a keyspace with replicas nobody is told anything of a key here before that: neither
//! who has changed it nor who reads it. See [`Journal`](distcache_manager::Journal).

use std::time::{Duration, Instant};

use distcache_bus::{Deadline, Waiter};

use super::Keyspace;
use super::ask::{Ask, Asks};
use crate::Error;
use crate::cluster::in_place;

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
    pub(super) fn committed<T>(&self, here: Result<T>, ask: Ask<'_>) -> Result<T> {
        if !self.is_replicated() || here.is_err() {
            return here;
        }
        let timeout = self.time_for_copies(ask.is_read());
        match self.inner.manager.journal().wait(self.last_change(ask.key())) {
            None => here,
            Some(waiter) => {
                let told = in_place(|| waiter.wait(&Deadline::within(timeout)));
                self.still_ours(here, ask, told == Some(Ok(())), timeout)
            }
        }
    }

    /// As [`committed`](Self::committed), for a task.
    pub(super) async fn committed_async<T>(&self, here: Result<T>, ask: Ask<'_>) -> Result<T> {
        if here.is_err() {
            return here;
        }
        let timeout = self.time_for_copies(ask.is_read());
        match self.inner.manager.journal().wait(self.last_change(ask.key())) {
            None => here,
            Some(waiter) => {
                let ends_at = Deadline::within(timeout).instant();
                let is_told = self.is_told(waiter, ends_at).await;
                self.still_ours(here, ask, is_told, timeout)
            }
        }
    }

    async fn is_told(&self, waiter: Waiter<()>, ends_at: Instant) -> bool {
        self.inner.manager.timer().keep(ends_at, &waiter.expiry()) && waiter.await == Some(Ok(()))
    }

    /// What a call came to whose change was committed, if this process answers for the key
    /// still.
    ///
    /// 1. A owns a key, and changes it. A is stopped.
    /// 2. Its lease ends. B owns the key by the next view, and answers for it.
    /// 3. A goes on, and so does C, who keeps the copies and has not heard of that view
    ///    either: it makes the change to its copy.
    /// 4. Who has changed the key is told that all is well; who asks B is told otherwise.
    fn still_ours<T>(
        &self,
        here: Result<T>,
        ask: Ask<'_>,
        is_told: bool,
        timeout: Duration,
    ) -> Result<T> {
        let late = Error::NotCommitted { timeout };
        if !is_told {
            return Err(late);
        }
        match self.inner.manager.answers_for(&self.inner.cache, ask.key()) {
            Ok(()) => here,
            Err(elsewhere) if ask.is_read() => Err(elsewhere.into()),
            Err(_whoever_has_it) => Err(late),
        }
    }

    /// What calls about many keys came to here, each when its key's last change is
    /// committed.
    pub(super) fn committed_many<T>(&self, answers: &mut [Result<T>], asks: Asks<'_>) {
        let Some(waiter) = self.waiter_of_many(answers, asks) else { return };
        let timeout = self.time_for_copies(asks.are_reads());
        let told = in_place(|| waiter.wait(&Deadline::within(timeout)));
        self.still_ours_of_many(answers, asks, told == Some(Ok(())), timeout);
    }

    /// As [`committed_many`](Self::committed_many), for a task.
    pub(crate) async fn committed_many_async<T>(&self, answers: &mut [Result<T>], asks: Asks<'_>) {
        let Some(waiter) = self.waiter_of_many(answers, asks) else { return };
        let timeout = self.time_for_copies(asks.are_reads());
        let is_told = self.is_told(waiter, Deadline::within(timeout).instant()).await;
        self.still_ours_of_many(answers, asks, is_told, timeout);
    }

    /// Where to wait for the last change of all keys for which there is an answer.
    fn waiter_of_many<T>(&self, answers: &[Result<T>], asks: Asks<'_>) -> Option<Waiter<()>> {
        if !self.is_replicated() {
            return None;
        }
        let answered = answers.iter().enumerate().filter(|(_, answer)| answer.is_ok());
        let last = answered.map(|(at, _)| self.last_change(asks.key(at))).max()?;
        self.inner.manager.journal().wait(last)
    }

    fn still_ours_of_many<T>(
        &self,
        answers: &mut [Result<T>],
        asks: Asks<'_>,
        is_told: bool,
        timeout: Duration,
    ) {
        let nothing = || Err(distcache_manager::Error::Elsewhere.into());
        for (at, answer) in answers.iter_mut().enumerate().filter(|(_, answer)| answer.is_ok()) {
            let here = std::mem::replace(answer, nothing());
            *answer = self.still_ours(here, asks.one(at), is_told, timeout);
        }
    }

    /// What was done to many keys that nobody has named, when all changes that were made by
    /// now are committed.
    pub(super) async fn all_committed_async<T>(&self, here: Result<T>) -> Result<T> {
        if !self.is_replicated() || here.is_err() {
            return here;
        }
        let journal = self.inner.manager.journal();
        let timeout = self.time_for_copies(false);
        match journal.wait(journal.head()) {
            None => here,
            Some(waiter) => {
                let is_told = self.is_told(waiter, Deadline::within(timeout).instant()).await;
                if is_told { here } else { Err(Error::NotCommitted { timeout }) }
            }
        }
    }
}
