//! How far an import is, as its state says.

use serde::{Deserialize, Serialize};

/// Everything before a line has become what it will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// The file, by its whole path; `-` for standard input.
    pub(super) import: String,
    /// The process that has acknowledged what is before.
    pub(super) instance: String,
    /// The line to go on with, from 1.
    pub(super) next_line: u64,
}
