//! One cached entry: a single allocation that holds header, key and value.

use std::fmt;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use prefetch_index::prefetch_index;
use triomphe::{Arc, ThinArc};

use crate::heap::heap_bytes;
use crate::{Draft, KeyTooLong, Label, Tick, Version};

/// What stands before key and value. Sixteen bytes; with the counter and the
/// length that `ThinArc` adds, an entry costs 32 beside its key and value.
///
/// Both words change under the node's lock only, and readers see them through
/// that lock; hence relaxed.
pub(crate) struct Header {
    version: AtomicU64,
    /// The expiry tick (40 bits), the number of tags (5 bits), whether the
    /// entry is labelled, dated, withheld (1 bit each), the key's length (16).
    rest: AtomicU64,
}

/// No read is given its value. Without a label it is absent: there is no value. With
/// one it is `no-cache`: the label has the validator by which its source is asked first.
const WITHHELD: u64 = 1 << 16;
const DATED: u64 = 1 << 17;
const LABELLED: u64 = 1 << 18;
const TAGS_SHIFT: u32 = 19;
const EXPIRY_SHIFT: u32 = 24;

/// Tags that one entry has at most: their number has five bits.
pub const TAGS_MAX: usize = 31;
/// What a tag takes in an entry: the hash of its name.
pub(crate) const TAG_BYTES: usize = 8;
/// What the date takes in an entry: a tick has 40 bits; one byte is spare.
pub(crate) const DATE_BYTES: usize = 6;

impl Header {
    pub(crate) fn new(version: Version, expires: Tick, key_bytes: u16) -> Self {
        let rest = expires.as_ms() << EXPIRY_SHIFT | u64::from(key_bytes);
        Self { version: AtomicU64::new(version.get()), rest: AtomicU64::new(rest) }
    }

    pub(crate) fn withheld(mut self, is_withheld: bool) -> Self {
        *self.rest.get_mut() |= if is_withheld { WITHHELD } else { 0 };
        self
    }

    pub(crate) fn noted(mut self, is_labelled: bool, is_dated: bool, tags: u8) -> Self {
        *self.rest.get_mut() |= if is_labelled { LABELLED } else { 0 };
        *self.rest.get_mut() |= if is_dated { DATED } else { 0 };
        *self.rest.get_mut() |= u64::from(tags) << TAGS_SHIFT;
        self
    }

    #[inline]
    fn rest(&self) -> Rest {
        Rest(self.rest.load(Ordering::Relaxed))
    }
}

/// The second word of a header, read once.
#[derive(Clone, Copy)]
struct Rest(u64);

impl Rest {
    #[inline]
    fn key_bytes(self) -> usize {
        (self.0 & 0xFFFF) as usize
    }

    #[inline]
    fn expires(self) -> Tick {
        Tick::from_ms(self.0 >> EXPIRY_SHIFT)
    }

    #[inline]
    fn tags(self) -> usize {
        (self.0 >> TAGS_SHIFT) as usize & TAGS_MAX
    }

    #[inline]
    fn is_labelled(self) -> bool {
        self.0 & LABELLED != 0
    }

    #[inline]
    fn is_absent(self) -> bool {
        self.0 & (WITHHELD | LABELLED) == WITHHELD
    }

    #[inline]
    fn is_no_cache(self) -> bool {
        self.0 & (WITHHELD | LABELLED) == WITHHELD | LABELLED
    }

    /// Bytes behind the label.
    #[inline]
    fn tags_and_date_bytes(self) -> usize {
        let date = if self.0 & DATED == 0 { 0 } else { DATE_BYTES };
        self.tags() * TAG_BYTES + date
    }
}

/// A key with its value, immutable and counted; behind the value its label, its
/// tags and the tick at which it was made, if it has them.
///
/// Built by the caller, outside the node's lock; stored by the node, which
/// gives it its version.
#[derive(Clone)]
pub struct Entry(ThinArc<Header, u8>);

/// What an entry allocates beside its key and value: the header, the counter
/// and the length.
const OVERHEAD_BYTES: usize = size_of::<Header>() + 2 * size_of::<usize>();

impl Entry {
    /// An entry that expires at `expires`.
    ///
    /// # Errors
    /// When the key is longer than [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX).
    pub fn new(key: &[u8], value: &[u8], expires: Tick) -> Result<Self, KeyTooLong> {
        Draft::new(key, value, expires).map(|draft| draft.entry())
    }

    pub(crate) fn from_parts(header: Header, bytes: &[u8]) -> Self {
        Self(ThinArc::from_header_and_slice(header, bytes))
    }

