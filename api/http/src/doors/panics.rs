//! What the client reads when a handler panicked.

use std::any::Any;

use distcache::codes;

use crate::{Problem, Response};

/// Logs the panic, whose message the panic hook has printed already, and answers 500.
///
/// The payload is not repeated: it may hold a key or a value.
pub(super) fn answer(_payload: Box<dyn Any + Send>) -> Response {
    let code = codes::HANDLER_PANICKED;
    log::error!("{code}: {} {}", code.meaning(), code.remedy());
    Problem::new(500, code).into_response()
}
