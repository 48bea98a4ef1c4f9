//! Why frames do not get through.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Address;

/// A frame is longer than the wire carries. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the frame has {bytes} bytes, and at most {max} are carried")]
pub struct FrameTooLong {
    /// Its bytes.
    pub bytes: usize,
    /// The most that are carried.
    pub max: usize,
}

/// Nobody can connect to an address of ours.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}")]
pub struct ListenFailed {
    /// The address.
    pub address: Address,
    /// Why.
    pub source: io::Error,
}

/// No pipe came about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFailed {
    /// Nobody has answered in time.
    #[error("no connection with {address} within {within:?}")]
    TimedOut {
        /// Who was to answer.
        address: Address,
        /// The time.
        within: Duration,
    },
    /// There is nobody, or the handshake went wrong.
    #[error("no connection with {address}: {source}")]
    Refused {
        /// Who was to answer.
        address: Address,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl ConnectFailed {
    pub(super) fn refused(address: &Address, source: io::Error) -> Self {
        Self::Refused { address: address.clone(), source: Arc::new(source) }
    }
}

/// A pipe has ended, and carries nothing any more.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PipeBroken {
    /// The other end has begun a frame that is too long.
    #[error("the other end sent a frame of more than {max} bytes")]
    FrameTooLong {
        /// The most that are carried.
        max: usize,
    },
    /// The connection is lost.
    #[error("the connection is lost: {0}")]
    Lost(Arc<io::Error>),
}

impl From<io::Error> for PipeBroken {
    fn from(error: io::Error) -> Self {
        Self::Lost(Arc::new(error))
    }
}
