//! From hyper's request to hyper's response.

use std::borrow::Cow;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use distcache::codes;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Request as HyperRequest, Response as HyperResponse, StatusCode};

use super::budget::{BudgetSpent, Reservation};
use super::incoming::{CollectError, Collected, collect};
use super::outgoing::Outgoing;
use super::shared::Shared;
use crate::doors::panics;
use crate::{HeaderName, Headers, Method, Problem, Request, Response, Service};

/// Answers up to this many bytes are not counted: there are no more of them than
/// connections, and the count would be one more cache line for every hit.
const UNCOUNTED_BYTES: usize = 1 << 10;

/// The connection has ended within the body; there is nobody to answer here.
#[derive(Debug, thiserror::Error)]
#[error("the request's body did not come whole")]
pub(super) struct BodyLost;

/// Answers one request.
pub(super) async fn answer<S: Service>(
    shared: &Shared<S>,
    request: HyperRequest<Incoming>,
) -> Result<HyperResponse<Outgoing>, BodyLost> {
    let (parts, incoming) = request.into_parts();
    if let Err(problem) =
        shared.service.admit(&in_ours(&parts, &HyperHeaders(&parts.headers), Bytes::new()))
    {
        let has_body = !incoming.is_end_stream();
        return Ok(shared.outgoing(unread(problem, has_body), parts));
    }
    let response = match collect(incoming, &shared.buffers).await {
        Ok(Collected { body, reservation }) => {
            let headers = HyperHeaders(&parts.headers);
            let response = handle(shared, in_ours(&parts, &headers, body)).await;
            drop(reservation);
            response
        }
        Err(CollectError::NoRoom) => unread(no_room(), true),
        Err(CollectError::Lost) => return Err(BodyLost),
    };
    Ok(shared.outgoing(response, parts))
}

/// hyper closes the connection where the rest of a body is not read.
fn unread(problem: Problem, has_body: bool) -> Response {
    let response = problem.into_response();
    if has_body { response.with_header("connection", "close") } else { response }
}

/// Looks at hyper's request as at ours.
fn in_ours<'a>(parts: &'a Parts, headers: &'a HyperHeaders<'a>, body: Bytes) -> Request<'a> {
    Request {
        method: Method::of(parts.method.as_str()),
        authority: parts.uri.authority().map(Authority::as_str),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers,
        body,
    }
}

/// Calls the service, unless too many requests wait already.
///
/// A request is counted when it begins to wait: a hit never does, and threads that count
/// every one meet at one cache line for each.
pub(super) async fn handle<S: Service>(shared: &Shared<S>, request: Request<'_>) -> Response {
    if shared.is_full() {
        let problem = Problem::new(503, codes::OVERLOADED)
            .detail("there are as many requests in flight as the server takes");
        return problem.retry_after(1).into_response();
    }
    // Called within the future, so that a panic of the call itself is caught too.
    let mut call = pin!(async { shared.service.call(request).await });
    let mut in_flight = None;
    poll_fn(|cx| {
        let answer = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)))
            .unwrap_or_else(|payload| Poll::Ready(panics::answer(payload)));
        if answer.is_pending() {
            in_flight.get_or_insert_with(|| shared.enter());
        }
        answer
    })
    .await
}

fn no_room() -> Problem {
    Problem::new(503, codes::BUFFERS_FULL).retry_after(1)
}

impl<S> Shared<S> {
    /// hyper's response, in the memory of the request's header map: so that
    /// neither has to be allocated, for hyper keeps it for the next request.
    pub(super) fn outgoing(&self, response: Response, parts: Parts) -> HyperResponse<Outgoing> {
        let (response, reservation) =
            self.within_budget(response, Method::of(parts.method.as_str()));
        let mut headers = parts.headers;
        fill(&mut headers, &response);
        // 1. The door closes. An answer comes before the connection's task has heard of that.
        // 2. hyper, which is not told yet, writes it as one more of many.
        // 3. It is told. The client sends its next request to a connection that is closed.
        if self.drain.is_started() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let status = StatusCode::from_u16(response.status());
        let body = Outgoing::new(response.into_body(), reservation, &self.drain);
        let mut out = HyperResponse::new(body);
        *out.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *out.headers_mut() = headers;
        out
    }

