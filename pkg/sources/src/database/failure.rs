//! What a failed attempt leaves behind.

use distcache::{Cancelled, SourceError};

use crate::Error;

/// Why an attempt has no result, and with it what becomes of its connection.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The database answered. The connection is as good as before.
    Refused(Error),
    /// The answer is still on its way, or cannot be known: the connection goes,
    /// and the attempt must not be made again.
    Stuck(Error),
    /// The connection broke before anything was written: it goes, and with
    /// another one the attempt may be made again.
    Lost(Error),
    /// Nobody wants the result any more. The connection goes.
    Cancelled,
}

impl Failure {
    pub(crate) fn keeps_the_link(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

#[cfg(feature = "postgres")]
impl Failure {
    /// Of an attempt that may have come to its end unseen.
    pub(crate) fn without_another_try(self) -> Self {
        match self {
            Self::Lost(error) => Self::Stuck(error),
            other => other,
        }
    }

    /// Of an attempt that could not be cleared away.
    pub(crate) fn without_the_link(self) -> Self {
        match self {
            Self::Refused(error) => Self::Stuck(error),
            other => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for SourceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Stuck(error) | Failure::Lost(error) => error.into(),
            Failure::Cancelled => Cancelled.into(),
        }
    }
}
