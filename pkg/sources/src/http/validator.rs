//! By what a server knows the value that it has given.

use std::hash::{DefaultHasher, Hash, Hasher};

use distcache::VALIDATOR_BYTES_MAX;
use ureq::http::header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use ureq::http::{HeaderMap, HeaderValue};

/// Whose validators they are, so that one of another source is not taken for
/// one's own:
///
/// 1. A keyspace loads from one server, which says `ETag: "1"`.
/// 2. It is given another server as its source, which has another value, and
///    says `ETag: "1"` too.
/// 3. The value of the first one would be renewed by the second, for ever.
#[derive(Clone, Copy)]
pub(super) struct Mark(u64);

impl Mark {
    /// Of a source that asks by this URL with these headers.
    pub(super) fn new(url: &str, headers: &HeaderMap) -> Self {
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        for (name, value) in headers {
            (name.as_str(), value.as_bytes()).hash(&mut hasher);
        }
        Self(hasher.finish())
    }

    fn text(self) -> String {
        format!("{:016x} ", self.0)
    }

    /// What an answer says its value is known by: the `ETag`, or else the date
    /// of its last change. One that is too long to be kept is none.
    pub(super) fn validator(self, headers: &HeaderMap) -> Option<String> {
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        let changed = headers.get(LAST_MODIFIED).and_then(|date| date.to_str().ok());
        let is_date = |date: &&str| httpdate::parse_http_date(date).is_ok();
        let said = etag.filter(|etag| is_etag(etag)).or(changed.filter(is_date))?;
        Some(self.text() + said).filter(|text| text.len() <= VALIDATOR_BYTES_MAX)
    }

    /// The header that asks whether the value has changed; `None` if the
    /// validator is not one that this source has given.
    pub(super) fn condition(self, validator: &str) -> Option<(HeaderName, HeaderValue)> {
        let said = validator.strip_prefix(&self.text())?;
        let name = if is_etag(said) { IF_NONE_MATCH } else { IF_MODIFIED_SINCE };
        Some((name, HeaderValue::from_str(said).ok()?))
    }
}

/// RFC 9110, 8.8.3, in ASCII.
fn is_etag(text: &str) -> bool {
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &str)| {
            (name.clone(), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    fn asked(lines: &[(HeaderName, &str)]) -> Option<(HeaderName, String)> {
        let mark = Mark::new("http://h/{key}", &HeaderMap::new());
        let (name, value) = mark.condition(&mark.validator(&headers(lines))?).unwrap();
        Some((name, value.to_str().unwrap().to_owned()))
    }

    #[test]
    fn a_value_is_asked_for_by_what_its_server_said_of_it() {
        let etag = |text: &str| Some((IF_NONE_MATCH, text.to_owned()));
        assert_eq!(asked(&[(ETAG, "\"a b\""), (LAST_MODIFIED, "x")]), None, "no spaces");
        assert_eq!(asked(&[(ETAG, "\"1\"")]), etag("\"1\""));
        assert_eq!(asked(&[(LAST_MODIFIED, DATE), (ETAG, "W/\"1\"")]), etag("W/\"1\""));
        let date = Some((IF_MODIFIED_SINCE, DATE.to_owned()));
        assert_eq!(asked(&[(LAST_MODIFIED, DATE), (ETAG, "1")]), date, "it has no quotes");
        assert_eq!(asked(&[]), None);
        let long = format!("\"{}\"", "1".repeat(VALIDATOR_BYTES_MAX));
        assert_eq!(asked(&[(ETAG, &long)]), None);
    }

    #[test]
    fn the_validator_of_another_source_is_none() {
        let mark = Mark::new("http://h/{key}", &HeaderMap::new());
        let validator = mark.validator(&headers(&[(ETAG, "\"1\"")])).unwrap();
        let others = [
            Mark::new("http://h/2/{key}", &HeaderMap::new()),
            Mark::new("http://h/{key}", &headers(&[(ETAG, "x")])),
        ];
        assert!(others.iter().all(|other| other.condition(&validator).is_none()));
        assert!(mark.condition("\"1\"").is_none());
    }
}
