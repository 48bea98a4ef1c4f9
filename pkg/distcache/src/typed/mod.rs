//! Values of one's own types, over the bytes that the cache keeps.

mod codec;
pub use codec::Codec;
#[cfg(feature = "json")]
pub use codec::Json;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use distcache_manager::Version;

use crate::{Error, Found, How, Item, Keyspace, Ttl};

/// A keyspace whose values are of one type.
///
/// What is not about values, such as [`Keyspace::invalidate`], is said to the
/// [`keyspace`](Self::keyspace) under it.
pub struct Typed<T, C> {
    keyspace: Keyspace,
    codec: C,
    values: PhantomData<fn() -> T>,
}

impl Keyspace {
    /// This keyspace with values that are JSON.
    ///
    /// ```
    /// use std::time::Duration;
    /// use distcache::{Engine, Item, KeyspaceConfig};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// let engine = Engine::builder().start()?;
    /// let users = engine.add_keyspace(KeyspaceConfig::new("users"))?.typed::<User>();
    /// users.put(b"42", &User { name: "Ada".to_owned() })?;
    /// assert_eq!(users.get(b"42")?.map(|user| user.name), Some("Ada".to_owned()));
    ///
    /// // With a TTL, a tag and a condition:
    /// let bob = User { name: "Bob".to_owned() };
    /// let item = Item::of(b"43", &bob).ttl(Duration::from_mins(1)).tag("users").if_absent();
    /// users.put_item(&item)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "json")]
    pub fn typed<T: serde::Serialize + serde::de::DeserializeOwned>(&self) -> Typed<T, Json> {
        self.typed_with(Json)
    }

    /// This keyspace with values of a codec.
    pub fn typed_with<T, C: Codec<T>>(&self, codec: C) -> Typed<T, C> {
        Typed { keyspace: self.clone(), codec, values: PhantomData }
    }
}

impl<T, C: Codec<T>> Typed<T, C> {
    /// The keyspace under it, with all its calls.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The value of a key; see [`Keyspace::get`].
    ///
    /// # Errors
    /// As of that, and `NotDecoded`: the cache keeps the bytes.
    pub fn get(&self, key: &[u8]) -> Result<Option<T>, Error> {
        self.decode_some(self.keyspace.get(key)?)
    }

