//! Reads of one key.

use std::time::Duration;

use distcache_bus::{Abandoned, Deadline, Waiter};
use distcache_manager::{Hit, KEY_BYTES_MAX, Landing, Lead, Look, Tick};

use super::ask::Ask;
use super::committed::Begun;
use super::inner::{Inner, Setup};
use super::stats::raise;
use super::{Found, How, Keyspace, Ttl};
use crate::Error;
use crate::cluster::in_place;
use crate::load::LoadError;
use crate::otel::Operation;

/// What a read can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A stale value too, where the keyspace allows it.
    Any,
    /// A fresh value.
    Fresh,
}

/// What comes after a look.
enum Step {
    /// The answer; and a load that this caller has to see to meanwhile.
    Answer(Result<Option<Found>, Error>, Option<Lead>),
    /// To wait; and the load, if this caller has to see to it.
    Wait(Option<Lead>),
}

impl Keyspace {
    /// The value of a key. A fresh one comes from the cache; another is loaded
    /// from the source, once for all who ask meanwhile. `None`: there is none.
    ///
    /// # Errors
    /// `Load` when it cannot be loaded, `WaitedTooLong` when that takes longer
    /// than the read timeout, `Cache` when the cache cannot answer.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        self.note_read(key);
        self.inner.watch.call(Operation::Get, || {
            let begun = self.begin_call();
            match self.inner.manager.get_in(&self.inner.cache, key) {
                Ok(Some(hit)) if !hit.value.is_absent() && !self.may_wait() => {
                    Ok(Some(Found::hit(hit.value)))
                }
                looked => self.get_further(key, begun, looked),
            }
        })
    }

    /// The value of a key that is no hit here, or one that others may not have yet.
    #[cold]
    fn get_further(
        &self,
        key: &[u8],
        begun: Begun,
        looked: Result<Option<Hit>, distcache_manager::Error>,
    ) -> Result<Option<Found>, Error> {
        let here = match looked {
            Ok(Some(hit)) if !hit.value.is_absent() => Ok(Some(Found::hit(hit.value))),
            Ok(found) => self.get_slowly(key, found.is_some()),
            Err(error) => Err(error.into()),
        };
        self.anywhere(begun, here, Ask::Get { key })
    }

    /// The same, but what is stale is loaded again and waited for. It is stale all
    /// the same if that fails.
    pub(super) fn get_fresh(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        match self.inner.manager.get_in(&self.inner.cache, key)? {
            Some(hit) if !hit.value.is_absent() => Ok(Some(Found::hit(hit.value))),
            found => self.find_slowly(key, found.is_some(), Need::Fresh),
        }
    }

    pub(super) fn get_slowly(&self, key: &[u8], is_absent: bool) -> Result<Option<Found>, Error> {
        self.find_slowly(key, is_absent, Need::Any)
    }

    fn find_slowly(&self, key: &[u8], is_absent: bool, need: Need) -> Result<Option<Found>, Error> {
        if is_absent {
            raise(&self.inner.stats.absent_hits);
            return Ok(None);
        }
        let setup = self.inner.setup.load_full();
        if !self.inner.may_load(&setup, key)? {
            return Ok(None);
        }
        let timeout = self.timeout(&setup);
        let deadline = Deadline::within(timeout);
        loop {
            let (manager, load_time) = (&self.inner.manager, setup.config.load_timeout);
            let (look, waiter) = match need {
                Need::Any => manager.look_in(&self.inner.cache, key, load_time)?,
                Need::Fresh => manager.look_fresh_in(&self.inner.cache, key, load_time)?,
            };
            let is_leader = match self.inner.step(look) {
                Step::Answer(answer, refresh) => {
                    self.inner.start(&setup, refresh.into_iter().collect());
                    return answer;
                }
                Step::Wait(Some(lead)) => {
                    self.inner.start_or_make(&setup, lead);
                    true
                }
                Step::Wait(None) => false,
            };
            let landing = in_place(|| waiter.wait(&deadline));
            match self.inner.landed(landing, is_leader, timeout) {
                Some(Err(late @ Error::WaitedTooLong { .. })) if need == Need::Any => {
                    // A source that hangs is an outage like any other.
                    let peeked = self.inner.manager.peek_in(&self.inner.cache, key)?;
                    return self
                        .inner
                        .stale_instead(peeked)
                        .map_or(Err(late), |found| Ok(Some(found)));
                }
                Some(answer) => return answer,
                None => {}
            }
        }
    }

    /// Like [`get`](Self::get), without ever parking the thread: for tasks.
    ///
    /// Dropping it harms nobody: a load that it began goes on.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_async(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        self.note_read(key);
        let watch = &self.inner.watch;
        // A hit is so short that it takes an eighth longer if its future is wrapped.
        if !watch.is_told() {
            return self.get_watched_async(key).await;
        }
        watch.call_async(Operation::Get, self.get_watched_async(key)).await
    }

    async fn get_watched_async(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        let begun = self.begin_call();
        match self.inner.manager.get_in_async(&self.inner.cache, key).await {
            Ok(Some(hit)) if !hit.value.is_absent() && !self.may_wait() => {
                Ok(Some(Found::hit(hit.value)))
            }
            // In a box: else every hit's future had the room that this one takes, and a
            // server with many clients as much more to bring into the processor's cache.
            looked => Box::pin(self.get_further_async(key, begun, looked)).await,
        }
    }

    /// As [`get_further`](Self::get_further), for a task.
    async fn get_further_async(
        &self,
        key: &[u8],
        begun: Begun,
        looked: Result<Option<Hit>, distcache_manager::Error>,
    ) -> Result<Option<Found>, Error> {
        let here = match looked {
            Ok(Some(hit)) if !hit.value.is_absent() => Ok(Some(Found::hit(hit.value))),
            Ok(found) => self.get_slowly_async(key, found.is_some()).await,
            Err(error) => Err(error.into()),
        };
        self.anywhere_async(begun, here, Ask::Get { key }).await
    }

    pub(super) async fn get_here_async(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        match self.inner.manager.get_in_async(&self.inner.cache, key).await? {
            Some(hit) if !hit.value.is_absent() => Ok(Some(Found::hit(hit.value))),
            found => self.get_slowly_async(key, found.is_some()).await,
        }
    }

    /// As [`get_fresh`](Self::get_fresh), for a task.
    pub(super) async fn get_fresh_async(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        match self.inner.manager.get_in_async(&self.inner.cache, key).await? {
            Some(hit) if !hit.value.is_absent() => Ok(Some(Found::hit(hit.value))),
            found => self.find_slowly_async(key, found.is_some(), Need::Fresh).await,
        }
    }

    pub(super) async fn get_slowly_async(
        &self,
        key: &[u8],
        is_absent: bool,
    ) -> Result<Option<Found>, Error> {
        self.find_slowly_async(key, is_absent, Need::Any).await
    }

    async fn find_slowly_async(
        &self,
        key: &[u8],
        is_absent: bool,
        need: Need,
    ) -> Result<Option<Found>, Error> {
        if is_absent {
            raise(&self.inner.stats.absent_hits);
            return Ok(None);
        }
        let setup = self.inner.setup.load_full();
        if !self.inner.may_load(&setup, key)? {
            return Ok(None);
        }
        let timeout = self.timeout(&setup);
        let ends_at = Deadline::within(timeout).instant();
        loop {
            let (manager, load_time) = (&self.inner.manager, setup.config.load_timeout);
            let (look, waiter) = match need {
                Need::Any => manager.look_in_async(&self.inner.cache, key, load_time).await?,
                Need::Fresh => {
                    manager.look_fresh_in_async(&self.inner.cache, key, load_time).await?
                }
            };
            let is_leader = match self.inner.step(look) {
                Step::Answer(answer, refresh) => {
                    self.inner.start_async(&setup, refresh.into_iter().collect()).await;
                    return answer;
                }
                Step::Wait(lead) => {
                    let is_leader = lead.is_some();
                    self.inner.start_async(&setup, lead.into_iter().collect()).await;
                    is_leader
                }
            };
            if !self.inner.manager.timer().keep(ends_at, &waiter.expiry()) {
                return Err(distcache_manager::Error::Busy.into());
            }
            match self.inner.landed(waiter.await, is_leader, timeout) {
                Some(Err(late @ Error::WaitedTooLong { .. })) if need == Need::Any => {
                    let peek = self.inner.manager.peek_in_async(&self.inner.cache, key);
                    let instead = self.inner.stale_instead(peek.await?);
                    return instead.map_or(Err(late), |found| Ok(Some(found)));
                }
                Some(answer) => return answer,
                None => {}
            }
        }
    }

    /// The value as it lies in the cache, stale or fresh; without loading it and
    /// without counting as a use.
    ///
    /// # Errors
    /// `Cache` when the cache cannot answer.
    pub fn peek(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        let ask = Ask::Peek { key };
        self.inner
            .watch
            .call(Operation::Peek, || self.anywhere(self.begin_call(), self.peek_here(key), ask))
    }

    pub(super) fn peek_here(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        self.inner.check_present()?;
        let peeked = self.inner.manager.peek_in(&self.inner.cache, key)?;
        Ok(peeked.map(found_by_peek))
    }

    /// Like [`peek`](Self::peek), without ever parking the thread.
    ///
    /// # Errors
    /// As of `peek`.
    pub async fn peek_async(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        let peek = async {
            self.anywhere_async(
                self.begin_call(),
                self.peek_here_async(key).await,
                Ask::Peek { key },
            )
            .await
        };
        self.inner.watch.call_async(Operation::Peek, peek).await
    }

    pub(super) async fn peek_here_async(&self, key: &[u8]) -> Result<Option<Found>, Error> {
        self.inner.check_present()?;
        let peeked = self.inner.manager.peek_in_async(&self.inner.cache, key).await?;
        Ok(peeked.map(found_by_peek))
    }

    /// Whether the cache has a fresh value of the key; without loading it and
    /// without counting as a use.
    ///
    /// # Errors
    /// As of [`peek`](Self::peek).
    pub fn contains(&self, key: &[u8]) -> Result<bool, Error> {
        Ok(self.peek(key)?.is_some_and(|found| !found.is_stale()))
    }

    /// Like [`contains`](Self::contains), without ever parking the thread.
    ///
    /// # Errors
    /// As of `contains`.
    pub async fn contains_async(&self, key: &[u8]) -> Result<bool, Error> {
        Ok(self.peek_async(key).await?.is_some_and(|found| !found.is_stale()))
    }

    /// How long the value that the cache has stays fresh; `None` if it has none
    /// that is.
    ///
    /// # Errors
    /// As of [`peek`](Self::peek).
    pub fn ttl(&self, key: &[u8]) -> Result<Option<Ttl>, Error> {
        Ok(self.peek(key)?.and_then(|found| self.inner.ttl_of(&found)))
    }

    /// Like [`ttl`](Self::ttl), without ever parking the thread.
    ///
    /// # Errors
    /// As of `ttl`.
    pub async fn ttl_async(&self, key: &[u8]) -> Result<Option<Ttl>, Error> {
        Ok(self.peek_async(key).await?.and_then(|found| self.inner.ttl_of(&found)))
    }
}

