//! Any bytes as the body of a batch, or of settings.

use std::collections::BTreeMap;

use distcache::codes;
use distcache_http::Method;
use serde_json::{Value, json};

use super::path::bytes_of;
use super::server::{Answer, Ask, KEY, Server, VALUE};

/// What the body is sent to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    BatchGet,
    BatchPut,
    BatchDelete,
    /// To make a keyspace.
    Make,
    /// To change one.
    Change,
}

impl Asked {
    pub(crate) const ALL: [Self; 5] =
        [Self::BatchGet, Self::BatchPut, Self::BatchDelete, Self::Make, Self::Change];
}

/// A body is done as a whole, with a result for each of its parts, or refused as a
/// whole; what the answer shows of it may be sent again, and says the same.
pub(crate) fn holds(server: &Server, asked: Asked, body: &[u8]) {
    server.begin();
    match asked {
        Asked::BatchGet => get(server, body),
        Asked::BatchPut => put(server, body),
        Asked::BatchDelete => delete(server, body),
        Asked::Make => make(server, body),
        Asked::Change => change(server, body),
    }
}

fn batch(server: &Server, does: &str, body: &[u8]) -> Answer {
    let path = format!("/v1/keyspaces/default/batch/{does}");
    let answer = server.ask(Ask::new(Method::Post, &path).body(body));
    let is_shape = answer.is(400, codes::BODY_INVALID)
        || answer.is(400, codes::KEY_MISSING)
        || answer.is(400, codes::CONDITION_INVALID)
        || answer.is(413, codes::BATCH_TOO_LARGE);
    assert!(answer.status == 200 || is_shape, "{body:?}: {answer:?}");
    answer
}

