//! The paths of the cache.

mod admin;
mod aim;
mod at_once;
mod cachely;
mod entry;
mod failure;
mod json;
mod members;
mod nodes;
mod peer;
mod place;
mod ready;
mod signpost;
mod table;
pub(crate) mod v1;

use std::sync::Arc;
use std::time::Duration;

use distcache::{CacheError, Engine, Keyspace, Stopwatch, codes};
use serde::Serialize;

use crate::cluster;
use crate::escapes::decode;
use crate::etag::Tagger;
use crate::events::Hub;
use crate::observe::{Observer, SlowLog, metrics};
#[cfg(feature = "otel")]
use crate::otel::Tracing;
use crate::{
    Access, DoorWatch, History, Method, OPENAPI, OriginPolicy, Problem, Readiness, Request,
    Response, Right, Service,
};
use admin::OfAdmin;
use aim::Entry;
pub use aim::{Aim, AimedKey};
pub use at_once::AT_ONCE_HEADER;
use cachely::OfCachely;
use place::Place;
pub use signpost::{MEMBER_HEADER, OWNER_HEADER};
pub use table::{Operation, ROUTES, Route};
pub(crate) use v1::limits::of_bounds as limits;

/// The keyspace that `/` reads and writes.
pub const ROOT_KEYSPACE: &str = "default";

/// The engine over HTTP.
///
/// | path | method | answer |
/// |---|---|---|
/// | `/?key=K` | GET, HEAD | 200 `{"key","node","value"}`, or the bytes |
/// | `/?key=K&value=V[&ttl=S]` | POST | 200 `{"key","value"}` |
/// | `/?key=K` | DELETE | 200 `{"key"}` |
/// | `/openapi.json` | GET, HEAD | 200 with what may be asked, as `OpenAPI` |
/// | `/livez` | GET, HEAD | 200 while the process runs |
/// | `/readyz` | GET, HEAD | 200, with what is wrong if anything is; or 503 |
/// | `/metrics` | GET, HEAD | 200 with `OpenMetrics` |
/// | `/v1/status` | GET, HEAD | 200 with what runs, and how its keyspaces do |
/// | `/v1/limits` | GET, HEAD | 200 with every bound, its use, its peak |
/// | `/v1/trace/{ks}/{key}` | GET, HEAD | 200 with where a key is, or why it is not |
/// | `/v1/members` | GET, HEAD | 200 with the members of the cluster |
/// | `/v1/nodes` | GET, HEAD | 200 with the state of each data node |
/// | `/v1/events` | GET | 200 with a stream of what happens |
/// | `/v1/keyspaces` | GET, HEAD | 200 with their names, entries and bytes |
/// | `/v1/keyspaces/{ks}` | GET, HEAD | 200 with how it works |
/// | the same | PUT, PATCH, DELETE | 201, it is made; 200, changed; 204, removed |
/// | `/v1/keyspaces/{ks}/clear` | POST | 200 `{"removed"}` |
/// | `/v1/keyspaces/{ks}/invalidate?tag=T` | POST | 204; 200 `{"removed"}` by `?prefix=P` |
/// | `/v1/keyspaces/{ks}/scan` | GET, HEAD | 200 `{"keys","cursor"}` |
/// | `/v1/keyspaces/{ks}/stats` | GET, HEAD | 200 with what it has counted |
/// | `/v1/keyspaces/{ks}/hot` | GET, HEAD | 200 with the keys that are read most |
/// | `/v1/keyspaces/{ks}/batch/get`, `put`, `delete` | POST | 200, a result a key |
/// | `/v1/keyspaces/{ks}/keys/{key}` | GET, HEAD | 200 with the bytes; 304 |
/// | the same | PUT | 204, the body is the value; 412 |
/// | the same | DELETE | 204 |
/// | `.../keys/{key}/ttl` | GET, HEAD | 200 `{"ttl"}` |
/// | `.../keys/{key}/touch`, `invalidate` | POST | 204 |
/// | `.../keys/{key}/increment` | POST | 200 `{"value"}` |
/// | `/_distcache/{ks}/{key}` | GET, HEAD | 200 with a protobuf message, or the bytes |
/// | `/cache/get?key=K` | GET, HEAD | 200 with the value as a JSON string |
/// | `/cache/set?key=K&value=V&ttl=S` | POST | 200 with a line of text |
/// | `/_distcache/admin/...` | GET, HEAD | 200: `peers`, `keyspaces`, `healthz`, `readyz` |
///
/// [`ROUTES`] is the same for programs; `api/REST.md` has the rules and the bounds.
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
    /// That of this process, as long as it is in no cluster.
    tagger: Tagger,
    events: Hub,
    observer: Observer,
    /// Who is told of each request, if anybody.
    #[cfg(feature = "otel")]
    tracing: Option<Tracing>,
}

