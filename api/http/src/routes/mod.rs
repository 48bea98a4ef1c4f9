//! The paths of the cache.

mod entry;
mod failure;
mod json;
mod nodes;

use std::sync::Arc;

use distcache_manager::{CacheManager, codes};

use crate::{Method, OriginPolicy, Problem, Readiness, Request, Response, Service};

/// The cache over HTTP.
///
/// | path | method | answer |
/// |---|---|---|
/// | `/?key=K` | GET, HEAD | 200 `{"key","node","value"}`, or the bytes |
/// | `/?key=K&value=V[&ttl=S]` | POST | 200 `{"key","value"}` |
/// | `/?key=K` | DELETE | 200 `{"key"}` |
/// | `/livez` | GET, HEAD | 200 while the process runs |
/// | `/readyz` | GET, HEAD | 200, or 503 while draining |
/// | `/v1/nodes` | GET, HEAD | 200 with the state of each data node |
///
/// - A POST without `value` takes it from the body: as it is, or from the form
///   that its Content-Type says it is; an empty body is an empty value.
/// - A value that is not UTF-8 is `null` in the answer to the POST, and 406 to a
///   GET that does not name `application/octet-stream` in `Accept`.
/// - A key that is not there is 404, for GET and for DELETE.
/// - OPTIONS is answered 204 with `Allow` everywhere, other methods 405.
/// - The query of the last three paths is ignored: health checkers append things.
///
/// What goes wrong is a [`Problem`].
#[derive(Debug)]
pub struct Routes {
    cache: Arc<CacheManager>,
    readiness: Readiness,
    origins: OriginPolicy,
}

impl Routes {
    /// Routes to `cache`. They answer whom `origins` lets through.
    pub fn new(cache: Arc<CacheManager>, readiness: Readiness, origins: OriginPolicy) -> Self {
        Self { cache, readiness, origins }
    }

    async fn route(&self, request: Request<'_>) -> Result<Response, Problem> {
        self.origins.check(&request)?;
        match request.path {
            "/" => self.entry(request).await,
            "/livez" => read_only(request.method, || Ok(Response::text("alive\n"))),
            "/readyz" => read_only(request.method, || self.ready()),
            "/v1/nodes" => read_only(request.method, || Ok(nodes::report(&self.cache.nodes()))),
            "*" if request.method == Method::Options => Ok(allowing(ENTRY_METHODS)),
            _ => Err(Problem::new(404, codes::ROUTE_UNKNOWN)),
        }
    }

    async fn entry(&self, request: Request<'_>) -> Result<Response, Problem> {
        match request.method {
            Method::Get | Method::Head => entry::get(&self.cache, &request).await,
            Method::Post => entry::post(&self.cache, &request).await,
            Method::Delete => entry::delete(&self.cache, &request).await,
            Method::Options => Ok(allowing(ENTRY_METHODS)),
            Method::Other => Err(not_allowed(ENTRY_METHODS)),
        }
    }

    fn ready(&self) -> Result<Response, Problem> {
        if self.readiness.is_draining() {
            return Err(Problem::new(503, codes::DRAINING));
        }
        Ok(Response::text("ready\n"))
    }
}

impl Service for Routes {
    async fn call(&self, request: Request<'_>) -> Response {
        self.route(request).await.unwrap_or_else(Problem::into_response)
    }
}

const ENTRY_METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";
const READ_METHODS: &str = "GET, HEAD, OPTIONS";

fn read_only(
    method: Method,
    read: impl FnOnce() -> Result<Response, Problem>,
) -> Result<Response, Problem> {
    match method {
        Method::Get | Method::Head => read(),
        Method::Options => Ok(allowing(READ_METHODS)),
        Method::Post | Method::Delete | Method::Other => Err(not_allowed(READ_METHODS)),
    }
}

fn allowing(methods: &'static str) -> Response {
    Response::empty(204).with_header("allow", methods)
}

fn not_allowed(methods: &'static str) -> Problem {
    Problem::new(405, codes::METHOD_NOT_ALLOWED).header("allow", methods)
}