fn found_by_peek(peeked: distcache_manager::Peeked) -> Found {
    let how = peeked.stale_since.map_or(How::Hit, |since| How::Stale { since });
    Found::come_by(peeked.value, how)
}

impl Keyspace {
    /// How much longer a value that was found here stays fresh; `None` if it is
    /// stale.
    pub fn ttl_of(&self, found: &Found) -> Option<Ttl> {
        self.inner.ttl_of(found)
    }
}

impl Inner {
    /// How long a value that was found stays fresh.
    pub(crate) fn ttl_of(&self, found: &Found) -> Option<Ttl> {
        self.ttl_at(found, || self.manager.now())
    }

    /// The same at another moment than now; what does not end does not ask for it.
    pub(crate) fn ttl_at(&self, found: &Found, now: impl FnOnce() -> Tick) -> Option<Ttl> {
        if found.is_stale() {
            return None;
        }
        if found.is_no_cache() {
            return Some(Ttl::For(Duration::ZERO));
        }
        let expires = found.expires();
        if expires == Tick::NEVER {
            return Some(Ttl::UntilEvicted);
        }
        let fresh_until = expires.before(Self::stale_window(&self.setup.load()));
        Some(Ttl::For(fresh_until.since(now())))
    }

    /// Whether a miss can be loaded: there is a source, and a key that could be
    /// kept.
    pub(super) fn may_load(&self, setup: &Setup, key: &[u8]) -> Result<bool, Error> {
        if KEY_BYTES_MAX < key.len() {
            return Err(distcache_manager::Error::KeyTooLong { bytes: key.len() }.into());
        }
        if setup.has_source() {
            return Ok(true);
        }
        self.check_present()?;
        Ok(false)
    }

