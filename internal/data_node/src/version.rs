//! What orders the writes of one key.

use std::fmt;

use distcache_bus::Epoch;

/// Orders the writes of one key.
///
/// The epoch of the ring in which the owner made it stands above the owner's
/// own sequence number, so that a version never repeats and always grows for a
/// key: not when the entry is evicted or deleted, nor when the key moves to
/// another node or process, or its node is replaced. 32 bits of epoch, 32 of
/// sequence, which begins anew with each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// Before every version that a node gives: of what is not stored.
    pub const ZERO: Self = Self(0);
    const SEQUENCE_BITS: u32 = 32;
    /// The last sequence number of one epoch.
    pub const SEQUENCE_MAX: u64 = (1 << Self::SEQUENCE_BITS) - 1;

    pub(crate) fn new(epoch: Epoch, sequence: u64) -> Self {
        debug_assert!(sequence <= Self::SEQUENCE_MAX);
        Self(epoch.get() << Self::SEQUENCE_BITS | sequence)
    }

    /// Below every version of an epoch.
    pub(crate) fn first_of(epoch: Epoch) -> Self {
        Self::new(epoch, 0)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// The version with this number, as [`Version::get`] gave it.
impl From<u64> for Version {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_later_epoch_stand_above_all_of_an_earlier_one() {
        let later = Epoch::FIRST.next().unwrap();
        assert!(Version::new(Epoch::FIRST, Version::SEQUENCE_MAX) < Version::new(later, 0));
    }
}
