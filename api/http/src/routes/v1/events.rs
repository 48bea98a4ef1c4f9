//! `GET /v1/events[?invalidations=true]`: what happens, as it happens.

use distcache::{Engine, codes};

use crate::events::Hub;
use crate::pairs::Pairs;
use crate::{Method, Problem, Request, Response};

/// Opens a stream of events.
pub(in crate::routes) fn open(
    hub: &Hub,
    engine: &Engine,
    request: &Request<'_>,
) -> Result<Response, Problem> {
    let mut pairs = Pairs::of(request.query)?;
    let invalidations = match pairs.take("invalidations")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            let detail = "`invalidations` is `true` or `false`";
            return Err(Problem::new(400, codes::PARAMETER_INVALID).detail(detail));
        }
    };
    pairs.finish("`events` takes `invalidations`")?;
    let response = Response::of_type(200, "text/event-stream", bytes::Bytes::new())
        .with_header("cache-control", "no-store")
        // nginx would keep events back until it has a buffer full.
        .with_header("x-accel-buffering", "no");
    if request.method == Method::Head {
        return Ok(response);
    }
    Ok(response.with_chunks(hub.open(engine, invalidations)?))
}
