//! Writes of one key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use distcache_bus::{Deadline, Waiter};
use distcache_manager::{Condition, Stored, Tick, Version, Write, number_in};

use super::ask::Ask;
use super::inner::{Inner, Setup};
use super::stats::raise;
use super::{Found, Item, Keyspace, Until};
use crate::cluster::in_place;
use crate::otel::{Here, Operation};
use crate::write::{Turn, Wanted, Writer, Written};
use crate::{Error, LoadError};

/// The parts of an item that travel to a lane.
struct OwnItem {
    key: Box<[u8]>,
    value: Box<[u8]>,
    content_type: Option<Box<str>>,
    until: Until,
    tags: Vec<u64>,
    condition: Condition,
}

impl Keyspace {
    /// Stores a value. Returns its version when every read that begins from now
    /// on gets it, or a later one.
    ///
    /// With a store, that has it too: see
    /// [`KeyspaceConfig::write_through`](crate::KeyspaceConfig::write_through). A
    /// value that the store has and the cache cannot keep, for its size, has
    /// version zero.
    ///
    /// # Errors
    /// `Cache`: nothing has changed, except after its `TimedOut`, when that is
    /// not known. `StoreFailed`, `StoreTimedOut`, `StoreBusy`.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<Version, Error> {
        self.put_item(&Item::new(key, value))
    }

    /// Stores a value as its item says.
    ///
    /// # Errors
    /// As of [`put`](Self::put); `Cache` with `Unmet` when the condition is not
    /// met ([`Error::unmet`]).
    pub fn put_item(&self, item: &Item<'_>) -> Result<Version, Error> {
        self.inner.watch.call(Operation::Put, || {
            self.anywhere(self.begin_call(), self.put_here(item), Ask::Put(item))
        })
    }

    fn put_here(&self, item: &Item<'_>) -> Result<Version, Error> {
        let setup = self.inner.setup.load();
        if setup.writer.is_some() {
            let setup = arc_swap::Guard::into_inner(setup);
            let waiter = self.inner.begin_put(&setup, item)?;
            let deadline = Deadline::within(setup.config.write_timeout);
            return self.inner.wait_for_store(&setup, item.key, &deadline, waiter);
        }
        let tags = self.inner.tag_hashes(&item.tags);
        let write = self.inner.write_of(&setup, item, &tags);
        Ok(self.inner.manager.put_in(&self.inner.cache, &write)?.version)
    }

    /// Like [`put`](Self::put), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put`.
    pub async fn put_async(&self, key: &[u8], value: &[u8]) -> Result<Version, Error> {
        self.put_item_async(&Item::new(key, value)).await
    }

    /// Like [`put_item`](Self::put_item), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put_item`.
    pub async fn put_item_async(&self, item: &Item<'_>) -> Result<Version, Error> {
        let put = async {
            self.anywhere_async(self.begin_call(), self.put_here_async(item).await, Ask::Put(item))
                .await
        };
        self.inner.watch.call_async(Operation::Put, put).await
    }

    pub(super) async fn put_here_async(&self, item: &Item<'_>) -> Result<Version, Error> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            let waiter = self.inner.begin_put(&setup, item)?;
            let deadline = Deadline::within(setup.config.write_timeout).instant();
            return self.inner.wait_for_store_async(&setup, item.key, deadline, waiter).await;
        }
        let tags = self.inner.tag_hashes(&item.tags);
        let write = self.inner.write_of(&setup, item, &tags);
        Ok(self.inner.manager.put_in_async(&self.inner.cache, &write).await?.version)
    }

    /// Adds `by` to the decimal number that a key has as its value, at once for
    /// all who do. Returns the sum. A key without a value begins at 0: what its
    /// source has, if there is one, is loaded first. The value keeps its TTL, its
    /// tags and its content type.
    ///
    /// # Errors
    /// `Cache` with `NoNumber` or `Overflow`: nothing has changed. Else as of
    /// [`put`](Self::put) and [`get`](Self::get).
    pub fn increment(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        let ask = Ask::Increment { key, by };
        self.inner.watch.call(Operation::Increment, || {
            self.anywhere(self.begin_call(), self.add_here(key, by), ask)
        })
    }

    fn add_here(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            let this = self.clone();
            let own_key: Box<[u8]> = key.into();
            let add = move |space: &Arc<Inner>, writer: &Writer| {
                this.add_through(space, writer, &own_key, by)
            };
            let waiter = self.inner.begin_write(&setup, key, add)?;
            let deadline = Deadline::within(setup.config.write_timeout);
            return self.inner.wait_for_store(&setup, key, &deadline, waiter);
        }
        if setup.has_source()
            && let Some(sum) = self.add_to_loaded(key, by)?
        {
            return Ok(sum);
        }
        let begins = Some(self.inner.until(&setup, Until::Default));
        Ok(self.inner.manager.add_in(&self.inner.cache, key, by, begins)?.unwrap_or(by))
    }

    /// Adds to the number that a source has; `None` if it has none. It is loaded
    /// twice at most: what was loaded may be gone again.
    fn add_to_loaded(&self, key: &[u8], by: i64) -> Result<Option<i64>, Error> {
        for _ in 0..2 {
            let sum = self.inner.manager.add_in(&self.inner.cache, key, by, None)?;
            if sum.is_some() || !is_fresh(self.get_fresh(key)?.as_ref())? {
                return Ok(sum);
            }
        }
        Err(LoadError::OnlyStale.into())
    }

    /// Like [`increment`](Self::increment), without ever parking the thread.
    ///
    /// # Errors
    /// As of `increment`.
    pub async fn increment_async(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        let ask = Ask::Increment { key, by };
        let add = async {
            self.anywhere_async(self.begin_call(), self.add_here_async(key, by).await, ask).await
        };
        self.inner.watch.call_async(Operation::Increment, add).await
    }

    pub(super) async fn add_here_async(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            let this = self.clone();
            let own_key: Box<[u8]> = key.into();
            let add = move |space: &Arc<Inner>, writer: &Writer| {
                this.add_through(space, writer, &own_key, by)
            };
            let waiter = self.inner.begin_write(&setup, key, add)?;
            let deadline = Deadline::within(setup.config.write_timeout).instant();
            return self.inner.wait_for_store_async(&setup, key, deadline, waiter).await;
        }
        if setup.has_source()
            && let Some(sum) = self.add_to_loaded_async(key, by).await?
        {
            return Ok(sum);
        }
        let begins = Some(self.inner.until(&setup, Until::Default));
        let sum = self.inner.manager.add_in_async(&self.inner.cache, key, by, begins).await?;
        Ok(sum.unwrap_or(by))
    }

    /// As [`add_to_loaded`](Self::add_to_loaded), for a task.
    async fn add_to_loaded_async(&self, key: &[u8], by: i64) -> Result<Option<i64>, Error> {
        for _ in 0..2 {
            let sum = self.inner.manager.add_in_async(&self.inner.cache, key, by, None).await?;
            if sum.is_some() || !is_fresh(self.get_fresh_async(key).await?.as_ref())? {
                return Ok(sum);
            }
        }
        Err(LoadError::OnlyStale.into())
    }

    /// Takes `by` away; see [`increment`](Self::increment).
    ///
    /// # Errors
    /// As of `increment`.
    pub fn decrement(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        let by = by.checked_neg().ok_or(distcache_manager::Error::Overflow)?;
        self.increment(key, by)
    }

    /// Like [`decrement`](Self::decrement), without ever parking the thread.
    ///
    /// # Errors
    /// As of `decrement`.
    pub async fn decrement_async(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        let by = by.checked_neg().ok_or(distcache_manager::Error::Overflow)?;
        self.increment_async(key, by).await
    }

    /// Adds to a number that a store has too, in its key's lane.
    fn add_through(
        &self,
        space: &Arc<Inner>,
        writer: &Writer,
        key: &[u8],
        by: i64,
    ) -> Result<i64, Error> {
        let held = match self.peek_here(key)?.filter(|found| !found.is_stale()) {
            Some(found) => Some(found),
            None => self.get_fresh(key)?,
        };
        is_fresh(held.as_ref())?;
        let number = held.as_ref().map_or(Some(0), |found| number_in(found));
        let number = number.ok_or(distcache_manager::Error::NoNumber)?;
        let sum = number.checked_add(by).ok_or(distcache_manager::Error::Overflow)?;
        let text = sum.to_string();
        let setup = space.setup.load_full();
        let expires = match &held {
            Some(found) if found.version() != Version::ZERO => found.expires(),
            _ => space.until(&setup, Until::Default),
        };
        let tags: Vec<u64> = held.iter().flat_map(Found::tags).collect();
        let content_type = held.as_ref().and_then(Found::content_type);
        let written = Written {
            value: text.as_bytes(),
            content_type,
            born: space.manager.now(),
            fresh_until: expires.before(Inner::stale_window(&setup)),
            tags: &tags,
        };
        space.write_through(writer, key, Some(written), |space| {
            let born = setup.config.is_dated.then(|| space.manager.now());
            let write = Write::new(key, text.as_bytes());
            let write = Write { content_type, expires, born, tags: &tags, ..write };
            space.manager.put_in(&space.cache, &write).map(|stored| stored.version)
        })?;
        Ok(sum)
    }

    /// Gives a fresh value of the cache the TTL that the keyspace says, from now
    /// on. Returns whether there was one.
    ///
    /// # Errors
    /// `Cache` when the cache cannot answer.
    pub fn touch(&self, key: &[u8]) -> Result<bool, Error> {
        self.stay(Operation::Touch, key, Until::Default)
    }

    /// Gives a fresh value of the cache another TTL, from now on. Returns whether
    /// there was one. With a TTL of zero it is over at once.
    ///
    /// # Errors
    /// As of [`touch`](Self::touch).
    pub fn expire(&self, key: &[u8], ttl: Duration) -> Result<bool, Error> {
        self.stay(Operation::Expire, key, Until::For(ttl))
    }

    /// Lets a fresh value of the cache stay until it is evicted. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// As of [`touch`](Self::touch).
    pub fn persist(&self, key: &[u8]) -> Result<bool, Error> {
        self.stay(Operation::Persist, key, Until::Evicted)
    }

    fn stay(&self, operation: Operation, key: &[u8], until: Until) -> Result<bool, Error> {
        let ask = Ask::Touch { key, until };
        self.inner
            .watch
            .call(operation, || self.anywhere(self.begin_call(), self.stay_here(key, until), ask))
    }

    fn stay_here(&self, key: &[u8], until: Until) -> Result<bool, Error> {
        self.inner.check_present()?;
        let expires = self.inner.fresh_until(&self.inner.setup.load(), until);
        Ok(self.inner.manager.set_expires_in(&self.inner.cache, key, expires)?)
    }

    /// Like [`touch`](Self::touch), without ever parking the thread.
    ///
    /// # Errors
    /// As of `touch`.
    pub async fn touch_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.stay_async(Operation::Touch, key, Until::Default).await
    }

    /// Like [`expire`](Self::expire), without ever parking the thread.
    ///
    /// # Errors
    /// As of `touch`.
    pub async fn expire_async(&self, key: &[u8], ttl: Duration) -> Result<bool, Error> {
        self.stay_async(Operation::Expire, key, Until::For(ttl)).await
    }

    /// Like [`persist`](Self::persist), without ever parking the thread.
    ///
    /// # Errors
    /// As of `touch`.
    pub async fn persist_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.stay_async(Operation::Persist, key, Until::Evicted).await
    }

    async fn stay_async(
        &self,
        operation: Operation,
        key: &[u8],
        until: Until,
    ) -> Result<bool, Error> {
        let ask = Ask::Touch { key, until };
        let stay = async {
            self.anywhere_async(self.begin_call(), self.stay_here_async(key, until).await, ask)
                .await
        };
        self.inner.watch.call_async(operation, stay).await
    }

    pub(super) async fn stay_here_async(&self, key: &[u8], until: Until) -> Result<bool, Error> {
        self.inner.check_present()?;
        let expires = self.inner.fresh_until(&self.inner.setup.load(), until);
        Ok(self.inner.manager.set_expires_in_async(&self.inner.cache, key, expires).await?)
    }
}