    /// What may be served, marked as stale, to a caller that has waited in vain.
    fn stale_instead(&self, peeked: Option<distcache_manager::Peeked>) -> Option<Found> {
        let found = found_by_peek(peeked?);
        let How::Stale { since } = found.how() else { return None };
        let window = self.setup.load().config.lifetimes().stale_if_error;
        let may_serve = self.manager.now() < since.after(window);
        may_serve.then(|| {
            raise(&self.stats.served_stale);
            found
        })
    }

    /// What comes after a look.
    fn step(&self, look: Look) -> Step {
        match look {
            Look::Hit(value) if value.is_absent() => {
                raise(&self.stats.absent_hits);
                Step::Answer(Ok(None), None)
            }
            Look::Hit(value) => Step::Answer(Ok(Some(Found::hit(value))), None),
            Look::Served { value, stale_since, refresh } => {
                let how = stale_since.map_or(How::Hit, |since| How::Stale { since });
                if stale_since.is_some() {
                    raise(&self.stats.served_stale);
                }
                Step::Answer(Ok(Some(Found::come_by(value, how))), refresh)
            }
            Look::Leads(lead) => Step::Wait(Some(lead)),
            Look::Follows => {
                raise(&self.stats.collapsed);
                Step::Wait(None)
            }
            Look::Crowded => Step::Answer(Err(LoadError::Busy.into()), None),
            Look::Gone => Step::Answer(Err(Error::keyspace_unknown(self.cache.name())), None),
        }
    }

