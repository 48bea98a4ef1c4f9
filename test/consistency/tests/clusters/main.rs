//! Clusters under faults: 300,000 calls and more, each looked at by the checker. A run that
//! does not count, since a fault has not hit, or entries got lost that nothing explains, fails.

mod processes;
mod within;
