//! What comes back when all went well.

use serde_json::{Map, Value, json};

use super::schemas::schema;

fn content(kind: &str, schema: Value) -> Value {
    json!({kind: {"schema": schema}})
}

/// A document of one of the shapes.
pub(super) fn json_of(description: &str, name: &str) -> Value {
    json!({"description": description, "content": content("application/json", schema(name))})
}

/// A document of one type or another.
pub(super) fn either(mut one: Value, other: Value) -> Value {
    let other = other["content"].as_object().expect("it has content").clone();
    one["content"].as_object_mut().expect("it has content").extend(other);
    one
}

pub(super) fn text_of(description: &str, kind: &str) -> Value {
    json!({"description": description, "content": content(kind, json!({"type": "string"}))})
}

/// Bytes of any kind: of the type that was put with them.
pub(super) fn bytes(description: &str, kind: &str) -> Value {
    json!({"description": description, "content": {kind: {}}})
}

pub(super) fn nothing(description: &str) -> Value {
    json!({"description": description})
}

/// The same with headers that are always there, or, where the name ends with `?`,
/// sometimes.
pub(super) fn with_headers(mut answer: Value, names: &[&str]) -> Value {
    let headers = names.iter().map(|name| {
        let bare = name.trim_end_matches('?');
        let header = json!({
            "description": meaning(bare), "required": bare == *name, "schema": {"type": "string"},
        });
        (bare.to_owned(), header)
    });
    answer["headers"] = headers.collect::<Map<_, _>>().into();
    answer
}

fn meaning(header: &str) -> &'static str {
    match header {
        "Age" => "Seconds since the value was put or loaded.",
        "Cache-Control" => "How other caches may keep the answer.",
        "Cache-Status" => "How the value was come by (RFC 9211).",
        "Content-Security-Policy" => "Keeps a value that is a page apart from the server's own.",
        "ETag" => "Which value it is: for `If-Match` and `If-None-Match`.",
        "Retry-After" => "Seconds after which to come again.",
        "WWW-Authenticate" => "`Bearer`.",
        "X-Accel-Buffering" => "Tells nginx to pass events on at once.",
        "X-Content-Type-Options" => "`nosniff`: the type is what it says.",
        other => unreachable!("{other} has no meaning yet"),
    }
}