    /// What a caller that has waited answers; `None` to look again.
    pub(crate) fn landed(
        &self,
        landing: Option<Result<Landing, Abandoned>>,
        is_leader: bool,
        timeout: Duration,
    ) -> Option<Result<Option<Found>, Error>> {
        let landing = match landing {
            Some(Ok(landing)) => landing,
            // Its flight was dropped without a word: the engine is ending.
            Some(Err(Abandoned)) => return Some(Err(LoadError::Cancelled.into())),
            None => {
                raise(&self.stats.gave_up);
                return Some(Err(Error::WaitedTooLong { timeout }));
            }
        };
        Some(match landing {
            Landing::Value(value) if value.is_absent() => Ok(None),
            Landing::Value(value) => {
                let how = if is_leader { How::Loaded } else { How::Collapsed };
                Ok(Some(Found::come_by(value, how)))
            }
            Landing::Stale(value) => {
                raise(&self.stats.served_stale);
                let since = value.expires().before(Self::stale_window(&self.setup.load()));
                Ok(Some(Found::come_by(value, How::Stale { since })))
            }
            Landing::Failed(failure) => Err(load_error(&failure).into()),
            Landing::LookAgain => return None,
        })
    }
}

/// The error that a load ended with: what this crate has put there.
fn load_error(failure: &distcache_manager::Failure) -> LoadError {
    match failure.downcast_ref::<LoadError>() {
        Some(error) => error.clone(),
        None => LoadError::Failed(failure.clone()),
    }
}

/// Where a caller waits, and whether it leads: for batches.
pub(super) struct Waiting {
    pub(super) waiter: Waiter<Landing>,
    pub(super) is_leader: bool,
}

/// What one look of a batch comes to.
pub(super) enum Looked {
    Answered(Result<Option<Found>, Error>),
    Waits(Waiting),
}

impl Inner {
    /// What comes after one look of a batch; flights to see to go to `leads`.
    pub(super) fn step_of_many(
        &self,
        look: Look,
        waiter: Waiter<Landing>,
        leads: &mut Vec<Lead>,
    ) -> Looked {
        match self.step(look) {
            Step::Answer(answer, refresh) => {
                leads.extend(refresh);
                Looked::Answered(answer)
            }
            Step::Wait(lead) => {
                let is_leader = lead.is_some();
                leads.extend(lead);
                Looked::Waits(Waiting { waiter, is_leader })
            }
        }
    }
}
