//! What a node tells of itself.

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
    /// Writes since the node was made: the sequence in its versions.
    pub sequence: u64,
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
