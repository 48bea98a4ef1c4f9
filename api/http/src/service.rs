//! What a door serves.

use std::sync::Arc;

use crate::{DoorWatch, Request, Response};

/// Answers requests.
///
/// The doors guarantee that the body is whole and within the limit, and turn a
/// panic into an answer of 500. An implementation MUST NOT block the thread in
/// the future it returns: on the hyper door other connections wait for it.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    fn call(&self, request: Request<'_>) -> impl Future<Output = Response> + Send;

    /// Where its door notes how far its bounds are filled: asked once, when it
    /// opens. By default nobody looks.
    fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::default()
    }
}
