//! What a door serves.

use std::sync::Arc;

use crate::{DoorWatch, Problem, Request, Response};

/// Answers requests.
///
/// The doors guarantee that the body is whole and within the limit, and turn a
/// panic into an answer of 500. An implementation MUST NOT block the thread in
/// the future it returns: on the hyper door other connections wait for it.
pub trait Service: Send + Sync + 'static {
    /// Refuses a request for what its head says, before its body is read: so that
    /// who is not let in cannot make the server hold one. The request given here
    /// has no body yet. Lets all pass by default.
    ///
    /// # Errors
    /// The answer, instead of that of [`call`](Self::call).
    fn admit(&self, _request: &Request<'_>) -> Result<(), Problem> {
        Ok(())
    }

    /// Answers one request that was admitted.
    fn call(&self, request: Request<'_>) -> impl Future<Output = Response> + Send;

    /// Where its door notes how far its bounds are filled: asked once, when it
    /// opens. By default nobody looks.
    fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::default()
    }
}
