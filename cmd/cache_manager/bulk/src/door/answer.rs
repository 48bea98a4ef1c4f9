//! What the server said.

use std::time::Duration;

use distcache::{Code, codes};
use serde::Deserialize;
use ureq::http::{HeaderMap, HeaderName, header};

use crate::fault::code_of;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const PROBLEM: &str = "application/problem+json";

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What went wrong, if the server has said so.
    pub(crate) code: Option<Code>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) content_type: Option<String>,
    pub(crate) cache_status: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// As much of a problem (RFC 9457) as is of use.
#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl Answer {
    pub(super) fn new(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let content_type = text(header::CONTENT_TYPE);
        let is_problem = content_type.as_deref() == Some(PROBLEM);
        // A value may be such a document as well.
        let problem = (400 <= status && is_problem).then(|| serde_json::from_slice(&body));
        let code = problem.and_then(Result::ok).and_then(|Problem { code }| code_of(&code));
        // A date, which a proxy may send, is left to our own pauses.
        let retry_after = text(header::RETRY_AFTER).and_then(|text| text.parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        Self { status, code, retry_after, content_type, cache_status: text(CACHE_STATUS), body }
    }

    /// Whether the same request may go well later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self.status {
            429 | 502 | 503 => true,
            504 => self.code != Some(codes::NOT_CACHED),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), value.parse().expect("a value of a header"))
        });
        Answer::new(status, &headers.collect(), body.into())
    }

    #[test]
    fn the_code_of_a_problem_is_known_and_a_value_is_none() {
        let problem = [("content-type", PROBLEM)];
        let document = r#"{"code":"DC-201","detail":"..."}"#;
        assert_eq!(answer(404, &problem, document).code, Some(codes::NOT_FOUND));
        assert_eq!(answer(200, &problem, document).code, None);
        assert_eq!(answer(404, &problem, "nothing").code, None);
        assert_eq!(answer(404, &[("content-type", "text/html")], document).code, None);
    }

    #[test]
    fn what_may_go_well_later_is_told_from_what_never_will() {
        let busy = answer(503, &[("retry-after", "3")], "");
        assert!(busy.is_temporary());
        assert_eq!(busy.retry_after, Some(Duration::from_secs(3)));
        let not_cached = answer(504, &[("content-type", PROBLEM)], r#"{"code":"DC-229"}"#);
        assert!(!not_cached.is_temporary() && answer(504, &[], "").is_temporary());
        for status in [200, 204, 400, 404, 413, 500] {
            assert!(!answer(status, &[], "").is_temporary(), "{status}");
        }
    }
}
