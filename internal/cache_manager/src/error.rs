//! Why a call to the cache has no answer.

use distcache_bus::CallError;
use distcache_node::{
    KEY_BYTES_MAX, KeyTooLong, LabelInvalid, NotAdded, PutRefused, Refused, TAGS_MAX, TooManyTags,
    Version,
};

use crate::Keyspace;
use crate::codes::{self, Code};
use crate::keyspace::{KEYSPACE_NAME_BYTES_MAX, KEYSPACES_MAX};

/// What went wrong with one call, and what state is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache was shut down; nothing has changed.
    #[error("the cache is closed")]
    Closed,
    /// The node did not answer in time. Whether a write was made is unknown.
    #[error("the data node did not answer in time; the outcome is unknown")]
    TimedOut,
    /// The node failed while it ran this call, and is being replaced by an
    /// empty one; what it held is gone, this write included.
    #[error("the data node failed and is being replaced")]
    NodeFailed,
    /// The node's inbox is full; nothing has changed.
    #[error("the data node is busy: its inbox is full")]
    Busy,
    /// The value is too large; the key still has the value that it had.
    #[error("the value has {bytes} bytes, and at most {max} are allowed")]
    ValueTooLarge {
        /// The value's size, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// The key is too long; nothing has changed.
    #[error("the key has {bytes} bytes, and at most {KEY_BYTES_MAX} are allowed")]
    KeyTooLong {
        /// The key's length, in bytes.
        bytes: usize,
    },
    /// A value has too many tags; nothing has changed.
    #[error("{tags} tags are given, and at most {TAGS_MAX} are allowed")]
    TooManyTags {
        /// The number of tags.
        tags: usize,
    },
    /// A content type or a validator is none; nothing has changed.
    #[error(transparent)]
    LabelInvalid(#[from] LabelInvalid),
    /// A put's condition is not met; nothing has changed.
    #[error("the key has another value than the condition asks for")]
    Unmet {
        /// The version of the value that the key has; `None` if it has none.
        version: Option<Version>,
    },
    /// The value is no number that can be added to; nothing has changed.
    #[error("the value is no whole number between -2^63 and 2^63 - 1")]
    NoNumber,
    /// The sum would not be between -2^63 and 2^63 - 1; nothing has changed.
    #[error("the sum is not between -2^63 and 2^63 - 1")]
    Overflow,
    /// There is no keyspace of that name, or not any more; nothing has changed.
    #[error("there is no keyspace {name:?}")]
    KeyspaceUnknown {
        /// The name.
        name: String,
    },
    /// There is a keyspace of that name already; nothing has changed.
    #[error("there is a keyspace {name:?} already")]
    KeyspaceExists {
        /// The name.
        name: String,
    },
    /// A keyspace's name is not one; nothing has changed.
    #[error(
        "the name of a keyspace has 1 to {KEYSPACE_NAME_BYTES_MAX} bytes, no '/' and no control \
         characters"
    )]
    KeyspaceNameInvalid,
    /// A keyspace's limits do not go together; nothing has changed.
    #[error("keyspace {name:?} is refused: {reason}")]
    KeyspaceRefused {
        /// The name.
        name: String,
        /// What stood against it.
        reason: String,
    },
    /// There are as many keyspaces as there can be; nothing has changed.
    #[error("there are {KEYSPACES_MAX} keyspaces already")]
    KeyspacesFull,
    /// There is no node of that name; nothing has changed.
    #[error("there is no data node of this name")]
    NodeUnknown,
    /// The last node cannot be removed; nothing has changed.
    #[error("the last data node cannot be removed")]
    LastNode,
    /// A node could not be added; nothing has changed.
    #[error("a data node could not be added: {reason}")]
    NodeRefused {
        /// What stood against it.
        reason: String,
    },
    /// Another process answers for the key, or nobody does at the moment; nothing
    /// has changed.
    #[error("another process answers for this key, or nobody does at the moment")]
    Elsewhere,
    /// This process stopped answering for the key while it made a change. Whether
    /// anybody will see it is unknown.
    #[error("the claim to this key ended while the change was made; its outcome is unknown")]
    ClaimEnded,
    /// Some threads did not end in time; they are fenced off, and end when
    /// they wake.
    #[error("{threads} threads did not end before the deadline")]
    ShutdownIncomplete {
        /// How many.
        threads: usize,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Closed => codes::CLOSED,
            Self::TimedOut => codes::TIMED_OUT,
            Self::NodeFailed => codes::NODE_FAILED,
            Self::Busy => codes::BUSY,
            Self::ValueTooLarge { .. } => codes::VALUE_TOO_LARGE,
            Self::KeyTooLong { .. } => codes::KEY_TOO_LONG,
            Self::TooManyTags { .. } => codes::TOO_MANY_TAGS,
            Self::LabelInvalid(_) => codes::CONTENT_TYPE_INVALID,
            Self::Unmet { .. } => codes::UNMET,
            Self::NoNumber => codes::NO_NUMBER,
            Self::Overflow => codes::OVERFLOW,
            Self::KeyspaceUnknown { .. } => codes::KEYSPACE_UNKNOWN,
            Self::KeyspaceExists { .. } => codes::KEYSPACE_EXISTS,
            Self::KeyspaceNameInvalid => codes::KEYSPACE_NAME_INVALID,
            Self::KeyspaceRefused { .. } => codes::KEYSPACE_REFUSED,
            Self::KeyspacesFull => codes::KEYSPACES_FULL,
            Self::NodeUnknown => codes::NODE_UNKNOWN,
            Self::LastNode => codes::LAST_NODE,
            Self::NodeRefused { .. } => codes::NODE_REFUSED,
            Self::Elsewhere => codes::ELSEWHERE,
            Self::ClaimEnded => codes::CLAIM_ENDED,
            Self::ShutdownIncomplete { .. } => codes::SHUTDOWN_INCOMPLETE,
        }
    }
}

