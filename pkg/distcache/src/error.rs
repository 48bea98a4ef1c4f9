//! Why a call to the engine has no answer.

#[cfg(feature = "cluster")]
use std::fmt;
use std::time::Duration;

use distcache_manager::Version;
use distcache_manager::codes::{self, Code};

use crate::engine::CHANGES_MAX;
use crate::load::LoadError;

/// What went wrong with one call, and what state is left.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache itself could not do it.
    #[error(transparent)]
    Cache(#[from] distcache_manager::Error),
    /// The value could not be loaded. The cache is as it was.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The call's time was over before its load was done. The load goes on.
    #[error("the value was not loaded within {timeout:?}; the load goes on")]
    WaitedTooLong {
        /// The read timeout.
        timeout: Duration,
    },
    /// The store has refused or failed a write. Whether it was made there is
    /// unknown; the cache has forgotten the key.
    #[error("the store failed to write: {0}")]
    StoreFailed(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// The store did not answer in time. The write may still be made; until then
    /// the cache has forgotten the key.
    #[error("the store did not write within {timeout:?}; the outcome is unknown")]
    StoreTimedOut {
        /// The write timeout.
        timeout: Duration,
    },
    /// A value could not be turned into bytes. Nothing has changed.
    #[error("the value could not be encoded: {0}")]
    NotEncoded(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// The bytes of a key stand for no value of the type that is asked for. The
    /// cache keeps them.
    #[error("the value could not be decoded: {0}")]
    NotDecoded(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// As many writes wait for the store as the keyspace allows. Nothing has
    /// changed.
    #[error("too many writes wait for the store")]
    StoreBusy,
    /// The member of the cluster that owns the key was not reached within the call's
    /// time. Nothing has changed.
    #[error("the member {member}, which owns the key, was not reached: {why}")]
    Unreachable {
        /// Where it is reached.
        member: String,
        /// What stood against it.
        why: String,
    },
    /// Nobody may answer for the key: this member has no lease, or is in no cluster yet,
    /// or who owns the key is being agreed upon. Nothing has changed.
    #[error("nobody may answer for the key now: it has no owner that holds a lease")]
    NoLease,
    /// The member that owns the key was asked, and did not say what became of it.
    #[error("whether the member {member} has done it is unknown: {why}")]
    OutcomeUnknown {
        /// Where it is reached.
        member: String,
        /// What went wrong.
        why: String,
    },
    /// Not all members that keep a copy of the key have confirmed its last change in time. If
    /// that was made by this call, whether it stays is unknown.
    #[error(
        "not all members that keep a copy have confirmed the key's last change within {timeout:?}"
    )]
    NotCommitted {
        /// How long it was waited for that.
        timeout: Duration,
    },
    /// The key's owner has changed before all members that keep a copy had this call's
    /// value. Whether it stays is unknown.
    #[error("the key's owner has changed, and may not have got version {version} of its value")]
    OwnerChanged {
        /// The version under which the value was stored.
        version: Version,
    },
    /// Another member does not understand this one, or the other way round.
    #[error("this member and the one at {member} do not understand each other: update the older")]
    NotUnderstood {
        /// Where it is reached.
        member: String,
    },
    /// The members did not agree on a change of keyspaces, or not all of them have made it
    /// in time: some may have.
    #[error("the members have not made this change: {why}")]
    NotAgreed {
        /// What stood against it.
        why: String,
    },
    /// Another member has told what went wrong there.
    #[error("{message}")]
    Remote {
        /// The stable code.
        code: Code,
        /// What it has said.
        message: String,
    },
    /// As many changes of keyspaces are being made as tasks may wait for. Nothing
    /// has changed.
    #[error("{CHANGES_MAX} changes of keyspaces wait already")]
    ChangesBusy,
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Cache(error) => error.code(),
            Self::Load(error) => error.code(),
            Self::WaitedTooLong { .. } => codes::WAITED_TOO_LONG,
            Self::StoreFailed(_) => codes::STORE_FAILED,
            Self::StoreTimedOut { .. } => codes::STORE_TIMED_OUT,
            Self::NotEncoded(_) | Self::NotDecoded(_) => codes::CODEC_FAILED,
            Self::StoreBusy => codes::STORE_BUSY,
            Self::ChangesBusy => codes::CHANGES_BUSY,
            Self::Unreachable { .. } => codes::OWNER_UNREACHABLE,
            Self::NoLease => codes::NO_LEASE,
            Self::OutcomeUnknown { .. } => codes::OUTCOME_UNKNOWN,
            Self::NotCommitted { .. } => codes::NOT_COMMITTED,
            Self::OwnerChanged { .. } => codes::CLAIM_ENDED,
            Self::NotUnderstood { .. } => codes::NOT_UNDERSTOOD,
            Self::NotAgreed { .. } => codes::NOT_AGREED,
            Self::Remote { code, .. } => *code,
        }
    }

    /// The version that stood against a condition: `None` if this is another
    /// error, and `Some(None)` if the key had no value.
    pub fn unmet(&self) -> Option<Option<Version>> {
        match self {
            Self::Cache(distcache_manager::Error::Unmet { version }) => Some(*version),
            _ => None,
        }
    }

    /// Whether another process answers for the key, or nobody: nothing was done here.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Cache(distcache_manager::Error::Elsewhere))
    }

    /// Whether the key's owner is to be asked: nothing counts of what was done here.
    pub(crate) fn is_for_owner(&self) -> bool {
        self.is_elsewhere() || self.stored().is_some()
    }

    /// The version of a put that the key's owner may have got already.
    pub(crate) fn stored(&self) -> Option<Version> {
        match self {
            Self::OwnerChanged { version } => Some(*version),
            _ => None,
        }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn unreachable(member: &dyn fmt::Display, why: &dyn fmt::Display) -> Self {
        Self::Unreachable { member: member.to_string(), why: why.to_string() }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn outcome_unknown(member: &dyn fmt::Display, why: &dyn fmt::Display) -> Self {
        Self::OutcomeUnknown { member: member.to_string(), why: why.to_string() }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn not_understood(member: &dyn fmt::Display) -> Self {
        Self::NotUnderstood { member: member.to_string() }
    }

    pub(crate) fn keyspace_unknown(name: &str) -> Self {
        distcache_manager::Error::KeyspaceUnknown { name: name.to_owned() }.into()
    }
}
