//! Scheme, host and port: whom a source speaks to.

use std::fmt;

use ureq::http::Uri;
use ureq::http::uri::{Authority, Scheme};

use super::HttpError;

/// Scheme, host and port. A source speaks to one of them and to no other.
#[derive(Clone)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// That of a URL; `None` if it is none of HTTP, or names a user.
    pub(super) fn of(url: &Uri) -> Option<Self> {
        let (scheme, authority) = (url.scheme()?, url.authority()?);
        let is_http = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        let host = authority.host();
        let whole = authority.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        // Neither a user before the host, nor what is no port behind it.
        let is_plain = !host.is_empty() && authority.as_str() == whole;
        (is_http && is_plain).then(|| Self { scheme: scheme.clone(), authority: authority.clone() })
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    pub(super) fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(default)
    }

    /// Whether it is the same server, by RFC 6454.
    fn is(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.authority.host().eq_ignore_ascii_case(other.authority.host())
            && self.port() == other.port()
    }

    /// Where a redirect from one URL of this origin leads. What a browser would
    /// follow to another server is an error here: it would be told the headers
    /// of this source, and its values would be taken for this server's.
    pub(super) fn redirected(&self, from: &Uri, location: &str) -> Result<Uri, HttpError> {
        let location = location.split('#').next().unwrap_or("");
        let url: Uri = self.absolute(from, location).parse().map_err(|_no_url| broken())?;
        let to = Self::of(&url).ok_or_else(broken)?;
        if to.is(self) { Ok(url) } else { Err(HttpError::Elsewhere { to: to.to_string() }) }
    }

    /// RFC 3986, 5.2, for what follows HTTP's URLs. Dots in a path are left to
    /// the server.
    fn absolute(&self, from: &Uri, location: &str) -> String {
        let path = from.path();
        let directory = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        match location {
            _ if has_scheme(location) => location.to_owned(),
            _ if location.starts_with("//") => format!("{}:{location}", self.scheme),
            _ if location.starts_with('/') => format!("{self}{location}"),
            _ if location.starts_with('?') => format!("{self}{path}{location}"),
            _ => format!("{self}{directory}{location}"),
        }
    }
}

fn broken() -> HttpError {
    HttpError::Malformed { reason: "its redirect leads to no URL".to_owned() }
}

fn has_scheme(location: &str) -> bool {
    let colon = location.find(':');
    let rest = location.find(['/', '?']).unwrap_or(location.len());
    colon.is_some_and(|colon| colon < rest)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(from: &str, location: &str) -> Result<String, HttpError> {
        let from: Uri = from.parse().unwrap();
        let origin = Origin::of(&from).unwrap();
        origin.redirected(&from, location).map(|url| url.to_string())
    }

    #[test]
    fn a_redirect_is_followed_within_its_origin() {
        let from = "http://api.local:80/users/7?full=1";
        for (location, to) in [
            ("/people/7", "http://api.local:80/people/7"),
            ("8?a=b#c", "http://api.local:80/users/8?a=b"),
            ("?full=0", "http://api.local:80/users/7?full=0"),
            ("a:b/c", "error"),
            ("./a:b", "http://api.local:80/users/./a:b"),
            ("//API.local/x", "http://API.local/x"),
            ("http://api.local/x", "http://api.local/x"),
        ] {
            assert_eq!(redirected(from, location).unwrap_or("error".to_owned()), to, "{location}");
        }
    }

    #[test]
    fn a_redirect_to_another_origin_is_an_error_that_names_only_that() {
        for (location, to) in [
            ("http://other.local/secret", "http://other.local"),
            ("//other.local/secret", "http://other.local"),
            ("https://api.local/secret", "https://api.local"),
            ("http://api.local:81/secret", "http://api.local:81"),
            ("http://api.local.evil/secret", "http://api.local.evil"),
        ] {
            let error = redirected("http://api.local/users/7", location).unwrap_err();
            assert_eq!(error, HttpError::Elsewhere { to: to.to_owned() });
        }
        let with_user = redirected("http://api.local/users/7", "http://api.local@evil/");
        assert!(matches!(with_user, Err(HttpError::Malformed { .. })));
    }
}
