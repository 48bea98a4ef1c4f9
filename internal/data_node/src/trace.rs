//! What a node can tell of one key.

use crate::{Removal, Tick, Value};

/// What a node knows of one key. To ask is no use of it.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The entry that can be served: a value, or the word that there is none.
    pub held: Option<Held>,
    /// How the last one went, as far as the node remembers.
    pub removal: Option<Removal>,
    /// The load that is on its way, if one is.
    pub flight: Option<InFlight>,
    /// Since when the node is there: it began with nothing.
    pub node_born: Tick,
}

/// An entry as it lies in the cache.
#[derive(Debug, Clone)]
pub struct Held {
    /// The value; or, as an absent one, the word that there is none.
    pub value: Value,
    /// Since when it is not fresh any more; `None` if it is.
    pub stale_since: Option<Tick>,
    /// Whether a use of it makes it be loaded again, though it is fresh.
    pub is_early: bool,
    /// What it takes from the heap, in bytes.
    pub heap_bytes: u64,
}

/// A load on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Callers that wait for it.
    pub waiters: usize,
    /// When others give it up.
    pub overdue: Tick,
}
