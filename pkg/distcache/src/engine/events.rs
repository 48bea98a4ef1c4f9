//! What an engine tells of its keyspaces.

/// Something has happened to a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It was added.
    KeyspaceAdded {
        /// Its name.
        name: String,
    },
    /// It works in another way now.
    KeyspaceChanged {
        /// Its name.
        name: String,
    },
    /// It was removed with all that it held.
    KeyspaceRemoved {
        /// Its name.
        name: String,
    },
    /// Its warm keys were loaded.
    KeyspaceWarmed {
        /// Its name.
        name: String,
        /// Keys that have a value now, or of which it is known that they have
        /// none.
        loaded: u64,
        /// Keys that could not be loaded.
        failed: u64,
    },
}