impl Routes {
    /// Routes to `engine`, for everybody whom `origins` lets through.
    pub fn new(engine: Engine, origins: OriginPolicy) -> Self {
        let (readiness, access) = (Readiness::default(), Access::default());
        let tagger = Tagger::random();
        let (events, observer) = (Hub::default(), Observer::new());
        Self {
            engine,
            readiness,
            origins,
            access,
            tagger,
            events,
            observer,
            #[cfg(feature = "otel")]
            tracing: None,
        }
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

    /// Makes a span of each request that is let in, within that of its client.
    #[cfg(feature = "otel")]
    #[must_use]
    pub fn tracing(self, tracing: Tracing) -> Self {
        Self { tracing: Some(tracing), ..self }
    }

    /// Writes requests into the log that take so long or longer; without their
    /// keys, and ten a second at most. Default 1 s.
    #[must_use]
    pub fn slow_after(mut self, time: Duration) -> Self {
        self.observer.slow = SlowLog::new(time);
        self
    }

    async fn answered(&self, request: &Request<'_>) -> Response {
        self.route(request).await.unwrap_or_else(Problem::into_response)
    }

    /// The same within a span, if anybody is told. Where it is pinned there is one
    /// of it, whichever way it goes.
    #[cfg(feature = "otel")]
    async fn traced(&self, request: &Request<'_>) -> Response {
        let answered = std::pin::pin!(self.answered(request));
        match &self.tracing {
            Some(tracing) => tracing.trace(request, route_of(request), answered).await,
            None => answered.await,
        }
    }

    #[cfg(not(feature = "otel"))]
    async fn traced(&self, request: &Request<'_>) -> Response {
        self.answered(request).await
    }

    async fn route(&self, request: &Request<'_>) -> Result<Response, Problem> {
        if request.method == Method::Options && request.path == "*" {
            return Ok(allowing(&table::ROOT));
        }
        let place = Place::of(request.path).ok_or_else(unknown)?;
        let route = place.route();
        if request.method == Method::Options {
            return Ok(allowing(route));
        }
        if route.operation(request.method).is_none() {
            return Err(not_allowed(route));
        }
        self.answer(place, request).await
    }

    /// Answers a request whose method is one of the place.
    ///
    /// The futures of what is seldom asked, or takes long, are in boxes: each connection
    /// has room for the largest of the others, and what a hit has to bring into the
    /// processor's cache grows with it.
    async fn answer(&self, place: Place<'_>, request: &Request<'_>) -> Result<Response, Problem> {
        match place {
            Place::Root => self.entry(request).await,
            Place::Cachely(of_cachely) => Box::pin(self.cachely(of_cachely, request)).await,
            Place::Openapi => Ok(Response::of_type(200, "application/json", OPENAPI.into())),
            Place::Livez => Ok(Response::text("alive\n")),
            Place::Readyz => {
                let report = ready::report(&self.engine, &self.readiness)?;
                Ok(signpost::introduce(&self.engine, report))
            }
            Place::Metrics => Box::pin(self.metrics()).await,
            Place::Members => Ok(members::report(&self.engine)),
            Place::Nodes => Ok(nodes::report(&self.engine.manager().nodes())),
            Place::Status => {
                Box::pin(v1::status::report(&self.engine, &self.observer, self.tagger())).await
            }
            Place::Limits => {
                Box::pin(v1::limits::report(&self.engine, &self.observer, &self.events)).await
            }
            Place::Trace(keyspace, key) => {
                v1::trace::report(&self.keyspace(keyspace)?, &decode(key)?).await
            }
            Place::Events => {
                self.check_not_draining()?;
                v1::open_events(&self.events, &self.engine, request)
            }
            Place::Peer(keyspace, key) => peer::get(&self.keyspace(keyspace)?, key, request).await,
            Place::Admin(OfAdmin::Peers) => Ok(admin::peers(&self.engine, self.origins.address())),
            Place::Admin(OfAdmin::Keyspaces) => admin::keyspaces(&self.engine).await,
            Place::Admin(OfAdmin::Healthz) => Ok(admin::healthz()),
            Place::Admin(OfAdmin::Readyz) => Ok(admin::readyz(&self.engine, &self.readiness)),
            Place::Keyspaces => Box::pin(self.spaces(request).list()).await,
            Place::Keyspace(name, of_keyspace) => {
                Box::pin(self.spaces(request).answer(name, of_keyspace)).await
            }
            Place::Batch(keyspace, does) => {
                let keyspace = self.keyspace(keyspace)?;
                let batch = v1::Batch { keyspace: &keyspace, tagger: self.tagger(), request };
                Box::pin(batch.answer(does)).await
            }
            Place::Key(keyspace, key, of_key) => {
                let keyspace = self.keyspace(keyspace)?;
                let key = decode(key)?;
                let call =
                    v1::Call { keyspace: &keyspace, key: &key, tagger: self.tagger(), request };
                call.answer(of_key).await
            }
        }
    }

    async fn entry(&self, request: &Request<'_>) -> Result<Response, Problem> {
        let keyspace = self.keyspace(ROOT_KEYSPACE)?;
        match request.method {
            Method::Post => entry::post(&keyspace, request).await,
            Method::Delete => entry::delete(&keyspace, request).await,
            _ => entry::get(&keyspace, request).await,
        }
    }

    async fn cachely(
        &self,
        of_cachely: OfCachely,
        request: &Request<'_>,
    ) -> Result<Response, Problem> {
        let keyspace = self.keyspace(ROOT_KEYSPACE)?;
        match of_cachely {
            OfCachely::Get => cachely::get(&keyspace, request).await,
            OfCachely::Set => cachely::set(&keyspace, request).await,
        }
    }

    /// Who marks the tags of this request.
    fn tagger(&self) -> Tagger {
        cluster::tagger(&self.engine).unwrap_or(self.tagger)
    }

    fn spaces<'a>(&'a self, request: &'a Request<'a>) -> v1::Spaces<'a> {
        v1::Spaces { engine: &self.engine, request }
    }

    /// The keyspace that a segment names.
    fn keyspace(&self, segment: &str) -> Result<Keyspace, Problem> {
        let name = decode(segment)?;
        let Ok(name) = str::from_utf8(&name) else { return Err(no_keyspace(&name)) };
        self.engine.keyspace(name).map_err(|error| failure::problem(&error))
    }

    async fn metrics(&self) -> Result<Response, Problem> {
        let scraped = metrics::scrape(&self.engine, &self.observer).await;
        scraped.map_err(|error| failure::problem(&error))
    }

    fn check_not_draining(&self) -> Result<(), Problem> {
        let is_draining = self.readiness.is_draining();
        if is_draining { Err(Problem::new(503, codes::DRAINING)) } else { Ok(()) }
    }
}

