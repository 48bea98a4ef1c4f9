//! An answer at once, or the word that it takes longer: for who sends many requests on one
//! connection, where each that is waited for holds up those behind it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use distcache::codes;

use super::aim::Entry;
use crate::{HeaderName, Method, Problem, Request, Response};

/// The header by which a GET or HEAD asks for its answer at once, with a body of so many
/// bytes at most, or for 503: a value comes if it is here, and nothing is loaded. What is no
/// number asks for nothing.
pub const AT_ONCE_HEADER: &str = HeaderName::AtOnce.as_str();

/// The answer; none if it was to come at once, and does not.
pub(super) async fn or_later(
    entry: Option<&Entry<'_>>,
    request: &Request<'_>,
    answering: impl Future<Output = Response>,
) -> Option<Response> {
    let Some(body_bytes_max) = asked(request) else { return Some(answering.await) };
    if let Some(entry) = entry
        && !is_here(entry, request.method, body_bytes_max).await
    {
        return None;
    }
    // It may have gone meanwhile.
    let response = if_ready(answering).await?;
    let body_bytes = response.body().whole_bytes();
    let is_short = body_bytes.is_some_and(|bytes| bytes <= body_bytes_max);
    (is_short || request.method == Method::Head).then_some(response)
}

/// What is said instead.
pub(super) fn later() -> Response {
    Problem::new(503, codes::NOT_AT_ONCE).into_response()
}

/// How long the body may be of an answer that must come at once.
fn asked(request: &Request<'_>) -> Option<usize> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return None;
    }
    let value = str::from_utf8(request.headers.value_of(HeaderName::AtOnce)?).ok()?;
    value.parse().ok()
}

/// Whether an entry is here, and its value no longer than it may be.
///
/// 1. A missing key is asked for at once. That is a miss, and counted.
/// 2. It is not there at once, and asked for again: one more miss.
/// 3. Of ten reads of which one missed there are told eleven, of which two did.
///
/// So it is looked first, which counts for nothing.
async fn is_here(entry: &Entry<'_>, method: Method, value_bytes_max: usize) -> bool {
    match if_ready(entry.keyspace.peek_async(&entry.key)).await {
        Some(Ok(Some(found))) => method == Method::Head || found.len() <= value_bytes_max,
        Some(Ok(None) | Err(_)) | None => false,
    }
}

/// What it comes to, if nothing has to be waited for.
async fn if_ready<T>(coming: impl Future<Output = T>) -> Option<T> {
    let mut coming = pin!(coming);
    let looked = poll_fn(|cx| Poll::Ready(coming.as_mut().poll(cx))).await;
    match looked {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::{Context, Waker};

    use bytes::Bytes;

    use super::*;

    /// Whether there is an answer; `None` while it is waited for.
    fn told(
        method: Method,
        value: &'static str,
        answering: impl Future<Output = Response>,
    ) -> Option<bool> {
        let headers: &[_] = &[(HeaderName::AtOnce, value)];
        let (authority, path, query, body) = (None, "/livez", None, Bytes::new());
        let request = Request { method, authority, path, query, headers: &headers, body };
        let answer = pin!(or_later(None, &request, answering));
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer.is_some()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_answer_that_takes_longer_or_is_longer_is_not_waited_for() {
        let five = || ready(Response::octets(Bytes::from_static(b"value")));
        for (value, expected) in [("5", true), ("4", false), ("0", false), ("65536", true)] {
            assert_eq!(told(Method::Get, value, five()), Some(expected), "{value}");
            assert_eq!(told(Method::Head, value, five()), Some(true), "it has no body");
        }
        assert_eq!(told(Method::Get, "65536", pending()), Some(false));
    }

    #[test]
    fn what_is_no_number_or_no_read_asks_for_nothing() {
        for value in ["", "now", "-1", "5 bytes", "99999999999999999999999"] {
            assert_eq!(told(Method::Get, value, pending()), None, "{value}");
        }
        for method in [Method::Put, Method::Post, Method::Delete, Method::Patch] {
            assert_eq!(told(method, "5", pending()), None, "{method:?}");
        }
    }
}