    /// Like [`get`](Self::get), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_async(&self, key: &[u8]) -> Result<Option<T>, Error> {
        self.decode_some(self.keyspace.get_async(key).await?)
    }

    /// The value of a key, and how it was come by: whether it is stale, say.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub fn get_with_how(&self, key: &[u8]) -> Result<Option<(T, How)>, Error> {
        self.decode_with(self.keyspace.get(key)?, Found::how)
    }

    /// Like [`get_with_how`](Self::get_with_how), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_with_how_async(&self, key: &[u8]) -> Result<Option<(T, How)>, Error> {
        self.decode_with(self.keyspace.get_async(key).await?, Found::how)
    }

    /// The value of a key, and its version: to compare and swap it by
    /// [`Item::if_version`].
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub fn get_with_version(&self, key: &[u8]) -> Result<Option<(T, Version)>, Error> {
        self.decode_with(self.keyspace.get(key)?, Found::version)
    }

    /// Like [`get_with_version`](Self::get_with_version), without ever parking the
    /// thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_with_version_async(&self, key: &[u8]) -> Result<Option<(T, Version)>, Error> {
        self.decode_with(self.keyspace.get_async(key).await?, Found::version)
    }

    /// The values of many keys; see [`Keyspace::get_many`].
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Result<Option<T>, Error>> {
        let answers = self.keyspace.get_many(keys).into_iter();
        answers.map(|answer| self.decode_some(answer?)).collect()
    }

    /// Like [`get_many`](Self::get_many), for tasks; see
    /// [`Keyspace::get_many_async`].
    pub async fn get_many_async(&self, keys: &[&[u8]]) -> Vec<Result<Option<T>, Error>> {
        let answers = self.keyspace.get_many_async(keys).await.into_iter();
        answers.map(|answer| self.decode_some(answer?)).collect()
    }

    /// The value as it lies in the cache; see [`Keyspace::peek`].
    ///
    /// # Errors
    /// As of that, and `NotDecoded`.
    pub fn peek(&self, key: &[u8]) -> Result<Option<T>, Error> {
        self.decode_some(self.keyspace.peek(key)?)
    }

    /// Like [`peek`](Self::peek), without ever parking the thread.
    ///
    /// # Errors
    /// As of `peek`.
    pub async fn peek_async(&self, key: &[u8]) -> Result<Option<T>, Error> {
        self.decode_some(self.keyspace.peek_async(key).await?)
    }

    /// Whether the cache has a fresh value of a key, of whatever bytes; see
    /// [`Keyspace::contains`].
    ///
    /// # Errors
    /// As of that.
    pub fn contains(&self, key: &[u8]) -> Result<bool, Error> {
        self.keyspace.contains(key)
    }

    /// Like [`contains`](Self::contains), without ever parking the thread.
    ///
    /// # Errors
    /// As of `contains`.
    pub async fn contains_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.keyspace.contains_async(key).await
    }

    /// How long the value that the cache has stays fresh; see [`Keyspace::ttl`].
    ///
    /// # Errors
    /// As of that.
    pub fn ttl(&self, key: &[u8]) -> Result<Option<Ttl>, Error> {
        self.keyspace.ttl(key)
    }

    /// Like [`ttl`](Self::ttl), without ever parking the thread.
    ///
    /// # Errors
    /// As of `ttl`.
    pub async fn ttl_async(&self, key: &[u8]) -> Result<Option<Ttl>, Error> {
        self.keyspace.ttl_async(key).await
    }

    /// Stores a value; see [`Keyspace::put`].
    ///
    /// # Errors
    /// As of that, and `NotEncoded`: nothing has changed.
    pub fn put(&self, key: &[u8], value: &T) -> Result<Version, Error> {
        self.put_item(&Item::of(key, value))
    }

    /// Like [`put`](Self::put), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put`.
    pub async fn put_async(&self, key: &[u8], value: &T) -> Result<Version, Error> {
        let bytes = self.encode(value)?;
        self.keyspace.put_async(key, &bytes).await
    }

    /// Stores a value as its item says: with a TTL, tags, or on a condition; see
    /// [`Keyspace::put_item`].
    ///
    /// # Errors
    /// As of that, and `NotEncoded`: nothing has changed.
    pub fn put_item(&self, item: &Item<'_, T>) -> Result<Version, Error> {
        let bytes = self.encode(item.value())?;
        self.keyspace.put_item(&item.with_value(&bytes))
    }

    /// Like [`put_item`](Self::put_item), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put_item`.
    pub async fn put_item_async(&self, item: &Item<'_, T>) -> Result<Version, Error> {
        let bytes = self.encode(item.value())?;
        self.keyspace.put_item_async(&item.with_value(&bytes)).await
    }

    /// Stores many values; see [`Keyspace::put_many`]. One that cannot be encoded
    /// is an error of its own.
    pub fn put_many(&self, items: &[Item<'_, T>]) -> Vec<Result<Version, Error>> {
        let bytes = self.encode_each(items);
        let stored = self.keyspace.put_many(&encoded(items, &bytes));
        in_their_places(bytes, stored)
    }

    /// Like [`put_many`](Self::put_many), for tasks; see
    /// [`Keyspace::put_many_async`].
    pub async fn put_many_async(&self, items: &[Item<'_, T>]) -> Vec<Result<Version, Error>> {
        let bytes = self.encode_each(items);
        let stored = self.keyspace.put_many_async(&encoded(items, &bytes)).await;
        in_their_places(bytes, stored)
    }

    /// Forgets a key; see [`Keyspace::delete`].
    ///
    /// # Errors
    /// As of that.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        self.keyspace.delete(key)
    }

    /// Like [`delete`](Self::delete), without ever parking the thread.
    ///
    /// # Errors
    /// As of `delete`.
    pub async fn delete_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.keyspace.delete_async(key).await
    }

    /// Forgets one version of a key; see [`Keyspace::delete_if_version`].
    ///
    /// # Errors
    /// As of that.
    pub fn delete_if_version(&self, key: &[u8], version: Version) -> Result<(), Error> {
        self.keyspace.delete_if_version(key, version)
    }

    /// Like [`delete_if_version`](Self::delete_if_version), without ever parking the
    /// thread.
    ///
    /// # Errors
    /// As of `delete_if_version`.
    pub async fn delete_if_version_async(&self, key: &[u8], version: Version) -> Result<(), Error> {
        self.keyspace.delete_if_version_async(key, version).await
    }

    /// Forgets many keys; see [`Keyspace::delete_many`].
    pub fn delete_many(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        self.keyspace.delete_many(keys)
    }

    /// Like [`delete_many`](Self::delete_many), for tasks; see
    /// [`Keyspace::delete_many_async`].
    pub async fn delete_many_async(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        self.keyspace.delete_many_async(keys).await
    }

    /// The bytes of a value, to be put as an [`Item`] says.
    ///
    /// # Errors
    /// `NotEncoded`.
    pub fn encode(&self, value: &T) -> Result<Vec<u8>, Error> {
        self.codec.encode(value).map_err(|error| Error::NotEncoded(Arc::from(error)))
    }

    fn encode_each(&self, items: &[Item<'_, T>]) -> Vec<Result<Vec<u8>, Error>> {
        items.iter().map(|item| self.encode(item.value())).collect()
    }

    fn decode(&self, found: &Found) -> Result<T, Error> {
        self.codec.decode(found).map_err(|error| Error::NotDecoded(Arc::from(error)))
    }

    fn decode_some(&self, found: Option<Found>) -> Result<Option<T>, Error> {
        found.map(|found| self.decode(&found)).transpose()
    }

    fn decode_with<R>(
        &self,
        found: Option<Found>,
        story: impl Fn(&Found) -> R,
    ) -> Result<Option<(T, R)>, Error> {
        found.map(|found| Ok((self.decode(&found)?, story(&found)))).transpose()
    }
}

