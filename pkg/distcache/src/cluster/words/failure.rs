//! What went wrong, as it is told another member.

use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::proto::Failure;
use distcache_manager::codes::{self, Code};
use distcache_manager::{Error as CacheError, Version};

use super::{ms, ms_up};
use crate::{Error, LoadError};

/// An error, as it is sent.
pub(in crate::cluster) fn failure(error: &Error) -> Failure {
    let mut failure = Failure {
        code: error.code().number().into(),
        message: error.to_string(),
        ..Failure::default()
    };
    match error {
        Error::Cache(CacheError::ValueTooLarge { bytes, max }) => {
            (failure.given, failure.allowed) = (*bytes, *max);
        }
        Error::Cache(
            CacheError::KeyTooLong { bytes: given } | CacheError::TooManyTags { tags: given },
        ) => failure.given = *given as u64,
        Error::Cache(CacheError::Unmet { version }) => {
            failure.unmet_version = version.map(Version::get);
        }
        Error::OwnerChanged { version } => failure.stored_version = Some(version.get()),
        Error::Load(LoadError::Failed(why)) | Error::StoreFailed(why) => {
            failure.message = why.to_string();
        }
        Error::Load(LoadError::TimedOut { timeout })
        | Error::WaitedTooLong { timeout }
        | Error::StoreTimedOut { timeout }
        | Error::NotCommitted { timeout } => failure.given = ms(*timeout),
        Error::Load(
            LoadError::RateLimited { retry_after } | LoadError::CircuitOpen { retry_after },
        ) => failure.retry_after_ms = Some(ms_up(*retry_after)),
        _ => {}
    }
    failure
}

/// The error that another member has told, about something in `keyspace`.
pub(in crate::cluster) fn understood(keyspace: &str, failure: Failure) -> Error {
    let Failure { code, message, retry_after_ms, unmet_version, given, allowed, stored_version } =
        failure;
    let code = u16::try_from(code).ok().and_then(Code::of_number);
    let code = code.unwrap_or(codes::NOT_UNDERSTOOD);
    let many = usize::try_from(given).unwrap_or(usize::MAX);
    let timeout = Duration::from_millis(given);
    let retry_after = Duration::from_millis(retry_after_ms.unwrap_or(0));
    match code {
        codes::NOT_COMMITTED => Error::NotCommitted { timeout },
        codes::CLOSED => CacheError::Closed.into(),
        codes::TIMED_OUT => CacheError::TimedOut.into(),
        codes::NODE_FAILED => CacheError::NodeFailed.into(),
        codes::BUSY => CacheError::Busy.into(),
        codes::VALUE_TOO_LARGE => CacheError::ValueTooLarge { bytes: given, max: allowed }.into(),
        codes::KEY_TOO_LONG => CacheError::KeyTooLong { bytes: many }.into(),
        codes::TOO_MANY_TAGS => CacheError::TooManyTags { tags: many }.into(),
        codes::UNMET => CacheError::Unmet { version: unmet_version.map(Version::from) }.into(),
        codes::NO_NUMBER => CacheError::NoNumber.into(),
        codes::OVERFLOW => CacheError::Overflow.into(),
        codes::CLAIM_ENDED => stored_version.map_or(CacheError::ClaimEnded.into(), |version| {
            Error::OwnerChanged { version: Version::from(version) }
        }),
        codes::KEYSPACE_UNKNOWN => Error::keyspace_unknown(keyspace),
        codes::SOURCE_FAILED => LoadError::Failed(told(message)).into(),
        codes::SOURCE_TIMED_OUT => LoadError::TimedOut { timeout }.into(),
        codes::SOURCE_PANICKED => LoadError::Panicked.into(),
        codes::SOURCE_BUSY => LoadError::Busy.into(),
        codes::RATE_LIMITED => LoadError::RateLimited { retry_after }.into(),
        codes::CIRCUIT_OPEN => LoadError::CircuitOpen { retry_after }.into(),
        codes::LOAD_CANCELLED => LoadError::Cancelled.into(),
        codes::WAITED_TOO_LONG => Error::WaitedTooLong { timeout },
        codes::STORE_FAILED => Error::StoreFailed(told(message)),
        codes::STORE_TIMED_OUT => Error::StoreTimedOut { timeout },
        codes::STORE_BUSY => Error::StoreBusy,
        code => Error::Remote { code, message },
    }
}

/// What another member's source or store has said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Words(String);

fn told(message: String) -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::new(Words(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_tell_apart_survives_the_way() {
        let retry_after = Duration::from_millis(1_500);
        let timeout = Duration::from_secs(3);
        let words = || told("no such table".to_owned());
        let errors: [Error; 17] = [
            CacheError::ClaimEnded.into(),
            Error::OwnerChanged { version: Version::from(7) },
            Error::NotCommitted { timeout },
            CacheError::Busy.into(),
            CacheError::ValueTooLarge { bytes: 9, max: 8 }.into(),
            CacheError::KeyTooLong { bytes: 70_000 }.into(),
            CacheError::Unmet { version: None }.into(),
            CacheError::Unmet { version: Some(Version::from(7)) }.into(),
            CacheError::NoNumber.into(),
            Error::keyspace_unknown("users"),
            LoadError::Failed(words()).into(),
            LoadError::RateLimited { retry_after }.into(),
            LoadError::CircuitOpen { retry_after }.into(),
            LoadError::TimedOut { timeout }.into(),
            Error::WaitedTooLong { timeout },
            Error::StoreFailed(words()),
            Error::StoreBusy,
        ];
        for error in errors {
            let understood = understood("users", failure(&error));
            assert_eq!(understood.to_string(), error.to_string());
            assert_eq!(understood.code(), error.code());
            assert_eq!(understood.unmet(), error.unmet());
            let kind = std::mem::discriminant::<Error>;
            assert_eq!(kind(&understood), kind(&error), "{error}");
        }
    }

    #[test]
    fn what_only_a_newer_version_knows_is_told_in_its_words() {
        let failure = Failure { code: 1, message: "of tomorrow".to_owned(), ..Failure::default() };
        let error = understood("users", failure);
        assert_eq!(error.code(), codes::NOT_UNDERSTOOD);
        assert_eq!(error.to_string(), "of tomorrow");
    }
}
