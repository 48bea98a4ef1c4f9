//! Many keys in one request.

use distcache_http::Right;
use serde_json::{Value, json};

use super::{path, status_and_code};
use crate::support::{Reply, TestDoor, on_each_door};

on_each_door! {
    each_key_has_its_result_in_order,
    keys_and_values_are_any_bytes,
    an_item_has_its_own_ttl_tags_and_condition,
    a_content_type_makes_the_round,
    misses_are_loaded_and_one_failure_is_its_own,
    a_version_of_a_batch_is_that_of_an_etag,
    what_does_not_fit_into_the_answer_is_asked_for_alone,
    a_batch_has_at_most_a_thousand_keys,
    a_body_of_another_shape_changes_nothing,
    no_value_is_repeated_in_an_error,
    who_may_only_read_may_read_many,
    a_thousand_keys_make_the_round,
}

fn ask(door: &TestDoor, keyspace: &str, does: &str, body: &Value) -> Reply {
    let target = format!("/v1/keyspaces/{keyspace}/batch/{does}");
    door.ask("POST", &target, "", body.to_string().as_bytes())
}

/// The results of a batch that is answered 200.
fn results(door: &TestDoor, does: &str, body: &Value) -> Vec<Value> {
    let reply = ask(door, "default", does, body);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    reply.json()["results"].as_array().expect("a list").clone()
}

/// A member of each result.
fn each<'a>(results: &'a [Value], member: &str) -> Vec<&'a str> {
    results.iter().map(|result| result[member].as_str().unwrap_or_default()).collect()
}

fn each_key_has_its_result_in_order(door: &TestDoor) {
    let put = json!({"items": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]});
    let stored = results(door, "put", &put);
    assert_eq!(each(&stored, "status"), ["stored", "stored"]);
    let keys = json!({"keys": ["b", "nothing", "a", "a"]});
    let found = results(door, "get", &keys);
    assert_eq!(each(&found, "status"), ["found", "absent", "found", "found"]);
    assert_eq!([&found[0]["value"], &found[2]["value"]], ["", "1"]);
    assert_eq!(found[1], json!({"status": "absent"}));
    assert_eq!(each(&found[2..], "how"), ["hit", "hit"]);
    assert_eq!(found[2]["version"], stored[0]["version"]);
    let deleted = results(door, "delete", &keys);
    assert_eq!(each(&deleted, "status"), ["deleted", "absent", "deleted", "absent"]);
    assert_eq!(results(door, "get", &json!({"keys": []})), [Value::Null; 0]);
}

fn keys_and_values_are_any_bytes(door: &TestDoor) {
    // The bytes FF 00 as a key, FE as a value.
    let (key, value) = (json!({"base64": "/wA="}), json!({"base64": "/g=="}));
    results(door, "put", &json!({"items": [{"key": key, "value": value}]}));
    assert_eq!(door.ask("GET", &path(b"\xFF\0"), "", b"").body, b"\xFE");
    let found = results(door, "get", &json!({"keys": [key]}));
    assert_eq!(found[0]["value"], value);
    // A text is shown as one, however it came.
    let put = json!({"items": [{"key": {"base64": "YQ=="}, "value": {"base64": "aGk="}}]});
    results(door, "put", &put);
    assert_eq!(results(door, "get", &json!({"keys": ["a"]}))[0]["value"], "hi");
    let hard = "\0\u{1}\"\\/\n\u{7f}\u{2028}\u{1f600}";
    results(door, "put", &json!({"items": [{"key": hard, "value": hard}]}));
    assert_eq!(results(door, "get", &json!({"keys": [hard]}))[0]["value"], hard);
}

fn an_item_has_its_own_ttl_tags_and_condition(door: &TestDoor) {
    let put = |item: Value| results(door, "put", &json!({"items": [item]})).remove(0);
    let ttl = |key: &[u8]| {
        let reply = door.ask("GET", &format!("{}/ttl", path(key)), "", b"");
        reply.json()["ttl"].as_f64()
    };
    put(json!({"key": "t", "value": "", "ttl": 60, "tags": ["x", "y"]}));
    assert!(ttl(b"t").is_some_and(|left| 40.0 < left && left <= 60.0));
    put(json!({"key": "t", "value": "", "ttl": "none"}));
    assert_eq!(ttl(b"t"), None);

    let absent = || json!({"key": "c", "value": "1", "if_none_match": "*"});
    let present = || json!({"key": "c", "value": "2", "if_match": "*"});
    assert_eq!(put(present()), json!({"status": "unmet", "code": "DC-117"}));
    let first = put(absent());
    assert_eq!(first["status"], "stored");
    let again = put(absent());
    assert_eq!((&again["status"], &again["version"]), (&json!("unmet"), &first["version"]));
    let second = put(json!({"key": "c", "value": "3", "if_match": first["version"]}));
    assert_eq!(second["status"], "stored");
    for stale in [first["version"].clone(), json!("1-2"), json!("nonsense")] {
        let late = put(json!({"key": "c", "value": "4", "if_match": stale}));
        assert_eq!((&late["status"], &late["version"]), (&json!("unmet"), &second["version"]));
    }
    assert_eq!(put(present())["status"], "stored");
    assert_eq!(door.ask("GET", &path(b"c"), "", b"").body, b"2");

    let many: Vec<String> = (0..64).map(|tag| tag.to_string()).collect();
    let refused = put(json!({"key": "t", "value": "", "tags": many}));
    assert_eq!((&refused["status"], &refused["code"]), (&json!("error"), &json!("DC-116")));
}

