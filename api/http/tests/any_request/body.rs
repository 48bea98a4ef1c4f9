//! Bodies of batches and of settings: any bytes, any pieces, and right ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::hold::body::{Asked, holds};
use crate::{for_all, text_of};

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\u0000",
    "\\ud800",
    " ",
    "null",
    "true",
    "0",
    "1",
    "-1",
    "1.0",
    "1e9",
    "0.5",
    "18446744073709551616",
    "{\"keys\":[",
    "{\"items\":[",
    "]}",
    "\"kept\"",
    "\"a\"",
    "\"\"",
    "\"*\"",
    "{\"base64\":\"/wA=\"}",
    "{\"base64\":\"",
    "\"key\":",
    "\"value\":",
    "\"ttl\":",
    "\"tags\":",
    "\"content_type\":",
    "\"if_match\":",
    "\"if_none_match\":",
    "{\"key\":\"a\",\"value\":\"1\"}",
    "{\"keys\":[\"kept\"]}",
    "\"ttl_ms\":",
    "\"eviction\":",
    "\"lru\"",
    "\"rate_limit\":",
    "{\"per_second\":",
];

fn asked() -> impl Strategy<Value = Asked> {
    prop::sample::select(&Asked::ALL[..])
}

/// A key or a value, as a text or as bytes.
fn octets() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("kept")),
        any::<char>().prop_map(|one| json!(one.to_string())),
        "[a-c]{0,2}".prop_map(Value::from),
        prop::sample::select(&["", "/wA=", "AA==", "a2VwdA==", "!"][..])
            .prop_map(|text| json!({"base64": text})),
    ]
}

/// An item, or its parts without their names.
fn item_like() -> impl Strategy<Value = Value> {
    let parts = prop::collection::vec(octets(), 0..3).prop_map(Value::from);
    prop_oneof![9 => item(), 1 => parts]
}

fn item() -> impl Strategy<Value = Value> {
    let others = prop::sample::select(
        &[
            ("ttl", "60"),
            ("ttl", "0.001"),
            ("ttl", "\"none\""),
            ("ttl", "0"),
            ("tags", "[\"a\",\"b\"]"),
            ("content_type", "\"text/plain\""),
            ("content_type", "\"\\n\""),
            ("if_match", "\"*\""),
            ("if_match", "\"1-2\""),
            ("if_none_match", "\"*\""),
            ("colour", "1"),
        ][..],
    );
    (octets(), octets(), prop::collection::vec(others, 0..3)).prop_map(|(key, value, others)| {
        let mut item = json!({"key": key, "value": value});
        for (name, text) in others {
            item[name] = serde_json::from_str(text).expect("JSON");
        }
        item
    })
}

/// Settings by their names, in and out of their ranges.
fn settings() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(
        &[
            "bytes_max",
            "entries_max",
            "value_bytes_max",
            "eviction",
            "ttl_ms",
            "ttl_jitter",
            "dated",
            "negative_ttl_ms",
            "idle_expiry_ms",
            "stale_if_error_ms",
            "refresh_ahead_ms",
            "read_timeout_ms",
            "loads_max",
            "loads_waiting_max",
            "loads_on_caller",
            "batch_max",
            "flights_max",
            "replicas",
            "rate_limit",
            "circuit_breaker",
            "evictoin",
        ][..],
    );
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(&[0_u64, 1, 7, 1_024, 10_000_000, u64::MAX][..]).prop_map(Value::from),
        (0.0..2.0).prop_map(Value::from),
        prop::sample::select(&["lru", "s3-fifo", "sieve", "w-tinylfu", "fifo", "x"][..])
            .prop_map(Value::from),
        Just(json!({"per_second": 2.5, "burst": 7})),
        Just(json!({"failures": 3.0, "reset_after_ms": 9})),
        Just(json!([2.5, 7, 0])),
    ];
    prop::collection::vec((name, value), 0..3).prop_map(|members| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

/// What the body ought to be.
fn right() -> impl Strategy<Value = (Asked, Value)> {
    let list = |name: &'static str, of: BoxedStrategy<Value>| {
        prop::collection::vec(of, 0..4).prop_map(move |all| json!({name: all}))
    };
    prop_oneof![
        1 => list("keys", octets().boxed()).prop_map(|keys| (Asked::BatchGet, keys)),
        1 => list("keys", octets().boxed()).prop_map(|keys| (Asked::BatchDelete, keys)),
        3 => list("items", item_like().boxed()).prop_map(|items| (Asked::BatchPut, items)),
        1 => settings().prop_map(|settings| (Asked::Make, settings)),
        1 => settings().prop_map(|settings| (Asked::Change, settings)),
    ]
}

#[test]
fn any_bytes_are_a_body_or_are_refused() {
    let any = prop::collection::vec(any::<u8>(), 0..60);
    let body = prop_oneof![1 => any, 4 => text_of(PIECES, 12).prop_map(String::into_bytes)];
    for_all((asked(), body), |server, (asked, body)| holds(server, asked, &body));
}

#[test]
fn any_body_of_the_right_shape_is_done_as_a_whole_or_is_refused() {
    for_all(right(), |server, (asked, body)| holds(server, asked, body.to_string().as_bytes()));
}