/// The items whose value has bytes.
fn encoded<'b, T>(items: &'b [Item<'_, T>], bytes: &'b [Result<Vec<u8>, Error>]) -> Vec<Item<'b>> {
    let pairs = items.iter().zip(bytes);
    pairs.filter_map(|(item, bytes)| Some(item.with_value(bytes.as_ref().ok()?))).collect()
}

/// A result for each item: of those that had bytes, what came of their put.
fn in_their_places(
    bytes: Vec<Result<Vec<u8>, Error>>,
    stored: Vec<Result<Version, Error>>,
) -> Vec<Result<Version, Error>> {
    let mut stored = stored.into_iter();
    let mut next = || stored.next().expect("a result for each item that was put");
    bytes.into_iter().map(|bytes| bytes.and_then(|_put| next())).collect()
}

impl<T, C: Clone> Clone for Typed<T, C> {
    fn clone(&self) -> Self {
        let (keyspace, codec) = (self.keyspace.clone(), self.codec.clone());
        Self { keyspace, codec, values: PhantomData }
    }
}

impl<T, C> fmt::Debug for Typed<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("keyspace", &self.keyspace.name()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use crate::{Engine, Error, KeyspaceConfig};

    #[test]
    fn bytes_that_stand_for_no_value_are_an_error_that_says_so_and_stay() {
        let engine = Engine::builder().start().unwrap();
        let bytes = engine.add_keyspace(KeyspaceConfig::new("numbers")).unwrap();
        let numbers = bytes.typed::<u32>();
        numbers.put(b"a", &7).unwrap();
        assert_eq!(bytes.get(b"a").unwrap().as_deref(), Some(&b"7"[..]));
        assert_eq!(numbers.get_with_how(b"a").unwrap(), Some((7, crate::How::Hit)));
        bytes.put(b"b", b"seven").unwrap();
        let error = numbers.get(b"b").unwrap_err();
        assert!(matches!(error, Error::NotDecoded(_)) && !error.to_string().contains("seven"));
        let many = numbers.get_many(&[b"a", b"b", b"c"]);
        assert!(matches!(many[..], [Ok(Some(7)), Err(Error::NotDecoded(_)), Ok(None)]));
    }
}
