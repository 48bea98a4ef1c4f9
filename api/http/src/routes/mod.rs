//! The paths of the cache.

mod entry;
mod failure;
mod json;
mod nodes;
mod ready;
mod v1;

use std::sync::Arc;
use std::time::Duration;

use distcache::{Engine, Stopwatch, codes};
use serde::Serialize;

use crate::etag::Tagger;
use crate::observe::{Observer, SlowLog, metrics};
use crate::{
    Access, DoorWatch, History, Method, OriginPolicy, Problem, Readiness, Request, Response, Right,
    Service,
};

/// The keyspace that `/` reads and writes.
pub const ROOT_KEYSPACE: &str = "default";

/// The engine over HTTP.
///
/// | path | method | answer |
/// |---|---|---|
/// | `/?key=K` | GET, HEAD | 200 `{"key","node","value"}`, or the bytes |
/// | `/?key=K&value=V[&ttl=S]` | POST | 200 `{"key","value"}` |
/// | `/?key=K` | DELETE | 200 `{"key"}` |
/// | `/livez` | GET, HEAD | 200 while the process runs |
/// | `/readyz` | GET, HEAD | 200, with what is wrong if anything is; or 503 |
/// | `/metrics` | GET, HEAD | 200 with `OpenMetrics` |
/// | `/v1/status` | GET, HEAD | 200 with what runs, and how its keyspaces do |
/// | `/v1/limits` | GET, HEAD | 200 with every bound, its use, its peak |
/// | `/v1/trace/{ks}/{key}` | GET, HEAD | 200 with where a key is, or why it is not |
/// | `/v1/nodes` | GET, HEAD | 200 with the state of each data node |
/// | `/v1/keyspaces/{ks}/keys/{key}` | GET, HEAD | 200 with the bytes; 304 |
/// | the same | PUT | 204, the body is the value; 412 |
/// | the same | DELETE | 204 |
///
/// `/` is an older interface, to one keyspace, [`ROOT_KEYSPACE`]:
///
/// - A POST without `value` takes it from the body: as it is, or from the form
///   that its Content-Type says it is; an empty body is an empty value.
/// - A value that is not UTF-8 is `null` in the answer to the POST, and 406 to a
///   GET that does not name `application/octet-stream` in `Accept`.
///
/// Everywhere:
///
/// - A key that is not there, and cannot be loaded, is 404, for GET and for DELETE.
/// - OPTIONS is answered 204 with `Allow`, other methods 405.
/// - The query of whatever tells how the server is is ignored: health checkers
///   append things.
/// - Who may read or write is told by [`Access`]; `/livez` and `/readyz` are for all.
///
/// What goes wrong is a [`Problem`].
#[derive(Debug)]
pub struct Routes {
    engine: Engine,
    readiness: Readiness,
    origins: OriginPolicy,
    access: Access,
    tagger: Tagger,
    observer: Observer,
}

impl Routes {
    /// Routes to `engine`, for everybody whom `origins` lets through.
    pub fn new(engine: Engine, origins: OriginPolicy) -> Self {
        let (readiness, access) = (Readiness::default(), Access::default());
        let (tagger, observer) = (Tagger::random(), Observer::new());
        Self { engine, readiness, origins, access, tagger, observer }
    }

    /// Says at `/readyz` what `readiness` says.
    #[must_use]
    pub fn readiness(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }

    /// Lets in whom `access` lets in.
    #[must_use]
    pub fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Tells of the last hour what `history` knows of it.
    #[must_use]
    pub fn history(mut self, history: History) -> Self {
        self.observer.history = Some(history);
        self
    }

    /// Writes requests into the log that take so long or longer; without their
    /// keys, and ten a second at most. Default 1 s.
    #[must_use]
    pub fn slow_after(mut self, time: Duration) -> Self {
        self.observer.slow = SlowLog::new(time);
        self
    }

