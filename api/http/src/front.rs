//! What a service that has no engine behind it still is to its clients: a door that asks
//! who they are, counts what it answers, and tells of its bounds.

use std::sync::Arc;
use std::time::Duration;

use distcache::Bound;

use crate::observe::{Observer, SlowLog, metrics};
use crate::routes::{check, limits};
use crate::{Access, DoorWatch, Family, OriginPolicy, Problem, Request, Response};

/// Who is let in, what is counted, and what of that is told; as [`Routes`](crate::Routes)
/// do it for an engine.
///
/// A [`Service`](crate::Service) has one, gives it each request to
/// [check](Self::check) before its body is read, and each answer to [note](Self::note).
#[derive(Debug)]
pub struct Front {
    origins: OriginPolicy,
    access: Access,
    observer: Observer,
}

impl Front {
    /// For everybody whom `origins` lets through.
    pub fn new(origins: OriginPolicy) -> Self {
        Self { origins, access: Access::default(), observer: Observer::new() }
    }

    /// Lets in whom `access` lets in.
    #[must_use]
    pub fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Writes requests into the log that take so long or longer; without their keys, and
    /// ten a second at most. Default 1 s.
    #[must_use]
    pub fn slow_after(mut self, time: Duration) -> Self {
        self.observer.slow = SlowLog::new(time);
        self
    }

    /// Lets in who may do what is asked; or may read, where it is not known what that
    /// would do.
    ///
    /// # Errors
    /// 401 or 403. The refusal is counted.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Problem> {
        let checked = check(&self.origins, &self.access, request);
        checked.inspect_err(|problem| self.observer.note_refused(request, problem.status()))
    }

    /// A request was answered.
    pub fn note(&self, request: &Request<'_>, response: &Response, took: Duration) {
        self.observer.note_answered(request, response, took);
    }

    /// Where the door notes how far its bounds are filled.
    pub fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::clone(&self.observer.door)
    }

    /// `/metrics`: what is counted here, the bounds of the door and those given, and more.
    pub fn metrics(&self, bounds: &[Bound], more: Vec<Family>) -> Response {
        let bounds = self.observer.door.bounds().into_iter().chain(bounds.iter().cloned());
        metrics::page(metrics::of_front(&self.observer, bounds, more))
    }

    /// `/v1/limits`: every bound of the door, and those given.
    pub fn limits(&self, bounds: &[Bound]) -> Response {
        let doors = self.observer.door.bounds();
        limits(doors.iter().chain(bounds))
    }
}
