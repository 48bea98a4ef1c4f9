//! Copies of which it is not known that all who keep one have them.
//!
//! Who keeps copies makes a change when it is told of it, and learns later that all others
//! have made it, too: that it is committed. What it has in between is **tentative**.
//!
//! 1. A owns a key; B and C keep copies. A stores version 5. B makes the change, C has not
//!    heard of it.
//! 2. A reader asks B, and gets version 5. A second one asks C, and gets version 4.
//!
//! So a tentative copy is read by nobody. It is still the latest value if its owner dies:
//! see [`adopt_copies`](crate::CacheManager::adopt_copies). If its key gets another owner
//! than this process, it is an **orphan**: nobody will say any more that it is committed,
//! and the new owner may never have heard of it. It is right if that one dies, too, and
//! has told nothing of the key; whatever it tells takes the orphan's place.
//!
//! The idea is that of CRAQ, "Object Storage on CRAQ: High-Throughput Chain Replication for
//! Read-Mostly Workloads" (USENIX ATC 2009), where a chain's dirty versions are not read.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use distcache_bus::mutants::{Mutant, is_planted};
use parking_lot::Mutex;

/// Keys are told apart by so many bits of their hash: two that are not are tentative
/// together.
const PLACES: usize = 1 << 12;

/// Changes of one owner that are noted one by one. When there are more, all of that owner's
/// count as tentative until the last of them is committed.
pub(crate) const NOTED_MAX: usize = 1 << 16;

/// Which keys have a tentative copy here.
pub(crate) struct Tentative {
    /// By place of the key's hash, how many of its changes are.
    places: Box<[AtomicU32]>,
    /// Owners of whom all changes are.
    overflown: AtomicU32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    owners: BTreeMap<u64, Changes>,
    /// Hashes of keys whose owner has gone before it said what is committed.
    orphans: HashSet<u64>,
}

/// The changes of one owner.
#[derive(Default)]
struct Changes {
    /// All up to this one are committed.
    committed: u64,
    /// Their numbers, and the hashes of their keys, in the order in which they were told.
    noted: VecDeque<(u64, u64)>,
    /// There were more than can be noted, up to this one.
    beyond: Option<u64>,
    /// Readers wait for the word that this one is committed.
    wanted: u64,
}

/// Who has told of changes, and up to which number they must be committed to be certain.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The owner, by a number of its own.
    pub owner: u64,
    /// All that was told is committed when this change of the owner's is.
    pub number: u64,
}

impl Default for Tentative {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| AtomicU32::new(0)).collect();
        Self { places, overflown: AtomicU32::new(0), state: Mutex::default() }
    }
}

impl Tentative {
    /// The copy of the key of this hash is about to be made, or changed. `is_read` says
    /// that readers would have it.
    ///
    /// 1. The copy is changed.
    /// 2. A reader gets it, and finds that it is not noted.
    /// 3. It is noted.
    ///
    /// So it MUST be noted first.
    pub(crate) fn note(&self, Told { owner, number }: Told, hash: u64, is_read: bool) {
        let mut state = self.state.lock();
        let changes = state.owners.entry(owner).or_default();
        if number <= changes.committed {
            return;
        }
        if is_read {
            changes.wanted = number.max(changes.wanted);
        }
        if let Some(beyond) = &mut changes.beyond {
            *beyond = number.max(*beyond);
        } else if changes.noted.len() < NOTED_MAX {
            changes.noted.push_back((number, hash));
            self.places[place(hash)].fetch_add(1, Ordering::Relaxed);
        } else {
            // First the one, then the others: they are tentative all the time.
            self.overflown.fetch_add(1, Ordering::Relaxed);
            changes.beyond = Some(number);
            changes.noted.drain(..).for_each(|(_, hash)| self.forget(hash));
        }
    }

