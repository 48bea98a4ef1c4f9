//! Which member.

use std::fmt;
use std::num::NonZeroU64;

/// A process that is, or wants to be, a member: drawn at random when it starts, so
/// that one that was restarted is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(NonZeroU64);

impl MemberId {
    /// One that nobody else has.
    ///
    /// # Errors
    /// When the system has no random numbers to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        // Zero is as unlikely as any other number, and stands for nobody.
        Ok(Self::new(getrandom::u64()?).unwrap_or(Self(NonZeroU64::MIN)))
    }

    /// The one with this number; `None` for zero.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// Its number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
