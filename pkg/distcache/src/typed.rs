//! Values of one's own types, over the bytes that the cache keeps.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use distcache_manager::Version;

use crate::source::SourceError;
use crate::{Error, Found, How, Keyspace};

/// Turns values into bytes and back. The bytes are what the cache, its sources
/// and its stores see.
pub trait Codec<T>: Send + Sync {
    /// The bytes of a value.
    ///
    /// # Errors
    /// When the value has none.
    fn encode(&self, value: &T) -> Result<Vec<u8>, SourceError>;

    /// The value that bytes stand for.
    ///
    /// # Errors
    /// When they stand for none: written by another version of a service, say.
    fn decode(&self, bytes: &[u8]) -> Result<T, SourceError>;
}

/// JSON, by serde.
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    fn encode(&self, value: &T) -> Result<Vec<u8>, SourceError> {
        Ok(serde_json::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, SourceError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// A keyspace whose values are of one type.
///
/// ```
/// use distcache::{Engine, KeyspaceConfig};
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Typed<T, C> {
    keyspace: Keyspace,
    codec: C,
    values: PhantomData<fn() -> T>,
}

impl Keyspace {
    /// This keyspace with values that are JSON.
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
        self.keyspace.get(key)?.map(|found| self.decode(&found)).transpose()
    }

    /// The value of a key, and how it was come by: whether it is stale, say.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub fn get_with_how(&self, key: &[u8]) -> Result<Option<(T, How)>, Error> {
        let found = self.keyspace.get(key)?;
        found.map(|found| Ok((self.decode(&found)?, found.how()))).transpose()
    }

    /// Like [`get`](Self::get), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_async(&self, key: &[u8]) -> Result<Option<T>, Error> {
        self.keyspace.get_async(key).await?.map(|found| self.decode(&found)).transpose()
    }

    /// Like [`get_with_how`](Self::get_with_how), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_with_how_async(&self, key: &[u8]) -> Result<Option<(T, How)>, Error> {
        let found = self.keyspace.get_async(key).await?;
        found.map(|found| Ok((self.decode(&found)?, found.how()))).transpose()
    }

    /// The values of many keys; see [`Keyspace::get_many`].
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Result<Option<T>, Error>> {
        let decode = |found: Option<Found>| found.map(|found| self.decode(&found)).transpose();
        self.keyspace.get_many(keys).into_iter().map(|answer| decode(answer?)).collect()
    }

    /// Stores a value; see [`Keyspace::put`].
    ///
    /// # Errors
    /// As of that, and `NotEncoded`: nothing has changed.
    pub fn put(&self, key: &[u8], value: &T) -> Result<Version, Error> {
        self.keyspace.put(key, &self.encode(value)?)
    }

    /// Like [`put`](Self::put), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put`.
    pub async fn put_async(&self, key: &[u8], value: &T) -> Result<Version, Error> {
        let bytes = self.encode(value)?;
        self.keyspace.put_async(key, &bytes).await
    }

    /// Forgets a key; see [`Keyspace::delete`].
    ///
    /// # Errors
    /// As of that.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        self.keyspace.delete(key)
    }

    /// The bytes of a value, to be put as an [`Item`](crate::Item) says.
    ///
    /// # Errors
    /// `NotEncoded`.
    pub fn encode(&self, value: &T) -> Result<Vec<u8>, Error> {
        self.codec.encode(value).map_err(|error| Error::NotEncoded(Arc::from(error)))
    }

    fn decode(&self, found: &Found) -> Result<T, Error> {
        self.codec.decode(found).map_err(|error| Error::NotDecoded(Arc::from(error)))
    }
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
