//! Many keys in one call: one request for each owner, a result for each key.

use std::sync::Arc;

use distcache_bus::{Deadline, Waiter};
use distcache_manager::{Condition, Hit, Landing, Look, Version, Write};

use super::ask::Asks;
use super::inner::Inner;
use super::read::{Looked, Waiting};
use super::stats::raise;
use super::{Found, Item, Keyspace, Setup};
use crate::Error;
use crate::cluster::in_place;
use crate::otel::Operation;

type Result<T> = std::result::Result<T, Error>;

/// What a look for one key has found, and where its load is waited for.
type LookedFor = std::result::Result<(Look, Waiter<Landing>), distcache_manager::Error>;

/// What is known of the keys of a batch.
struct Known {
    /// For each key; `Ok(None)` as long as nothing is known.
    answers: Vec<Result<Option<Found>>>,
    /// Where those keys are that the cache does not have.
    missed: Vec<usize>,
}

impl Keyspace {
    /// The values of many keys, in their order; see [`get`](Self::get). One
    /// key's failure is its own. What has to be loaded is asked for together.
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        self.note_reads(keys);
        self.get_many_unnoted(keys)
    }

    /// The same for a warm-up: that says nothing of which keys are read most.
    pub(crate) fn get_many_unnoted(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        self.inner.watch.call(Operation::GetMany, || {
            let begun = self.begin_call();
            let mut answers = self.get_many_here(keys);
            self.committed_many(begun, &mut answers, Asks::Get(keys));
            self.by_copies(&mut answers, Asks::Get(keys));
            self.by_nears(&mut answers, Asks::Get(keys));
            self.afar_many(&mut answers, Asks::Get(keys));
            answers
        })
    }

    fn get_many_here(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        let mut known = Known::nothing_of(keys);
        let each = |at, hit| known.note(&self.inner, at, hit);
        self.inner.manager.get_each_in(&self.inner.cache, keys, each);
        if known.missed.is_empty() {
            return known.answers;
        }
        let setup = self.inner.setup.load_full();
        let missed_keys = known.keys_to_look_for(&self.inner, &setup, keys);
        let (cache, load_time) = (&self.inner.cache, setup.config.load_timeout);
        let looks = self.inner.manager.look_many_in(cache, &missed_keys, load_time);
        let waits = known.take_off(&self.inner, &setup, looks);
        let timeout = self.timeout(&setup);
        let deadline = Deadline::within(timeout);
        for (at, Waiting { waiter, is_leader }) in waits {
            let landing = in_place(|| waiter.wait(&deadline));
            let landed = self.inner.landed(landing, is_leader, timeout);
            known.answers[at] = landed.unwrap_or_else(|| self.get_slowly(keys[at], false));
        }
        known.answers
    }

    /// Like [`get_many`](Self::get_many), for tasks.
    pub async fn get_many_async(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        self.note_reads(keys);
        self.get_many_unnoted_async(keys).await
    }

    /// As [`get_many_unnoted`](Self::get_many_unnoted), for a task.
    pub(crate) async fn get_many_unnoted_async(
        &self,
        keys: &[&[u8]],
    ) -> Vec<Result<Option<Found>>> {
        let work = async {
            let begun = self.begin_call();
            let mut answers = self.get_many_here_async(keys).await;
            self.committed_many_async(begun, &mut answers, Asks::Get(keys)).await;
            self.by_copies_async(&mut answers, Asks::Get(keys)).await;
            self.by_nears(&mut answers, Asks::Get(keys));
            self.afar_many_async(&mut answers, Asks::Get(keys)).await;
            answers
        };
        self.inner.watch.call_async(Operation::GetMany, work).await
    }

    pub(crate) async fn get_many_here_async(&self, keys: &[&[u8]]) -> Vec<Result<Option<Found>>> {
        let mut known = Known::nothing_of(keys);
        let each = |at, hit| known.note(&self.inner, at, hit);
        self.inner.manager.get_each_in_async(&self.inner.cache, keys, each).await;
        if known.missed.is_empty() {
            return known.answers;
        }
        let setup = self.inner.setup.load_full();
        let missed_keys = known.keys_to_look_for(&self.inner, &setup, keys);
        let (cache, load_time) = (&self.inner.cache, setup.config.load_timeout);
        let looks = self.inner.manager.look_many_in_async(cache, &missed_keys, load_time).await;
        let waits = known.take_off(&self.inner, &setup, looks);
        let timeout = self.timeout(&setup);
        let ends_at = Deadline::within(timeout).instant();
        for (at, Waiting { waiter, is_leader }) in waits {
            known.answers[at] = if self.inner.manager.timer().keep(ends_at, &waiter.expiry()) {
                match self.inner.landed(waiter.await, is_leader, timeout) {
                    Some(answer) => answer,
                    None => self.get_slowly_async(keys[at], false).await,
                }
            } else {
                Err(distcache_manager::Error::Busy.into())
            };
        }
        known.answers
    }

    /// Stores many values; see [`put_item`](Self::put_item). One item's failure
    /// is its own; of a key that comes twice, the later value stays.
    pub fn put_many(&self, items: &[Item<'_>]) -> Vec<Result<Version>> {
        self.inner.watch.call(Operation::PutMany, || {
            let begun = self.begin_call();
            let mut answers = self.put_many_here(items);
            self.committed_many(begun, &mut answers, Asks::Put(items));
            self.afar_many(&mut answers, Asks::Put(items));
            answers
        })
    }

    fn put_many_here(&self, items: &[Item<'_>]) -> Vec<Result<Version>> {
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
        let work = async {
            let begun = self.begin_call();
            let mut answers = self.put_many_here_async(items).await;
            self.committed_many_async(begun, &mut answers, Asks::Put(items)).await;
            self.afar_many_async(&mut answers, Asks::Put(items)).await;
            answers
        };
        self.inner.watch.call_async(Operation::PutMany, work).await
    }

    pub(crate) async fn put_many_here_async(&self, items: &[Item<'_>]) -> Vec<Result<Version>> {
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
        self.inner.watch.call(Operation::DeleteMany, || {
            let begun = self.begin_call();
            let mut answers = self.delete_many_here(keys);
            self.committed_many(begun, &mut answers, Asks::Delete(keys));
            self.afar_many(&mut answers, Asks::Delete(keys));
            answers
        })
    }

    fn delete_many_here(&self, keys: &[&[u8]]) -> Vec<Result<bool>> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            let begin = |key: &&[u8]| self.inner.begin_delete(&setup, key, Condition::Always);
            let begun: Vec<_> = keys.iter().map(begin).collect();
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
        let work = async {
            let begun = self.begin_call();
            let mut answers = self.delete_many_here_async(keys).await;
            self.committed_many_async(begun, &mut answers, Asks::Delete(keys)).await;
            self.afar_many_async(&mut answers, Asks::Delete(keys)).await;
            answers
        };
        self.inner.watch.call_async(Operation::DeleteMany, work).await
    }

    pub(crate) async fn delete_many_here_async(&self, keys: &[&[u8]]) -> Vec<Result<bool>> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_none() {
            let deleted = self.inner.manager.delete_many_in_async(&self.inner.cache, keys).await;
            return deleted.into_iter().map(|deleted| Ok(deleted?)).collect();
        }
        let begin = |key: &&[u8]| self.inner.begin_delete(&setup, key, Condition::Always);
        let begun: Vec<_> = keys.iter().map(begin).collect();
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

impl Known {
    fn nothing_of(keys: &[&[u8]]) -> Self {
        Self { answers: keys.iter().map(|_| Ok(None)).collect(), missed: Vec::new() }
    }

    /// Notes what the cache itself says of a key.
    #[inline]
    fn note(
        &mut self,
        inner: &Inner,
        at: usize,
        hit: std::result::Result<Option<Hit>, distcache_manager::Error>,
    ) {
        match hit {
            Ok(Some(Hit { value, .. })) if !value.is_absent() => {
                self.answers[at] = Ok(Some(Found::hit(value)));
            }
            Ok(Some(_)) => raise(&inner.stats.absent_hits),
            Ok(None) => self.missed.push(at),
            Err(error) => self.answers[at] = Err(error.into()),
        }
    }

    /// Of the keys that were missed, those that may be loaded; the others are not
    /// missed any more.
    fn keys_to_look_for<'a>(
        &mut self,
        inner: &Inner,
        setup: &Setup,
        keys: &[&'a [u8]],
    ) -> Vec<&'a [u8]> {
        let Self { answers, missed } = self;
        // They were noted owner by owner.
        missed.sort_unstable();
        missed.retain(|&at| {
            inner.may_load(setup, keys[at]).unwrap_or_else(|error| {
                answers[at] = Err(error);
                false
            })
        });
        missed.iter().map(|&at| keys[at]).collect()
    }

    /// Begins the loads that are to be begun, of what was looked for. Returns
    /// those that have to be waited for.
    fn take_off(
        &mut self,
        inner: &Arc<Inner>,
        setup: &Arc<Setup>,
        looks: Vec<LookedFor>,
    ) -> Vec<(usize, Waiting)> {
        let (mut leads, mut waits) = (Vec::new(), Vec::new());
        for (&at, look) in self.missed.iter().zip(looks) {
            self.answers[at] = match look {
                Ok((look, waiter)) => match inner.step_of_many(look, waiter, &mut leads) {
                    Looked::Answered(answer) => answer,
                    Looked::Waits(waiting) => {
                        waits.push((at, waiting));
                        continue;
                    }
                },
                Err(error) => Err(error.into()),
            };
        }
        inner.start(setup, leads);
        waits
    }
}
