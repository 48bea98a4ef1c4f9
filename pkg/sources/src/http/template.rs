//! Where a key's value is: a URL with a place for the key.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use ureq::http::Uri;

use super::{HttpConfigError, HttpError, Origin};

/// Where the key comes.
const PLACE: &str = "{key}";

/// The longest URL, in bytes: what RFC 9110 (4.1) asks every server to take.
const URL_BYTES_MAX: usize = 8_000;

/// What stands for itself in a URL (RFC 3986, 2.3). All else of a key is
/// escaped, so that none of it is a part of the URL's structure.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL with a place for the key, in the path or in the query.
#[derive(Clone)]
pub(super) struct Template {
    origin: Origin,
    before: String,
    after: String,
    /// What stands beside the key in its segment of the path; `None` in a query.
    segment: Option<(String, String)>,
}

impl Template {
    pub(super) fn parse(url: &str) -> Result<Self, HttpConfigError> {
        let (before, after) = url.split_once(PLACE).ok_or(HttpConfigError::Place)?;
        if [before, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(HttpConfigError::Place);
        }
        if url.contains('#') || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HttpConfigError::Url);
        }
        let example: Uri =
            format!("{before}k{after}").parse().map_err(|_no_url| HttpConfigError::Url)?;
        let origin = Origin::of(&example).ok_or(HttpConfigError::Url)?;
        // The key could name a host of its choice there: `http://{key}/`.
        let path = before.split_once("://").and_then(|(_, rest)| rest.find(['/', '?']));
        path.ok_or(HttpConfigError::Host)?;
        let segment = (!before.contains('?')).then(|| segment(before, after));
        Ok(Self { origin, before: before.to_owned(), after: after.to_owned(), segment })
    }

    /// Scheme, host and port: the same for every key.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The URL of a key.
    pub(super) fn fill(&self, key: &[u8]) -> Result<Uri, HttpError> {
        let key = percent_encode(key, ESCAPED).to_string();
        if let Some((before, after)) = &self.segment
            && matches!(&*format!("{before}{key}{after}"), "" | "." | "..")
        {
            return Err(HttpError::Key { reason: "it would lead to another place of the path" });
        }
        let url = format!("{}{key}{}", self.before, self.after);
        if URL_BYTES_MAX < url.len() {
            return Err(HttpError::Key { reason: "its URL would have more than 8,000 bytes" });
        }
        url.parse().map_err(|_no_url| HttpError::Key { reason: "it makes no URL" })
    }
}

/// What stands beside the key between two slashes. `%2e` is a dot to whoever
/// looks for `..` (WHATWG URL, "double-dot URL path segment").
fn segment(before: &str, after: &str) -> (String, String) {
    let dots = |text: &str| text.replace("%2e", ".").replace("%2E", ".");
    let before = before.rsplit('/').next().unwrap_or("");
    let after = after.split(['/', '?']).next().unwrap_or("");
    (dots(before), dots(after))
}

impl fmt::Debug for Template {
    /// The origin only: there may be a secret in the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(template: &str, key: &[u8]) -> String {
        Template::parse(template).unwrap().fill(key).unwrap().to_string()
    }

    #[test]
    fn a_key_is_one_segment_of_the_path_whatever_its_bytes() {
        let users = "http://api.local:8080/users/{key}.json?full=1";
        let url = |key: &[u8]| url(users, key);
        assert_eq!(url(b"42"), "http://api.local:8080/users/42.json?full=1");
        assert_eq!(url(b"../admin"), "http://api.local:8080/users/..%2Fadmin.json?full=1");
        assert_eq!(
            url(b"a b+c?d#e%2F"),
            "http://api.local:8080/users/a%20b%2Bc%3Fd%23e%252F.json?full=1"
        );
        assert_eq!(url(b"\0\xFF\\@:"), "http://api.local:8080/users/%00%FF%5C%40%3A.json?full=1");
        assert_eq!(url("é".as_bytes()), "http://api.local:8080/users/%C3%A9.json?full=1");
        assert_eq!(url(b".."), "http://api.local:8080/users/...json?full=1");
    }

    #[test]
    fn a_key_is_one_value_of_the_query() {
        let url = |key: &[u8]| url("https://api.local?id={key}&full=1", key);
        assert_eq!(url(b"a&id=b"), "https://api.local/?id=a%26id%3Db&full=1");
        assert_eq!(url(b".."), "https://api.local/?id=..&full=1");
        assert_eq!(url(b""), "https://api.local/?id=&full=1");
    }

    #[test]
    fn a_key_that_would_lead_to_another_place_of_the_path_is_refused() {
        let bad: [(&str, &[u8]); 7] = [
            ("http://h/a/{key}", b""),
            ("http://h/a/{key}", b"."),
            ("http://h/a/{key}", b".."),
            ("http://h/a/{key}/b?c={d}", b".."),
            ("http://h/a/.{key}", b"."),
            ("http://h/a/{key}.", b"."),
            ("http://h/a/%2E{key}?b", b"."),
        ];
        for (template, key) in bad {
            let template = Template::parse(&template.replace("{d}", "d")).unwrap();
            let refused = template.fill(key).unwrap_err();
            let reason = "it would lead to another place of the path";
            assert_eq!(refused, HttpError::Key { reason });
        }
        assert_eq!(url("http://h/a/.{key}", b".."), "http://h/a/...");
    }

    #[test]
    fn a_key_is_refused_that_makes_its_url_too_long() {
        let template = Template::parse("http://host/{key}").unwrap();
        let fits = URL_BYTES_MAX - "http://host/".len();
        assert!(template.fill(&vec![b'a'; fits]).is_ok());
        assert!(template.fill(&vec![b'a'; fits + 1]).is_err());
        assert!(template.fill(&vec![0; fits / 3 + 1]).is_err(), "escapes are three bytes long");
    }

    #[test]
    fn a_template_that_is_none_is_refused() {
        let refused = |template: &str| Template::parse(template).expect_err("refused");
        for template in ["http://h/", "http://h/{key}/{key}", "http://h/{id}", "http://h/{key}{"] {
            assert_eq!(refused(template), HttpConfigError::Place, "{template}");
        }
        for template in ["http://{key}/", "http://h:{key}/a", "{key}://h/", "http://{key}"] {
            let refused = refused(template);
            let is_told = matches!(refused, HttpConfigError::Host | HttpConfigError::Url);
            assert!(is_told, "{template}: {refused}");
        }
        for template in [
            "/{key}",
            "h/{key}",
            "ftp://h/{key}",
            "http:///{key}",
            "http://h/{key}#a",
            "http://h/a b/{key}",
            "http://h/é/{key}",
            "http://user:secret@h/{key}",
            "http://h\n/{key}",
        ] {
            assert_eq!(refused(template), HttpConfigError::Url, "{template}");
        }
    }

    #[test]
    fn debug_shows_no_path_and_no_query() {
        let template = Template::parse("https://h/secret/{key}?token=secret").unwrap();
        let shown = format!("{template:?}");
        assert!(shown.contains("https://h") && !shown.contains("secret"), "{shown}");
    }
}
