//! What a node tells of itself.

use crate::Ages;

/// A node's report; each second on the topic `node_status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// Entries held now.
    pub entries: u64,
    /// Entries allowed; `u64::MAX` without a limit.
    pub entries_max: u64,
    /// Bytes accounted now: entries, tables and segments.
    pub bytes: u64,
    /// Bytes allowed.
    pub capacity_bytes: u64,
    /// Bytes that one value may have; of several keyspaces, the most.
    pub value_bytes_max: u64,
    /// Gets that found a value.
    pub hits: u64,
    /// Gets that found none.
    pub misses: u64,
    /// Puts of keys that the node did not hold.
    pub inserts: u64,
    /// Puts of keys that it held.
    pub updates: u64,
    /// Entries deleted by a caller.
    pub deletes: u64,
    /// Entries evicted to make room.
    pub evictions: u64,
    /// Entries whose time was over.
    pub expirations: u64,
    /// Entries invalidated by tag or prefix.
    pub invalidations: u64,
    /// How old the evicted entries had become.
    pub evicted_ages: Ages,
    /// How often a bound was reached.
    pub reached: Reached,
    /// The most there has been of what has a bound.
    pub peaks: Peaks,
    /// Invalidated tags that are remembered now.
    pub tag_records: u64,
    /// Loads on their way now.
    pub flights: u64,
    /// Puts refused for their size.
    pub refusals: u64,
    /// Entries taken over from other nodes.
    pub moved_in: u64,
    /// Entries handed to other nodes.
    pub moved_out: u64,
    /// Commands that waited in the inbox.
    pub inbox_depth: u64,
    /// Milliseconds since the node was made.
    pub uptime_ms: u64,
    /// The sequence of its last version, which begins anew with each epoch.
    pub sequence: u64,
    /// The epoch of its last version; 0 for none.
    pub epoch: u64,
}

/// How often a bound of a node was reached: what came then had to wait, was
/// refused, or made something else go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Something was to be stored, and the node's memory was used up.
    pub memory: u64,
    /// Something was to be stored, and the keyspace's bytes were used up.
    pub bytes: u64,
    /// Something was to be stored, and the keyspace held as many entries as it may.
    pub entries: u64,
    /// A load was to begin, and as many were on their way as may be.
    pub flights: u64,
    /// A caller was to wait for a load for which as many waited as may.
    pub waiters: u64,
    /// A tag was invalidated, and the oldest record of one was given up for it.
    pub tag_records: u64,
}

impl Reached {
    /// These and others.
    #[must_use]
    pub fn plus(&self, others: &Self) -> Self {
        Self {
            memory: self.memory + others.memory,
            bytes: self.bytes + others.bytes,
            entries: self.entries + others.entries,
            flights: self.flights + others.flights,
            waiters: self.waiters + others.waiters,
            tag_records: self.tag_records + others.tag_records,
        }
    }
}

/// The most there has been of what has a bound, since the node or the keyspace
/// began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Accounted bytes.
    pub bytes: u64,
    /// Entries held.
    pub entries: u64,
    /// Loads on their way.
    pub flights: u64,
    /// Callers that waited for one load.
    pub waiters: u64,
    /// Invalidated tags that were remembered.
    pub tag_records: u64,
}

impl Peaks {
    /// The higher of each.
    #[must_use]
    pub fn max(&self, others: &Self) -> Self {
        Self {
            bytes: self.bytes.max(others.bytes),
            entries: self.entries.max(others.entries),
            flights: self.flights.max(others.flights),
            waiters: self.waiters.max(others.waiters),
            tag_records: self.tag_records.max(others.tag_records),
        }
    }
}

impl NodeStatus {
    /// What has been counted: it only grows. What is measured now is left out.
    #[must_use]
    pub fn counts(&self) -> Self {
        Self::default().plus(self)
    }

    /// The same, with what another node has counted.
    #[must_use]
    pub fn plus(&self, counted: &Self) -> Self {
        Self {
            hits: self.hits + counted.hits,
            misses: self.misses + counted.misses,
            inserts: self.inserts + counted.inserts,
            updates: self.updates + counted.updates,
            deletes: self.deletes + counted.deletes,
            evictions: self.evictions + counted.evictions,
            expirations: self.expirations + counted.expirations,
            invalidations: self.invalidations + counted.invalidations,
            evicted_ages: self.evicted_ages.plus(&counted.evicted_ages),
            reached: self.reached.plus(&counted.reached),
            refusals: self.refusals + counted.refusals,
            moved_in: self.moved_in + counted.moved_in,
            moved_out: self.moved_out + counted.moved_out,
            ..*self
        }
    }

    /// Gets, puts and deletes that the node has answered.
    pub fn operations(&self) -> u64 {
        self.hits + self.misses + self.inserts + self.updates + self.deletes + self.refusals
    }
}
