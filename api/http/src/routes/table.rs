//! The one table of paths: what may be asked of each, and by whom.
//!
//! `Allow`, the answer to OPTIONS and the check of a token come from it.

use crate::Method::{self, Delete, Get, Patch, Post, Put};
use crate::Right;

/// A path, and what may be asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The path; what stands in braces is any one segment.
    pub path: &'static str,
    /// What may be asked, beside HEAD wherever GET is, and OPTIONS.
    pub operations: &'static [Operation],
}

/// One method of a path.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// What a token must allow; `None` where nobody is asked for one.
    pub right: Option<Right>,
    /// What it does, in a few words.
    pub summary: &'static str,
}

impl Route {
    /// What a method does here. A HEAD is a GET of which the body is left out.
    pub fn operation(&self, method: Method) -> Option<&'static Operation> {
        let method = if method == Method::Head { Get } else { method };
        self.operations.iter().find(|operation| operation.method == method)
    }

    /// Whether machines ask for it again and again to see whether the server is well.
    pub fn is_probe(&self) -> bool {
        let probes = [&LIVEZ, &READYZ, &METRICS, &ADMIN_HEALTHZ, &ADMIN_READYZ];
        probes.iter().any(|probe| probe.path == self.path)
    }

    /// The value of `Allow`.
    pub fn allow(&self) -> String {
        let mut allow = String::new();
        for operation in self.operations {
            allow += operation.method.as_str();
            allow += if operation.method == Get { ", HEAD, " } else { ", " };
        }
        allow + "OPTIONS"
    }
}

const fn reads(method: Method, summary: &'static str) -> Operation {
    Operation { method, right: Some(Right::Read), summary }
}

const fn writes(method: Method, summary: &'static str) -> Operation {
    Operation { method, right: Some(Right::Write), summary }
}

const fn open(summary: &'static str) -> Operation {
    Operation { method: Get, right: None, summary }
}

/// Declares each path as a constant and all of them as [`ROUTES`].
macro_rules! routes {
    ($($name:ident = $path:literal, $($operation:expr),+;)+) => {
        $(pub(super) static $name: Route = Route { path: $path, operations: &[$($operation),+] };)+
        /// Every path there is.
        pub static ROUTES: &[&Route] = &[$(&$name),+];
    };
}

routes! {
    ROOT = "/",
        reads(Get, "The value of `?key=`, as JSON or as bytes"),
        writes(Post, "Stores `?key=`, with `?value=` or the body"),
        writes(Delete, "Forgets `?key=`");
    OPENAPI = "/openapi.json", open("What may be asked, as OpenAPI");
    LIVEZ = "/livez", open("Whether the process runs");
    READYZ = "/readyz", open("Whether the server takes requests");
    METRICS = "/metrics", reads(Get, "Counts and times, as OpenMetrics");
    STATUS = "/v1/status", reads(Get, "What runs, and how its keyspaces do");
    LIMITS = "/v1/limits", reads(Get, "Every bound, its use and its peak");
    TRACE = "/v1/trace/{keyspace}/{key}", reads(Get, "Where a key is, or why it is not");
    MEMBERS = "/v1/members", reads(Get, "The members of the cluster");
    NODES = "/v1/nodes", reads(Get, "The state of each data node");
    EVENTS = "/v1/events", reads(Get, "What happens, as server-sent events");
    KEYSPACES = "/v1/keyspaces", reads(Get, "The keyspaces, with what they hold");
    KEYSPACE = "/v1/keyspaces/{keyspace}",
        reads(Get, "How the keyspace works"),
        writes(Put, "Makes a keyspace"),
        writes(Patch, "Changes settings of the keyspace"),
        writes(Delete, "Removes the keyspace with all that it holds");
    KEYSPACE_CLEAR = "/v1/keyspaces/{keyspace}/clear",
        writes(Post, "Forgets every value");
    KEYSPACE_SCAN = "/v1/keyspaces/{keyspace}/scan",
        reads(Get, "Some keys, and where to go on");
    KEYSPACE_INVALIDATE = "/v1/keyspaces/{keyspace}/invalidate",
        writes(Post, "Forgets the values of tags, or of keys with a prefix");
    KEYSPACE_STATS = "/v1/keyspaces/{keyspace}/stats",
        reads(Get, "What has happened in the keyspace");
    KEYSPACE_HOT = "/v1/keyspaces/{keyspace}/hot",
        reads(Get, "The keys that are read most here");
    BATCH_GET = "/v1/keyspaces/{keyspace}/batch/get",
        reads(Post, "The values of many keys");
    BATCH_PUT = "/v1/keyspaces/{keyspace}/batch/put",
        writes(Post, "Stores many values");
    BATCH_DELETE = "/v1/keyspaces/{keyspace}/batch/delete",
        writes(Post, "Forgets many values");
    KEY = "/v1/keyspaces/{keyspace}/keys/{key}",
        reads(Get, "The value, loaded if it is missing"),
        writes(Put, "Stores the body as the value"),
        writes(Delete, "Forgets the value");
    KEY_TTL = "/v1/keyspaces/{keyspace}/keys/{key}/ttl",
        reads(Get, "How long the value stays fresh");
    KEY_TOUCH = "/v1/keyspaces/{keyspace}/keys/{key}/touch",
        writes(Post, "Gives the value another TTL");
    KEY_INCREMENT = "/v1/keyspaces/{keyspace}/keys/{key}/increment",
        writes(Post, "Adds to the number that is the value");
    KEY_INVALIDATE = "/v1/keyspaces/{keyspace}/keys/{key}/invalidate",
        writes(Post, "Forgets the value in the cache alone");
    PEER = "/_distcache/{keyspace}/{key}",
        reads(Get, "The value as a protobuf message, or as bytes");
    CACHE_GET = "/cache/get", reads(Get, "The value of `?key=`, as a JSON string");
    CACHE_SET = "/cache/set", writes(Post, "Stores `?value=` under `?key=` for `?ttl=` seconds");
    ADMIN_PEERS = "/_distcache/admin/peers", reads(Get, "The members of the cluster, or this process alone");
    ADMIN_KEYSPACES = "/_distcache/admin/keyspaces", reads(Get, "The keyspaces and their counts");
    ADMIN_HEALTHZ = "/_distcache/admin/healthz", open("Whether the process runs");
    ADMIN_READYZ = "/_distcache/admin/readyz", open("Whether the server takes requests");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_names_every_method_and_head_with_get() {
        assert_eq!(KEY.allow(), "GET, HEAD, PUT, DELETE, OPTIONS");
        assert_eq!(KEY_TOUCH.allow(), "POST, OPTIONS");
        assert!(KEY.operation(Method::Head).is_some_and(|one| one.method == Get));
        assert!(KEY.operation(Post).is_none());
    }

    #[test]
    fn what_changes_something_needs_the_right_to_write() {
        let operations = ROUTES.iter().flat_map(|route| route.operations);
        for operation in operations.filter(|one| matches!(one.method, Put | Patch | Delete)) {
            assert_eq!(operation.right, Some(Right::Write), "{}", operation.summary);
        }
    }
}
