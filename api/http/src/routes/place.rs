//! What a path names.
//!
//! A path is taken apart at its slashes before anything is decoded, so that a
//! keyspace or a key may hold any byte: a slash is written `%2F`, a plus may be
//! written as it is, and neither `.` nor `..` nor an empty segment is folded.

use super::admin::OfAdmin;
use super::cachely::OfCachely;
use super::table::{self, Route};
use super::v1::{OfBatch, OfKeyspace};
use crate::segments::segments;

/// What a path names; its variable segments are still escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Root,
    Openapi,
    Livez,
    Readyz,
    Metrics,
    Status,
    Limits,
    /// A keyspace and a key.
    Trace(&'a str, &'a str),
    Members,
    Nodes,
    Events,
    Keyspaces,
    /// A keyspace, and a key that may have slashes.
    Peer(&'a str, &'a str),
    Admin(OfAdmin),
    Cachely(OfCachely),
    /// A keyspace, and what of it.
    Keyspace(&'a str, OfKeyspace),
    /// A keyspace, and what is done to many of its keys.
    Batch(&'a str, OfBatch),
    /// A keyspace, a key, and what of it.
    Key(&'a str, &'a str, OfKey),
}

/// What of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfKey {
    Value,
    Ttl,
    Touch,
    Increment,
    Invalidate,
}

/// The slashes of the deepest path, and one more to see that there is none.
const SEGMENTS_MAX: usize = 7;

impl<'a> Place<'a> {
    /// The place of a path; `None` if there is nothing.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if let Some(path) = path.strip_prefix("/_distcache/") {
            return Self::of_peer(path);
        }
        let mut parts = [""; SEGMENTS_MAX];
        let mut count = 0;
        for segment in segments(path) {
            *parts.get_mut(count)? = segment;
            count += 1;
        }
        match parts[..count] {
            [""] => Some(Self::Root),
            ["openapi.json"] => Some(Self::Openapi),
            ["livez"] => Some(Self::Livez),
            ["metrics"] => Some(Self::Metrics),
            ["readyz"] => Some(Self::Readyz),
            ["v1", ref rest @ ..] => Self::of_v1(rest),
            ["cache", "get"] => Some(Self::Cachely(OfCachely::Get)),
            ["cache", "set"] => Some(Self::Cachely(OfCachely::Set)),
            _ => None,
        }
    }

    /// The admin routes first: of a keyspace `admin`, the keys of these names are
    /// read under `/v1`.
    fn of_peer(path: &'a str) -> Option<Self> {
        match path {
            "admin/peers" => Some(Self::Admin(OfAdmin::Peers)),
            "admin/keyspaces" => Some(Self::Admin(OfAdmin::Keyspaces)),
            "admin/healthz" => Some(Self::Admin(OfAdmin::Healthz)),
            "admin/readyz" => Some(Self::Admin(OfAdmin::Readyz)),
            _ => path.split_once('/').map(|(keyspace, key)| Self::Peer(keyspace, key)),
        }
    }

    fn of_v1(segments: &[&'a str]) -> Option<Self> {
        match *segments {
            ["keyspaces"] => Some(Self::Keyspaces),
            ["keyspaces", keyspace] => Some(Self::Keyspace(keyspace, OfKeyspace::Itself)),
            ["keyspaces", keyspace, verb] => {
                let of_keyspace = match verb {
                    "clear" => OfKeyspace::Clear,
                    "scan" => OfKeyspace::Scan,
                    "invalidate" => OfKeyspace::Invalidate,
                    "stats" => OfKeyspace::Stats,
                    "hot" => OfKeyspace::Hot,
                    _ => return None,
                };
                Some(Self::Keyspace(keyspace, of_keyspace))
            }
            ["keyspaces", keyspace, "batch", "get"] => Some(Self::Batch(keyspace, OfBatch::Get)),
            ["keyspaces", keyspace, "batch", "put"] => Some(Self::Batch(keyspace, OfBatch::Put)),
            ["keyspaces", keyspace, "batch", "delete"] => {
                Some(Self::Batch(keyspace, OfBatch::Delete))
            }
            ["keyspaces", keyspace, "keys", key] => Some(Self::Key(keyspace, key, OfKey::Value)),
            ["keyspaces", keyspace, "keys", key, verb] => {
                Some(Self::Key(keyspace, key, OfKey::of(verb)?))
            }
            ["status"] => Some(Self::Status),
            ["limits"] => Some(Self::Limits),
            ["trace", keyspace, key] => Some(Self::Trace(keyspace, key)),
            ["members"] => Some(Self::Members),
            ["nodes"] => Some(Self::Nodes),
            ["events"] => Some(Self::Events),
            _ => None,
        }
    }

    /// Its row in the table.
    pub(super) fn route(self) -> &'static Route {
        match self {
            Self::Root => &table::ROOT,
            Self::Openapi => &table::OPENAPI,
            Self::Livez => &table::LIVEZ,
            Self::Readyz => &table::READYZ,
            Self::Metrics => &table::METRICS,
            Self::Status => &table::STATUS,
            Self::Limits => &table::LIMITS,
            Self::Trace(..) => &table::TRACE,
            Self::Members => &table::MEMBERS,
            Self::Nodes => &table::NODES,
            Self::Events => &table::EVENTS,
            Self::Peer(..) => &table::PEER,
            Self::Admin(OfAdmin::Peers) => &table::ADMIN_PEERS,
            Self::Admin(OfAdmin::Keyspaces) => &table::ADMIN_KEYSPACES,
            Self::Admin(OfAdmin::Healthz) => &table::ADMIN_HEALTHZ,
            Self::Admin(OfAdmin::Readyz) => &table::ADMIN_READYZ,
            Self::Cachely(OfCachely::Get) => &table::CACHE_GET,
            Self::Cachely(OfCachely::Set) => &table::CACHE_SET,
            Self::Keyspaces => &table::KEYSPACES,
            Self::Keyspace(_, OfKeyspace::Itself) => &table::KEYSPACE,
            Self::Keyspace(_, OfKeyspace::Clear) => &table::KEYSPACE_CLEAR,
            Self::Keyspace(_, OfKeyspace::Scan) => &table::KEYSPACE_SCAN,
            Self::Keyspace(_, OfKeyspace::Invalidate) => &table::KEYSPACE_INVALIDATE,
            Self::Keyspace(_, OfKeyspace::Stats) => &table::KEYSPACE_STATS,
            Self::Keyspace(_, OfKeyspace::Hot) => &table::KEYSPACE_HOT,
            Self::Batch(_, OfBatch::Get) => &table::BATCH_GET,
            Self::Batch(_, OfBatch::Put) => &table::BATCH_PUT,
            Self::Batch(_, OfBatch::Delete) => &table::BATCH_DELETE,
            Self::Key(_, _, OfKey::Value) => &table::KEY,
            Self::Key(_, _, OfKey::Ttl) => &table::KEY_TTL,
            Self::Key(_, _, OfKey::Touch) => &table::KEY_TOUCH,
            Self::Key(_, _, OfKey::Increment) => &table::KEY_INCREMENT,
            Self::Key(_, _, OfKey::Invalidate) => &table::KEY_INVALIDATE,
        }
    }
}