    /// All changes of an owner up to this one are committed.
    pub(crate) fn commit(&self, Told { owner, number }: Told) {
        let mut state = self.state.lock();
        let changes = state.owners.entry(owner).or_default();
        changes.committed = number.max(changes.committed);
        let committed = changes.committed;
        while let Some((_, hash)) = changes.noted.pop_front_if(|(noted, _)| *noted <= committed) {
            self.forget(hash);
        }
        if changes.beyond.take_if(|beyond| *beyond <= committed).is_some() {
            self.overflown.fetch_sub(1, Ordering::Release);
        }
    }

    /// Release: whoever sees that it is forgotten sees what was done to the copy before.
    fn forget(&self, hash: u64) {
        self.places[place(hash)].fetch_sub(1, Ordering::Release);
    }

    /// Another tenure begins: nobody says any more what is committed of this one. Where it
    /// is not known which copies are tentative ([`is_overflown`](Self::is_overflown)), all
    /// MUST be dropped before.
    pub(crate) fn orphan(&self) {
        let mut state = self.state.lock();
        for changes in std::mem::take(&mut state.owners).into_values() {
            for (_, hash) in changes.noted {
                // One that is an orphan already counts once.
                if !state.orphans.insert(hash) {
                    self.forget(hash);
                }
            }
            if changes.beyond.is_some() {
                self.overflown.fetch_sub(1, Ordering::Release);
            }
        }
    }

    /// Whether all copies are tentative, as there were more changes than are noted.
    pub(crate) fn is_overflown(&self) -> bool {
        self.overflown.load(Ordering::Acquire) != 0
    }

    /// The owner that the key of this hash has now has told of it, and the copy is what it
    /// has told.
    pub(crate) fn is_told(&self, hash: u64) {
        if self.state.lock().orphans.remove(&hash) {
            self.forget(hash);
        }
    }

    /// Whether the copy of the key of this hash is an orphan.
    pub(crate) fn is_orphan(&self, hash: u64) -> bool {
        self.state.lock().orphans.contains(&hash)
    }

    /// There are no copies any more of orphans but of these hashes.
    pub(crate) fn retain_orphans(&self, held: &HashSet<u64>) {
        self.state.lock().orphans.retain(|hash| {
            let is_held = held.contains(hash);
            if !is_held {
                self.forget(*hash);
            }
            is_held
        });
    }

    /// Whether there are orphans.
    pub(crate) fn has_orphans(&self) -> bool {
        !self.state.lock().orphans.is_empty()
    }

    /// Whether the copy of the key of this hash is tentative. To be asked before it is read,
    /// and after, in one tenure: between the two it is noted and forgotten only if it was
    /// committed.
    ///
    /// 1. A copy is an orphan. A reader gets it.
    /// 2. The key's new owner tells what it has. The copy is dropped, and is no orphan.
    /// 3. The reader finds that it is none.
    #[inline]
    pub(crate) fn has(&self, hash: u64) -> bool {
        let is_noted = self.places[place(hash)].load(Ordering::Acquire) != 0;
        (is_noted || self.is_overflown()) && !is_planted(Mutant::TentativeRead)
    }

    /// Up to which number an owner's changes are known to be committed; and whether readers
    /// wait for more.
    pub(crate) fn known_of(&self, owner: u64) -> (u64, bool) {
        let state = self.state.lock();
        let known = |changes: &Changes| (changes.committed, changes.committed < changes.wanted);
        state.owners.get(&owner).map_or((0, false), known)
    }
}

fn place(hash: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    let low = hash as usize;
    low % PLACES
}

