//! Whole clusters under faults, and whether their clients ever saw something older than
//! they might.
pub mod checker;
pub mod operation;