impl OfKey {
    fn of(verb: &str) -> Option<Self> {
        match verb {
            "ttl" => Some(Self::Ttl),
            "touch" => Some(Self::Touch),
            "increment" => Some(Self::Increment),
            "invalidate" => Some(Self::Invalidate),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_leads_to_its_row() {
        for route in table::ROUTES {
            let path = route.path.replace("{keyspace}", "%2F").replace("{key}", "..");
            let place = Place::of(&path).expect(route.path);
            assert!(std::ptr::eq(place.route(), *route), "{}", route.path);
        }
    }

    #[test]
    fn nothing_is_folded() {
        let key = |key| Some(Place::Key("k", key, OfKey::Value));
        assert_eq!(Place::of("/v1/keyspaces/k/keys/.."), key(".."));
        assert_eq!(Place::of("/v1/keyspaces/k/keys/"), key(""));
        assert_eq!(Place::of("/v1/keyspaces/k/keys/a%2Fb"), key("a%2Fb"));
        for nothing in [
            "",
            "*",
            "//",
            "/v1",
            "/v1/",
            "/V1/nodes",
            "/v1/nodes/",
            "/v1//keyspaces/k/keys/a",
            "/v1/keyspaces/k/keys/a/b",
            "/v1/keyspaces/k/keys/a/ttl/",
            "/a/b/c/d/e/f/g/h/i/j",
        ] {
            assert_eq!(Place::of(nothing), None, "{nothing}");
        }
    }
}
