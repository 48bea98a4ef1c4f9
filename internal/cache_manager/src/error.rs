//! Why a call to the cache has no answer.

use distcache_bus::CallError;
use distcache_node::{KEY_BYTES_MAX, KeyTooLong, Refused};

use crate::codes::{self, Code};

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
            Self::NodeUnknown => codes::NODE_UNKNOWN,
            Self::LastNode => codes::LAST_NODE,
            Self::NodeRefused { .. } => codes::CAPACITY_TOO_SMALL,
            Self::ShutdownIncomplete { .. } => codes::SHUTDOWN_INCOMPLETE,
        }
    }
}

impl From<KeyTooLong> for Error {
    fn from(KeyTooLong { bytes }: KeyTooLong) -> Self {
        Self::KeyTooLong { bytes }
    }
}

impl From<Refused> for Error {
    fn from(Refused { bytes, max }: Refused) -> Self {
        Self::ValueTooLarge { bytes, max }
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
