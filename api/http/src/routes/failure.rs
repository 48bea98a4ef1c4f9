//! What a client reads when the engine says no.

use std::time::Duration;

use distcache::{CacheError, Error, LoadError};

use crate::Problem;

/// The answer to a failed call of the engine.
///
/// A write that timed out or whose node failed may have happened: 504 and 503
/// say "unknown", and reading the key tells.
pub(super) fn problem(error: &Error) -> Problem {
    let (status, retry_after) = match error {
        Error::Cache(error) => of_cache(error),
        Error::Load(error) => of_load(error),
        Error::WaitedTooLong { .. } | Error::StoreTimedOut { .. } => (504, None),
        Error::StoreFailed(_) => (502, None),
        // The store is busy, and whatever is added: not the client's doing.
        _ => (503, Some(A_SECOND)),
    };
    let problem = Problem::new(status, error.code()).detail(error.to_string());
    match retry_after {
        Some(time) => problem.retry_after(whole_seconds(time)),
        None => problem,
    }
}

const A_SECOND: Duration = Duration::from_secs(1);

fn of_cache(error: &CacheError) -> (u16, Option<Duration>) {
    let status = match error {
        CacheError::TimedOut | CacheError::ClaimEnded => 504,
        CacheError::ValueTooLarge { .. } => 413,
        CacheError::KeyspaceUnknown { .. } => 404,
        CacheError::KeyspaceExists { .. } | CacheError::NoNumber | CacheError::Overflow => 409,
        CacheError::Unmet { .. } => 412,
        // 414 would blame the URL, but the key may have come in a form.
        CacheError::KeyTooLong { .. }
        | CacheError::TooManyTags { .. }
        | CacheError::LabelInvalid(_)
        | CacheError::KeyspaceNameInvalid
        | CacheError::KeyspaceRefused { .. } => 400,
        CacheError::KeyspacesFull => 507,
        // Closed, busy, a failed node, and whatever is added: not the client's doing.
        _ => return (503, Some(A_SECOND)),
    };
    (status, None)
}

/// The source is to us what another server is to a gateway.
fn of_load(error: &LoadError) -> (u16, Option<Duration>) {
    match error {
        LoadError::TimedOut { .. } => (504, None),
        LoadError::Busy | LoadError::Cancelled => (503, Some(A_SECOND)),
        LoadError::RateLimited { retry_after } | LoadError::CircuitOpen { retry_after } => {
            (503, Some(*retry_after))
        }
        _ => (502, None),
    }
}

/// Rounded up: who comes too early is refused again.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() != 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_come_back_is_told_when() {
        let retry_after = Duration::from_millis(2_500);
        let problem = problem(&LoadError::CircuitOpen { retry_after }.into());
        assert_eq!(problem.status(), 503);
        assert_eq!(problem.into_response().headers(), [("retry-after", "3".into())]);
    }
}
