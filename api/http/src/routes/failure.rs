//! What a client reads when the cache itself says no.

use distcache_manager::Error;

use crate::Problem;

/// The answer to a failed call of the cache.
///
/// A write that timed out or whose node failed may have happened: 504 and 503
/// say "unknown", and reading the key tells.
pub(super) fn problem(error: &Error) -> Problem {
    let status = match error {
        Error::TimedOut => 504,
        Error::ValueTooLarge { .. } => 413,
        // 414 would blame the URL, but the key may have come in a form.
        Error::KeyTooLong { .. } => 400,
        // Closed, busy, a failed node, and whatever is added: not the client's doing.
        _ => 503,
    };
    let problem = Problem::new(status, error.code()).detail(error.to_string());
    if status == 503 { problem.retry_after(1) } else { problem }
}
