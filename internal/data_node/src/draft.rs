//! What an entry is made of.

use std::cell::RefCell;
use std::fmt;

use crate::entry::{DATE_BYTES, Header, TAG_BYTES, TAGS_MAX};
use crate::{Entry, Label, Tick, Version};

/// The longest key, in bytes: its length has 16 bits in the entry's header.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// A key is longer than [`KEY_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key has {bytes} bytes, and a key has at most {KEY_BYTES_MAX}")]
pub struct KeyTooLong {
    /// The key's length, in bytes.
    pub bytes: usize,
}

/// An entry has more tags than its header can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tags} tags are given, and a value has at most {TAGS_MAX}")]
pub struct TooManyTags {
    /// The number of tags.
    pub tags: usize,
}

/// Entries up to this size are put together in the scratch space of their
/// thread, which stays that large.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

/// What an entry is made of.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    key: &'a [u8],
    key_bytes: u16,
    value: &'a [u8],
    expires: Tick,
    is_absent: bool,
    is_no_cache: bool,
    label: Label<'a>,
    born: Option<Tick>,
    tags: &'a [u64],
}

impl<'a> Draft<'a> {
    /// Of an entry that expires at `expires`.
    ///
    /// # Errors
    /// When the key is longer than [`KEY_BYTES_MAX`].
    pub fn new(key: &'a [u8], value: &'a [u8], expires: Tick) -> Result<Self, KeyTooLong> {
        let key_bytes =
            u16::try_from(key.len()).map_err(|_too_long| KeyTooLong { bytes: key.len() })?;
        let (is_absent, is_no_cache) = (false, false);
        let (label, born, tags) = (Label::default(), None, &[][..]);
        Ok(Self { key, key_bytes, value, expires, is_absent, is_no_cache, label, born, tags })
    }

    /// Of an entry that says that its key has no value.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn absent(key: &'a [u8], expires: Tick) -> Result<Self, KeyTooLong> {
        Ok(Self { is_absent: true, ..Self::new(key, &[], expires)? })
    }

    /// Notes when the value was made; costs six bytes.
    #[must_use]
    pub fn born(self, born: Tick) -> Self {
        Self { born: Some(born), ..self }
    }

    /// Notes what is said of the value; costs its texts and four bytes. Of no value
    /// nothing is said.
    #[must_use]
    pub fn labelled(self, label: Label<'a>) -> Self {
        if self.is_absent { self } else { Self { label, ..self } }
    }

    /// Is kept only so that its source can be asked, each time, whether it is still
    /// right: HTTP's `no-cache`. Has no effect without a validator, by which it is asked.
    #[must_use]
    pub fn no_cache(self) -> Self {
        Self { is_no_cache: true, ..self }
    }

    /// Notes the hashes of its tags; costs eight bytes each.
    ///
    /// # Errors
    /// With more than [`TAGS_MAX`].
    pub fn tagged(self, tags: &'a [u64]) -> Result<Self, TooManyTags> {
        if TAGS_MAX < tags.len() {
            return Err(TooManyTags { tags: tags.len() });
        }
        Ok(Self { tags, ..self })
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

    /// The entry of a value that another process has given this version.
    pub fn entry_of(&self, version: Version) -> Entry {
        let entry = self.entry();
        entry.set_version(version);
        entry
    }

    /// The entry. Allocates, and copies key and value.
    pub fn entry(&self) -> Entry {
        let bytes = self.key.len() + self.value.len() + self.notes_bytes();
        if SCRATCH_BYTES_MAX < bytes { self.large_entry(bytes) } else { self.small_entry() }
    }

    /// One slice is copied many times faster than an iterator of bytes: the
    /// parts are put together first.
    fn small_entry(&self) -> Entry {
        thread_local! {
            static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.extend_from_slice(self.key);
            scratch.extend_from_slice(self.value);
            self.label.write(|part| scratch.extend_from_slice(part));
            self.tags.iter().for_each(|tag| scratch.extend_from_slice(&tag.to_le_bytes()));
            if let Some(born) = self.born {
                scratch.extend_from_slice(&born.as_ms().to_le_bytes()[..DATE_BYTES]);
            }
            Entry::from_parts(self.header(Version::ZERO), scratch)
        })
    }

    /// To put a large value together first would take its memory twice.
    fn large_entry(&self, bytes: usize) -> Entry {
        let mut entry = Entry::zeroed(self.header(Version::ZERO), bytes);
        entry.fill(|own| {
            own[..self.key.len()].copy_from_slice(self.key);
            self.write_over(own);
        });
        entry
    }

    pub(crate) fn header(&self, version: Version) -> Header {
        let tags = u8::try_from(self.tags.len()).expect("tagged() counts them");
        let is_no_cache = self.is_no_cache && self.label.validator().is_some();
        Header::new(version, self.expires, self.key_bytes)
            .withheld(self.is_absent || is_no_cache)
            .noted(!self.label.is_empty(), self.born.is_some(), tags)
    }

    /// Bytes behind the value.
    pub(crate) fn notes_bytes(&self) -> usize {
        let date = if self.born.is_some() { DATE_BYTES } else { 0 };
        self.label.bytes() + self.tags.len() * TAG_BYTES + date
    }

    /// Writes value and notes over those of an entry of the same lengths.
    pub(crate) fn write_over(&self, own: &mut [u8]) {
        let (value, notes) = own[self.key.len()..].split_at_mut(self.value.len());
        value.copy_from_slice(self.value);
        let (mut label, notes) = notes.split_at_mut(self.label.bytes());
        self.label.write(|part| {
            let place = label.split_off_mut(..part.len()).expect("bytes() counts the parts");
            place.copy_from_slice(part);
        });
        let (tags, born) = notes.split_at_mut(self.tags.len() * TAG_BYTES);
        for (place, tag) in tags.as_chunks_mut().0.iter_mut().zip(self.tags) {
            *place = tag.to_le_bytes();
        }
        if let Some(tick) = self.born {
            born.copy_from_slice(&tick.as_ms().to_le_bytes()[..DATE_BYTES]);
        }
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
