//! `/v1`: everything of the engine.
//!
//! A path is taken apart at its slashes before anything is decoded, so that a
//! keyspace or a key may hold any byte: a slash is written `%2F`, a plus may be
//! written as it is, and neither `.` nor `..` nor an empty segment is folded.

mod cache_status;
mod key;
mod limits;
mod status;
mod trace;

use distcache::{Keyspace, codes};

use super::{Routes, failure, nodes, options_only};
use crate::escapes::decode;
use crate::{Method, Problem, Request, Response};

impl Routes {
    /// Answers what is asked of `path`, which follows `/v1/`.
    pub(super) async fn v1(&self, path: &str, request: &Request<'_>) -> Result<Response, Problem> {
        let mut segments = path.split('/');
        match segments.next() {
            Some(what @ ("nodes" | "status" | "limits")) => {
                end(segments)?;
                self.told(what, request).await
            }
            Some("trace") => self.trace(segments, request).await,
            Some("keyspaces") => self.keyspaces(segments, request).await,
            _ => Err(unknown()),
        }
    }

    /// What the server tells of itself.
    async fn told(&self, what: &str, request: &Request<'_>) -> Result<Response, Problem> {
        if let Some(response) = options_only(request.method)? {
            return Ok(response);
        }
        match what {
            "status" => status::report(&self.engine, &self.observer).await,
            "limits" => limits::report(&self.engine, &self.observer).await,
            _ => Ok(nodes::report(&self.engine.manager().nodes())),
        }
    }

    async fn trace(
        &self,
        mut segments: std::str::Split<'_, char>,
        request: &Request<'_>,
    ) -> Result<Response, Problem> {
        let (Some(name), Some(key)) = (segments.next(), segments.next()) else {
            return Err(unknown());
        };
        end(segments)?;
        if let Some(response) = options_only(request.method)? {
            return Ok(response);
        }
        trace::report(&self.keyspace(name)?, &decode(key)?).await
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
