//! One cached entry: a single allocation that holds header, key and value.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use distcache_bus::Epoch;
use triomphe::{Arc, ThinArc};

use crate::Tick;
use crate::heap::heap_bytes;

/// The longest key, in bytes: its length has 16 bits in the entry's header.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// A key is longer than [`KEY_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key has {bytes} bytes, and a key has at most {KEY_BYTES_MAX}")]
pub struct KeyTooLong {
    /// The key's length, in bytes.
    pub bytes: usize,
}

/// Orders the writes of one key.
///
/// The epoch of the ring in which the owner made it stands above the owner's
/// own sequence number, so that a version never repeats and always grows for a
/// key: not when the entry is evicted or deleted, nor when the key moves to
/// another node or its node is replaced. 24 bits of epoch, 40 of sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    const SEQUENCE_BITS: u32 = 40;
    /// The last sequence number of one epoch.
    pub(crate) const SEQUENCE_MAX: u64 = (1 << Self::SEQUENCE_BITS) - 1;

    pub(crate) fn new(epoch: Epoch, sequence: u64) -> Self {
        debug_assert!(sequence <= Self::SEQUENCE_MAX);
        Self(epoch.get() << Self::SEQUENCE_BITS | sequence)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What stands before key and value. Sixteen bytes; with the counter and the
/// length that `ThinArc` adds, an entry costs 32 beside its key and value.
struct Header {
    /// Set once, under the node's lock, before the entry is stored.
    version: AtomicU64,
    /// The expiry tick (48 bits) above the key's length (16 bits).
    expiry_and_key_bytes: u64,
}

/// A key with its value, immutable and counted.
///
/// Built by the caller, outside the node's lock; stored by the node, which
/// gives it its version.
#[derive(Clone)]
pub struct Entry(ThinArc<Header, u8>);

/// What an entry allocates beside its key and value: the header, the counter
/// and the length.
const OVERHEAD_BYTES: usize = size_of::<Header>() + 2 * size_of::<usize>();

/// The scratch space of one thread may stay this large; a larger one, left by
/// a large value, is given back.
const SCRATCH_BYTES_KEPT: usize = 64 * 1024;

/// What an entry is made of.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    key: &'a [u8],
    key_bytes: u16,
    value: &'a [u8],
    expires: Tick,
}

impl<'a> Draft<'a> {
    /// Of an entry that expires at `expires`.
    ///
    /// # Errors
    /// When the key is longer than [`KEY_BYTES_MAX`].
    pub fn new(key: &'a [u8], value: &'a [u8], expires: Tick) -> Result<Self, KeyTooLong> {
        let key_bytes =
            u16::try_from(key.len()).map_err(|_too_long| KeyTooLong { bytes: key.len() })?;
        Ok(Self { key, key_bytes, value, expires })
    }

    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    pub fn value(&self) -> &'a [u8] {
        self.value
    }

    /// When the entry expires.
    pub fn expires(&self) -> Tick {
        self.expires
    }

    /// The entry. Allocates, and copies key and value.
    pub fn entry(&self) -> Entry {
        thread_local! {
            static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let header = self.header(Version(0));
        // One slice is copied many times faster than an iterator of bytes.
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.extend_from_slice(self.key);
            scratch.extend_from_slice(self.value);
            let entry = Entry(ThinArc::from_header_and_slice(header, scratch));
            scratch.shrink_to(SCRATCH_BYTES_KEPT);
            entry
        })
    }

    fn header(&self, version: Version) -> Header {
        Header {
            version: AtomicU64::new(version.0),
            expiry_and_key_bytes: self.expires.as_ms() << 16 | u64::from(self.key_bytes),
        }
    }
}

impl Entry {
    /// An entry that expires at `expires`.
    ///
    /// # Errors
    /// When the key is longer than [`KEY_BYTES_MAX`].
    pub fn new(key: &[u8], value: &[u8], expires: Tick) -> Result<Self, KeyTooLong> {
        Draft::new(key, value, expires).map(|draft| draft.entry())
    }

    /// Makes this the entry of `draft`, which has the same key, in the memory it
    /// has. Only if the value is as long as before and nobody else holds the
    /// entry: a value that was handed out never changes.
    pub(crate) fn overwrite(&mut self, draft: &Draft<'_>, version: Version) -> bool {
        debug_assert!(self.key() == draft.key);
        if self.value().len() != draft.value.len() {
            return false;
        }
        self.0.with_arc_mut(|shared| {
            let Some(own) = Arc::get_mut(shared) else { return false };
            *own.header_mut() = draft.header(version);
            own.slice_mut()[draft.key.len()..].copy_from_slice(draft.value);
            true
        })
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.0.slice[..self.key_bytes()]
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.0.slice[self.key_bytes()..]
    }

