//! Any text as a path, and any bytes as a key or the name of a keyspace.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use distcache::codes;
use distcache_http::{HeaderName, Method, ROOT_KEYSPACE};
use serde_json::{Value, json};

use super::reading::{escaped, unescaped};
use super::server::{Answer, Ask, KEY, Server};

/// Every path is there or is not, for every method alike; a key in it is that key,
/// byte for byte.
pub(crate) fn holds(server: &Server, method: Method, path: &str) {
    if path == "*" {
        // The server itself (RFC 9110, 9.3.7): OPTIONS alone may ask for it.
        return;
    }
    server.begin();
    let allowed = server.ask_first(Ask::new(Method::Options, path));
    let answer = server.ask_first(Ask::new(method, path).body(b"new"));
    let is_nowhere = answer.is(404, codes::ROUTE_UNKNOWN);
    assert_eq!(allowed.status, if is_nowhere { 404 } else { 204 }, "{method:?} {path}");
    if answer.status == 405 {
        assert_eq!(answer.header("allow"), allowed.header("allow"), "{method:?} {path}");
    } else if let Some(segments) = of_key(path) {
        key_is(server, method, segments, &answer);
    }
}

/// The keyspace and the key of a path, as they are spelled there.
fn of_key(path: &str) -> Option<(&str, &str)> {
    let (keyspace, behind) = path.strip_prefix("/v1/keyspaces/")?.split_once('/')?;
    let key = behind.strip_prefix("keys/")?;
    (!key.contains('/')).then_some((keyspace, key))
}

/// Reads both a second time, and compares.
fn key_is(server: &Server, method: Method, (keyspace, key): (&str, &str), answer: &Answer) {
    let (keyspace, key) = (unescaped(keyspace), unescaped(key));
    let is_root = keyspace.as_ref().is_some_and(|name| *name == *ROOT_KEYSPACE.as_bytes());
    match (keyspace, key) {
        _ if method == Method::Options => assert_eq!(answer.status, 204),
        (None, _) => assert!(answer.is(400, codes::ENCODING_INVALID), "{answer:?}"),
        _ if !is_root => assert!(answer.is(404, codes::KEYSPACE_UNKNOWN), "{answer:?}"),
        (_, None) => assert!(answer.is(400, codes::ENCODING_INVALID), "{answer:?}"),
        (_, Some(key)) if key.is_empty() => {
            assert!(answer.is(400, codes::KEY_MISSING), "{answer:?}");
        }
        (_, Some(key)) if method == Method::Put => {
            assert_eq!(answer.status, 204, "{answer:?}");
            assert!(server.keys().contains(&key), "{key:?} is not there");
        }
        (_, Some(key)) => {
            let is_found = answer.status < 300;
            assert_eq!(is_found, key == KEY.as_bytes(), "{method:?} {key:?}: {answer:?}");
        }
    }
}

/// How a key that is there can be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// `/v1/keyspaces/default/keys/{key}`
    Value,
    /// `/_distcache/default/{key}`
    Peer,
    Batch,
    Trace,
    Scan,
}

impl Way {
    pub(crate) const ALL: [Self; 5] =
        [Self::Value, Self::Peer, Self::Batch, Self::Trace, Self::Scan];
}

/// A key that is put comes back by every way to it, byte for byte, and no other key
/// does. `spelled` is the key as it may stand in a path.
pub(crate) fn key_survives(server: &Server, key: &[u8], spelled: &str, way: Way) {
    server.begin();
    let value = [b"of ", key].concat();
    let path = format!("/v1/keyspaces/default/keys/{spelled}");
    assert_eq!(server.ask(Ask::new(Method::Put, &path).body(&value)).status, 204, "{path}");
    assert_eq!(server.keys(), [KEY.as_bytes().to_vec(), key.to_vec()].into(), "{path}");
    let is_there = match way {
        Way::Value => {
            is_found(server, &format!("/v1/keyspaces/default/keys/{}", escaped(key)), &value)
        }
        Way::Peer => is_found(server, &format!("/_distcache/default/{}", escaped(key)), &value),
        Way::Batch => is_in_batch(server, key, &value),
        Way::Trace => {
            let path = format!("/v1/trace/default/{}", escaped(key));
            server.ask(Ask::new(Method::Get, &path)).json()["held"]["value_bytes"] == value.len()
        }
        Way::Scan => {
            let page = server.ask(Ask::new(Method::Get, "/v1/keyspaces/default/scan")).json();
            let keys = page["keys"].as_array().expect("a list").iter();
            keys.filter_map(bytes_of).any(|shown| shown == key)
        }
    };
    assert!(is_there, "{spelled}: {key:?} is not found by {way:?}");
    assert_eq!(server.ask(Ask::new(Method::Delete, &path)).status, 204, "{path}");
    assert!(!server.keyspace().contains(key).expect("the engine runs"), "{path}");
}

fn is_found(server: &Server, path: &str, value: &[u8]) -> bool {
    let bytes = [(HeaderName::Accept, b"application/octet-stream".to_vec())];
    let got = server.ask(Ask::new(Method::Get, path).headers(&bytes));
    got.status == 200 && *got.body == *value
}

fn is_in_batch(server: &Server, key: &[u8], value: &[u8]) -> bool {
    let keys = json!({"keys": [{"base64": STANDARD.encode(key)}]}).to_string();
    let path = "/v1/keyspaces/default/batch/get";
    let got = server.ask(Ask::new(Method::Post, path).body(keys.as_bytes())).json();
    bytes_of(&got["results"][0]["value"]).is_some_and(|shown| shown == value)
}

/// The bytes that stand in JSON.
pub(super) fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    match value.as_str() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => STANDARD.decode(value.as_object()?.get("base64")?.as_str()?).ok(),
    }
}

/// A keyspace is made under the name that the path spells, or under none; and only
/// that name removes it. `other` is another name.
pub(crate) fn name_survives(server: &Server, spelled: &str, other: &[u8]) {
    server.begin();
    let path = format!("/v1/keyspaces/{spelled}");
    let answer = server.ask_first(Ask::new(Method::Put, &path));
    let Some(name) = unescaped(spelled) else {
        return assert!(answer.is(400, codes::ENCODING_INVALID), "{spelled}: {answer:?}");
    };
    match String::from_utf8(name).ok().filter(|name| is_name(name)) {
        None => assert!(answer.is(400, codes::KEYSPACE_NAME_INVALID), "{spelled}: {answer:?}"),
        // It is there, with other settings than none at all.
        Some(name) if name == ROOT_KEYSPACE => {
            assert!(answer.is(409, codes::KEYSPACE_EXISTS), "{answer:?}");
        }
        Some(name) => {
            assert_eq!((answer.status, &answer.json()["name"]), (201, &json!(name)), "{spelled}");
            let mut names = [ROOT_KEYSPACE.to_owned(), name.clone()];
            names.sort_unstable();
            assert_eq!(server.keyspaces(), names, "{spelled}");
            let is_same = other == name.as_bytes();
            let other = format!("/v1/keyspaces/{}", escaped(other));
            let removed = server.ask(Ask::new(Method::Delete, &other));
            assert_eq!(removed.status == 204, is_same, "{spelled} by {other}");
            let path = format!("/v1/keyspaces/{}", escaped(name.as_bytes()));
            let removed = server.ask(Ask::new(Method::Delete, &path));
            assert_eq!(removed.status, if is_same { 404 } else { 204 }, "{spelled}");
        }
    }
}

/// What a keyspace can be called.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_control())
}
