//! Entries on their way out, and why they go.

use std::fmt;

use crate::Entry;

/// Why an entry is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Room was needed.
    Evicted,
    /// Its time was over.
    Expired,
    /// Nobody used it for too long.
    Idle,
    /// It was deleted, or everything was.
    Deleted,
    /// It was invalidated by tag or by prefix.
    Invalidated,
    /// The key has another value now.
    Replaced,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 6] = [
        Self::Evicted,
        Self::Expired,
        Self::Idle,
        Self::Deleted,
        Self::Invalidated,
        Self::Replaced,
    ];

    /// The name, as metrics and logs have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Deleted => "deleted",
            Self::Invalidated => "invalidated",
            Self::Replaced => "replaced",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An entry that has gone.
#[derive(Debug, Clone)]
pub struct Departed {
    /// What it was.
    pub entry: Entry,
    /// Why it went.
    pub cause: Cause,
}
