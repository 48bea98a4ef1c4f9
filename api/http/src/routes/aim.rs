//! What a request is aimed at, for who passes it on to somebody that answers it.

use std::borrow::Cow;
use std::fmt;

use distcache::{Engine, Keyspace};

use super::place::Place;
use super::{ROOT_KEYSPACE, cachely::OfCachely};
use crate::escapes::decode;
use crate::pairs::Pairs;
use crate::{HeaderName, Request, Right};

/// Whether a request changes anything, and the key that it is about.
#[derive(Debug, Clone)]
pub struct Aim<'a> {
    /// Whether it changes nothing: it may be asked twice, whatever its method is.
    pub is_read: bool,
    /// Whether its answer goes on for as long as somebody listens.
    pub is_stream: bool,
    /// The key that it is about; none if it is about many, or none.
    pub key: Option<AimedKey<'a>>,
}

impl<'a> Aim<'a> {
    /// What a request is aimed at. At a path of which nothing is known, its method alone
    /// tells what it does.
    pub fn of(request: &Request<'a>) -> Self {
        let place = Place::of(request.path);
        let operation = place.and_then(|place| place.route().operation(request.method));
        let is_read = operation.map_or(request.method.is_safe(), |operation| {
            operation.right.is_none_or(|right| right == Right::Read)
        });
        let is_stream = place == Some(Place::Events);
        Self { is_read, is_stream, key: place.and_then(|place| key(place, request.query)) }
    }
}

/// An entry that a request is about.
pub(super) struct Entry<'a> {
    pub(super) keyspace: Keyspace,
    pub(super) key: Cow<'a, [u8]>,
}

impl<'a> Entry<'a> {
    /// That of a request that was passed on by somebody, or is to be answered at once; none if
    /// it is about no key of a keyspace that there is. What other requests are aimed at is read
    /// by who answers them alone.
    pub(super) fn of(engine: &Engine, request: &Request<'a>) -> Option<Self> {
        let has = |name| request.headers.value_of(name).is_some();
        if !has(HeaderName::Via) && !has(HeaderName::AtOnce) {
            return None;
        }
        let AimedKey { keyspace, key } = Aim::of(request).key?;
        let keyspace = engine.keyspace(str::from_utf8(&keyspace).ok()?).ok()?;
        Some(Self { keyspace, key })
    }
}

/// A key in its keyspace, both decoded.
#[derive(Clone)]
pub struct AimedKey<'a> {
    /// The keyspace's name; any bytes, as they were sent.
    pub keyspace: Cow<'a, [u8]>,
    /// The key.
    pub key: Cow<'a, [u8]>,
}

/// Says nothing of what it is.
impl fmt::Debug for AimedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AimedKey").finish_non_exhaustive()
    }
}

/// The keyspace and the key of a place; none also where they are not well-formed, which
/// is for the answer to tell.
fn key<'a>(place: Place<'a>, query: Option<&'a str>) -> Option<AimedKey<'a>> {
    match place {
        Place::Key(keyspace, key, _) | Place::Trace(keyspace, key) | Place::Peer(keyspace, key) => {
            Some(AimedKey { keyspace: decode(keyspace).ok()?, key: decode(key).ok()? })
        }
        Place::Root | Place::Cachely(OfCachely::Get | OfCachely::Set) => {
            let key = Pairs::of(query).ok()?.take("key").ok()??;
            let key = match key {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            };
            Some(AimedKey { keyspace: Cow::Borrowed(ROOT_KEYSPACE.as_bytes()), key })
        }
        Place::Openapi
        | Place::Livez
        | Place::Readyz
        | Place::Metrics
        | Place::Status
        | Place::Limits
        | Place::Members
        | Place::Nodes
        | Place::Events
        | Place::Keyspaces
        | Place::Admin(_)
        | Place::Keyspace(..)
        | Place::Batch(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Method;

    fn of<'a>(method: Method, path: &'a str, query: Option<&'a str>) -> Aim<'a> {
        static NONE: &[(HeaderName, &str)] = &[];
        let (authority, headers, body) = (None, &NONE, Bytes::new());
        Aim::of(&Request { method, authority, path, query, headers, body })
    }

    #[test]
    fn every_way_to_a_key_leads_to_the_same_key() {
        let ways = [
            (Method::Get, "/", Some("key=a%2Fb+c")),
            (Method::Post, "/", Some("key=a%2Fb+c&value=v&ttl=1")),
            (Method::Delete, "/", Some("key=a%2Fb%20c")),
            (Method::Get, "/cache/get", Some("key=a/b+c")),
            (Method::Post, "/cache/set", Some("value=v&key=a/b+c")),
            (Method::Get, "/_distcache/default/a/b%20c", None),
            (Method::Get, "/v1/keyspaces/default/keys/a%2Fb%20c", None),
            (Method::Put, "/v1/keyspaces/%64efault/keys/a%2fb%20c", Some("ttl=1")),
            (Method::Post, "/v1/keyspaces/default/keys/a%2Fb%20c/increment", None),
            (Method::Get, "/v1/trace/default/a%2Fb%20c", None),
        ];
        for (method, path, query) in ways {
            let AimedKey { keyspace, key } = of(method, path, query).key.expect(path);
            assert_eq!((&*keyspace, &*key), (&b"default"[..], &b"a/b c"[..]), "{path}");
        }
    }

    #[test]
    fn what_is_about_no_single_key_or_not_well_formed_has_none() {
        let others = [
            ("/", None),
            ("/", Some("key=%zz")),
            ("/", Some("key=a&key=b")),
            ("/v1/keyspaces/default/keys/%", None),
            ("/v1/keyspaces/default/batch/get", None),
            ("/v1/members", None),
            ("/nothing", Some("key=a")),
        ];
        for (path, query) in others {
            assert!(of(Method::Get, path, query).key.is_none(), "{path}");
        }
    }

    #[test]
    fn a_read_is_what_needs_no_right_to_write() {
        let is_read = |method, path| of(method, path, None).is_read;
        for (method, path) in [
            (Method::Get, "/"),
            (Method::Head, "/v1/keyspaces/a/keys/b"),
            (Method::Post, "/v1/keyspaces/a/batch/get"),
            (Method::Get, "/unknown"),
            (Method::Get, "/livez"),
        ] {
            assert!(is_read(method, path), "{method:?} {path}");
        }
        for (method, path) in [
            (Method::Post, "/"),
            (Method::Put, "/v1/keyspaces/a/keys/b"),
            (Method::Delete, "/v1/keyspaces/a/keys/b"),
            (Method::Post, "/v1/keyspaces/a/keys/b/increment"),
            (Method::Post, "/v1/keyspaces/a/batch/put"),
            (Method::Post, "/unknown"),
        ] {
            assert!(!is_read(method, path), "{method:?} {path}");
        }
        assert!(of(Method::Get, "/v1/events", None).is_stream);
    }
}
