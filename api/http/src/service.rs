//! What a door serves.

use crate::{Request, Response};

/// Answers requests.
///
/// The doors guarantee that the body is whole and within the limit, and turn a
/// panic into an answer of 500. An implementation MUST NOT block the thread in
/// the future it returns: on the hyper door other connections wait for it.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    fn call(&self, request: Request<'_>) -> impl Future<Output = Response> + Send;
}
