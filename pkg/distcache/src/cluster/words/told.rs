//! What a question about one key came to.

use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::{Forgotten, Read, Sum, Touched, Written};
use distcache_manager::Version;

use super::found::{Moment, found_from, found_to};
use super::traced::{traced_from, traced_to};
use crate::Error;
use crate::keyspace::Inner;
use crate::keyspace::ask::{Ask, Told};

/// An answer, as it is sent.
pub(in crate::cluster) fn outcome(space: &Inner, ask: Ask<'_>, told: Told) -> Outcome {
    let read = |found: Option<_>| Read {
        found: found.map(|found| found_to(space, &found)),
        near_ms: None,
    };
    match told {
        Told::Read(found) if matches!(ask, Ask::Peek { .. }) => Outcome::Peek(read(found)),
        Told::Read(found) => Outcome::Get(read(found)),
        Told::Traced(trace) => Outcome::Trace(Box::new(traced_to(space, &trace))),
        Told::Written(version) => Outcome::Put(Written { version: version.get() }),
        Told::Forgotten(was_there) => Outcome::Delete(Forgotten { was_there }),
        Told::Touched(was_there) => Outcome::Touch(Touched { was_there }),
        Told::Sum(sum) => Outcome::Increment(Sum { sum }),
    }
}

/// The answer of another member to a question; `None` if it is none.
pub(in crate::cluster) fn told(
    moment: &Moment<'_>,
    ask: Ask<'_>,
    outcome: Outcome,
) -> Option<Result<Told, Error>> {
    Some(Ok(match (ask, outcome) {
        (Ask::Get { key }, Outcome::Get(read)) | (Ask::Peek { key }, Outcome::Peek(read)) => {
            match read.found.map(|found| found_from(moment, key, &found)).transpose() {
                Ok(found) => Told::Read(found),
                Err(error) => return Some(Err(error)),
            }
        }
        (Ask::Trace { .. }, Outcome::Trace(trace)) => {
            Told::Traced(Box::new(traced_from(moment.space(), *trace)?))
        }
        (Ask::Put(_), Outcome::Put(Written { version })) => Told::Written(Version::from(version)),
        (Ask::Delete { .. }, Outcome::Delete(Forgotten { was_there })) => {
            Told::Forgotten(was_there)
        }
        (Ask::Touch { .. }, Outcome::Touch(Touched { was_there })) => Told::Touched(was_there),
        (Ask::Increment { .. }, Outcome::Increment(Sum { sum })) => Told::Sum(sum),
        _ => return None,
    }))
}