impl fmt::Debug for Tentative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tentative")
            .field("has_orphans", &self.has_orphans())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u64 = 1;
    const B: u64 = 2;

    fn told(owner: u64, number: u64) -> Told {
        Told { owner, number }
    }

    #[test]
    fn a_copy_is_tentative_from_its_change_until_that_is_committed() {
        let tentative = Tentative::default();
        tentative.note(told(A, 5), 7, false);
        tentative.note(told(A, 6), 8, false);
        assert_eq!([7, 8, 9].map(|hash| tentative.has(hash)), [true, true, false]);
        tentative.commit(told(A, 5));
        assert_eq!([7, 8].map(|hash| tentative.has(hash)), [false, true]);
        tentative.note(told(A, 5), 7, false);
        assert!(!tentative.has(7), "it was committed before it was told");
        tentative.commit(told(A, 6));
        assert!(!tentative.has(8));
    }

    #[test]
    fn a_copy_that_was_changed_twice_is_tentative_until_the_second_is_committed() {
        let tentative = Tentative::default();
        tentative.note(told(A, 5), 7, false);
        tentative.note(told(A, 6), 7, false);
        tentative.commit(told(A, 5));
        assert!(tentative.has(7));
        tentative.commit(told(A, 6));
        assert!(!tentative.has(7));
    }

    #[test]
    fn what_one_owner_has_committed_says_nothing_of_another_s_changes() {
        let tentative = Tentative::default();
        tentative.note(told(A, 5), 7, false);
        tentative.commit(told(B, 9));
        assert!(tentative.has(7));
        tentative.note(told(B, 10), 7, false);
        tentative.commit(told(A, 5));
        assert!(tentative.has(7));
    }

    #[test]
    fn when_too_many_are_noted_all_are_tentative_until_the_last_is_committed() {
        let tentative = Tentative::default();
        let last = NOTED_MAX as u64 + 2;
        (1..=last).for_each(|number| tentative.note(told(A, number), number, false));
        let held: usize = tentative.state.lock().owners.values().map(|one| one.noted.len()).sum();
        assert_eq!(held, 0);
        tentative.commit(told(A, last - 1));
        assert!(tentative.has(0) && tentative.is_overflown());
        tentative.commit(told(A, last));
        assert!((0..=last).all(|hash| !tentative.has(hash)));
    }

    #[test]
    fn an_orphan_is_tentative_until_the_next_owner_tells_of_its_key() {
        let tentative = Tentative::default();
        tentative.note(told(A, 5), 7, false);
        tentative.note(told(B, 5), 7, false);
        tentative.note(told(B, 6), 8, false);
        tentative.orphan();
        tentative.commit(told(A, 9));
        assert!([7, 8].iter().all(|hash| tentative.has(*hash) && tentative.is_orphan(*hash)));
        tentative.note(told(B, 7), 7, false);
        tentative.is_told(7);
        assert!(tentative.has(7) && !tentative.is_orphan(7), "what it tells is not committed");
        tentative.commit(told(B, 7));
        assert_eq!([7, 8].map(|hash| tentative.has(hash)), [false, true]);
        tentative.orphan();
        tentative.retain_orphans(&HashSet::from([8]));
        assert!(tentative.has(8), "it is an orphan still in the next tenure");
        tentative.retain_orphans(&HashSet::new());
        assert!(!tentative.has(8) && !tentative.has_orphans());
    }

    #[test]
    fn in_the_next_tenure_there_are_not_too_many_any_more() {
        let tentative = Tentative::default();
        (0..=NOTED_MAX as u64).for_each(|n| tentative.note(told(A, n + 1), 8, false));
        assert!(tentative.is_overflown());
        tentative.orphan();
        assert!(!tentative.has(8) && !tentative.has_orphans());
    }

    #[test]
    fn the_word_that_a_change_is_committed_is_wanted_where_copies_are_read() {
        let tentative = Tentative::default();
        tentative.note(told(A, 5), 7, false);
        assert_eq!(tentative.known_of(A), (0, false));
        tentative.note(told(A, 6), 8, true);
        assert_eq!(tentative.known_of(A), (0, true));
        tentative.commit(told(A, 6));
        assert_eq!((tentative.known_of(A), tentative.known_of(B)), ((6, false), (0, false)));
    }
}