    /// An entry whose bytes are still to be filled in.
    pub(crate) fn zeroed(header: Header, bytes: usize) -> Self {
        Self(ThinArc::from_header_and_iter(header, std::iter::repeat_n(0, bytes)))
    }

    /// Asks for the memory that a hit needs, which may be two lines: that of the counter,
    /// which stands before the header, and that of the key, behind header and length.
    #[inline]
    pub(crate) fn bring_near(&self) {
        let header = slice::from_ref(&self.0.header);
        prefetch_index(header, 0);
        prefetch_index(header, 2);
    }

    /// Fills in the bytes of an entry that nobody else holds.
    pub(crate) fn fill(&mut self, work: impl FnOnce(&mut [u8])) {
        self.0.with_arc_mut(|shared| {
            let own = Arc::get_mut(shared).expect("a new entry has one holder");
            work(own.slice_mut());
        });
    }

    /// Makes this the entry of `draft`, which has the same key, in the memory it
    /// has. Only if what it holds is as long as before and nobody else holds the
    /// entry: a value that was handed out never changes.
    pub(crate) fn overwrite(&mut self, draft: &Draft<'_>, version: Version) -> bool {
        debug_assert!(self.key() == draft.key());
        let notes_bytes = self.notes_bytes(self.rest());
        if self.value().len() != draft.value().len() || notes_bytes != draft.notes_bytes() {
            return false;
        }
        self.0.with_arc_mut(|shared| {
            let Some(own) = Arc::get_mut(shared) else { return false };
            *own.header_mut() = draft.header(version);
            draft.write_over(own.slice_mut());
            true
        })
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.0.slice[..self.rest().key_bytes()]
    }

    /// The value; empty if the entry is absent.
    #[inline]
    pub fn value(&self) -> &[u8] {
        let rest = self.rest();
        &self.0.slice[rest.key_bytes()..self.0.slice.len() - self.notes_bytes(rest)]
    }

    /// Bytes behind the value.
    #[inline]
    fn notes_bytes(&self, rest: Rest) -> usize {
        let behind = rest.tags_and_date_bytes();
        if rest.is_labelled() { behind + self.label_bytes(behind) } else { behind }
    }

    fn label_bytes(&self, behind: usize) -> usize {
        Label::bytes_at_end(&self.0.slice[..self.0.slice.len() - behind])
    }

    /// What it says of its value.
    pub fn label(&self) -> Label<'_> {
        let rest = self.rest();
        if !rest.is_labelled() {
            return Label::default();
        }
        Label::at_end(&self.0.slice[..self.0.slice.len() - rest.tags_and_date_bytes()])
    }

    /// Whether this says that the key has no value.
    #[inline]
    pub fn is_absent(&self) -> bool {
        self.rest().is_absent()
    }

    /// Whether it is kept only so that its source can be asked by its validator, each
    /// time, whether it is still right: HTTP's `no-cache`.
    #[inline]
    pub fn is_no_cache(&self) -> bool {
        self.rest().is_no_cache()
    }

    /// Keeps it for that, or for every reader. Returns whether it is so now: what has no
    /// validator cannot be asked for by it.
    pub(crate) fn set_no_cache(&self, is_no_cache: bool) -> bool {
        let rest = self.rest().0;
        if is_no_cache && self.label().validator().is_none() {
            return false;
        }
        let rest = if is_no_cache { rest | WITHHELD } else { rest & !WITHHELD };
        self.0.header.header.rest.store(rest, Ordering::Relaxed);
        true
    }

    /// When it expires.
    #[inline]
    pub fn expires(&self) -> Tick {
        self.rest().expires()
    }

    /// When it was made, if that was noted.
    pub fn born(&self) -> Option<Tick> {
        if self.rest().0 & DATED == 0 {
            return None;
        }
        let noted = self.0.slice.last_chunk::<DATE_BYTES>()?;
        let mut bytes = [0; 8];
        bytes[..DATE_BYTES].copy_from_slice(noted);
        Some(Tick::from_ms(u64::from_le_bytes(bytes)))
    }

    /// Whether it bears any tag.
    #[inline]
    pub(crate) fn is_tagged(&self) -> bool {
        self.rest().tags() != 0
    }

    /// The hashes of its tags.
    pub fn tags(&self) -> impl Iterator<Item = u64> {
        let rest = self.rest();
        let notes = &self.0.slice[self.0.slice.len() - rest.tags_and_date_bytes()..];
        let tags = notes[..rest.tags() * TAG_BYTES].as_chunks().0;
        tags.iter().copied().map(u64::from_le_bytes)
    }

    /// The version that its node gave to it; zero before it was stored.
    #[inline]
    pub fn version(&self) -> Version {
        Version::from(self.0.header.header.version.load(Ordering::Relaxed))
    }

    pub(crate) fn set_version(&self, version: Version) {
        self.0.header.header.version.store(version.get(), Ordering::Relaxed);
    }

    pub(crate) fn set_expires(&self, expires: Tick) {
        let others = self.rest().0 & ((1 << EXPIRY_SHIFT) - 1);
        let rest = expires.as_ms() << EXPIRY_SHIFT | others;
        self.0.header.header.rest.store(rest, Ordering::Relaxed);
    }

    #[inline]
    fn rest(&self) -> Rest {
        self.0.header.header.rest()
    }

    /// What the entry takes from the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> u64 {
        heap_bytes(OVERHEAD_BYTES + self.0.slice.len()) as u64
    }
}

