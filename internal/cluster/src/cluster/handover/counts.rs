//! What was handed over.

use std::sync::atomic::{AtomicU64, Ordering};

/// What hand-overs have moved since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Pages that others have asked for and were given, empty ones included.
    pub pages_given: u64,
    /// Their entries.
    pub entries_given: u64,
    /// What these took from memory, in bytes.
    pub bytes_given: u64,
    /// Pages that others have given, empty ones included.
    pub pages_taken: u64,
    /// Entries that were taken over.
    pub entries_taken: u64,
    /// The keys and values of all entries that came, in bytes.
    pub bytes_taken: u64,
    /// Entries that came and were not taken over: their keys had been used meanwhile,
    /// their time was over, or there was no room.
    pub entries_refused: u64,
    /// Hand-overs, to this process or from it, that were not complete in their time.
    pub ended_by_time: u64,
}

/// The same, while it is counted. They guard nothing; hence relaxed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) pages_given: Count,
    pub(super) entries_given: Count,
    pub(super) bytes_given: Count,
    pub(super) pages_taken: Count,
    pub(super) entries_taken: Count,
    pub(super) bytes_taken: Count,
    pub(super) entries_refused: Count,
    pub(super) ended_by_time: Count,
}

impl Counters {
    pub(super) fn told(&self) -> Counts {
        Counts {
            pages_given: self.pages_given.get(),
            entries_given: self.entries_given.get(),
            bytes_given: self.bytes_given.get(),
            pages_taken: self.pages_taken.get(),
            entries_taken: self.entries_taken.get(),
            bytes_taken: self.bytes_taken.get(),
            entries_refused: self.entries_refused.get(),
            ended_by_time: self.ended_by_time.get(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
