//! Which keys are read most is told, whatever their bytes are.

use serde_json::{Value, json};

use super::{path, status_and_code};
use crate::support::{TestDoor, on_each_door};

on_each_door! {
    the_keys_that_are_read_most_come_first_whatever_their_bytes,
    a_read_of_one_key_over_http_counts,
    no_more_are_listed_than_the_limit,
    a_limit_that_is_none_and_other_parameters_are_refused,
}

const HOT: &str = "/v1/keyspaces/default/hot";

fn listed(door: &TestDoor, query: &str) -> Vec<Value> {
    let reply = door.ask("GET", &format!("{HOT}{query}"), "", b"");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    reply.json()["keys"].as_array().expect("a list").clone()
}

/// Reads keys, in one request and so on one thread: of 127 reads one is noted.
fn read(door: &TestDoor, keys: &[Value]) {
    let body = json!({"keys": keys}).to_string();
    let reply = door.ask("POST", "/v1/keyspaces/default/batch/get", "", body.as_bytes());
    assert_eq!(reply.status, 200);
}

fn the_keys_that_are_read_most_come_first_whatever_their_bytes(door: &TestDoor) {
    assert_eq!(listed(door, ""), [] as [Value; 0]);
    let (bytes, text) = (json!({"base64": "/wA="}), json!("a\"b"));
    let mut keys = vec![bytes.clone(); 900];
    keys.resize(1_000, text.clone());
    for _ in 0..5 {
        read(door, &keys);
    }
    // A hundred in one go may fall between two that are noted.
    read(door, &vec![text.clone(); 127]);
    let listed = listed(door, "?limit=2");
    let names: Vec<_> = listed.iter().map(|one| &one["key"]).collect();
    assert_eq!(names, [&bytes, &text]);
    let reads = listed[0]["reads"].as_u64().expect("a number");
    assert!((2_000..9_000).contains(&reads), "of 4,500: {reads}");
    assert_eq!(listed[0]["reads_of_others_max"], 0);
}

fn a_read_of_one_key_over_http_counts(door: &TestDoor) {
    let key = path(b"one");
    let mut client = door.connect();
    assert_eq!(client.ask("PUT", &key, "", b"value").status, 204);
    // Of each thread that answers, one of 127.
    for _ in 0..2_000 {
        assert_eq!(client.ask("GET", &key, "", b"").status, 200);
    }
    assert_eq!(listed(door, "")[0]["key"], "one");
}

fn no_more_are_listed_than_the_limit(door: &TestDoor) {
    for from in 0..30 {
        let keys: Vec<_> = (0..1_000).map(|number| json!(format!("{from}-{number}"))).collect();
        read(door, &keys);
    }
    for (query, count) in [("", 20), ("?limit=1", 1), ("?limit=128", 128)] {
        assert_eq!(listed(door, query).len(), count, "{query}");
    }
}

fn a_limit_that_is_none_and_other_parameters_are_refused(door: &TestDoor) {
    for (query, code) in [
        ("limit=0", "DC-230"),
        ("limit=129", "DC-230"),
        ("limit=-1", "DC-230"),
        ("limit=", "DC-230"),
        ("limit=1&limit=1", "DC-205"),
        ("pattern=*", "DC-218"),
    ] {
        let reply = door.ask("GET", &format!("{HOT}?{query}"), "", b"");
        assert_eq!(status_and_code(&reply), (400, code.to_owned()), "{query}");
    }
    let nobody = door.ask("GET", "/v1/keyspaces/nobody/hot", "", b"");
    assert_eq!(status_and_code(&nobody), (404, "DC-120".to_owned()));
    assert_eq!(door.ask("POST", HOT, "", b"").status, 405);
}
