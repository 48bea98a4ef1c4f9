//! Deletes and invalidations.

use std::sync::Arc;

use distcache_bus::{Deadline, Waiter};
use distcache_manager::{Condition, Cursor, Page, Selection, Version};

use super::ask::Ask;
use super::{Inner, Keyspace, Setup};
use crate::Error;
use crate::cluster::Order;
use crate::otel::Operation;

impl Keyspace {
    /// Forgets a key: no read that begins from now on gets a value that was
    /// there before, nor one whose load began before. Returns whether the cache
    /// had a value.
    ///
    /// With a store, the value is removed there first.
    ///
    /// # Errors
    /// `Cache`, `StoreFailed`, `StoreTimedOut`, `StoreBusy`.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        self.delete_where(key, Condition::Always)
    }

    /// Like [`delete`](Self::delete), without ever parking the thread.
    ///
    /// # Errors
    /// As of `delete`.
    pub async fn delete_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.delete_where_async(key, Condition::Always).await
    }

    /// Forgets a key if the cache has this version of its value, and not if another
    /// was put or loaded since: see [`delete`](Self::delete).
    ///
    /// # Errors
    /// `Cache` with `Unmet` when it has another, or none ([`Error::unmet`]): nothing
    /// has changed. Else as of `delete`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = distcache::Engine::builder().start()?;
    /// let users = engine.add_keyspace(distcache::KeyspaceConfig::new("users"))?;
    /// let first = users.put(b"1", b"Ada")?;
    /// let second = users.put(b"1", b"Grace")?;
    /// assert_eq!(users.delete_if_version(b"1", first).unwrap_err().unmet(), Some(Some(second)));
    /// users.delete_if_version(b"1", second)?;
    /// assert!(users.get(b"1")?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete_if_version(&self, key: &[u8], version: Version) -> Result<(), Error> {
        self.delete_where(key, Condition::Version(version)).map(drop)
    }

    /// Like [`delete_if_version`](Self::delete_if_version), without ever parking the
    /// thread.
    ///
    /// # Errors
    /// As of `delete_if_version`.
    pub async fn delete_if_version_async(&self, key: &[u8], version: Version) -> Result<(), Error> {
        self.delete_where_async(key, Condition::Version(version)).await.map(drop)
    }

    fn delete_where(&self, key: &[u8], condition: Condition) -> Result<bool, Error> {
        let ask = Ask::Delete { key, condition, is_invalidation: false };
        let delete = || self.anywhere(self.begin_call(), self.delete_here(key, condition), ask);
        self.inner.watch.call(Operation::Delete, delete)
    }

    fn delete_here(&self, key: &[u8], condition: Condition) -> Result<bool, Error> {
        let setup = self.inner.setup.load();
        if setup.writer.is_some() {
            let setup = arc_swap::Guard::into_inner(setup);
            let waiter = self.inner.begin_delete(&setup, key, condition)?;
            let deadline = Deadline::within(setup.config.write_timeout);
            return self.inner.wait_for_store(&setup, key, &deadline, waiter);
        }
        self.inner.check_present()?;
        let (manager, cache) = (&self.inner.manager, &self.inner.cache);
        match condition {
            Condition::Version(version) => {
                manager.delete_if_in(cache, key, version)?;
                Ok(true)
            }
            _ => Ok(manager.delete_in(cache, key)?),
        }
    }

    async fn delete_where_async(&self, key: &[u8], condition: Condition) -> Result<bool, Error> {
        let ask = Ask::Delete { key, condition, is_invalidation: false };
        let delete = async {
            self.anywhere_async(
                self.begin_call(),
                self.delete_here_async(key, condition).await,
                ask,
            )
            .await
        };
        self.inner.watch.call_async(Operation::Delete, delete).await
    }

    pub(super) async fn delete_here_async(
        &self,
        key: &[u8],
        condition: Condition,
    ) -> Result<bool, Error> {
        let setup = self.inner.setup.load_full();
        if setup.writer.is_some() {
            let waiter = self.inner.begin_delete(&setup, key, condition)?;
            let deadline = Deadline::within(setup.config.write_timeout).instant();
            return self.inner.wait_for_store_async(&setup, key, deadline, waiter).await;
        }
        self.inner.check_present()?;
        let (manager, cache) = (&self.inner.manager, &self.inner.cache);
        match condition {
            Condition::Version(version) => {
                manager.delete_if_in_async(cache, key, version).await?;
                Ok(true)
            }
            _ => Ok(manager.delete_in_async(cache, key).await?),
        }
    }

    /// Forgets a key in the cache alone: what its source or store has changed by
    /// itself is loaded by the next read. Returns whether the cache had a value.
    ///
    /// # Errors
    /// `Cache` when the cache cannot answer.
    pub fn invalidate(&self, key: &[u8]) -> Result<bool, Error> {
        let ask = Ask::Delete { key, condition: Condition::Always, is_invalidation: true };
        let invalidate = || self.anywhere(self.begin_call(), self.invalidate_here(key), ask);
        self.inner.watch.call(Operation::Invalidate, invalidate)
    }

    fn invalidate_here(&self, key: &[u8]) -> Result<bool, Error> {
        self.inner.check_present()?;
        Ok(self.inner.manager.delete_in(&self.inner.cache, key)?)
    }

    /// Like [`invalidate`](Self::invalidate), without ever parking the thread.
    ///
    /// # Errors
    /// As of `invalidate`.
    pub async fn invalidate_async(&self, key: &[u8]) -> Result<bool, Error> {
        let ask = Ask::Delete { key, condition: Condition::Always, is_invalidation: true };
        let invalidate = async {
            self.anywhere_async(self.begin_call(), self.invalidate_here_async(key).await, ask).await
        };
        self.inner.watch.call_async(Operation::Invalidate, invalidate).await
    }

    pub(super) async fn invalidate_here_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.inner.check_present()?;
        Ok(self.inner.manager.delete_in_async(&self.inner.cache, key).await?)
    }

    /// Forgets, in the cache, every value that bears one of these tags. Costs the
    /// same however many those are.
    ///
    /// # Errors
    /// `Cache`; some of the values may have gone then.
    pub fn invalidate_tags(&self, tags: &[&str]) -> Result<(), Error> {
        self.inner.watch.call(Operation::InvalidateTags, || {
            if self.inner.away.is_open() {
                return self.invalidate_tags_everywhere(tags);
            }
            self.inner.check_present()?;
            let tags = self.inner.tag_hashes(tags);
            Ok(self.inner.manager.revoke_in(&self.inner.cache, &tags)?)
        })
    }

    /// Like [`invalidate_tags`](Self::invalidate_tags), without ever parking the
    /// thread.
    ///
    /// # Errors
    /// As of `invalidate_tags`.
    pub async fn invalidate_tags_async(&self, tags: &[&str]) -> Result<(), Error> {
        let work = async {
            if self.inner.away.is_open() {
                return self.invalidate_tags_everywhere_async(tags).await;
            }
            self.invalidate_tags_here_async(tags).await
        };
        self.inner.watch.call_async(Operation::InvalidateTags, work).await
    }

    pub(crate) async fn invalidate_tags_here_async(&self, tags: &[&str]) -> Result<(), Error> {
        self.inner.check_present()?;
        let tags = self.inner.tag_hashes(tags);
        let revoked = self.inner.manager.revoke_in_async(&self.inner.cache, &tags).await;
        self.all_committed_async(revoked.map_err(Error::from)).await
    }

    /// Forgets, in the cache, every key that begins with these bytes. Goes
    /// through all keys, a thousand at a time, while others are served. Returns
    /// how many there were.
    ///
    /// # Errors
    /// `Cache`; some of the keys may have gone then.
    pub fn invalidate_prefix(&self, prefix: &[u8]) -> Result<u64, Error> {
        self.inner.watch.call(Operation::InvalidatePrefix, || {
            if self.inner.away.is_open() {
                return self.everywhere(&Order::prefix(prefix));
            }
            self.inner.check_present()?;
            let selection = Selection::Prefix(prefix.into());
            Ok(self.inner.manager.invalidate_in(&self.inner.cache, &selection)?)
        })
    }

    /// Like [`invalidate_prefix`](Self::invalidate_prefix), without ever parking
    /// the thread: other tasks have it after every thousand keys.
    ///
    /// # Errors
    /// As of `invalidate_prefix`.
    pub async fn invalidate_prefix_async(&self, prefix: &[u8]) -> Result<u64, Error> {
        let work = async {
            if self.inner.away.is_open() {
                return self.everywhere_async(&Order::prefix(prefix)).await;
            }
            self.invalidate_prefix_here_async(prefix).await
        };
        self.inner.watch.call_async(Operation::InvalidatePrefix, work).await
    }

    pub(crate) async fn invalidate_prefix_here_async(&self, prefix: &[u8]) -> Result<u64, Error> {
        self.inner.check_present()?;
        let selection = Selection::Prefix(prefix.into());
        let removed = self.inner.manager.invalidate_in_async(&self.inner.cache, &selection).await;
        self.all_committed_async(removed.map_err(Error::from)).await
    }

    /// Forgets, in the cache, everything. Returns how many entries there were.
    ///
    /// # Errors
    /// `Cache`; some of the keys may have gone then.
    pub fn clear(&self) -> Result<usize, Error> {
        self.inner.watch.call(Operation::Clear, || {
            if self.inner.away.is_open() {
                return self.everywhere(&Order::Clear).map(entries);
            }
            self.inner.check_present()?;
            Ok(self.inner.manager.clear_in(&self.inner.cache)?)
        })
    }

    /// Like [`clear`](Self::clear), without ever parking the thread: the data
    /// nodes' own threads do it. If it is dropped, some of the keys may have gone.
    ///
    /// # Errors
    /// As of `clear`.
    pub async fn clear_async(&self) -> Result<usize, Error> {
        let work = async {
            if self.inner.away.is_open() {
                return self.everywhere_async(&Order::Clear).await.map(entries);
            }
            self.clear_here_async().await
        };
        self.inner.watch.call_async(Operation::Clear, work).await
    }

    pub(crate) async fn clear_here_async(&self) -> Result<usize, Error> {
        self.inner.check_present()?;
        let cleared = self.inner.manager.clear_in_async(&self.inner.cache).await;
        self.all_committed_async(cleared.map_err(Error::from)).await
    }

    /// Some keys that match a pattern and have a fresh value in the cache, and
    /// where to go on; about `entries` entries are looked at. In a pattern `*`
    /// stands for any bytes, `?` for one, `[a-c]` for one of a set, and `\` takes
    /// the next as it is.
    ///
    /// A key that has its value all the time is found, perhaps twice.
    ///
    /// # Errors
    /// `Cache` when the cache cannot answer.
    pub fn scan(
        &self,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        self.inner.watch.call(Operation::Scan, || {
            if self.inner.away.is_open() {
                return self.scan_all(pattern, from, entries);
            }
            self.inner.check_present()?;
            let selection = Selection::pattern(pattern);
            Ok(self.inner.manager.scan_in(&self.inner.cache, &selection, from, entries)?)
        })
    }

    /// Like [`scan`](Self::scan), without ever parking the thread: other tasks
    /// have it after every thousand entries.
    ///
    /// # Errors
    /// As of `scan`.
    pub async fn scan_async(
        &self,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        let work = async {
            if self.inner.away.is_open() {
                return self.scan_all_async(pattern, from, entries).await;
            }
            self.scan_here_async(pattern, from, entries).await
        };
        self.inner.watch.call_async(Operation::Scan, work).await
    }

    pub(crate) async fn scan_here_async(
        &self,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        self.inner.check_present()?;
        let selection = Selection::pattern(pattern);
        let page = self.inner.manager.scan_in_async(&self.inner.cache, &selection, from, entries);
        Ok(page.await?)
    }
}

/// As many as there can be in one process, and perhaps more in all of them.
fn entries(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Inner {
    /// Begins to remove a key from the store and then from the cache, in its lane.
    pub(super) fn begin_delete(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        key: &[u8],
        condition: Condition,
    ) -> Result<Waiter<Result<bool, Error>>, Error> {
        let own: Box<[u8]> = key.into();
        self.begin_write(setup, key, move |space, writer| {
            space.check(condition, &own)?;
            space.write_through(writer, &own, None, |space| {
                space.manager.delete_in(&space.cache, &own)
            })
        })
    }
}
