//! Whether what clients saw is what a register shows that may forget its value, but
//! never goes back to an earlier one. Exact, in O(n log n).
//!
//! For one key, over the times at which operations began and ended: `M` is the highest
//! version that a *completed* operation has shown. Then
//!
//! * a read finds nothing, or a version that is not below `M` as it was when the read
//!   began;
//! * a write has a version above `M` as it was when the write began; that of a write
//!   whose outcome is unknown is told by those who read it;
//! * what a read finds was written by a write that had begun when the read ended;
//! * a read that began after a delete was acknowledged finds a version above `M` as it
//!   was when the delete began;
//! * a value and its version belong to each other.
//!
//! These hold if, and only if, the operations can be put into one order in which each
//! took effect between its beginning and its end, and in which versions grow: order
//! them by version, the write before its reads, then by when they began. `tests.rs`
//! compares this with the search of all orders.

mod misses;
mod sourced;
#[cfg(test)]
mod tests;

pub use misses::{Misses, Window};
pub use sourced::check_sourced;

use std::collections::HashMap;
use std::fmt;

use crate::operation::{Found, Nanos, Operation, What, by_key};

/// Why what clients saw is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was wrong.
    pub why: Wrong,
    /// The operation that shows it.
    pub operation: Operation,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// A read found an older version than was shown before it began.
    Stale {
        /// The version that was shown.
        shown: u64,
    },
    /// A read found what had been deleted before it began.
    Resurrected {
        /// The highest version that the delete had to take away.
        deleted: u64,
    },
    /// A write was acknowledged by a version that is not above one shown before.
    NotAbove {
        /// The version that was shown.
        shown: u64,
    },
    /// A read found what nobody had begun to write.
    NeverWritten,
    /// One value has two versions, or one version two values.
    TwoOfOne {
        /// What was shown before.
        before: Found,
    },
}

/// What is wrong with the operations of all keys; nothing if all is right.
#[must_use]
pub fn check(operations: &[Operation]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for operations in by_key(operations) {
        let versions = of_values(&operations, &mut violations);
        of_times(&operations, &versions, &mut violations);
    }
    violations.sort_by_key(|violation| violation.operation.began);
    violations
}

/// Each value with its version, and each read with its write. Returns the version of
/// each value.
fn of_values(operations: &[&Operation], violations: &mut Vec<Violation>) -> HashMap<u64, u64> {
    let mut begun: HashMap<u64, Nanos> = HashMap::new();
    let mut by_value: HashMap<u64, Found> = HashMap::new();
    let mut by_version: HashMap<u64, Found> = HashMap::new();
    for operation in operations {
        let shown = match operation.what {
            What::Write { value, version } => {
                begun.insert(value, operation.began);
                version.map(|version| Found { value, version })
            }
            What::Read(found) => found,
            What::Delete => None,
        };
        let Some(found) = shown else { continue };
        let of_value = *by_value.entry(found.value).or_insert(found);
        let of_version = *by_version.entry(found.version).or_insert(found);
        for before in [of_value, of_version].into_iter().filter(|before| *before != found) {
            let why = Wrong::TwoOfOne { before };
            violations.push(Violation { why, operation: **operation });
        }
    }
    for operation in operations {
        let What::Read(Some(found)) = operation.what else { continue };
        let ended = operation.ended.unwrap_or(Nanos::MAX);
        if begun.get(&found.value).is_none_or(|began| ended < *began) {
            violations.push(Violation { why: Wrong::NeverWritten, operation: **operation });
        }
    }
    by_value.into_iter().map(|(value, found)| (value, found.version)).collect()
}

/// What had been shown, and what had been taken away, when an operation began.
#[derive(Debug, Clone, Copy, Default)]
struct Floor {
    shown: Option<u64>,
    deleted: Option<u64>,
}

/// Something that happens to what is shown.
enum Event {
    Begins(usize),
    Ends(usize),
}

fn of_times(
    operations: &[&Operation],
    versions: &HashMap<u64, u64>,
    violations: &mut Vec<Violation>,
) {
    let mut events = Vec::with_capacity(operations.len() * 2);
    for (at, operation) in operations.iter().enumerate() {
        // Of two at the same moment none is before the other: what begins, comes first.
        events.push(((operation.began, false), Event::Begins(at)));
        events.extend(operation.ended.map(|ended| ((ended, true), Event::Ends(at))));
    }
    events.sort_unstable_by_key(|(when, _)| *when);
    let mut now = Floor::default();
    let mut at_beginning = vec![Floor::default(); operations.len()];
    for (_, event) in events {
        match event {
            Event::Begins(at) => {
                at_beginning[at] = now;
                let operation = operations[at];
                if let Some(why) = wrong(operation, versions, now) {
                    violations.push(Violation { why, operation: *operation });
                }
            }
            Event::Ends(at) => {
                let operation = operations[at];
                let floor = at_beginning[at];
                now.shown = now.shown.max(operation.shows());
                if operation.what == What::Delete {
                    now.deleted = now.deleted.max(floor.shown);
                }
            }
        }
    }
}

fn wrong(operation: &Operation, versions: &HashMap<u64, u64>, floor: Floor) -> Option<Wrong> {
    match operation.what {
        What::Write { value, version } => {
            let version = version.or_else(|| versions.get(&value).copied())?;
            let shown = floor.shown.filter(|shown| version <= *shown)?;
            Some(Wrong::NotAbove { shown })
        }
        What::Read(Some(Found { version, .. })) => {
            let stale = floor.shown.filter(|shown| version < *shown);
            let deleted = floor.deleted.filter(|deleted| version <= *deleted);
            let stale = stale.map(|shown| Wrong::Stale { shown });
            stale.or_else(|| deleted.map(|deleted| Wrong::Resurrected { deleted }))
        }
        What::Read(None) | What::Delete => None,
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match self.why {
            Wrong::Stale { shown } | Wrong::NotAbove { shown } => {
                write!(f, "version {shown:x} was shown before")
            }
            Wrong::Resurrected { deleted } => {
                write!(f, "all up to version {deleted:x} was deleted before")
            }
            Wrong::NeverWritten => f.write_str("nobody had begun to write that"),
            Wrong::TwoOfOne { before: Found { value, version } } => {
                write!(f, "{value} was version {version:x} before")
            }
        }
    }
}
