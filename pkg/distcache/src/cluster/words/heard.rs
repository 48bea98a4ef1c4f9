//! What a member says before it is looked at what it was asked.

use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::{Reply, UnknownOutcome};
use distcache_cluster::wire::Address;
use distcache_manager::Error as CacheError;

use super::understood;
use crate::Error;

/// A reply, as far as it is the same for every request.
pub(in crate::cluster) enum Heard {
    /// The member sees things otherwise, or has no lease: by the next look one of us knows
    /// more.
    Moved,
    /// It says what stood against it.
    Failed(Error),
    /// It answers what was asked.
    Answer(Outcome),
}

/// Of a member that was asked about something in `keyspace`.
pub(in crate::cluster) fn heard(keyspace: &str, member: &Address, reply: Reply) -> Heard {
    Heard::Failed(match reply.outcome {
        Some(Outcome::Moved(_)) => return Heard::Moved,
        Some(Outcome::Busy(_)) => CacheError::Busy.into(),
        Some(Outcome::Failure(failure)) => understood(keyspace, failure),
        Some(Outcome::UnknownOutcome(UnknownOutcome { why })) => {
            Error::outcome_unknown(member, &why)
        }
        None => Error::outcome_unknown(member, &"it has answered nothing"),
        Some(outcome) => return Heard::Answer(outcome),
    })
}