impl Service for Routes {
    fn admit(&self, request: &Request<'_>) -> Result<(), Problem> {
        let admitted = check(&self.origins, &self.access, request);
        admitted.inspect_err(|problem| self.observer.note_refused(request, problem.status()))
    }

    async fn call(&self, request: Request<'_>) -> Response {
        let watch = Stopwatch::start();
        // It is counted when it is answered.
        let entry = Entry::of(&self.engine, &request);
        let answering = self.traced(&request);
        let Some(response) = at_once::or_later(entry.as_ref(), &request, answering).await else {
            return at_once::later();
        };
        let response = signpost::tell(entry.as_ref(), &request, response);
        self.observer.note(&self.engine, &request, &response, watch.elapsed());
        response
    }

    fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::clone(&self.observer.door)
    }
}

/// Lets in who may do what is asked; or may read, where there is nothing to do.
pub(crate) fn check(
    origins: &OriginPolicy,
    access: &Access,
    request: &Request<'_>,
) -> Result<(), Problem> {
    origins.check(request)?;
    if request.method == Method::Options {
        return Ok(());
    }
    let operation = route_of(request).and_then(|route| route.operation(request.method));
    match operation.map_or(Some(Right::Read), |operation| operation.right) {
        Some(right) => access.check(request, right),
        None => Ok(()),
    }
}

/// 200 with a document of texts and numbers.
fn document(document: &impl Serialize) -> Response {
    let mut bytes = serde_json::to_vec(document).expect("texts and numbers are JSON");
    bytes.push(b'\n');
    Response::json(bytes)
}

/// 404 for a name that is no UTF-8: no keyspace has it.
fn no_keyspace(name: &[u8]) -> Problem {
    let name = String::from_utf8_lossy(name).into_owned();
    failure::problem(&CacheError::KeyspaceUnknown { name }.into())
}

/// The row of the table that a request's path belongs to.
fn route_of(request: &Request<'_>) -> Option<&'static Route> {
    Place::of(request.path).map(Place::route)
}

fn allowing(route: &Route) -> Response {
    Response::empty(204).with_header("allow", route.allow())
}

fn not_allowed(route: &Route) -> Problem {
    Problem::new(405, codes::METHOD_NOT_ALLOWED).header("allow", route.allow())
}

fn unknown() -> Problem {
    let detail = "a slash within a keyspace's name or a key is written %2F";
    Problem::new(404, codes::ROUTE_UNKNOWN).detail(detail)
}
