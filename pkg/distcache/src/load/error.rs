//! Why a load has no value.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::codes::{self, Code};

/// Why a load has no value. Everybody who waited for it gets a copy. Nothing of
/// it is kept: the next caller tries again.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source has failed.
    #[error("the source failed: {0}")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
    /// The source took longer than the keyspace's load timeout.
    #[error("the source gave no answer within {timeout:?}")]
    TimedOut {
        /// The load timeout.
        timeout: Duration,
    },
    /// The source panicked. Its message is where the process's errors go.
    #[error("the source panicked")]
    Panicked,
    /// As many loads are waiting for the source as the keyspace allows.
    #[error("too many loads wait for the source")]
    Busy,
    /// The rate limit is reached.
    #[error("the source is asked no more often than the rate limit allows; try in {retry_after:?}")]
    RateLimited {
        /// When there will be a token.
        retry_after: Duration,
    },
    /// The circuit breaker is open.
    #[error("the source has failed again and again and is left alone for {retry_after:?}")]
    CircuitOpen {
        /// When it is tried again, at the earliest.
        retry_after: Duration,
    },
    /// The keyspace was removed, the engine shut down, or the source gave up
    /// because it was told so.
    #[error("the load was cancelled")]
    Cancelled,
    /// The source says that a value is unchanged which it was not given.
    #[error("the source says that nothing has changed, but it was given no value to compare with")]
    NothingToCompare,
    /// There is a value, but it is stale or cannot be kept, and this call needs a
    /// fresh one in the cache.
    #[error("there is a value, but the cache has none that is fresh")]
    OnlyStale,
    /// The source gave fewer answers than it was given keys.
    #[error("the source gave no answer for this key")]
    NoAnswer,
}

impl LoadError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Failed(_) | Self::NothingToCompare | Self::OnlyStale | Self::NoAnswer => {
                codes::SOURCE_FAILED
            }
            Self::TimedOut { .. } => codes::SOURCE_TIMED_OUT,
            Self::Panicked => codes::SOURCE_PANICKED,
            Self::Busy => codes::SOURCE_BUSY,
            Self::RateLimited { .. } => codes::RATE_LIMITED,
            Self::CircuitOpen { .. } => codes::CIRCUIT_OPEN,
            Self::Cancelled => codes::LOAD_CANCELLED,
        }
    }
}