    /// When it expires.
    #[inline]
    pub fn expires(&self) -> Tick {
        Tick::from_ms(self.0.header.header.expiry_and_key_bytes >> 16)
    }

    /// The version that its node gave to it; zero before it was stored.
    #[inline]
    pub fn version(&self) -> Version {
        Version(self.0.header.header.version.load(Ordering::Relaxed))
    }

    /// Readers see the version through the lock under which it is set.
    pub(crate) fn set_version(&self, version: Version) {
        self.0.header.header.version.store(version.0, Ordering::Relaxed);
    }

    #[inline]
    fn key_bytes(&self) -> usize {
        (self.0.header.header.expiry_and_key_bytes & 0xFFFF) as usize
    }

    /// What the entry takes from the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> u64 {
        heap_bytes(OVERHEAD_BYTES + self.0.slice.len()) as u64
    }
}

/// A value as the cache hands it out: shared, not copied.
///
/// Derefs to the bytes. It keeps its entry's memory alive, also after the
/// cache has forgotten it; whoever keeps values for long copies them out with
/// [`into_bytes`](Self::into_bytes).
#[derive(Clone)]
pub struct Value(Entry);

impl Value {
    /// The version of the write that stored it.
    pub fn version(&self) -> Version {
        self.0.version()
    }

    /// When it expires; [`Tick::NEVER`] if it does not.
    pub fn expires(&self) -> Tick {
        self.0.expires()
    }

    /// A copy of the bytes, free of the cache: the costly exit.
    pub fn into_bytes(self) -> Vec<u8> {
        self.to_vec()
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

impl fmt::Debug for Draft<'_> {
    /// Tells sizes, as of an entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("key_bytes", &self.key.len())
            .field("value_bytes", &self.value.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Entry {
    /// Tells sizes, never keys or values: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key_bytes", &self.key_bytes())
            .field("value_bytes", &self.value().len())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_gives_back_what_it_was_made_of() {
        let entry = Entry::new(b"key", b"value", Tick::from_ms(77)).unwrap();
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"value"[..]));
        assert_eq!(entry.expires(), Tick::from_ms(77));
        let empty = Entry::new(b"", b"", Tick::NEVER).unwrap();
        assert_eq!((empty.key(), empty.value()), (&b""[..], &b""[..]));
        assert_eq!(empty.expires(), Tick::NEVER);
    }

    #[test]
    fn a_key_one_byte_too_long_is_refused() {
        let key = vec![7; KEY_BYTES_MAX + 1];
        assert!(Entry::new(&key[1..], b"", Tick::NEVER).is_ok());
        assert_eq!(
            Entry::new(&key, b"", Tick::NEVER).unwrap_err(),
            KeyTooLong { bytes: KEY_BYTES_MAX + 1 }
        );
    }

    #[test]
    fn an_entry_that_nobody_else_holds_is_overwritten_by_a_value_of_its_size() {
        let version = Version::new(Epoch::FIRST, 7);
        let mut entry = Entry::new(b"key", b"old", Tick::NEVER).unwrap();
        let draft = Draft::new(b"key", b"new", Tick::from_ms(5)).unwrap();
        let held = Value::from(entry.clone());
        assert!(!entry.overwrite(&draft, version), "a value that was handed out stays");
        assert_eq!((&*held, entry.value()), (&b"old"[..], &b"old"[..]));
        drop(held);
        assert!(entry.overwrite(&draft, version));
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"new"[..]));
        assert_eq!((entry.expires(), entry.version()), (Tick::from_ms(5), version));
        let longer = Draft::new(b"key", b"longer", Tick::NEVER).unwrap();
        assert!(!entry.overwrite(&longer, version));
    }

    #[test]
    fn versions_of_a_later_epoch_stand_above_all_of_an_earlier_one() {
        let later = Epoch::FIRST.next().unwrap();
        assert!(Version::new(Epoch::FIRST, Version::SEQUENCE_MAX) < Version::new(later, 0));
    }

    #[test]
    fn an_entry_of_16_and_64_bytes_takes_112() {
        assert_eq!(Entry::new(&[0; 16], &[0; 64], Tick::NEVER).unwrap().heap_bytes(), 112);
    }

    #[test]
    fn debug_shows_no_key_and_no_value() {
        let entry = Entry::new(b"secret", b"secret", Tick::NEVER).unwrap();
        let draft = Draft::new(b"secret", b"secret", Tick::NEVER).unwrap();
        let shown = format!("{entry:?} {:?} {draft:?}", Value::from(entry.clone()));
        assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
}
