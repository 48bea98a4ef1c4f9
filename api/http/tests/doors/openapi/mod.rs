//! `/openapi.json`, and whether both doors do what it says.
//!
//! Every other test of the routes helps: each answer that a [`Client`] of theirs
//! reads is held against the document (`support/contract.rs`).
//!
//! [`Client`]: crate::support::Client

mod examples;
mod refusals;

use serde_json::Value;

use crate::support::{Operation, Reply, TestDoor, escaped};

/// A request that can be spoiled.
#[derive(Debug, Clone, PartialEq)]
struct Draft {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Draft {
    /// The operation with the examples of what it must have.
    fn of(operation: &Operation<'_>) -> Self {
        let mut draft = Self {
            method: operation.verb(),
            path: operation.path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        for parameter in operation.parameters() {
            if parameter["required"] == true {
                draft.give(parameter, &parameter["example"]);
            }
        }
        draft
    }

    /// Gives a parameter a value.
    fn give(&mut self, parameter: &Value, value: &Value) {
        let name = parameter["name"].as_str().expect("a name");
        for text in texts(value) {
            match parameter["in"].as_str().expect("a place") {
                "path" => {
                    let segment = escaped(text.as_bytes());
                    self.path = self.path.replace(&format!("{{{name}}}"), &segment);
                }
                "query" => self.query.push((name.to_owned(), text)),
                "header" => self.headers.push((name.to_owned(), text)),
                other => panic!("{name} stands in {other}"),
            }
        }
    }

    fn with_body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.push(("Content-Type".to_owned(), kind.to_owned()));
        self.body = body.into();
        self
    }

    fn target(&self) -> String {
        let pairs = self.query.iter().map(|(name, text)| {
            format!("{}={}", escaped(name.as_bytes()), escaped(text.as_bytes()))
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }

    fn send(&self, door: &TestDoor) -> Reply {
        let lines = self.headers.iter().map(|(name, text)| [name, ": ", text, "\r\n"].concat());
        let headers: String = lines.collect();
        door.ask(&self.method, &self.target(), &headers, &self.body)
    }
}

/// What a value is in a URL or a header: a list is several.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// A number that the examples read, in both keyspaces that they name.
fn prepare(door: &TestDoor) {
    let key = escaped(b"user:42");
    for keyspace in ["users", "default"] {
        let path = format!("/v1/keyspaces/{keyspace}/keys/{key}");
        assert_eq!(door.ask("PUT", &path, "", b"41").status, 204);
    }
}
