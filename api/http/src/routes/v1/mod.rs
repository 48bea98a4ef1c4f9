//! `/v1`: everything of the engine.
//!
//! A path is taken apart at its slashes before anything is decoded, so that a
//! keyspace or a key may hold any byte: a slash is written `%2F`, a plus may be
//! written as it is, and neither `.` nor `..` nor an empty segment is folded.

mod cache_status;
mod key;

use distcache::{Keyspace, codes};

use super::{Routes, failure, nodes, read_only};
use crate::escapes::decode;
use crate::{Method, Problem, Request, Response};

impl Routes {
    /// Answers what is asked of `path`, which follows `/v1/`.
    pub(super) async fn v1(&self, path: &str, request: &Request<'_>) -> Result<Response, Problem> {
        let mut segments = path.split('/');
        match segments.next() {
            Some("nodes") => {
                end(segments)?;
                read_only(request.method, || Ok(nodes::report(&self.engine.manager().nodes())))
            }
            Some("keyspaces") => self.keyspaces(segments, request).await,
            _ => Err(unknown()),
        }
    }

    async fn keyspaces(
        &self,
        mut segments: std::str::Split<'_, char>,
        request: &Request<'_>,
    ) -> Result<Response, Problem> {
        let (Some(name), Some("keys"), Some(key)) =
            (segments.next(), segments.next(), segments.next())
        else {
            return Err(unknown());
        };
        end(segments)?;
        if request.method == Method::Options {
            return Ok(super::allowing(key::METHODS));
        }
        self.allow(request)?;
        let keyspace = self.keyspace(name)?;
        let key = decode(key)?;
        key::Call { keyspace: &keyspace, key: &key, tagger: self.tagger, request }.answer().await
    }

    /// The keyspace that a segment names.
    fn keyspace(&self, segment: &str) -> Result<Keyspace, Problem> {
        let name = decode(segment)?;
        // A name that is no UTF-8 is none that a keyspace has.
        let name = String::from_utf8_lossy(&name);
        self.engine.keyspace(&name).map_err(|error| failure::problem(&error))
    }
}

/// Nothing follows.
fn end(mut segments: std::str::Split<'_, char>) -> Result<(), Problem> {
    if segments.next().is_none() { Ok(()) } else { Err(unknown()) }
}

fn unknown() -> Problem {
    let detail = "a slash within a keyspace's name or a key is written %2F";
    Problem::new(404, codes::ROUTE_UNKNOWN).detail(detail)
}
