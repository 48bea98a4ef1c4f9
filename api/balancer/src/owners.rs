//! Who owns which key, as far as members have told.
//!
//! A member that is asked for a key of another's answers all the same, and says whose it is.
//! So the next request for that key goes to its owner, and the members ask each other less.
//! It is a hint and no more: whoever is asked answers by what the members have agreed on,
//! and says anew where that is another.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many keys are remembered at most, in two megabytes; one more takes the place of
/// another.
pub(crate) const OWNERS_MAX: usize = 1 << 18;

/// The lower bits of a slot: one more than the number of a member. All bits of a hash that
/// are not in its place are in the others.
const MEMBER_BITS: u32 = 16;
const MEMBER: u64 = (1 << MEMBER_BITS) - 1;

/// The memory: a slot for each of so many keys, which their hashes find.
pub(crate) struct Owners(Box<[AtomicU64]>);

impl Owners {
    pub(crate) fn new() -> Self {
        Self((0..OWNERS_MAX).map(|_| AtomicU64::new(0)).collect())
    }

    /// The number of the member that owns the key of this hash, if that was told last.
    pub(crate) fn of(&self, hash: u64) -> Option<usize> {
        // Relaxed: a slot is one word, and no other memory hangs on it.
        let slot = self.slot(hash).load(Ordering::Relaxed);
        let is_its = slot & !MEMBER == hash & !MEMBER;
        let member = usize::try_from(slot & MEMBER).ok()?.checked_sub(1)?;
        is_its.then_some(member)
    }

    /// Remembers it.
    pub(crate) fn note(&self, hash: u64, member: usize) {
        // Nearly always nothing is new: then no other core has to fetch the slot anew.
        if self.of(hash) == Some(member) {
            return;
        }
        let Some(number) = u64::try_from(member + 1).ok().filter(|number| *number <= MEMBER) else {
            return;
        };
        self.slot(hash).store(hash & !MEMBER | number, Ordering::Relaxed);
    }

    fn slot(&self, hash: u64) -> &AtomicU64 {
        let place = usize::try_from(hash % OWNERS_MAX as u64).unwrap_or(0);
        &self.0[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_owns_a_key_is_remembered_until_another_key_takes_its_place() {
        let owners = Owners::new();
        let hash = 0x1234_5678_9abc_def0;
        assert_eq!(owners.of(hash), None);
        owners.note(hash, 0);
        assert_eq!(owners.of(hash), Some(0));
        owners.note(hash, 999);
        assert_eq!(owners.of(hash), Some(999));
        let in_its_place = hash ^ 1 << 63;
        assert_eq!(owners.of(in_its_place), None, "it is another key");
        owners.note(in_its_place, 2);
        assert_eq!((owners.of(in_its_place), owners.of(hash)), (Some(2), None));
    }

    #[test]
    fn hashes_that_differ_in_one_bit_are_two() {
        let owners = Owners::new();
        for bit in 0..64 {
            owners.note(0, 7);
            assert_eq!(owners.of(1 << bit), None, "bit {bit}");
        }
    }

    #[test]
    fn a_number_that_no_member_can_have_is_not_remembered() {
        let owners = Owners::new();
        owners.note(5, usize::from(u16::MAX));
        assert_eq!(owners.of(5), None);
    }
}
