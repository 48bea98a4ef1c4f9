//! A request as a handler sees it, whichever server read it.

use std::fmt;

use bytes::Bytes;

/// One request, its body already collected.
#[derive(Clone)]
pub struct Request<'a> {
    /// What to do.
    pub method: Method,
    /// The host and port of an absolute URL in the request line; nearly always none.
    pub authority: Option<&'a str>,
    /// The path as it was sent.
    pub path: &'a str,
    /// What follows the `?`, undecoded.
    pub query: Option<&'a str>,
    /// The headers, wherever the server keeps them.
    pub headers: &'a (dyn Headers + Sync),
    /// The body; empty when there is none.
    pub body: Bytes,
}

/// Says nothing of the path, the query, the headers and the body: they hold keys and
/// values.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The methods that any path here tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Read, and leave out the body of the answer; the doors do that.
    Head,
    /// Do something; on `/`, insert or update.
    Post,
    /// Insert or replace.
    Put,
    /// Change in part.
    Patch,
    /// Remove.
    Delete,
    /// Ask which methods there are.
    Options,
    /// Any other; every path refuses it.
    Other,
}

impl Method {
    /// The method of a request line. Names are case-sensitive (RFC 9110, 9.1).
    pub fn of(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }

    /// Its name in a request line; none of its own has one that no path knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "",
        }
    }

    /// Whether the request changes nothing.
    pub fn is_safe(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options => true,
            Self::Post | Self::Put | Self::Patch | Self::Delete | Self::Other => false,
        }
    }
}

/// The headers that any service here reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderName {
    /// `Accept`
    Accept,
    /// `Authorization`
    Authorization,
    /// [`AT_ONCE_HEADER`](crate::AT_ONCE_HEADER)
    AtOnce,
    /// `Cache-Control`
    CacheControl,
    /// `Connection`
    Connection,
    /// `Content-Type`
    ContentType,
    /// `Host`
    Host,
    /// `If-Match`
    IfMatch,
    /// `If-None-Match`
    IfNoneMatch,
    /// `Origin`
    Origin,
    /// `Sec-Fetch-Site`
    SecFetchSite,
    /// `Traceparent`
    Traceparent,
    /// `Tracestate`
    Tracestate,
    /// `Via`
    Via,
}

impl HeaderName {
    /// Each of them, in the order of their numbers.
    #[cfg(feature = "hyper")]
    pub(crate) const ALL: [Self; 14] = [
        Self::Accept,
        Self::Authorization,
        Self::AtOnce,
        Self::CacheControl,
        Self::Connection,
        Self::ContentType,
        Self::Host,
        Self::IfMatch,
        Self::IfNoneMatch,
        Self::Origin,
        Self::SecFetchSite,
        Self::Traceparent,
        Self::Tracestate,
        Self::Via,
    ];

    /// The name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Authorization => "authorization",
            Self::AtOnce => "distcache-at-once",
            Self::CacheControl => "cache-control",
            Self::Connection => "connection",
            Self::ContentType => "content-type",
            Self::Host => "host",
            Self::IfMatch => "if-match",
            Self::IfNoneMatch => "if-none-match",
            Self::Origin => "origin",
            Self::SecFetchSite => "sec-fetch-site",
            Self::Traceparent => "traceparent",
            Self::Tracestate => "tracestate",
            Self::Via => "via",
        }
    }
}

/// A look into the server's own header table, so that nobody copies it.
pub trait Headers {
    /// The value of the first header of this name, without the blanks around it.
    fn value_of(&self, name: HeaderName) -> Option<&[u8]>;

    /// Shows the value of each header of this name, in their order: those that
    /// hold a list may come as several (RFC 9110, 5.3).
    fn each_value_of(&self, name: HeaderName, show: &mut dyn FnMut(&[u8]));
}

/// A fixed list, for tests and for callers without a server.
impl Headers for &[(HeaderName, &str)] {
    fn value_of(&self, name: HeaderName) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }

    fn each_value_of(&self, name: HeaderName, show: &mut dyn FnMut(&[u8])) {
        let same = self.iter().filter(|(known, _)| *known == name);
        same.for_each(|(_, value)| show(value.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key_and_no_value() {
        let request = Request {
            method: Method::Put,
            authority: None,
            path: "/v1/keyspaces/default/keys/secret",
            query: Some("key=secret"),
            headers: &[(HeaderName::Authorization, "Bearer secret")].as_slice(),
            body: Bytes::from_static(b"secret"),
        };
        assert_eq!(format!("{request:?}"), "Request { method: Put, body_bytes: 6, .. }");
    }
}