/// Whether there is a value to add to; an error if it is not fresh.
fn is_fresh(found: Option<&Found>) -> Result<bool, Error> {
    match found {
        Some(found) if found.is_stale() => Err(LoadError::OnlyStale.into()),
        found => Ok(found.is_some()),
    }
}

impl Inner {
    /// Until when a value is fresh that is put now.
    fn fresh_until(&self, setup: &Setup, until: Until) -> Tick {
        let ttl = match until {
            Until::Default => setup.config.ttl,
            Until::For(ttl) => Some(ttl),
            Until::Evicted => None,
        };
        ttl.map_or(Tick::NEVER, |ttl| self.manager.now().after(ttl))
    }

    /// Until when it stays: the stale window comes after.
    pub(super) fn until(&self, setup: &Setup, until: Until) -> Tick {
        self.fresh_until(setup, until).after(Self::stale_window(setup))
    }

    pub(super) fn tag_hashes(&self, tags: &[&str]) -> Vec<u64> {
        tags.iter().map(|tag| self.manager.tag_hash(tag)).collect()
    }

    pub(super) fn write_of<'a>(
        &self,
        setup: &Setup,
        item: &Item<'a>,
        tags: &'a [u64],
    ) -> Write<'a> {
        Write {
            content_type: item.content_type,
            expires: self.until(setup, item.until),
            born: setup.config.is_dated.then(|| self.manager.now()),
            tags,
            condition: item.condition,
            ..Write::new(item.key, item.value)
        }
    }

    /// Begins a put in the lane of its key.
    pub(super) fn begin_put(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        item: &Item<'_>,
    ) -> Result<Waiter<Result<Version, Error>>, Error> {
        // What the cache will never take must not reach the store.
        let tags = self.tag_hashes(&item.tags);
        self.write_of(setup, item, &tags).check()?;
        let own = OwnItem {
            key: item.key.into(),
            value: item.value.into(),
            content_type: item.content_type.map(Box::from),
            until: item.until,
            tags,
            condition: item.condition,
        };
        let of_lane = setup.clone();
        self.begin_write(setup, item.key, move |space, writer| {
            space.check(own.condition, &own.key)?;
            let written = Written {
                value: &own.value,
                content_type: own.content_type.as_deref(),
                born: space.manager.now(),
                fresh_until: space.fresh_until(&of_lane, own.until),
                tags: &own.tags,
            };
            space.write_through(writer, &own.key, Some(written), |space| {
                let write = Write {
                    content_type: own.content_type.as_deref(),
                    expires: space.until(&of_lane, own.until),
                    born: of_lane.config.is_dated.then(|| space.manager.now()),
                    tags: &own.tags,
                    ..Write::new(&own.key, &own.value)
                };
                space.manager.put_in(&space.cache, &write).map(|Stored { version, .. }| version)
            })
        })
    }

    /// Runs `work` in the lane of a key.
    pub(super) fn begin_write<R: Send + 'static>(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        key: &[u8],
        work: impl FnOnce(&Arc<Self>, &Writer) -> Result<R, Error> + Send + 'static,
    ) -> Result<Waiter<Result<R, Error>>, Error> {
        self.check_present()?;
        let hash = self.manager.key_hash(&self.cache, key);
        let (space, of_lane, here) = (self.clone(), setup.clone(), Here::current());
        let Some(writer) = &setup.writer else { return Err(Error::StoreBusy) };
        writer.in_lane(hash, move || match &of_lane.writer {
            Some(writer) => here.run(|| work(&space, writer)),
            None => Err(Error::StoreBusy),
        })
    }

    /// Whether a write's condition is met. In the lane of its key nobody else writes.
    pub(super) fn check(&self, condition: Condition, key: &[u8]) -> Result<(), Error> {
        if condition == Condition::Always {
            return Ok(());
        }
        let held = self.manager.peek_in(&self.cache, key)?.map(|peeked| peeked.value.version());
        if condition.is_met_by(held) {
            return Ok(());
        }
        Err(distcache_manager::Error::Unmet { version: held }.into())
    }

    /// Writes to the store, and then does the same in the cache. In the lane of
    /// the key.
    ///
    /// If the store fails, it may have written all the same: what the cache has
    /// is not the latest any more, for all that is known. The same if the cache
    /// fails after the store.
    pub(super) fn write_through<R>(
        self: &Arc<Self>,
        writer: &Writer,
        key: &[u8],
        wanted: Wanted<'_>,
        in_cache: impl FnOnce(&Self) -> Result<R, distcache_manager::Error>,
    ) -> Result<R, Error>
    where
        R: FromForgotten,
    {
        let turn = writer.enter();
        // 1. A write waits for its turn in the lane of its key.
        // 2. The key goes to another member, where it is written.
        // 3. The write's turn comes: the store has what was before step 2.
        self.manager.answers_for(&self.cache, key)?;
        match writer.write(key, wanted) {
            // Those that are made later are counted then.
            Ok(()) if writer.is_behind() => {}
            Ok(()) => raise(&self.stats.stored),
            Err(Error::StoreBusy) => return Err(Error::StoreBusy),
            Err(error) => {
                raise(&self.stats.store_failures);
                self.forget_written(key, Some(turn))?;
                return Err(error);
            }
        }
        in_cache(self).or_else(|error| {
            self.forget_written(key, Some(turn))?;
            match error {
                // The store has it, and the cache has nothing older.
                distcache_manager::Error::ValueTooLarge { .. }
                | distcache_manager::Error::Elsewhere => Ok(R::forgotten()),
                other => Err(other.into()),
            }
        })
    }

    /// Forgets a key of which the store may have another value now.
    ///
    /// 1. A owns a key, and writes it to the store.
    /// 2. The key goes to B; a read there loads what was before, or is about to.
    /// 3. A cannot change what B has. Were A to say that the key is another's, its caller
    ///    would have B write it again, over what was written since.
    ///
    /// So what A still has is not handed over, and B is told to forget the key; if it
    /// cannot be, the outcome is unknown. The write's turn ends before that: B answers
    /// when A has said that its writes are made.
    pub(crate) fn forget_written(
        self: &Arc<Self>,
        key: &[u8],
        turn: Option<Turn<'_>>,
    ) -> Result<(), distcache_manager::Error> {
        match self.manager.delete_in(&self.cache, key) {
            Err(distcache_manager::Error::Elsewhere) => {}
            forgotten => return forgotten.map(drop),
        }
        self.manager.drop_stray(&self.cache, key)?;
        drop(turn);
        let ask = Ask::Delete { key, condition: Condition::Always, is_invalidation: true };
        let told = Keyspace::new(self.clone()).afar(ask, None);
        told.map(drop).map_err(|_not_told| distcache_manager::Error::ClaimEnded)
    }

    /// Waits for a write to be made. After a write of which nothing was heard in
    /// time the cache has forgotten the key.
    pub(super) fn wait_for_store<R>(
        &self,
        setup: &Setup,
        key: &[u8],
        deadline: &Deadline,
        waiter: Waiter<Result<R, Error>>,
    ) -> Result<R, Error> {
        if let Some(Ok(result)) = in_place(|| waiter.wait(deadline)) {
            return result;
        }
        match self.manager.delete_in(&self.cache, key) {
            Ok(_) | Err(distcache_manager::Error::Elsewhere) => Err(store_timed_out(setup)),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`wait_for_store`](Self::wait_for_store), for a task.
    pub(super) async fn wait_for_store_async<R: Send + 'static>(
        &self,
        setup: &Setup,
        key: &[u8],
        deadline: Instant,
        waiter: Waiter<Result<R, Error>>,
    ) -> Result<R, Error> {
        // A timer that has no room: the write's own end is waited for.
        let _has_room = self.manager.timer().keep(deadline, &waiter.expiry());
        if let Some(Ok(result)) = waiter.await {
            return result;
        }
        match self.manager.delete_in_async(&self.cache, key).await {
            Ok(_) | Err(distcache_manager::Error::Elsewhere) => Err(store_timed_out(setup)),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the writes that wait, and takes no more. An error if some were not
    /// made within the write timeout.
    pub(crate) fn end_writes(&self) -> Result<(), Error> {
        let setup = self.setup.load_full();
        let timeout = setup.config.write_timeout;
        match setup.close_writer(&Deadline::within(timeout)) {
            (0, 0) => Ok(()),
            _ => Err(Error::StoreTimedOut { timeout }),
        }
    }
}

/// It is not counted: the write goes on, and counts as what it comes to.
fn store_timed_out(setup: &Setup) -> Error {
    Error::StoreTimedOut { timeout: setup.config.write_timeout }
}

/// What a write returns that the store has, and the cache could not keep.
pub(super) trait FromForgotten {
    fn forgotten() -> Self;
}

impl FromForgotten for Version {
    fn forgotten() -> Self {
        Self::ZERO
    }
}

impl FromForgotten for bool {
    fn forgotten() -> Self {
        false
    }
}