fn a_content_type_makes_the_round(door: &TestDoor) {
    let kind = "text/plain; x=\"y\"";
    let items = json!({"items": [
        {"key": "a", "value": "1", "content_type": kind},
        {"key": "b", "value": "1", "content_type": "k\u{f6}ln"},
        {"key": "c", "value": "1"},
    ]});
    let stored = results(door, "put", &items);
    assert_eq!(each(&stored, "status"), ["stored", "error", "stored"]);
    let found = results(door, "get", &json!({"keys": ["a", "b", "c"]}));
    assert_eq!(each(&found, "content_type"), [kind, "", ""]);
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").header("content-type"), Some(kind));
}

fn misses_are_loaded_and_one_failure_is_its_own(door: &TestDoor) {
    let keys = json!({"keys": ["user1", "broken", "nobody", "user1"]});
    let reply = ask(door, "users", "get", &keys).json();
    let found = reply["results"].as_array().expect("a list");
    assert_eq!(each(found, "status"), ["found", "error", "absent", "found"]);
    assert_eq!(each(found, "code")[1], "DC-131");
    assert!(each(found, "detail")[1].contains("the table is gone"), "{reply}");
    assert_eq!(found[0]["value"], "loaded user1");
    let how = [each(found, "how")[0], each(found, "how")[3]];
    assert_eq!(how, ["loaded", "collapsed"], "one load for both");
    let again = ask(door, "users", "get", &json!({"keys": ["user1"]})).json();
    assert_eq!(again["results"][0]["how"], "hit");
}

fn a_version_of_a_batch_is_that_of_an_etag(door: &TestDoor) {
    let put = json!({"items": [{"key": "a", "value": "1"}]});
    let version = results(door, "put", &put)[0]["version"].as_str().expect("a text").to_owned();
    let tag = format!("\"{version}\"");
    let got = door.ask("GET", &path(b"a"), "", b"");
    assert_eq!(got.header("etag"), Some(&*tag));
    let same = door.ask("GET", &path(b"a"), &format!("If-None-Match: {tag}\r\n"), b"");
    assert_eq!(same.status, 304);
}

fn what_does_not_fit_into_the_answer_is_asked_for_alone(door: &TestDoor) {
    let large = vec![b'x'; 3 << 20];
    assert_eq!(door.ask("PUT", &path(b"large"), "", &large).status, 204);
    door.ask("PUT", &path(b"small"), "", b"s");
    let mut keys = vec!["large"; 900];
    keys.push("small");
    let found = results(door, "get", &json!({"keys": keys}));
    let status = each(&found, "status");
    assert_eq!(status[..4], ["found", "found", "error", "error"]);
    assert_eq!(each(&found, "code")[2], "DC-234");
    assert!(each(&found, "detail")[2].contains("3145728"));
    assert_eq!(status[900], "found", "what is small still fits");
    assert_eq!(door.ask("GET", &path(b"large"), "", b"").body.len(), large.len());
    // As a text in JSON it would be six times as long. It is not looked at a
    // thousand times to see that.
    assert_eq!(door.ask("PUT", &path(b"zeros"), "", &vec![0; 2 << 20]).status, 204);
    let zeros = results(door, "get", &json!({"keys": vec!["zeros"; 1_000]}));
    assert_eq!(each(&zeros, "code"), vec!["DC-234"; 1_000]);
}

fn a_batch_has_at_most_a_thousand_keys(door: &TestDoor) {
    let keys = |count: usize| json!({"keys": vec!["a"; count]});
    assert_eq!(results(door, "get", &keys(1_000)).len(), 1_000);
    for does in ["get", "delete"] {
        let reply = ask(door, "default", does, &keys(1_001));
        assert_eq!(status_and_code(&reply), (413, "DC-233".to_owned()), "{does}");
        assert!(reply.json()["detail"].as_str().is_some_and(|detail| detail.contains("1001")));
    }
    let items = vec![json!({"key": "a", "value": ""}); 1_001];
    let reply = ask(door, "default", "put", &json!({"items": items}));
    assert_eq!(status_and_code(&reply), (413, "DC-233".to_owned()));
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").status, 404);
}

