//! Many keys in one call: one request for each owner, a result for each key.

use std::sync::Arc;

use distcache_bus::{Deadline, Waiter};
use distcache_manager::{Hit, Landing, Look, Version, Write};

use super::read::{Looked, Waiting};
use super::stats::raise;
use super::{Found, Item, Keyspace, Setup};
use crate::Error;

type Result<T> = std::result::Result<T, Error>;

/// What is known of one key of a batch.
enum Part {
    Known(Result<Option<Found>>),
    Waits(Waiting),
    /// It was not in the cache.
    Missed,
}

/// What the cache itself says of one key.
type InCache = std::result::Result<Option<Hit>, distcache_manager::Error>;

/// What a look for one key has found, and where its load is waited for.
type LookedFor = std::result::Result<(Look, Waiter<Landing>), distcache_manager::Error>;

impl Keyspace {
    /// The values of many keys, in their order; see [`get`](Self::get). One
    /// key's failure is its own. What has to be loaded is asked for together.
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        let hits = self.inner.manager.get_many_in(&self.inner.cache, keys);
        if !hits.iter().any(is_missed) {
            return hits.into_iter().filter_map(|hit| self.known(hit)).collect();
        }
        let setup = self.inner.setup.load_full();
        let (mut parts, missed) = self.missed(&setup, keys, hits);
        let missed_keys: Vec<&[u8]> = missed.iter().map(|&at| keys[at]).collect();
        let (cache, load_time) = (&self.inner.cache, setup.config.load_timeout);
        let looks = self.inner.manager.look_many_in(cache, &missed_keys, load_time);
        self.take_off(&setup, &mut parts, missed, looks);
        let timeout = self.timeout(&setup);
        let deadline = Deadline::within(timeout);
        let finish = |(part, key): (Part, &&[u8])| match part {
            Part::Known(answer) => answer,
            Part::Waits(Waiting { waiter, is_leader }) => {
                let landed = self.inner.landed(waiter.wait(&deadline), is_leader, timeout);
                landed.unwrap_or_else(|| self.get_slowly(key, false))
            }
            Part::Missed => self.get_slowly(key, false),
        };
        parts.into_iter().zip(keys).map(finish).collect()
    }

    /// What is known of a key without a load; `None` if nothing is.
    fn known(&self, hit: InCache) -> Option<Result<Option<Found>>> {
        match hit {
            Ok(Some(Hit { value, .. })) if value.is_absent() => {
                raise(&self.inner.stats.absent_hits);
                Some(Ok(None))
            }
            Ok(Some(Hit { value, .. })) => Some(Ok(Some(Found::hit(value)))),
            Ok(None) => None,
            Err(error) => Some(Err(Error::from(error))),
        }
    }

    /// What is known of each key, and where those are that are to be looked for.
    fn missed(&self, setup: &Setup, keys: &[&[u8]], hits: Vec<InCache>) -> (Vec<Part>, Vec<usize>) {
        let part = |hit| self.known(hit).map_or(Part::Missed, Part::Known);
        let mut parts: Vec<Part> = hits.into_iter().map(part).collect();
        let mut missed = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if !matches!(parts[at], Part::Missed) {
                continue;
            }
            match self.inner.may_load(setup, key) {
                Ok(true) => missed.push(at),
                Ok(false) => parts[at] = Part::Known(Ok(None)),
                Err(error) => parts[at] = Part::Known(Err(error)),
            }
        }
        (parts, missed)
    }

    /// Begins the loads that are to be begun, of what was looked for.
    fn take_off(
        &self,
        setup: &Arc<Setup>,
        parts: &mut [Part],
        missed: Vec<usize>,
        looks: Vec<LookedFor>,
    ) {
        let mut leads = Vec::new();
        for (at, look) in missed.into_iter().zip(looks) {
            parts[at] = match look {
                Ok((look, waiter)) => match self.inner.step_of_many(look, waiter, &mut leads) {
                    Looked::Answered(answer) => Part::Known(answer),
                    Looked::Waits(waiting) => Part::Waits(waiting),
                },
                Err(error) => Part::Known(Err(error.into())),
            };
        }
        self.inner.start(setup, leads);
    }

    /// Like [`get_many`](Self::get_many), for tasks.
    pub async fn get_many_async(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        let hits = self.inner.manager.get_many_in_async(&self.inner.cache, keys).await;
        if !hits.iter().any(is_missed) {
            return hits.into_iter().filter_map(|hit| self.known(hit)).collect();
        }
        let setup = self.inner.setup.load_full();
        let (mut parts, missed) = self.missed(&setup, keys, hits);
        let missed_keys: Vec<&[u8]> = missed.iter().map(|&at| keys[at]).collect();
        let (cache, load_time) = (&self.inner.cache, setup.config.load_timeout);
        let looks = self.inner.manager.look_many_in_async(cache, &missed_keys, load_time).await;
        self.take_off(&setup, &mut parts, missed, looks);
        let timeout = self.timeout(&setup);
        let ends_at = Deadline::within(timeout).instant();
        let mut answers = Vec::with_capacity(keys.len());
        for (part, key) in parts.into_iter().zip(keys) {
            answers.push(match part {
                Part::Known(answer) => answer,
                Part::Waits(Waiting { waiter, is_leader }) => {
                    if self.inner.manager.timer().keep(ends_at, &waiter.expiry()) {
                        let landed = self.inner.landed(waiter.await, is_leader, timeout);
                        match landed {
                            Some(answer) => answer,
                            None => self.get_slowly_async(key, false).await,
                        }
                    } else {
                        Err(distcache_manager::Error::Busy.into())
                    }
                }
                Part::Missed => self.get_slowly_async(key, false).await,
            });
        }
        answers
    }

    /// Stores many values; see [`put_item`](Self::put_item). One item's failure
    /// is its own; of a key that comes twice, the later value stays.
    pub fn put_many(&self, items: &[Item<'_>]) -> Vec<Result<Version>> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            // Every write is on its way before the first is waited for.
            let begin = |item: &Item<'_>| self.inner.begin_put(&setup, item);
            let begun: Vec<_> = items.iter().map(begin).collect();
            let deadline = Deadline::within(setup.config.write_timeout);
            let wait = |(waiter, item): (Result<_>, &Item<'_>)| {
                self.inner.wait_for_store(&setup, item.key(), &deadline, waiter?)
            };
            return begun.into_iter().zip(items).map(wait).collect();
        }
        let tags = self.tags_of(items);
        let writes = self.writes_of(&setup, items, &tags);
        let stored = self.inner.manager.put_many_in(&self.inner.cache, &writes);
        stored.into_iter().map(|stored| Ok(stored?.version)).collect()
    }

    /// Like [`put_many`](Self::put_many), for tasks.
    pub async fn put_many_async(&self, items: &[Item<'_>]) -> Vec<Result<Version>> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_none() {
            let tags = self.tags_of(items);
            let writes = self.writes_of(&setup, items, &tags);
            let stored = self.inner.manager.put_many_in_async(&self.inner.cache, &writes).await;
            return stored.into_iter().map(|stored| Ok(stored?.version)).collect();
        }
        let begin = |item: &Item<'_>| self.inner.begin_put(&setup, item);
        let begun: Vec<_> = items.iter().map(begin).collect();
        let mut stored = Vec::with_capacity(items.len());
        let deadline = Deadline::within(setup.config.write_timeout).instant();
        for (waiter, item) in begun.into_iter().zip(items) {
            stored.push(match waiter {
                Ok(waiter) => {
                    let key = item.key();
                    self.inner.wait_for_store_async(&setup, key, deadline, waiter).await
                }
                Err(error) => Err(error),
            });
        }
        stored
    }

    /// The hashes of each item's tags.
    fn tags_of(&self, items: &[Item<'_>]) -> Vec<Vec<u64>> {
        items.iter().map(|item| self.inner.tag_hashes(item.tags())).collect()
    }

    fn writes_of<'a>(
        &self,
        setup: &Setup,
        items: &'a [Item<'a>],
        tags: &'a [Vec<u64>],
    ) -> Vec<Write<'a>> {
        let write =
            |(item, tags): (&Item<'a>, &'a Vec<u64>)| self.inner.write_of(setup, item, tags);
        items.iter().zip(tags).map(write).collect()
    }

    /// Forgets many keys; for each, whether the cache had a value. See
    /// [`delete`](Self::delete).
    pub fn delete_many(&self, keys: &[&[u8]]) -> Vec<Result<bool>> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            let begun: Vec<_> =
                keys.iter().map(|key| self.inner.begin_delete(&setup, key)).collect();
            let deadline = Deadline::within(setup.config.write_timeout);
            let wait = |(waiter, key): (Result<_>, &&[u8])| {
                self.inner.wait_for_store(&setup, key, &deadline, waiter?)
            };
            return begun.into_iter().zip(keys).map(wait).collect();
        }
        let deleted = self.inner.manager.delete_many_in(&self.inner.cache, keys);
        deleted.into_iter().map(|deleted| Ok(deleted?)).collect()
    }

    /// Like [`delete_many`](Self::delete_many), for tasks.
    pub async fn delete_many_async(&self, keys: &[&[u8]]) -> Vec<Result<bool>> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_none() {
            let deleted = self.inner.manager.delete_many_in_async(&self.inner.cache, keys).await;
            return deleted.into_iter().map(|deleted| Ok(deleted?)).collect();
        }
        let begun: Vec<_> = keys.iter().map(|key| self.inner.begin_delete(&setup, key)).collect();
        let mut deleted = Vec::with_capacity(keys.len());
        let deadline = Deadline::within(setup.config.write_timeout).instant();
        for (waiter, key) in begun.into_iter().zip(keys) {
            deleted.push(match waiter {
                Ok(waiter) => self.inner.wait_for_store_async(&setup, key, deadline, waiter).await,
                Err(error) => Err(error),
            });
        }
        deleted
    }
}

fn is_missed(hit: &InCache) -> bool {
    matches!(hit, Ok(None))
}
