//! What went wrong, as the client reads it: RFC 9457.

use std::borrow::Cow;

use bytes::Bytes;
use distcache::codes::Code;
use serde::Serialize;

use crate::Response;

/// An error answer, `application/problem+json`.
///
/// ```json
/// {"type":"/errors#DC-204","title":"The query has no `key`, or an empty one.",
///  "status":400,"detail":"the query is empty","code":"DC-204","remedy":"Add `?key=K`."}
/// ```
///
/// It may name a key to the client that sent it; it never repeats a value.
/// See [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    code: Code,
    detail: Option<Cow<'static, str>>,
    headers: Vec<(&'static str, Cow<'static, str>)>,
}

impl Problem {
    /// A problem of this status and code.
    pub fn new(status: u16, code: Code) -> Self {
        Self { status, code, detail: None, headers: Vec::new() }
    }

    /// Says what was wrong in this one request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when it is worth trying again, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header("retry-after", seconds.to_string())
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Bytes {
        let code = self.code.to_string();
        let members = Members {
            kind: format!("/errors#{code}"),
            title: self.code.meaning(),
            status: self.status,
            detail: self.detail.as_deref(),
            code,
            remedy: self.code.remedy(),
        };
        let mut document = serde_json::to_vec(&members).unwrap_or_default();
        document.push(b'\n');
        document.into()
    }

    /// The answer.
    pub fn into_response(self) -> Response {
        let body = self.to_json();
        let plain = Response::of_type(self.status, "application/problem+json", body);
        self.headers
            .into_iter()
            .fold(plain, |response, (name, value)| response.with_header(name, value))
    }
}

#[derive(Serialize)]
struct Members<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    code: String,
    remedy: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use distcache::codes;

    #[test]
    fn a_problem_has_the_members_of_rfc_9457_with_code_and_remedy() {
        let problem = Problem::new(400, codes::KEY_MISSING).detail("the query is empty");
        let json: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "/errors#DC-204",
                "title": codes::KEY_MISSING.meaning(),
                "status": 400,
                "detail": "the query is empty",
                "code": "DC-204",
                "remedy": codes::KEY_MISSING.remedy(),
            })
        );
    }

    #[test]
    fn its_headers_reach_the_answer() {
        let response = Problem::new(503, codes::OVERLOADED).retry_after(1).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.content_type().unwrap(), "application/problem+json");
        assert_eq!(response.headers(), [("retry-after", "1".into())]);
    }
}
