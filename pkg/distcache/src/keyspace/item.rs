//! A value on its way into a keyspace.

use std::fmt;
use std::time::Duration;

use distcache_manager::{Condition, Version};

/// A value to be put, and how.
///
/// ```
/// use std::time::Duration;
/// use distcache::Item;
///
/// let item = Item::new(b"user:42", b"Ada").ttl(Duration::from_mins(1)).tag("users").if_absent();
/// ```
///
/// Of a value that is no bytes one is made by [`of`](Item::of), for a
/// [`Typed`](crate::Typed) keyspace.
pub struct Item<'a, V: ?Sized = [u8]> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a V,
    pub(super) until: Until,
    pub(super) content_type: Option<&'a str>,
    pub(super) tags: Vec<&'a str>,
    pub(super) condition: Condition,
}

/// How long a value is to stay fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Until {
    /// As long as the keyspace says.
    #[default]
    Default,
    /// For so long.
    For(Duration),
    /// Until it is evicted.
    Evicted,
}

impl<'a> Item<'a> {
    /// Bytes that are put whatever the key has, and stay fresh as long as the
    /// keyspace says.
    pub fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        Self::of(key, value)
    }
}

impl<'a, V: ?Sized> Item<'a, V> {
    /// A value that is put whatever the key has, and stays fresh as long as the
    /// keyspace says.
    pub fn of(key: &'a [u8], value: &'a V) -> Self {
        let (until, condition) = (Until::Default, Condition::Always);
        Self { key, value, until, content_type: None, tags: Vec::new(), condition }
    }

    /// Stays fresh for so long.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.until(Until::For(ttl))
    }

    /// Stays fresh until that.
    #[must_use]
    pub fn until(self, until: Until) -> Self {
        Self { until, ..self }
    }

    /// Says what its bytes are, as HTTP's `Content-Type` does: 1 to 255 visible
    /// ASCII characters and spaces. It comes back with the value
    /// ([`Found::content_type`](crate::Found::content_type)); a put without one
    /// takes away the one before. A store is not told of it.
    #[must_use]
    pub fn content_type(self, content_type: &'a str) -> Self {
        Self { content_type: Some(content_type), ..self }
    }

    /// Bears a tag, by which it can be invalidated together with others.
    #[must_use]
    pub fn tag(mut self, tag: &'a str) -> Self {
        self.tags.push(tag);
        self
    }

    /// Is put only if the cache has no value of the key.
    #[must_use]
    pub fn if_absent(self) -> Self {
        Self { condition: Condition::Absent, ..self }
    }

    /// Is put only if the cache has a value of the key.
    #[must_use]
    pub fn if_present(self) -> Self {
        Self { condition: Condition::Present, ..self }
    }

    /// Is put only if the cache has this version of the key: compare and swap.
    #[must_use]
    pub fn if_version(self, version: Version) -> Self {
        Self { condition: Condition::Version(version), ..self }
    }

    /// Is put only if the cache has a version of the key before this one.
    #[cfg(feature = "cluster")]
    pub(crate) fn if_before(self, version: Version) -> Self {
        Self { condition: Condition::Before(version), ..self }
    }

    /// The same with another value.
    pub(crate) fn with_value<'b>(&self, value: &'b [u8]) -> Item<'b>
    where
        'a: 'b,
    {
        let Self { key, until, content_type, ref tags, condition, value: _ } = *self;
        Item { key, value, until, content_type, tags: tags.clone(), condition }
    }

    pub(crate) fn value(&self) -> &'a V {
        self.value
    }

    pub(crate) fn key(&self) -> &'a [u8] {
        self.key
    }

    pub(crate) fn tags(&self) -> &[&'a str] {
        &self.tags
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn stays(&self) -> Until {
        self.until
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn type_of_content(&self) -> Option<&'a str> {
        self.content_type
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn condition(&self) -> Condition {
        self.condition
    }
}

impl<V: ?Sized> Clone for Item<'_, V> {
    fn clone(&self) -> Self {
        Self { tags: self.tags.clone(), ..*self }
    }
}

impl<V: ?Sized> fmt::Debug for Item<'_, V> {
    /// Tells neither key nor value: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("key_bytes", &self.key.len())
            .field("until", &self.until)
            .field("content_type", &self.content_type)
            .field("tags", &self.tags.len())
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}