impl fmt::Debug for Entry {
    /// Tells sizes, never keys or values: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key_bytes", &self.rest().key_bytes())
            .field("value_bytes", &self.value().len())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use distcache_bus::Epoch;

    use super::*;
    use crate::{KEY_BYTES_MAX, TooManyTags, Value};

    fn label() -> Label<'static> {
        Label::new(Some("text/plain"), Some("\"7\"")).unwrap()
    }

    #[test]
    fn an_entry_gives_back_what_it_was_made_of() {
        let entry = Entry::new(b"key", b"value", Tick::from_ms(77)).unwrap();
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"value"[..]));
        assert_eq!((entry.expires(), entry.born()), (Tick::from_ms(77), None));
        let empty = Entry::new(b"", b"", Tick::NEVER).unwrap();
        assert_eq!((empty.key(), empty.value()), (&b""[..], &b""[..]));
        assert_eq!(empty.expires(), Tick::NEVER);
    }

    #[test]
    fn notes_stand_behind_the_value_and_are_no_part_of_it() {
        let tags = [7, u64::MAX];
        let plain = Draft::new(b"key", b"value", Tick::NEVER).unwrap();
        let draft = plain.tagged(&tags).unwrap().born(Tick::from_ms(3)).labelled(label());
        let entry = draft.entry();
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"value"[..]));
        assert_eq!(entry.tags().collect::<Vec<_>>(), tags);
        assert_eq!((entry.born(), entry.is_absent()), (Some(Tick::from_ms(3)), false));
        assert_eq!(entry.label(), label());
        let entry = plain.labelled(label()).entry();
        assert_eq!((entry.value(), entry.label()), (&b"value"[..], label()));
        assert_eq!(plain.entry().label(), Label::default());
    }

    #[test]
    fn a_large_entry_is_made_of_the_same_parts() {
        let value: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let draft = Draft::new(b"key", &value, Tick::NEVER).unwrap().tagged(&[7]).unwrap();
        let entry = draft.born(Tick::from_ms(3)).labelled(label()).entry();
        assert!(entry.key() == b"key" && entry.value() == value && entry.label() == label());
        assert_eq!((entry.tags().next(), entry.born()), (Some(7), Some(Tick::from_ms(3))));
    }

    #[test]
    fn an_absent_entry_is_no_empty_value() {
        let entry = Draft::absent(b"key", Tick::from_ms(5)).unwrap().entry();
        assert!(entry.is_absent());
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b""[..]));
        assert!(!Entry::new(b"key", b"", Tick::NEVER).unwrap().is_absent());
    }

    #[test]
    fn what_is_kept_to_be_asked_for_is_a_value_and_no_absent_one() {
        let draft = Draft::new(b"key", b"value", Tick::NEVER).unwrap();
        let entry = draft.labelled(label()).no_cache().entry();
        assert!(entry.is_no_cache() && !entry.is_absent());
        assert_eq!((entry.value(), entry.label()), (&b"value"[..], label()));
        entry.set_expires(Tick::from_ms(7));
        assert!(entry.is_no_cache());
        assert!(entry.set_no_cache(false) && !entry.is_no_cache() && !entry.is_absent());
        assert_eq!((entry.value(), entry.expires()), (&b"value"[..], Tick::from_ms(7)));
    }

    #[test]
    fn what_has_no_validator_is_not_kept_to_be_asked_for() {
        let typed = Label::new(Some("text/plain"), None).unwrap();
        for label in [Label::default(), typed] {
            let draft = Draft::new(b"key", b"value", Tick::NEVER).unwrap().labelled(label);
            let entry = draft.no_cache().entry();
            assert!(!entry.is_no_cache() && !entry.is_absent());
            assert!(!entry.set_no_cache(true) && !entry.is_no_cache() && !entry.is_absent());
        }
        let absent = Draft::absent(b"key", Tick::NEVER).unwrap().labelled(label()).entry();
        assert!(absent.is_absent() && !absent.is_no_cache(), "there is nothing to label");
    }

    #[test]
    fn another_expiry_changes_nothing_else() {
        let draft = Draft::new(b"key", b"value", Tick::NEVER).unwrap().tagged(&[1]).unwrap();
        let entry = draft.born(Tick::from_ms(9)).labelled(label()).entry();
        entry.set_expires(Tick::from_ms(1 << 39));
        assert_eq!(entry.label(), label());
        assert_eq!(entry.expires(), Tick::from_ms(1 << 39));
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"value"[..]));
        assert_eq!((entry.tags().count(), entry.born()), (1, Some(Tick::from_ms(9))));
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
    fn one_tag_too_many_is_refused() {
        let draft = Draft::new(b"key", b"", Tick::NEVER).unwrap();
        assert_eq!(draft.tagged(&[1; TAGS_MAX]).unwrap().entry().tags().count(), TAGS_MAX);
        assert_eq!(draft.tagged(&[1; TAGS_MAX + 1]).unwrap_err(), TooManyTags { tags: 32 });
    }

    #[test]
    fn an_entry_that_nobody_else_holds_is_overwritten_by_a_value_of_its_size() {
        let version = Version::new(Epoch::FIRST, 7);
        let noted = Draft::new(b"key", b"old", Tick::NEVER).unwrap().born(Tick::ZERO);
        let mut entry = noted.tagged(&[1]).unwrap().entry();
        let draft = Draft::new(b"key", b"new", Tick::from_ms(5)).unwrap().born(Tick::from_ms(2));
        assert!(!entry.overwrite(&draft, version), "one has a tag, and the other none");
        let draft = draft.tagged(&[2]).unwrap();
        let held = Value::from(entry.clone());
        assert!(!entry.overwrite(&draft, version), "a value that was handed out stays");
        assert_eq!((&*held, entry.value()), (&b"old"[..], &b"old"[..]));
        drop(held);
        assert!(entry.overwrite(&draft, version));
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"new"[..]));
        assert_eq!((entry.expires(), entry.version()), (Tick::from_ms(5), version));
        assert_eq!(entry.tags().collect::<Vec<_>>(), [2]);
        assert_eq!(entry.born(), Some(Tick::from_ms(2)));
        let longer = Draft::new(b"key", b"longer", Tick::NEVER).unwrap();
        assert!(!entry.overwrite(&longer, version));
    }

    #[test]
    fn an_entry_is_overwritten_with_other_notes_of_the_same_size_in_all() {
        let draft = Draft::new(b"key", b"old", Tick::NEVER).unwrap();
        let mut entry = draft.tagged(&[1, 2]).unwrap().entry();
        // Two lengths of two bytes, and twelve of text: as two tags.
        let other = Label::new(Some("text/plain"), Some("77")).unwrap();
        let draft = Draft::new(b"key", b"new", Tick::NEVER).unwrap().labelled(other);
        assert!(entry.overwrite(&draft, Version::ZERO));
        assert_eq!((entry.value(), entry.label()), (&b"new"[..], other));
        assert_eq!(entry.tags().count(), 0);
    }

    #[test]
    fn an_entry_of_16_and_64_bytes_takes_112() {
        assert_eq!(Entry::new(&[0; 16], &[0; 64], Tick::NEVER).unwrap().heap_bytes(), 112);
    }

    #[test]
    fn a_label_is_counted_in_its_entry() {
        let draft = Draft::new(&[0; 16], &[0; 64], Tick::NEVER).unwrap();
        // Four bytes of lengths, ten and three of text.
        assert_eq!(draft.labelled(label()).entry().heap_bytes(), heap_bytes(112 + 17) as u64);
        assert_eq!(draft.labelled(Label::default()).entry().heap_bytes(), 112);
    }

    #[test]
    fn debug_shows_no_key_and_no_value() {
        let entry = Entry::new(b"secret", b"secret", Tick::NEVER).unwrap();
        let label = Label::new(None, Some("secret")).unwrap();
        let draft = Draft::new(b"secret", b"secret", Tick::NEVER).unwrap().labelled(label);
        let shown = format!("{entry:?} {:?} {draft:?}", Value::from(entry.clone()));
        assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
}
