//! The calls of a keyspace, by its name: what [`Keyspace`] documents.

use std::time::Duration;

use distcache_manager::{Cursor, Page, Version};

use super::Engine;
use crate::{Error, Found, HotKey, Item, Keyspace, KeyspaceStats, Ttl};

impl Engine {
    /// See [`Keyspace::get`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    #[inline]
    pub fn get(&self, keyspace: &str, key: &[u8]) -> Result<Option<Found>, Error> {
        self.with(keyspace, |keyspace| keyspace.get(key))
    }

    /// See [`Keyspace::get_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn get_async(&self, keyspace: &str, key: &[u8]) -> Result<Option<Found>, Error> {
        self.keyspace(keyspace)?.get_async(key).await
    }

    /// See [`Keyspace::put`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn put(&self, keyspace: &str, key: &[u8], value: &[u8]) -> Result<Version, Error> {
        self.with(keyspace, |keyspace| keyspace.put(key, value))
    }

    /// See [`Keyspace::put_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn put_async(
        &self,
        keyspace: &str,
        key: &[u8],
        value: &[u8],
    ) -> Result<Version, Error> {
        self.keyspace(keyspace)?.put_async(key, value).await
    }

    /// See [`Keyspace::put_item`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn put_item(&self, keyspace: &str, item: &Item<'_>) -> Result<Version, Error> {
        self.with(keyspace, |keyspace| keyspace.put_item(item))
    }

    /// See [`Keyspace::put_item_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn put_item_async(&self, keyspace: &str, item: &Item<'_>) -> Result<Version, Error> {
        self.keyspace(keyspace)?.put_item_async(item).await
    }

    /// See [`Keyspace::delete`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn delete(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.with(keyspace, |keyspace| keyspace.delete(key))
    }

    /// See [`Keyspace::delete_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn delete_async(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.keyspace(keyspace)?.delete_async(key).await
    }

    /// See [`Keyspace::delete_if_version`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn delete_if_version(
        &self,
        keyspace: &str,
        key: &[u8],
        version: Version,
    ) -> Result<(), Error> {
        self.with(keyspace, |keyspace| keyspace.delete_if_version(key, version))
    }

    /// See [`Keyspace::delete_if_version_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn delete_if_version_async(
        &self,
        keyspace: &str,
        key: &[u8],
        version: Version,
    ) -> Result<(), Error> {
        self.keyspace(keyspace)?.delete_if_version_async(key, version).await
    }

    /// See [`Keyspace::peek`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn peek(&self, keyspace: &str, key: &[u8]) -> Result<Option<Found>, Error> {
        self.with(keyspace, |keyspace| keyspace.peek(key))
    }

    /// See [`Keyspace::peek_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn peek_async(&self, keyspace: &str, key: &[u8]) -> Result<Option<Found>, Error> {
        self.keyspace(keyspace)?.peek_async(key).await
    }

    /// See [`Keyspace::contains`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn contains(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.with(keyspace, |keyspace| keyspace.contains(key))
    }

    /// See [`Keyspace::contains_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn contains_async(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.keyspace(keyspace)?.contains_async(key).await
    }

    /// See [`Keyspace::ttl`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn ttl(&self, keyspace: &str, key: &[u8]) -> Result<Option<Ttl>, Error> {
        self.with(keyspace, |keyspace| keyspace.ttl(key))
    }

    /// See [`Keyspace::ttl_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn ttl_async(&self, keyspace: &str, key: &[u8]) -> Result<Option<Ttl>, Error> {
        self.keyspace(keyspace)?.ttl_async(key).await
    }

    /// See [`Keyspace::invalidate`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn invalidate(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.with(keyspace, |keyspace| keyspace.invalidate(key))
    }

    /// See [`Keyspace::invalidate_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn invalidate_async(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.keyspace(keyspace)?.invalidate_async(key).await
    }

    /// See [`Keyspace::increment`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn increment(&self, keyspace: &str, key: &[u8], by: i64) -> Result<i64, Error> {
        self.with(keyspace, |keyspace| keyspace.increment(key, by))
    }

    /// See [`Keyspace::increment_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn increment_async(&self, keyspace: &str, key: &[u8], by: i64) -> Result<i64, Error> {
        self.keyspace(keyspace)?.increment_async(key, by).await
    }

    /// See [`Keyspace::decrement`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn decrement(&self, keyspace: &str, key: &[u8], by: i64) -> Result<i64, Error> {
        self.with(keyspace, |keyspace| keyspace.decrement(key, by))
    }

    /// See [`Keyspace::decrement_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn decrement_async(&self, keyspace: &str, key: &[u8], by: i64) -> Result<i64, Error> {
        self.keyspace(keyspace)?.decrement_async(key, by).await
    }

    /// See [`Keyspace::touch`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn touch(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.with(keyspace, |keyspace| keyspace.touch(key))
    }

    /// See [`Keyspace::touch_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn touch_async(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.keyspace(keyspace)?.touch_async(key).await
    }

    /// See [`Keyspace::expire`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn expire(&self, keyspace: &str, key: &[u8], ttl: Duration) -> Result<bool, Error> {
        self.with(keyspace, |keyspace| keyspace.expire(key, ttl))
    }

    /// See [`Keyspace::expire_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn expire_async(
        &self,
        keyspace: &str,
        key: &[u8],
        ttl: Duration,
    ) -> Result<bool, Error> {
        self.keyspace(keyspace)?.expire_async(key, ttl).await
    }

    /// See [`Keyspace::persist`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn persist(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.with(keyspace, |keyspace| keyspace.persist(key))
    }

    /// See [`Keyspace::persist_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn persist_async(&self, keyspace: &str, key: &[u8]) -> Result<bool, Error> {
        self.keyspace(keyspace)?.persist_async(key).await
    }

    /// See [`Keyspace::invalidate_tags`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn invalidate_tags(&self, keyspace: &str, tags: &[&str]) -> Result<(), Error> {
        self.with(keyspace, |keyspace| keyspace.invalidate_tags(tags))
    }

    /// See [`Keyspace::invalidate_tags_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn invalidate_tags_async(&self, keyspace: &str, tags: &[&str]) -> Result<(), Error> {
        self.keyspace(keyspace)?.invalidate_tags_async(tags).await
    }

    /// See [`Keyspace::invalidate_prefix`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn invalidate_prefix(&self, keyspace: &str, prefix: &[u8]) -> Result<u64, Error> {
        self.with(keyspace, |keyspace| keyspace.invalidate_prefix(prefix))
    }

    /// See [`Keyspace::invalidate_prefix_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn invalidate_prefix_async(
        &self,
        keyspace: &str,
        prefix: &[u8],
    ) -> Result<u64, Error> {
        self.keyspace(keyspace)?.invalidate_prefix_async(prefix).await
    }

    /// See [`Keyspace::clear`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn clear(&self, keyspace: &str) -> Result<usize, Error> {
        self.with(keyspace, Keyspace::clear)
    }

    /// See [`Keyspace::clear_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn clear_async(&self, keyspace: &str) -> Result<usize, Error> {
        self.keyspace(keyspace)?.clear_async().await
    }

    /// See [`Keyspace::stats`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn stats(&self, keyspace: &str) -> Result<KeyspaceStats, Error> {
        self.with(keyspace, Keyspace::stats)
    }

    /// See [`Keyspace::stats_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn stats_async(&self, keyspace: &str) -> Result<KeyspaceStats, Error> {
        self.keyspace(keyspace)?.stats_async().await
    }

    /// See [`Keyspace::hot_keys`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`.
    pub fn hot_keys(&self, keyspace: &str, limit: usize) -> Result<Vec<HotKey>, Error> {
        self.with(keyspace, |keyspace| Ok(keyspace.hot_keys(limit)))
    }

    /// See [`Keyspace::get_many`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`; each key has a result of its own.
    pub fn get_many(
        &self,
        keyspace: &str,
        keys: &[&[u8]],
    ) -> Result<Vec<Result<Option<Found>, Error>>, Error> {
        self.with(keyspace, |keyspace| Ok(keyspace.get_many(keys)))
    }

    /// See [`Keyspace::get_many_async`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`; each key has a result of its own.
    pub async fn get_many_async(
        &self,
        keyspace: &str,
        keys: &[&[u8]],
    ) -> Result<Vec<Result<Option<Found>, Error>>, Error> {
        Ok(self.keyspace(keyspace)?.get_many_async(keys).await)
    }

    /// See [`Keyspace::put_many`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`; each key has a result of its own.
    pub fn put_many(
        &self,
        keyspace: &str,
        items: &[Item<'_>],
    ) -> Result<Vec<Result<Version, Error>>, Error> {
        self.with(keyspace, |keyspace| Ok(keyspace.put_many(items)))
    }

    /// See [`Keyspace::put_many_async`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`; each key has a result of its own.
    pub async fn put_many_async(
        &self,
        keyspace: &str,
        items: &[Item<'_>],
    ) -> Result<Vec<Result<Version, Error>>, Error> {
        Ok(self.keyspace(keyspace)?.put_many_async(items).await)
    }

    /// See [`Keyspace::delete_many`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`; each key has a result of its own.
    pub fn delete_many(
        &self,
        keyspace: &str,
        keys: &[&[u8]],
    ) -> Result<Vec<Result<bool, Error>>, Error> {
        self.with(keyspace, |keyspace| Ok(keyspace.delete_many(keys)))
    }

    /// See [`Keyspace::delete_many_async`].
    ///
    /// # Errors
    /// `KeyspaceUnknown`; each key has a result of its own.
    pub async fn delete_many_async(
        &self,
        keyspace: &str,
        keys: &[&[u8]],
    ) -> Result<Vec<Result<bool, Error>>, Error> {
        Ok(self.keyspace(keyspace)?.delete_many_async(keys).await)
    }

    /// See [`Keyspace::scan`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub fn scan(
        &self,
        keyspace: &str,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        self.with(keyspace, |keyspace| keyspace.scan(pattern, from, entries))
    }

    /// See [`Keyspace::scan_async`].
    ///
    /// # Errors
    /// As of that, and `KeyspaceUnknown`.
    pub async fn scan_async(
        &self,
        keyspace: &str,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        self.keyspace(keyspace)?.scan_async(pattern, from, entries).await
    }
}
