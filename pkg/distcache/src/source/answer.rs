//! What a source answers.

use std::fmt;
use std::time::Duration;

use super::SourceError;

/// One answer for each of several keys, in their order.
pub type Answers = Vec<Result<Answer, SourceError>>;

/// A source's answer for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is a value.
    Found(Loaded),
    /// There is none. The cache remembers that for the keyspace's negative TTL,
    /// if it has one; never as a value.
    NotFound,
    /// The value in [`Context::stale`](crate::Context::stale) is still right:
    /// it is fresh again from now on, with the content type, the validator and
    /// the tags that it has. Without such a value this is a mistake, and told as
    /// an error.
    Unchanged {
        /// For how long; `None` for as long as the keyspace says. One that is
        /// [`no_cache`](Loaded::no_cache) stays so unless a time is said.
        ttl: Option<Duration>,
    },
}

/// A value as it comes from a source.
#[derive(Clone, PartialEq, Eq)]
pub struct Loaded {
    pub(crate) value: Vec<u8>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) content_type: Option<String>,
    pub(crate) validator: Option<String>,
    pub(crate) is_no_cache: bool,
    pub(crate) tags: Vec<String>,
}

impl Loaded {
    /// A value that lives as long as the keyspace says, and bears no tag.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: value.into(),
            ttl: None,
            content_type: None,
            validator: None,
            is_no_cache: false,
            tags: Vec::new(),
        }
    }

    /// A value as JSON: what [`Keyspace::typed`](crate::Keyspace::typed) reads.
    ///
    /// ```
    /// use std::time::Duration;
    /// use distcache::{Answer, Loaded, SourceError};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// fn fetch() -> Result<Answer, SourceError> {
    ///     let ada = User { name: "Ada".to_owned() };
    ///     Ok(Loaded::json(&ada)?.ttl(Duration::from_mins(1)).tag("users").into())
    /// }
    ///
    /// let Answer::Found(loaded) = fetch()? else { panic!("there is one") };
    /// assert_eq!(loaded.value(), br#"{"name":"Ada"}"#);
    /// # Ok::<(), SourceError>(())
    /// ```
    ///
    /// # Errors
    /// When the value has no JSON: a map whose keys are no texts, say.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, SourceError> {
        Ok(Self::new(serde_json::to_vec(value)?))
    }

    /// Is fresh for so long, less the keyspace's jitter, whatever its TTL is. A
    /// value with a TTL of zero is handed to those who wait for it, and kept only if
    /// it has a [`validator`](Self::validator): the next who asks makes its source be
    /// asked whether it has changed, and is served it as stale if the keyspace does so.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Says what its bytes are, as HTTP's `Content-Type` does: 1 to 255 visible
    /// ASCII characters and spaces. It comes back with the value
    /// ([`Found::content_type`](crate::Found::content_type)).
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Is never served without asking the source whether it is still right, as
    /// HTTP's `Cache-Control: no-cache` says: not as fresh, and not as stale, whatever
    /// the keyspace allows. With a [`validator`](Self::validator) it is kept, for the
    /// keyspace's TTL from when it was last found right, so that the source need not
    /// bring it again; all who ask at once share one question. Without one it is handed
    /// to those who wait for it and not kept.
    #[must_use]
    pub fn no_cache(mut self) -> Self {
        self.is_no_cache = true;
        self
    }

    /// By what the source knows this very value: an `ETag`, the number of a
    /// revision; 1 to 512 bytes. When the value's time is over the source is told
    /// it ([`Context::validator`](crate::Context::validator)) and may answer
    /// [`Answer::Unchanged`] instead of bringing the value again. That needs a
    /// keyspace that keeps what is stale
    /// ([`stale_if_error`](crate::KeyspaceConfig::stale_if_error),
    /// [`stale_while_revalidate`](crate::KeyspaceConfig::stale_while_revalidate)),
    /// or a value that is over at once ([`no_cache`](Self::no_cache), a TTL of zero).
    #[must_use]
    pub fn validator(mut self, validator: impl Into<String>) -> Self {
        self.validator = Some(validator.into());
        self
    }

    /// Bears a tag, by which it can be invalidated together with others.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The bytes.
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

impl From<Loaded> for Answer {
    fn from(loaded: Loaded) -> Self {
        Self::Found(loaded)
    }
}

impl From<Vec<u8>> for Answer {
    fn from(value: Vec<u8>) -> Self {
        Loaded::new(value).into()
    }
}

impl From<&[u8]> for Answer {
    fn from(value: &[u8]) -> Self {
        Loaded::new(value).into()
    }
}

impl From<String> for Answer {
    fn from(value: String) -> Self {
        Loaded::new(value).into()
    }
}

impl From<&str> for Answer {
    fn from(value: &str) -> Self {
        Loaded::new(value).into()
    }
}

/// `None` is [`Answer::NotFound`].
impl<T: Into<Self>> From<Option<T>> for Answer {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NotFound, Into::into)
    }
}

impl fmt::Debug for Loaded {
    /// Tells sizes, never the value: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("value_bytes", &self.value.len())
            .field("ttl", &self.ttl)
            .field("content_type", &self.content_type)
            .field("validator", &self.validator.is_some())
            .field("no_cache", &self.is_no_cache)
            .field("tags", &self.tags.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_not_found_and_an_empty_one_is_found() {
        assert_eq!(Answer::from(None::<&str>), Answer::NotFound);
        assert_eq!(Answer::from(Some("")), Answer::Found(Loaded::new("")));
    }

    #[test]
    fn debug_shows_no_value() {
        let answer = Answer::from(Loaded::new("secret").validator("secret").tag("secret"));
        assert!(!format!("{answer:?}").contains("secret"));
    }
}