/// A batch of which nothing more than its shape can be wrong; its results.
fn results(server: &Server, does: &str, body: &Value) -> Vec<Value> {
    let answer = batch(server, does, body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{body}: {answer:?}");
    list(&answer.json(), "results")
}

fn list(document: &Value, member: &str) -> Vec<Value> {
    document[member].as_array().expect("a list").clone()
}

/// The parts of the body, with the results that they had; none if it was refused,
/// with nothing changed.
fn answered(server: &Server, does: &str, body: &[u8], member: &str) -> Vec<(Value, Value)> {
    let answer = batch(server, does, body);
    if answer.is_refusal() {
        server.assert_untouched((does, body));
        return Vec::new();
    }
    let document = serde_json::from_slice(body).expect("what was taken is JSON");
    let (parts, results) = (list(&document, member), list(&answer.json(), "results"));
    assert_eq!(parts.len(), results.len(), "{document}");
    parts.into_iter().zip(results).collect()
}

fn key_of(key: &Value) -> Vec<u8> {
    bytes_of(key).expect("what was taken is a key")
}

fn get(server: &Server, body: &[u8]) {
    for (key, result) in answered(server, "get", body, "keys") {
        let is_held = key_of(&key) == KEY.as_bytes();
        assert_eq!(result["status"], if is_held { "found" } else { "absent" }, "{key}");
        assert!(!is_held || result["value"] == VALUE, "{result}");
    }
    server.assert_untouched(body);
}

fn delete(server: &Server, body: &[u8]) {
    let mut is_held = true;
    for (key, result) in answered(server, "delete", body, "keys") {
        let is_it = is_held && key_of(&key) == KEY.as_bytes();
        assert_eq!(result["status"], if is_it { "deleted" } else { "absent" }, "{key}");
        is_held &= !is_it;
    }
    assert_eq!(server.keys().len(), usize::from(is_held));
}

/// What was stored is there, and nothing else; as it is shown, it is stored again.
fn put(server: &Server, body: &[u8]) {
    let mut stored = BTreeMap::from([(KEY.as_bytes().to_vec(), VALUE.as_bytes().to_vec())]);
    let answered = answered(server, "put", body, "items");
    if answered.is_empty() {
        return;
    }
    for (item, result) in answered {
        let value = bytes_of(&item["value"]).expect("what was taken is a value");
        match result["status"].as_str() {
            Some("stored") => drop(stored.insert(key_of(&item["key"]), value)),
            Some("unmet") => assert!(has_condition(&item), "{item}"),
            Some("error") => assert!(result["code"].is_string(), "{result}"),
            _ => panic!("{item} is {result}"),
        }
    }
    // Of those with a short time nothing may be left by now.
    let is_there = |key: &[u8]| server.keyspace().contains(key).expect("the engine runs");
    assert!(server.keys().iter().all(|key| stored.contains_key(key)), "{body:?}");
    stored.retain(|key, _| is_there(key));
    let shown = shown(server, &stored);
    if shown.len() == stored.len() {
        let items = json!({"items": shown});
        let again = results(server, "put", &items);
        assert!(again.iter().all(|result| result["status"] == "stored"), "{items}");
        assert_eq!(self::shown(server, &stored), shown);
    }
}

fn has_condition(item: &Value) -> bool {
    !item["if_match"].is_null() || !item["if_none_match"].is_null()
}

/// Items as they must have been, of what a batch shows now.
fn shown(server: &Server, stored: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Value> {
    let key = |key: &[u8]| json!({"base64": base64_of(key)});
    let keys: Vec<Value> = stored.keys().map(|one| key(one)).collect();
    let found = results(server, "get", &json!({"keys": keys}));
    let items =
        keys.into_iter().zip(found).zip(stored).filter_map(|((key, found), (name, value))| {
            if found["status"] == "absent" {
                return None;
            }
            assert_eq!(bytes_of(&found["value"]).as_ref(), Some(value), "{name:?}: {found}");
            let mut item = json!({"key": key, "value": found["value"]});
            if found["content_type"].is_string() {
                item["content_type"] = found["content_type"].clone();
            }
            Some(item)
        });
    items.collect()
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const MADE: &str = "/v1/keyspaces/made";

/// The settings that an answer shows; none if it is a refusal, as it may be.
fn settings(answer: &Answer, body: &[u8]) -> Option<Value> {
    if !answer.is_refusal() {
        // No setting is a list, and none has a bracket in it.
        assert!(!body.contains(&b'['), "{body:?}: {answer:?}");
        return Some(answer.json()["settings"].clone());
    }
    let is_told = answer.is(400, codes::BODY_INVALID)
        || answer.is(400, codes::SETTING_UNKNOWN)
        || answer.is(400, codes::SETTING_INVALID)
        || answer.is(400, codes::KEYSPACE_REFUSED);
    assert!(is_told, "{body:?}: {answer:?}");
    None
}

/// Settings as they are shown make the same keyspace.
fn make(server: &Server, body: &[u8]) {
    let answer = server.ask_first(Ask::new(Method::Put, MADE).body(body));
    let Some(settings) = settings(&answer, body) else { return };
    assert_eq!((answer.status, server.keyspaces().len()), (201, 2));
    let shown = settings.to_string();
    let again = server.ask(Ask::new(Method::Put, MADE).body(shown.as_bytes()));
    assert_eq!((again.status, &again.json()["settings"]), (200, &settings), "{shown}");
}

/// Settings as they are shown change nothing.
fn change(server: &Server, body: &[u8]) {
    let path = "/v1/keyspaces/default";
    let answer = server.ask_first(Ask::new(Method::Patch, path).body(body));
    let Some(settings) = settings(&answer, body) else { return };
    let shown = settings.to_string();
    let again = server.ask(Ask::new(Method::Patch, path).body(shown.as_bytes()));
    assert_eq!((again.status, &again.json()["settings"]), (200, &settings), "{shown}");
    let got = server.ask(Ask::new(Method::Get, path)).json();
    assert_eq!(got["settings"], settings, "{shown}");
}