impl From<KeyTooLong> for Error {
    fn from(KeyTooLong { bytes }: KeyTooLong) -> Self {
        Self::KeyTooLong { bytes }
    }
}

impl From<TooManyTags> for Error {
    fn from(TooManyTags { tags }: TooManyTags) -> Self {
        Self::TooManyTags { tags }
    }
}

impl From<Refused> for Error {
    fn from(Refused { bytes, max }: Refused) -> Self {
        Self::ValueTooLarge { bytes, max }
    }
}

impl Error {
    /// Why a value was not stored.
    pub(crate) fn of_put(refused: PutRefused, keyspace: &Keyspace) -> Self {
        match refused {
            PutRefused::TooLarge(refused) => refused.into(),
            PutRefused::Unmet(version) => Self::Unmet { version },
            PutRefused::Gone => Self::gone(keyspace),
        }
    }

    /// Why nothing was added; `None` because there is nothing to add to.
    pub(crate) fn of_add(not_added: NotAdded, keyspace: &Keyspace) -> Option<Self> {
        Some(match not_added {
            NotAdded::Missing => return None,
            NotAdded::NoNumber => Self::NoNumber,
            NotAdded::Overflow => Self::Overflow,
            NotAdded::KeyTooLong(error) => error.into(),
            NotAdded::TooManyTags(error) => error.into(),
            NotAdded::LabelInvalid(error) => error.into(),
            NotAdded::Refused(refused) => Self::of_put(refused, keyspace),
        })
    }

    pub(crate) fn gone(keyspace: &Keyspace) -> Self {
        Self::KeyspaceUnknown { name: keyspace.name().to_owned() }
    }
}

/// Whether a call that failed like this may be made again on a newer ring.
pub(crate) enum Verdict {
    /// It has not run, or its effect is gone with its node.
    LookAgain,
    /// It is over.
    Final(Error),
}

pub(crate) fn judge(error: CallError) -> Verdict {
    match error {
        CallError::Stale | CallError::Retired => Verdict::LookAgain,
        CallError::Panicked => Verdict::Final(Error::NodeFailed),
        CallError::Full => Verdict::Final(Error::Busy),
        CallError::Closed => Verdict::Final(Error::Closed),
        _ => Verdict::Final(Error::TimedOut),
    }
}
