//! What an engine tells of its keyspaces, and of the members of its cluster.

#[cfg(feature = "cluster")]
use crate::Member;

/// Something has happened to a keyspace, or to a member.
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
    /// Its warm keys were loaded; after a member of the cluster was lost, those of them that
    /// this process owns.
    KeyspaceWarmed {
        /// Its name.
        name: String,
        /// Keys that have a value now, or of which it is known that they have
        /// none.
        loaded: u64,
        /// Keys that could not be loaded.
        failed: u64,
    },
    /// Somebody has become a member of the cluster: this process too.
    #[cfg(feature = "cluster")]
    MemberJoined {
        /// Who.
        member: Member,
    },
    /// A member does something else now, or is known by other words.
    #[cfg(feature = "cluster")]
    MemberChanged {
        /// What is known of it now.
        member: Member,
    },
    /// A member has left the cluster, was removed from it, or has come to be in another.
    #[cfg(feature = "cluster")]
    MemberLeft {
        /// What was known of it.
        member: Member,
    },
}
