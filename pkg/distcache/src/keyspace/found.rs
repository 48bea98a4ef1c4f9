//! A value that was read.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use distcache_manager::{Tick, Value, Version};

/// A value, and how it was come by. Derefs to its bytes, which are shared with
/// the cache, not copied.
#[derive(Clone)]
pub struct Found {
    value: Value,
    how: How,
}

/// How a value was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The cache had it.
    Hit,
    /// The cache had it, but its time is over: it could not be loaded again, or
    /// is being loaded now.
    Stale {
        /// Since when it was not fresh any more, on the engine's clock.
        since: Tick,
    },
    /// This call saw to its load.
    Loaded,
    /// Another call did, and this one waited for it.
    Collapsed,
}

impl Found {
    pub(crate) fn hit(value: Value) -> Self {
        Self { value, how: How::Hit }
    }

    pub(crate) fn come_by(value: Value, how: How) -> Self {
        Self { value, how }
    }

    /// How it was come by.
    pub fn how(&self) -> How {
        self.how
    }

    /// Whether its time is over.
    pub fn is_stale(&self) -> bool {
        matches!(self.how, How::Stale { .. })
    }

    /// Its version: what it is compared with by
    /// [`Item::if_version`](crate::Item::if_version). Zero for a value that was
    /// loaded and not kept.
    pub fn version(&self) -> Version {
        self.value.version()
    }

    /// When it was loaded or put, on the engine's clock; `None` if that was not
    /// noted ([`KeyspaceConfig::dated`](crate::KeyspaceConfig::dated)).
    pub fn born(&self) -> Option<Tick> {
        self.value.born()
    }

    /// What its bytes are, if that was said when it was put or loaded:
    /// [`Item::content_type`](crate::Item::content_type),
    /// [`Loaded::content_type`](crate::Loaded::content_type).
    pub fn content_type(&self) -> Option<&str> {
        self.value.label().content_type()
    }

    /// Whether its source is to be asked before it is used again.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    pub(super) fn is_no_cache(&self) -> bool {
        self.value.is_no_cache()
    }

    /// When it ends for good: the stale window included.
    pub(crate) fn expires(&self) -> Tick {
        self.value.expires()
    }

    /// The hashes of its tags.
    pub(crate) fn tags(&self) -> impl Iterator<Item = u64> {
        self.value.entry().tags()
    }

    /// The value without its story.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// A copy of the bytes, free of the cache.
    pub fn to_vec(&self) -> Vec<u8> {
        self.value.to_vec()
    }
}

impl Deref for Found {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.value
    }
}

impl AsRef<[u8]> for Found {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq<[u8]> for Found {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Found {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == other[..]
    }
}

impl PartialEq<str> for Found {
    fn eq(&self, other: &str) -> bool {
        **self == *other.as_bytes()
    }
}

impl fmt::Debug for Found {
    /// Tells the size only: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut found = f.debug_struct("Found");
        found.field("bytes", &self.len()).field("how", &self.how).finish_non_exhaustive()
    }
}

/// How long a value stays fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// For so long.
    For(Duration),
    /// Until it is evicted.
    UntilEvicted,
}
