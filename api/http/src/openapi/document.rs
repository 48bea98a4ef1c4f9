//! The document as a whole, and the test that holds the file to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{OPENAPI, operations, schemas, spec};
use crate::{ROUTES, Route};

const PREFACE: &str = "\
A cache over HTTP. HEAD is taken wherever GET is, and answered without the body; \
OPTIONS everywhere, with 204 and `Allow`; another method with 405 (DC-203), another \
path with 404 (DC-202). Keyspaces and keys in a path are bytes, percent-encoded: a \
slash is `%2F`, `.` and `..` are not folded. Every error is `application/problem+json` \
(RFC 9457) with a stable code; `api/ERRORS.md` lists all of them. Without any token in \
the server's configuration nobody is asked for one.";

/// Set to anything, the file is written anew instead of being compared.
const WRITE: &str = "DISTCACHE_WRITE_OPENAPI";

fn document() -> Value {
    let bearer =
        |description: &str| json!({"type": "http", "scheme": "bearer", "description": description});
    let tag = |name: &str, description: &str| json!({"name": name, "description": description});
    let of_doors: Vec<_> = spec::OF_DOORS.iter().map(|(_, code)| *code).collect();
    let mut refusals = Map::new();
    let paths = paths(&mut refusals);
    refusals.insert("Refused".to_owned(), spec::problem(&of_doors));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "distcache",
            "version": env!("CARGO_PKG_VERSION"),
            "description": PREFACE,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080"}],
        "tags": [
            tag("root", "The older interface, to the keyspace `default`."),
            tag("keys", "One value, as bytes."),
            tag("batches", "Many values in one request."),
            tag("keyspaces", "Which there are, how they work, all that they hold."),
            tag("peers", "The routes of the older systems."),
            tag("server", "What the server tells of itself."),
        ],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": refusals,
            "securitySchemes": {
                "read": bearer("A token of `--read-token-file`."),
                "write": bearer("A token of `--token-file`."),
            },
        },
    })
}

/// Every operation of the table of paths, and no other.
fn paths(refusals: &mut Map<String, Value>) -> Value {
    let mut described: BTreeMap<_, _> = operations::all()
        .into_iter()
        .map(|(path, method, spec)| ((path, method.as_str()), spec))
        .collect();
    let mut of_route = |route: &Route| -> Value {
        let each = route.operations.iter().map(|operation| {
            let method = operation.method.as_str();
            let spec = described.remove(&(route.path, method));
            let spec = spec.unwrap_or_else(|| panic!("{method} {} is not described", route.path));
            (method.to_ascii_lowercase(), spec.document(operation, refusals))
        });
        each.collect::<Map<_, _>>().into()
    };
    let paths: Map<_, _> =
        ROUTES.iter().map(|route| (route.path.to_owned(), of_route(route))).collect();
    let left: Vec<_> = described.into_keys().collect();
    assert!(left.is_empty(), "the table of paths has no {left:?}");
    paths.into()
}

#[test]
fn the_document_says_what_the_code_does() {
    let mut made = serde_json::to_string_pretty(&document()).unwrap();
    made.push('\n');
    if std::env::var_os(WRITE).is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
        return std::fs::write(path, made).unwrap();
    }
    let differs = OPENAPI.lines().zip(made.lines()).position(|(is, ought)| is != ought);
    let at = differs.unwrap_or_else(|| OPENAPI.lines().count().min(made.lines().count())) + 1;
    assert!(
        OPENAPI == made,
        "api/openapi.json is another from line {at} on; write it anew: {WRITE}=1 cargo test -p distcache-http openapi"
    );
}