fn a_body_of_another_shape_changes_nothing(door: &TestDoor) {
    let put = |body: &str| door.ask("POST", "/v1/keyspaces/default/batch/put", "", body.as_bytes());
    for bad in [
        "",
        "{",
        "[]",
        "nonsense",
        "{\"items\":{}}",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\"}]} x",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\"}]}",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\",\"tll\":1}]}",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\",\"ttl\":0}]}",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\",\"ttl\":-1}]}",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\",\"ttl\":\"60\"}]}",
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\",\"if_none_match\":\"x\"}]}",
        "{\"items\":[{\"key\":\"a\",\"key\":\"b\",\"value\":\"1\"}]}",
        "{\"items\":[{\"key\":\"a\",\"value\":{\"base64\":\"!\"}}]}",
        "{\"keys\":[\"a\"]}",
        "[[]]",
        "[[{\"key\":\"a\",\"value\":\"1\"}]]",
        "{\"items\":[[\"a\",\"1\"]]}",
    ] {
        assert_eq!(status_and_code(&put(bad)), (400, "DC-232".to_owned()), "{bad}");
    }
    let empty = put("{\"items\":[{\"key\":\"a\",\"value\":\"\"},{\"key\":\"\",\"value\":\"\"}]}");
    assert_eq!(status_and_code(&empty), (400, "DC-204".to_owned()));
    assert!(empty.json()["detail"].as_str().is_some_and(|detail| detail.contains("number 2")));
    let both =
        "{\"items\":[{\"key\":\"a\",\"value\":\"1\",\"if_match\":\"*\",\"if_none_match\":\"*\"}]}";
    assert_eq!(status_and_code(&put(both)), (400, "DC-228".to_owned()));
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").status, 404);
    for does in ["get", "delete"] {
        let list = ask(door, "default", does, &json!([["a"]]));
        assert_eq!(status_and_code(&list), (400, "DC-232".to_owned()), "{does}");
    }
    let nowhere = ask(door, "none", "get", &json!({"keys": ["a"]}));
    assert_eq!(status_and_code(&nowhere), (404, "DC-120".to_owned()));
    let method = door.ask("GET", "/v1/keyspaces/default/batch/get", "", b"");
    assert_eq!((method.status, method.header("allow")), (405, Some("POST, OPTIONS")));
    let verb = ask(door, "default", "move", &json!({}));
    assert_eq!(status_and_code(&verb), (404, "DC-202".to_owned()));
}

fn no_value_is_repeated_in_an_error(door: &TestDoor) {
    let body = "{\"items\":[{\"key\":\"a\",\n\"value\":\"1\",\"tags\":\"sesame\"}]}";
    let reply = door.ask("POST", "/v1/keyspaces/default/batch/put", "", body.as_bytes());
    let problem = reply.json();
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.starts_with("line 2, column ") && !detail.contains("sesame"), "{detail}");
}

fn who_may_only_read_may_read_many(door: &TestDoor) {
    let tokens = vec![("reads-reads-reads-reads".to_owned(), Right::Read)];
    door.access.replace(tokens).expect("good tokens");
    let status = |does: &str, headers: &str, body: &Value| {
        let target = format!("/v1/keyspaces/default/batch/{does}");
        door.ask("POST", &target, headers, body.to_string().as_bytes()).status
    };
    let token = "Authorization: Bearer reads-reads-reads-reads\r\n";
    let keys = json!({"keys": ["a"]});
    assert_eq!(status("get", "", &keys), 401);
    assert_eq!(status("get", token, &keys), 200);
    assert_eq!(status("delete", token, &keys), 403);
    assert_eq!(status("put", token, &json!({"items": []})), 403);
}

fn a_thousand_keys_make_the_round(door: &TestDoor) {
    let items: Vec<_> =
        (0..1_000).map(|n| json!({"key": format!("k{n}"), "value": format!("v{n}")})).collect();
    let stored = results(door, "put", &json!({"items": items}));
    assert!(stored.iter().all(|one| one["status"] == "stored"));
    let keys: Vec<_> = (0..1_000).map(|n| format!("k{n}")).collect();
    let found = results(door, "get", &json!({"keys": keys}));
    for (n, one) in found.iter().enumerate() {
        assert_eq!(one["value"], format!("v{n}"));
    }
    let deleted = results(door, "delete", &json!({"keys": keys}));
    assert!(deleted.iter().all(|one| one["status"] == "deleted"));
}
