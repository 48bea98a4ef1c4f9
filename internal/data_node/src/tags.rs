//! Which tags were invalidated, and when.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry as Place, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::{Entry, Version};

/// Invalidated tags that one keyspace of one node remembers.
pub const TAG_RECORDS_MAX: usize = 1024;

/// What a record takes, in bytes, with its part of the map's and the queue's
/// spare room.
const RECORD_BYTES: u64 = 64;

/// Invalidations by tag.
///
/// To invalidate a tag touches no entry: its name is recorded with the version
/// that a write would have got at that moment, and an entry that bears the tag
/// and is older is not there any more. When there are too many records the
/// oldest is given up, and with it every *tagged* entry that is older than it: a
/// cache may forget, and need not go through all it holds to be right.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    revoked: HashMap<u64, Version, BuildHasherDefault<Identity>>,
    /// The records, oldest first; one whose tag was revoked again is stale.
    order: VecDeque<(u64, Version)>,
    /// Every tagged entry before this is gone.
    floor: Option<Version>,
}

impl Tags {
    /// Records that every entry with this tag that is older than `version` is
    /// not to be served any more.
    ///
    /// Of copies the versions come from several owners, in any order:
    ///
    /// 1. A tag is invalidated at all of them. A tells of version 9, then B of version 5.
    /// 2. A copy of A's, of version 7, bears the tag, and is read.
    ///
    /// Hence the highest version counts. What it takes away besides is a miss.
    pub(crate) fn revoke(&mut self, tag: u64, version: Version) {
        match self.revoked.entry(tag) {
            Place::Occupied(mut held) => _ = held.insert(version.max(*held.get())),
            Place::Vacant(place) => _ = place.insert(version),
        }
        self.order.push_back((tag, version));
        while TAG_RECORDS_MAX < self.order.len() {
            self.give_up_oldest();
        }
    }

    /// Records that are kept.
    pub(crate) fn records(&self) -> usize {
        self.order.len()
    }

    fn give_up_oldest(&mut self) {
        let Some((tag, version)) = self.order.pop_front() else { return };
        if self.revoked.get(&tag) == Some(&version) {
            self.revoked.remove(&tag);
            self.floor = self.floor.max(Some(version));
        }
    }

    /// Whether an entry has gone with one of its tags.
    pub(crate) fn revokes(&self, entry: &Entry) -> bool {
        let version = entry.version();
        let is_revoked = |tag| self.revoked.get(&tag).is_some_and(|&since| version < since);
        self.floor.is_some_and(|floor| version < floor) || entry.tags().any(is_revoked)
    }

    /// Whether nothing was ever revoked.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        self.order.len() as u64 * RECORD_BYTES
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A hasher for what is a hash already.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only hashes of 64 bits are asked for");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draft, Tick};

    fn entry(tags: &[u64], version: u64) -> Entry {
        let draft = Draft::new(b"k", b"v", Tick::NEVER).unwrap().tagged(tags).unwrap();
        let entry = draft.entry();
        entry.set_version(Version::from(version));
        entry
    }

    #[test]
    fn what_bears_a_revoked_tag_and_is_older_has_gone() {
        let mut tags = Tags::default();
        tags.revoke(1, Version::from(10));
        assert!(tags.revokes(&entry(&[2, 1], 9)));
        assert!(!tags.revokes(&entry(&[1], 11)));
        assert!(!tags.revokes(&entry(&[2], 9)));
    }

    #[test]
    fn with_too_many_records_only_what_is_older_than_the_oldest_goes_too() {
        let mut tags = Tags::default();
        for record in 0..=TAG_RECORDS_MAX as u64 {
            tags.revoke(record, Version::from(10 + record));
        }
        assert!(tags.revokes(&entry(&[0], 9)), "the record is gone, and its entries are too");
        assert!(tags.revokes(&entry(&[99_999], 9)), "and any tagged one that is as old");
        assert!(!tags.revokes(&entry(&[99_999], 10)));
        assert!(tags.revokes(&entry(&[1], 10)), "the others are remembered");
    }

    #[test]
    fn a_tag_that_is_revoked_again_keeps_its_last_record() {
        let mut tags = Tags::default();
        for version in 0..2 * TAG_RECORDS_MAX as u64 {
            tags.revoke(7, Version::from(version));
        }
        assert!(tags.revokes(&entry(&[7], 2 * TAG_RECORDS_MAX as u64 - 2)));
        assert!(!tags.revokes(&entry(&[8], 0)), "nothing else was given up");
    }

    #[test]
    fn of_several_owners_the_highest_version_counts_whoever_tells_last() {
        let mut tags = Tags::default();
        tags.revoke(1, Version::from(9));
        tags.revoke(1, Version::from(5));
        assert!(tags.revokes(&entry(&[1], 7)));
        for record in 0..TAG_RECORDS_MAX as u64 {
            tags.revoke(100 + record, Version::from(3));
        }
        assert!(tags.revokes(&entry(&[1], 7)), "also when the record is given up");
        tags.revoke(0, Version::from(3));
        assert!(tags.revokes(&entry(&[2], 8)), "as are others that are as old");
    }
}
