//! A request on its way to a member.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use distcache::codes;
use distcache_http::{HeaderName, Method, Problem, Request};
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method as HyperMethod, Request as HyperRequest, Uri};

use crate::member::Member;

/// What a member reads of a client's headers: these go on, and no other does. So nothing
/// does that is between two neighbours.
///
/// Not `Host`: a member is called by its own name, and our door has judged the client's.
/// Nor `Origin` and `Sec-Fetch-Site`, by which that door tells pages of other sites: to a
/// member, our own name would be that of another site. And no `Forwarded`: no member
/// asks who the client is, and a client could write what it likes there.
const PASSED_ON: [(HeaderName, header::HeaderName); 8] = [
    (HeaderName::Accept, header::ACCEPT),
    (HeaderName::Authorization, header::AUTHORIZATION),
    (HeaderName::CacheControl, header::CACHE_CONTROL),
    (HeaderName::ContentType, header::CONTENT_TYPE),
    (HeaderName::IfMatch, header::IF_MATCH),
    (HeaderName::IfNoneMatch, header::IF_NONE_MATCH),
    (HeaderName::Traceparent, header::HeaderName::from_static("traceparent")),
    (HeaderName::Tracestate, header::HeaderName::from_static("tracestate")),
];

/// The name of this balancer in `Via`: one of its own, so that it knows what it has sent
/// itself.
#[derive(Debug, Clone)]
pub(crate) struct Pseudonym(String);

impl Pseudonym {
    pub(crate) fn random() -> Self {
        // The standard library's keys are drawn at random.
        let number = RandomState::new().hash_one("distcache-balancer");
        Self(format!("1.1 distcache-{:08x}", number >> 32))
    }

    /// As a line of `Via`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request that may be sent to several members, one after the other.
pub(crate) struct Outbound {
    pub(crate) method: Method,
    hyper_method: HyperMethod,
    target: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Outbound {
    /// What goes on of a client's request.
    pub(crate) fn of(request: &Request<'_>, own: &Pseudonym) -> Result<Self, Problem> {
        let Some(hyper_method) = hypers(request.method) else {
            let known = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            return Err(Problem::new(405, codes::METHOD_NOT_ALLOWED).header("allow", known));
        };
        Ok(Self {
            method: request.method,
            hyper_method,
            target: target(request)?,
            headers: headers(request, own)?,
            body: request.body.clone(),
        })
    }

    /// The same for one member.
    pub(crate) fn to(&self, member: &Member) -> HyperRequest<Full<Bytes>> {
        let mut request = HyperRequest::new(Full::new(self.body.clone()));
        *request.method_mut() = self.hyper_method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(header::HOST, member.host.clone());
        request
    }
}

fn hypers(method: Method) -> Option<HyperMethod> {
    match method {
        Method::Get => Some(HyperMethod::GET),
        Method::Head => Some(HyperMethod::HEAD),
        Method::Post => Some(HyperMethod::POST),
        Method::Put => Some(HyperMethod::PUT),
        Method::Patch => Some(HyperMethod::PATCH),
        Method::Delete => Some(HyperMethod::DELETE),
        Method::Options => Some(HyperMethod::OPTIONS),
        Method::Other => None,
    }
}

/// The path and query as they came: nothing is decoded, so nothing can become something
/// else.
fn target(request: &Request<'_>) -> Result<Uri, Problem> {
    let target = match request.query {
        Some(query) => PathAndQuery::try_from([request.path, "?", query].concat()),
        None => PathAndQuery::try_from(request.path),
    };
    target.map(Uri::from).map_err(|error| {
        Problem::new(400, codes::FRAMING_INVALID).detail(format!("the target: {error}"))
    })
}

fn headers(request: &Request<'_>, own: &Pseudonym) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::with_capacity(PASSED_ON.len() + 2);
    for (name, hypers) in PASSED_ON {
        if is_named(request, name) {
            continue;
        }
        request.headers.each_value_of(name, &mut |value| {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(hypers.clone(), value);
            }
        });
    }
    headers.append(header::VIA, via(request, own)?);
    Ok(headers)
}

/// Whether a header is one between the client and us, because `Connection` names it.
fn is_named(request: &Request<'_>, name: HeaderName) -> bool {
    let mut is_named = false;
    request.headers.each_value_of(HeaderName::Connection, &mut |value| {
        let mut options = value.split(|byte| *byte == b',');
        let is_it =
            |option: &[u8]| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes());
        is_named |= options.any(is_it);
    });
    is_named
}

/// The way of the request until here, and us.
///
/// # Errors
/// 508, if we are on it already.
fn via(request: &Request<'_>, own: &Pseudonym) -> Result<HeaderValue, Problem> {
    let mut way = Vec::new();
    request.headers.each_value_of(HeaderName::Via, &mut |value| {
        way.extend_from_slice(value);
        way.extend_from_slice(b", ");
    });
    let own = own.as_str().as_bytes();
    if way.windows(own.len()).any(|part| part == own) {
        return Err(Problem::new(508, codes::BALANCER_LOOP));
    }
    way.extend_from_slice(own);
    HeaderValue::from_bytes(&way)
        .map_err(|error| Problem::new(400, codes::FRAMING_INVALID).detail(format!("Via: {error}")))
}
