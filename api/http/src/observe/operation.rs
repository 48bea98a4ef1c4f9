//! What kind of request one is: few kinds, so that each can be counted.

use crate::segments::segments;
use crate::{Method, Request};

/// The kinds. Every request is of one, whatever is at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Read a key.
    Get,
    /// Write a key.
    Put,
    /// Forget a key.
    Delete,
    /// Something else of a keyspace, or of all.
    Keyspaces,
    /// Ask how the server is.
    Observe,
    /// None of these.
    Other,
}

impl Operation {
    pub(crate) const ALL: [Self; 6] =
        [Self::Get, Self::Put, Self::Delete, Self::Keyspaces, Self::Observe, Self::Other];

    pub(crate) fn of(request: &Request<'_>) -> Self {
        match request.path {
            "/" | "/cache/get" | "/cache/set" => Self::of_key(request.method),
            "/livez" | "/readyz" | "/metrics" => Self::Observe,
            path if path.starts_with("/_distcache/admin/") => Self::Observe,
            path if path.starts_with("/_distcache/") => Self::of_key(request.method),
            path => match path.strip_prefix("/v1") {
                Some(path) => Self::of_v1(path, request.method),
                None => Self::Other,
            },
        }
    }

    fn of_v1(path: &str, method: Method) -> Self {
        let mut segments = segments(path);
        match segments.next() {
            Some("keyspaces") => {}
            Some(_) => return Self::Observe,
            None => return Self::Other,
        }
        // `/{ks}/keys/{key}`, and nothing behind it.
        let _keyspace = segments.next();
        match (segments.next(), segments.next(), segments.next()) {
            (Some("keys"), Some(_), None) => Self::of_key(method),
            _ => Self::Keyspaces,
        }
    }

    fn of_key(method: Method) -> Self {
        match method {
            Method::Get | Method::Head => Self::Get,
            Method::Post | Method::Put | Method::Patch => Self::Put,
            Method::Delete => Self::Delete,
            Method::Options | Method::Other => Self::Other,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Delete => "delete",
            Self::Keyspaces => "keyspaces",
            Self::Observe => "observe",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::HeaderName;

    #[test]
    fn each_path_and_method_is_of_one_kind() {
        let none: &[(HeaderName, &str)] = &[];
        let of = |method, path| {
            let (authority, query, body) = (None, None, Bytes::new());
            Operation::of(&Request { method, authority, path, query, headers: &none, body })
        };
        for (method, path, expected) in [
            (Method::Get, "/", Operation::Get),
            (Method::Post, "/", Operation::Put),
            (Method::Delete, "/v1/keyspaces/a/keys/b", Operation::Delete),
            (Method::Head, "/v1/keyspaces/a/keys/b", Operation::Get),
            (Method::Get, "/v1/keyspaces/keys/keys/keys", Operation::Get),
            (Method::Get, "/v1/keyspaces/a/keys/b/c", Operation::Keyspaces),
            (Method::Get, "/v1/keyspaces/a/keys", Operation::Keyspaces),
            (Method::Get, "/v1/keyspaces", Operation::Keyspaces),
            (Method::Get, "/v1/trace/a/b", Operation::Observe),
            (Method::Get, "/v1/events", Operation::Observe),
            (Method::Post, "/v1/keyspaces/a/batch/get", Operation::Keyspaces),
            (Method::Get, "/_distcache/a/b", Operation::Get),
            (Method::Get, "/_distcache/admin/peers", Operation::Observe),
            (Method::Get, "/metrics", Operation::Observe),
            (Method::Post, "/cache/set", Operation::Put),
            (Method::Get, "/nowhere", Operation::Other),
            (Method::Options, "/", Operation::Other),
        ] {
            assert_eq!(of(method, path), expected, "{method:?} {path}");
        }
    }
}
