//! A value as the cache hands it out.

use std::fmt;
use std::ops::Deref;

use crate::{Entry, Label, Tick, Version};

/// A value as the cache hands it out: shared, not copied.
///
/// Derefs to the bytes. It keeps its entry's memory alive, also after the
/// cache has forgotten it; whoever keeps values for long copies them out with
/// [`into_bytes`](Self::into_bytes).
#[derive(Clone)]
pub struct Value(Entry);

impl Value {
    /// The version of the write that stored it; [`Version::ZERO`] of a value
    /// that was loaded and not kept.
    pub fn version(&self) -> Version {
        self.0.version()
    }

    /// When it expires; [`Tick::NEVER`] if it does not.
    pub fn expires(&self) -> Tick {
        self.0.expires()
    }

    /// When it was made, if that was noted.
    pub fn born(&self) -> Option<Tick> {
        self.0.born()
    }

    /// What is said of it: its content type and its validator.
    pub fn label(&self) -> Label<'_> {
        self.0.label()
    }

    /// Whether this stands for "there is no value". It derefs to no bytes then.
    #[inline]
    pub fn is_absent(&self) -> bool {
        self.0.is_absent()
    }

    /// Whether the cache keeps it only so that its source can be asked, each time,
    /// whether it is still right.
    pub fn is_no_cache(&self) -> bool {
        self.0.is_no_cache()
    }

    /// A copy of the bytes, free of the cache: the costly exit.
    pub fn into_bytes(self) -> Vec<u8> {
        self.to_vec()
    }

    /// Bytes that it takes from memory, with its key.
    pub fn heap_bytes(&self) -> u64 {
        self.0.heap_bytes()
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.0
    }
}

impl From<Entry> for Value {
    fn from(entry: Entry) -> Self {
        Self(entry)
    }
}

impl Deref for Value {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.value()
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq<[u8]> for Value {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl fmt::Debug for Value {
    /// Tells the size only: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.len()).finish()
    }
}
