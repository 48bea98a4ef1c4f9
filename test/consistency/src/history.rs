//! What the clients of a run have seen.

use crate::operation::{Nanos, Operation};

/// A call that was not answered as it should.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Which member was asked.
    pub(crate) member: u8,
    /// When.
    pub(crate) began: Nanos,
    /// When that was known.
    pub(crate) ended: Nanos,
    /// What it was told, if anything.
    pub(crate) said: String,
}

/// What clients have seen.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Calls that were answered, and writes whose outcome is unknown.
    pub(crate) operations: Vec<Operation>,
    /// Calls that failed.
    pub(crate) failures: Vec<Failure>,
}

impl History {
    /// What another client has seen, too.
    pub(crate) fn add(&mut self, other: Self) {
        self.operations.extend(other.operations);
        self.failures.extend(other.failures);
    }
}
