//! What a client reads when the engine says no.

use std::time::Duration;

use distcache::codes::{self, Code};
use distcache::{Error, LoadError};

use crate::Problem;

/// The answer to a failed call of the engine.
///
/// A write that timed out or whose node failed may have happened: 504 and 503
/// say "unknown", and reading the key tells.
pub(super) fn problem(error: &Error) -> Problem {
    let status = status_of(error.code());
    let problem = Problem::new(status, error.code()).detail(error.to_string());
    if status == 503 { problem.retry_after(whole_seconds(retry_after(error))) } else { problem }
}

/// By the code alone: what another member has refused is answered as if it had been
/// refused here.
fn status_of(code: Code) -> u16 {
    match code {
        // 414 would blame the URL, but the key may have come in a form.
        codes::KEY_TOO_LONG
        | codes::TOO_MANY_TAGS
        | codes::CONTENT_TYPE_INVALID
        | codes::KEYSPACE_NAME_INVALID
        | codes::KEYSPACE_REFUSED => 400,
        codes::KEYSPACE_UNKNOWN => 404,
        codes::KEYSPACE_EXISTS | codes::NO_NUMBER | codes::OVERFLOW => 409,
        codes::UNMET => 412,
        codes::VALUE_TOO_LARGE => 413,
        // The source, and another member, are to us what another server is to a gateway.
        codes::SOURCE_FAILED
        | codes::SOURCE_PANICKED
        | codes::STORE_FAILED
        | codes::NOT_UNDERSTOOD => 502,
        codes::TIMED_OUT
        | codes::CLAIM_ENDED
        | codes::WAITED_TOO_LONG
        | codes::STORE_TIMED_OUT
        | codes::SOURCE_TIMED_OUT
        | codes::OUTCOME_UNKNOWN
        | codes::NOT_COMMITTED => 504,
        codes::KEYSPACES_FULL => 507,
        // Closed, busy, a failed node, a member that is away, and whatever is added: not
        // the client's doing.
        _ => 503,
    }
}

fn retry_after(error: &Error) -> Duration {
    match error {
        Error::Load(
            LoadError::RateLimited { retry_after } | LoadError::CircuitOpen { retry_after },
        ) => *retry_after,
        _ => Duration::from_secs(1),
    }
}

/// Rounded up: who comes too early is refused again.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() != 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use distcache::CacheError;

    use super::*;

    #[test]
    fn who_is_to_come_back_is_told_when() {
        let retry_after = Duration::from_millis(2_500);
        let problem = problem(&LoadError::CircuitOpen { retry_after }.into());
        assert_eq!(problem.status(), 503);
        assert_eq!(problem.into_response().headers(), [("retry-after", "3".into())]);
    }

    /// What another member refuses keeps its status, and is worth a retry or not.
    #[test]
    fn a_failure_of_the_cluster_says_whether_anything_was_done() {
        let (member, why) = ("a:1".to_owned(), "it is away".to_owned());
        let at_a = |code| Error::Remote { code, message: "said there".to_owned() };
        let cases = [
            (Error::NoLease, 503, true),
            (Error::Unreachable { member: member.clone(), why: why.clone() }, 503, true),
            (CacheError::Elsewhere.into(), 503, true),
            (at_a(codes::BUSY), 503, true),
            (Error::OutcomeUnknown { member: member.clone(), why }, 504, false),
            (CacheError::ClaimEnded.into(), 504, false),
            (Error::NotUnderstood { member }, 502, false),
            (at_a(codes::SOURCE_FAILED), 502, false),
            (at_a(codes::VALUE_TOO_LARGE), 413, false),
            (at_a(codes::KEYSPACE_UNKNOWN), 404, false),
        ];
        for (error, status, is_to_come_back) in cases {
            let problem = problem(&error);
            assert_eq!(problem.status(), status, "{error}");
            assert_eq!(!problem.into_response().headers().is_empty(), is_to_come_back, "{error}");
        }
    }
}
