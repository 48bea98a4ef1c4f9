//! The JSON of an entry, written straight into the buffer that is sent.

use std::fmt::Display;
use std::io::Write;

/// Room for the names of the members and the node beside key and value.
const FRAME_BYTES: usize = 64;

/// `{"key":K,"node":N,"value":V}`
pub(super) fn hit(key: &str, node: impl Display, value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES + key.len() + value.len());
    out.extend_from_slice(b"{\"key\":");
    string(&mut out, key);
    // A node's name is `node-` and a number: nothing in it needs an escape.
    write!(out, ",\"node\":\"{node}\",\"value\":").expect("a Vec takes all bytes");
    string(&mut out, value);
    out.extend_from_slice(b"}\n");
    out
}

/// `{"key":K,"value":V}`, where no `V` is `null`.
pub(super) fn stored(key: &str, value: Option<&str>) -> Vec<u8> {
    let value_bytes = value.map_or(0, str::len);
    let mut out = Vec::with_capacity(FRAME_BYTES + key.len() + value_bytes);
    out.extend_from_slice(b"{\"key\":");
    string(&mut out, key);
    out.extend_from_slice(b",\"value\":");
    match value {
        Some(value) => string(&mut out, value),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b"}\n");
    out
}

/// `{"key":K}`
pub(super) fn deleted(key: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES + key.len());
    out.extend_from_slice(b"{\"key\":");
    string(&mut out, key);
    out.extend_from_slice(b"}\n");
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a Vec takes all bytes, and text is JSON");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(document: &[u8]) -> Value {
        serde_json::from_slice(document).expect("JSON")
    }

    #[test]
    fn each_answer_has_exactly_its_members() {
        assert_eq!(
            hit("k", "node-3", "v"),
            b"{\"key\":\"k\",\"node\":\"node-3\",\"value\":\"v\"}\n"
        );
        assert_eq!(stored("k", Some("v")), b"{\"key\":\"k\",\"value\":\"v\"}\n");
        assert_eq!(stored("k", None), b"{\"key\":\"k\",\"value\":null}\n");
        assert_eq!(deleted("k"), b"{\"key\":\"k\"}\n");
    }

    #[test]
    fn every_character_survives() {
        let hard = "\0\u{1}\"\\/\n\r\t\u{7f}\u{2028}e\u{301}\u{5d0}\u{1f600}";
        let document = parsed(&hit(hard, "node-0", hard));
        assert_eq!(document, json!({"key": hard, "node": "node-0", "value": hard}));
    }
}
