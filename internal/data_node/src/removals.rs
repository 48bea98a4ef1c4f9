//! What has gone from a node lately, and why: so that somebody who asks where a
//! key has gone can be told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{Cause, Entry, KeyspaceId, Tick};

/// Removals that one node remembers, of all its keyspaces together: the last
/// ones. They take 24 KiB of its memory, whether there are any or not.
pub const REMOVALS_MAX: usize = 1024;

/// An entry that is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Why it went.
    pub cause: Cause,
    /// When it went; or when its time was over, if nobody has freed it yet.
    pub at: Tick,
    /// How old it was then, if that is known.
    pub age: Option<Duration>,
}

impl Removal {
    /// Of an entry that goes at this tick.
    pub(crate) fn of(entry: &Entry, cause: Cause, at: Tick) -> Self {
        Self { cause, at, age: entry.born().map(|born| at.since(born)) }
    }
}

/// The last removals of a node, in a ring.
///
/// They are written under the node's lock, by whichever store an entry leaves,
/// and read under it; hence relaxed.
pub(crate) struct Removals {
    records: Box<[Record]>,
    written: AtomicU64,
}

/// One removal in three words: half of the key's hash, the keyspace's index and
/// the cause; the tick and a part of the keyspace's generation; the age, in
/// milliseconds.
///
/// Half of a hash takes the removal of another key for this one's once in four
/// million times. Nothing but what a person reads rests on it.
#[derive(Default)]
struct Record([AtomicU64; 3]);

const INDEX_SHIFT: u32 = 8;
const PLACE_SHIFT: u32 = 32;
const GENERATION_SHIFT: u32 = 40;
/// An age that is not known.
const NO_AGE: u64 = u64::MAX;

impl Removals {
    pub(crate) fn new() -> Self {
        let records = (0..REMOVALS_MAX).map(|_| Record::default()).collect();
        Self { records, written: AtomicU64::new(0) }
    }

    /// What it takes from the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> u64 {
        size_of_val(&*self.records) as u64
    }

    fn record(&self, number: u64) -> &Record {
        let at = usize::try_from(number % REMOVALS_MAX as u64).expect("below REMOVALS_MAX");
        &self.records[at]
    }

    fn note(&self, id: KeyspaceId, place: u32, removal: Removal) {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let words = [whose(id, place) | code(removal.cause), when(id, removal.at), age(removal)];
        for (held, word) in self.record(number).0.iter().zip(words) {
            held.store(word, Ordering::Relaxed);
        }
    }

    /// The last removal of a key with this half of its hash.
    fn last(&self, id: KeyspaceId, place: u32) -> Option<Removal> {
        let written = self.written.load(Ordering::Relaxed);
        let remembered = written.min(REMOVALS_MAX as u64);
        (written - remembered..written).rev().find_map(|number| {
            let [first, second, age_ms] =
                [0, 1, 2].map(|word| self.record(number).0[word].load(Ordering::Relaxed));
            let cause = cause(first & 0xFF)?;
            let at = Tick::from_ms(second & Tick::NEVER.as_ms());
            let is_it = first & !0xFF == whose(id, place) && second == when(id, at);
            let age = (age_ms != NO_AGE).then(|| Duration::from_millis(age_ms));
            is_it.then_some(Removal { cause, at, age })
        })
    }
}

fn whose(id: KeyspaceId, place: u32) -> u64 {
    u64::from(place) << PLACE_SHIFT | u64::from(id.index) << INDEX_SHIFT
}

fn when(id: KeyspaceId, at: Tick) -> u64 {
    // The upper bits fall out: 24 tell the generations of one place apart.
    u64::from(id.generation) << GENERATION_SHIFT | at.as_ms()
}

fn age(removal: Removal) -> u64 {
    let ms = removal.age.map(|age| u64::try_from(age.as_millis()).unwrap_or(NO_AGE));
    ms.unwrap_or(NO_AGE)
}

/// A cause as a number; 0 is none.
fn code(cause: Cause) -> u64 {
    Cause::ALL.iter().position(|one| *one == cause).map_or(0, |at| at as u64 + 1)
}

fn cause(code: u64) -> Option<Cause> {
    let at = usize::try_from(code.checked_sub(1)?).ok()?;
    Cause::ALL.get(at).copied()
}

/// The part of one keyspace in the removals of its node.
#[derive(Clone)]
pub(crate) struct RemovalLog {
    removals: Arc<Removals>,
    id: KeyspaceId,
}

impl RemovalLog {
    pub(crate) fn new(removals: Arc<Removals>, id: KeyspaceId) -> Self {
        Self { removals, id }
    }

    pub(crate) fn note(&self, place: u32, removal: Removal) {
        self.removals.note(self.id, place, removal);
    }

    pub(crate) fn last(&self, place: u32) -> Option<Removal> {
        self.removals.last(self.id, place)
    }
}

impl fmt::Debug for RemovalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemovalLog").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Removals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removals").field("written", &self.written).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: KeyspaceId = KeyspaceId { index: 3, generation: 7 };

    fn removal(cause: Cause, at_ms: u64) -> Removal {
        Removal { cause, at: Tick::from_ms(at_ms), age: Some(Duration::from_millis(at_ms / 2)) }
    }

    #[test]
    fn the_last_removal_of_a_key_is_told_as_it_was() {
        let removals = Removals::new();
        for (at_ms, cause) in (10..).zip(Cause::ALL) {
            removals.note(ID, 5, removal(cause, at_ms));
            assert_eq!(removals.last(ID, 5), Some(removal(cause, at_ms)));
        }
        let undated = Removal { age: None, ..removal(Cause::Evicted, Tick::NEVER.as_ms() - 1) };
        removals.note(ID, u32::MAX, undated);
        assert_eq!(removals.last(ID, u32::MAX), Some(undated));
        assert_eq!(removals.last(ID, 6), None);
    }

    #[test]
    fn equal_keys_of_two_keyspaces_are_two_keys() {
        let removals = Removals::new();
        removals.note(ID, 5, removal(Cause::Evicted, 1));
        assert_eq!(removals.last(KeyspaceId { index: 4, ..ID }, 5), None);
        assert_eq!(removals.last(KeyspaceId { generation: 8, ..ID }, 5), None);
    }

    #[test]
    fn the_oldest_removals_are_forgotten_and_no_others() {
        let removals = Removals::new();
        let bytes = removals.heap_bytes();
        let places = 0..=u32::try_from(REMOVALS_MAX).unwrap();
        places.clone().for_each(|place| removals.note(ID, place, removal(Cause::Expired, 1)));
        let remembered = places.filter(|place| removals.last(ID, *place).is_some());
        assert_eq!(remembered.count(), REMOVALS_MAX);
        assert_eq!(removals.last(ID, 0), None);
        assert_eq!((bytes, removals.heap_bytes()), (24 << 10, 24 << 10));
    }
}