    /// Counts a long answer among the bytes that are held, and refuses it when
    /// others hold too many.
    ///
    /// One that reports a change is counted but never refused: the change was
    /// made, and 503 would deny it. It repeats a body that had its room before.
    pub(super) fn within_budget(
        &self,
        response: Response,
        method: Method,
    ) -> (Response, Option<Reservation>) {
        // A body that comes in pieces holds one of them at a time.
        let bytes = response.body().whole_bytes().unwrap_or_default();
        if bytes <= UNCOUNTED_BYTES {
            return (response, None);
        }
        let may_refuse = method.is_safe() || response.is_of_a_read();
        let mut counted = self.buffers.open();
        match counted.grow(bytes) {
            Err(BudgetSpent) if may_refuse => (no_room().into_response(), None),
            Ok(()) | Err(BudgetSpent) => (response, Some(counted)),
        }
    }
}

fn fill(headers: &mut HeaderMap, response: &Response) {
    headers.clear();
    if let Some(kind) = response.content_type().and_then(in_hyper) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    for (name, value) in response.headers() {
        if let Some(value) = in_hyper(value) {
            headers.append(name_in_hyper(name), value);
        }
    }
}

/// A text that is part of the program is not copied.
#[expect(clippy::ptr_arg, reason = "it matters which of the two it is")]
fn in_hyper(value: &Cow<'static, str>) -> Option<HeaderValue> {
    match value {
        Cow::Borrowed(fixed) => Some(HeaderValue::from_static(fixed)),
        Cow::Owned(made) => HeaderValue::from_str(made).ok(),
    }
}

/// The names of a hit's headers are known: hyper would read each of them again.
fn name_in_hyper(name: &'static str) -> header::HeaderName {
    const CACHE_STATUS: header::HeaderName = header::HeaderName::from_static("cache-status");
    match name {
        "age" => header::AGE,
        "cache-control" => header::CACHE_CONTROL,
        "cache-status" => CACHE_STATUS,
        "content-security-policy" => header::CONTENT_SECURITY_POLICY,
        "etag" => header::ETAG,
        "x-content-type-options" => header::X_CONTENT_TYPE_OPTIONS,
        other => header::HeaderName::from_static(other),
    }
}

struct HyperHeaders<'a>(&'a HeaderMap);

impl Headers for HyperHeaders<'_> {
    fn value_of(&self, name: HeaderName) -> Option<&[u8]> {
        self.0.get(hypers_name(name)).map(HeaderValue::as_bytes)
    }

    fn each_value_of(&self, name: HeaderName, show: &mut dyn FnMut(&[u8])) {
        let values = self.0.get_all(hypers_name(name)).iter();
        values.for_each(|value| show(value.as_bytes()));
    }
}

fn hypers_name(name: HeaderName) -> header::HeaderName {
    const AT_ONCE: header::HeaderName =
        header::HeaderName::from_static(HeaderName::AtOnce.as_str());
    const SEC_FETCH_SITE: header::HeaderName =
        header::HeaderName::from_static(HeaderName::SecFetchSite.as_str());
    const TRACEPARENT: header::HeaderName =
        header::HeaderName::from_static(HeaderName::Traceparent.as_str());
    const TRACESTATE: header::HeaderName =
        header::HeaderName::from_static(HeaderName::Tracestate.as_str());
    match name {
        HeaderName::Accept => header::ACCEPT,
        HeaderName::Authorization => header::AUTHORIZATION,
        HeaderName::AtOnce => AT_ONCE,
        HeaderName::CacheControl => header::CACHE_CONTROL,
        HeaderName::Connection => header::CONNECTION,
        HeaderName::ContentType => header::CONTENT_TYPE,
        HeaderName::Host => header::HOST,
        HeaderName::IfMatch => header::IF_MATCH,
        HeaderName::IfNoneMatch => header::IF_NONE_MATCH,
        HeaderName::Origin => header::ORIGIN,
        HeaderName::SecFetchSite => SEC_FETCH_SITE,
        HeaderName::Traceparent => TRACEPARENT,
        HeaderName::Tracestate => TRACESTATE,
        HeaderName::Via => header::VIA,
    }
}