    async fn route(&self, request: &Request<'_>) -> Result<Response, Problem> {
        match request.path {
            "/" => self.entry(request).await,
            "/livez" => read_only(request.method, || Ok(Response::text("alive\n"))),
            "/readyz" => read_only(request.method, || ready::report(&self.engine, &self.readiness)),
            "/metrics" => self.metrics(request).await,
            "*" if request.method == Method::Options => Ok(allowing(ENTRY_METHODS)),
            path => match path.strip_prefix("/v1/") {
                Some(path) => self.v1(path, request).await,
                None => Err(Problem::new(404, codes::ROUTE_UNKNOWN)),
            },
        }
    }

    async fn metrics(&self, request: &Request<'_>) -> Result<Response, Problem> {
        if let Some(response) = options_only(request.method)? {
            return Ok(response);
        }
        let scraped = metrics::scrape(&self.engine, &self.observer).await;
        scraped.map_err(|error| failure::problem(&error))
    }

    async fn entry(&self, request: &Request<'_>) -> Result<Response, Problem> {
        match request.method {
            Method::Options => return Ok(allowing(ENTRY_METHODS)),
            Method::Put | Method::Patch | Method::Other => return Err(not_allowed(ENTRY_METHODS)),
            Method::Get | Method::Head | Method::Post | Method::Delete => {}
        }
        self.allow(request)?;
        let keyspace = self.engine.keyspace(ROOT_KEYSPACE);
        let keyspace = keyspace.map_err(|error| failure::problem(&error))?;
        match request.method {
            Method::Post => entry::post(&keyspace, request).await,
            Method::Delete => entry::delete(&keyspace, request).await,
            _ => entry::get(&keyspace, request).await,
        }
    }

    fn may_read(&self, request: &Request<'_>) -> Result<(), Problem> {
        self.origins.check(request)?;
        let is_for_all = matches!(request.path, "/livez" | "/readyz");
        if is_for_all || request.method == Method::Options {
            return Ok(());
        }
        self.access.check(request, Right::Read)
    }

    /// Lets a request through that writes, if its sender may. Who was admitted may
    /// read.
    fn allow(&self, request: &Request<'_>) -> Result<(), Problem> {
        if request.method.is_safe() { Ok(()) } else { self.access.check(request, Right::Write) }
    }
}

impl Service for Routes {
    /// Lets in who may at least read.
    fn admit(&self, request: &Request<'_>) -> Result<(), Problem> {
        let admitted = self.may_read(request);
        admitted.inspect_err(|problem| self.observer.note_refused(request, problem.status()))
    }

    async fn call(&self, request: Request<'_>) -> Response {
        let watch = Stopwatch::start();
        let response = self.route(&request).await.unwrap_or_else(Problem::into_response);
        self.observer.note(&self.engine, &request, &response, watch.elapsed());
        response
    }

    fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::clone(&self.observer.door)
    }
}

const ENTRY_METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";
const READ_METHODS: &str = "GET, HEAD, OPTIONS";

fn read_only(
    method: Method,
    read: impl FnOnce() -> Result<Response, Problem>,
) -> Result<Response, Problem> {
    options_only(method)?.map_or_else(read, Ok)
}

/// The answer to an OPTIONS where there is nothing but to read; none to a read.
fn options_only(method: Method) -> Result<Option<Response>, Problem> {
    match method {
        Method::Get | Method::Head => Ok(None),
        Method::Options => Ok(Some(allowing(READ_METHODS))),
        Method::Post | Method::Put | Method::Patch | Method::Delete | Method::Other => {
            Err(not_allowed(READ_METHODS))
        }
    }
}

/// 200 with a document of texts and numbers.
fn document(document: &impl Serialize) -> Response {
    let mut bytes = serde_json::to_vec(document).expect("texts and numbers are JSON");
    bytes.push(b'\n');
    Response::json(bytes)
}

fn allowing(methods: &'static str) -> Response {
    Response::empty(204).with_header("allow", methods)
}

fn not_allowed(methods: &'static str) -> Problem {
    Problem::new(405, codes::METHOD_NOT_ALLOWED).header("allow", methods)
}
