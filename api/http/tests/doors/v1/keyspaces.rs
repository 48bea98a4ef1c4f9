//! Keyspaces are made, changed, looked through and removed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{path, status_and_code};
use crate::support::{Reply, TestDoor, escaped, on_each_door};

on_each_door! {
    a_keyspace_is_made_described_and_removed,
    to_make_it_again_is_no_error_unless_it_differs,
    a_change_leaves_values_and_other_settings,
    a_wrong_setting_is_named_and_changes_nothing,
    the_keyspace_behind_the_root_stays,
    the_list_tells_what_each_holds,
    a_name_is_any_text_without_a_slash,
    clear_forgets_everything_of_one_keyspace,
    a_scan_finds_each_key_whatever_its_bytes,
    a_scan_takes_no_nonsense,
    long_keys_end_a_page_early,
    a_tag_forgets_those_that_bear_it,
    a_prefix_forgets_those_that_begin_with_it,
    to_invalidate_names_one_kind,
    stats_count_what_happens,
    a_source_is_told_of_and_not_set_here,
    each_path_takes_its_own_methods,
}

fn at(name: &str) -> String {
    format!("/v1/keyspaces/{name}")
}

fn put(door: &TestDoor, name: &str, settings: &Value) -> Reply {
    door.ask("PUT", &at(name), "", settings.to_string().as_bytes())
}

fn patch(door: &TestDoor, name: &str, settings: &Value) -> Reply {
    door.ask("PATCH", &at(name), "", settings.to_string().as_bytes())
}

fn settings(door: &TestDoor, name: &str) -> Value {
    door.ask("GET", &at(name), "", b"").json()["settings"].clone()
}

fn put_keys(door: &TestDoor, keyspace: &str, keys: &[&[u8]], query: &str) {
    let mut client = door.connect();
    for key in keys {
        let target = format!("{}/keys/{}{query}", at(keyspace), escaped(key));
        assert_eq!(client.ask("PUT", &target, "", b"value").status, 204);
    }
}

fn a_keyspace_is_made_described_and_removed(door: &TestDoor) {
    let made = put(door, "colours", &json!({"ttl_ms": 60_000, "eviction": "sieve"}));
    assert_eq!(made.status, 201);
    let described = made.json();
    assert_eq!((&described["name"], &described["source"]), (&json!("colours"), &json!(false)));
    let held = settings(door, "colours");
    assert_eq!((&held["ttl_ms"], &held["eviction"]), (&json!(60_000), &json!("sieve")));
    assert_eq!((&held["bytes_max"], &held["loads_max"]), (&Value::Null, &json!(16)));

    put_keys(door, "colours", &[b"sky"], "");
    assert_eq!(door.ask("GET", &format!("{}/keys/sky", at("colours")), "", b"").body, b"value");
    assert_eq!(door.ask("DELETE", &at("colours"), "", b"").status, 204);
    for (method, target) in [
        ("GET", at("colours")),
        ("DELETE", at("colours")),
        ("PATCH", at("colours")),
        ("GET", format!("{}/keys/sky", at("colours"))),
        ("GET", format!("{}/stats", at("colours"))),
        ("POST", format!("{}/clear", at("colours"))),
    ] {
        let gone = door.ask(method, &target, "", b"");
        assert_eq!(status_and_code(&gone), (404, "DC-120".to_owned()), "{method} {target}");
    }
}

fn to_make_it_again_is_no_error_unless_it_differs(door: &TestDoor) {
    assert_eq!(put(door, "a", &json!({"ttl_ms": 1})).status, 201);
    assert_eq!(put(door, "a", &json!({"ttl_ms": 1, "dated": null})).status, 200);
    let differs = put(door, "a", &json!({"ttl_ms": 2}));
    assert_eq!(status_and_code(&differs), (409, "DC-121".to_owned()));
    assert_eq!(settings(door, "a")["ttl_ms"], 1);
    assert_eq!(door.ask("PUT", &at("b"), "", b"").status, 201, "every setting has a default");
}

fn a_change_leaves_values_and_other_settings(door: &TestDoor) {
    put(door, "a", &json!({"ttl_ms": 60_000, "read_timeout_ms": 7}));
    put_keys(door, "a", &[b"k"], "");
    let changed = patch(door, "a", &json!({"ttl_ms": null, "bytes_max": 8_000_000}));
    assert_eq!(changed.status, 200);
    let held = settings(door, "a");
    assert_eq!(held, changed.json()["settings"]);
    assert_eq!((&held["ttl_ms"], &held["bytes_max"]), (&Value::Null, &json!(8_000_000)));
    assert_eq!(held["read_timeout_ms"], 7);
    let kept = door.ask("GET", &format!("{}/keys/k/ttl", at("a")), "", b"").json();
    assert!(kept["ttl"].is_f64(), "a value keeps its TTL: {kept}");
    let bytes_max = door.ask("GET", &format!("{}/stats", at("a")), "", b"").json();
    assert!(bytes_max["bytes_max"].as_u64().is_some_and(|bytes| bytes <= 8_000_000));
}

fn a_wrong_setting_is_named_and_changes_nothing(door: &TestDoor) {
    let problem = |reply: &Reply| {
        let detail = reply.json()["detail"].as_str().expect("a detail").to_owned();
        (reply.status, reply.code(), detail)
    };
    let (status, code, detail) = problem(&put(door, "a", &json!({"tll_ms": 1})));
    assert_eq!((status, &*code), (400, "DC-322"));
    assert!(detail.contains("`ttl_ms`"), "{detail}");
    let (status, code, detail) = problem(&put(door, "a", &json!({"ttl_ms": -1})));
    assert_eq!((status, &*code), (400, "DC-323"));
    assert!(detail.contains("`ttl_ms`"), "{detail}");
    let (status, code, _) = problem(&door.ask("PUT", &at("a"), "", b"[1]"));
    assert_eq!((status, &*code), (400, "DC-232"));
    // Too little for the tables of two data nodes.
    let (status, code, _) = problem(&put(door, "a", &json!({"bytes_max": 1})));
    assert_eq!((status, &*code), (400, "DC-123"));
    assert_eq!(door.ask("GET", &at("a"), "", b"").status, 404);
    put(door, "a", &json!({}));
    let both = json!({"read_timeout_ms": 9, "evictoin": "lru"});
    assert_eq!(patch(door, "a", &both).code(), "DC-322");
    assert_eq!(settings(door, "a")["read_timeout_ms"], 5_000);
}

fn the_keyspace_behind_the_root_stays(door: &TestDoor) {
    let refused = door.ask("DELETE", &at("default"), "", b"");
    assert_eq!(status_and_code(&refused), (409, "DC-235".to_owned()));
    assert_eq!(door.ask("POST", "/?key=a&value=1", "", b"").status, 200);
}

fn the_list_tells_what_each_holds(door: &TestDoor) {
    put_keys(door, "default", &[b"a", b"b"], "");
    let list = door.ask("GET", "/v1/keyspaces", "", b"").json();
    let keyspaces = list["keyspaces"].as_array().expect("a list");
    let names: Vec<_> = keyspaces.iter().map(|one| one["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["default", "users"]);
    assert_eq!(keyspaces[0]["entries"], 2);
    assert!(keyspaces[0]["bytes"].as_u64().is_some_and(|bytes| 10 < bytes));
}

fn a_name_is_any_text_without_a_slash(door: &TestDoor) {
    assert_eq!(put(door, "k%C3%B6ln%20%3F", &json!({})).json()["name"], "k\u{f6}ln ?");
    assert_eq!(door.ask("GET", &at("k%C3%B6ln%20%3F"), "", b"").status, 200);
    for bad in ["a%2Fb", "%00", "", "%FF"] {
        let reply = put(door, bad, &json!({}));
        assert_eq!(status_and_code(&reply), (400, "DC-122".to_owned()), "{bad}");
    }
    // What stands for bytes that are no text is a name of its own.
    assert_eq!(put(door, "%EF%BF%BD", &json!({})).status, 201);
    for (method, target) in
        [("GET", at("%FF")), ("DELETE", at("%FE")), ("GET", at("%FF/keys/a")), ("PATCH", at("%FF"))]
    {
        let reply = door.ask(method, &target, "", b"");
        assert_eq!(status_and_code(&reply), (404, "DC-120".to_owned()), "{method} {target}");
    }
    assert_eq!(door.ask("DELETE", &at("%EF%BF%BD"), "", b"").status, 204);
}

fn clear_forgets_everything_of_one_keyspace(door: &TestDoor) {
    put_keys(door, "default", &[b"a", b"b", b"c"], "");
    put_keys(door, "users", &[b"a"], "");
    let cleared = door.ask("POST", "/v1/keyspaces/default/clear", "", b"");
    assert_eq!((cleared.status, &cleared.json()["removed"]), (200, &json!(3)));
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").status, 404);
    assert_eq!(door.ask("GET", "/v1/keyspaces/users/keys/a", "", b"").body, b"value");
}

/// Every key that a scan shows, in as many pages as it takes.
fn scanned(door: &TestDoor, query: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut cursor = String::new();
    for _ in 0..10_000 {
        let target = format!("/v1/keyspaces/default/scan?{query}{cursor}");
        let reply = door.ask("GET", &target, "", b"");
        assert_eq!(reply.status, 200, "{target}");
        let page = reply.json();
        keys.extend(page["keys"].as_array().expect("a list").iter().map(Value::to_string));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return keys,
        }
    }
    panic!("the scan does not end");
}

fn a_scan_finds_each_key_whatever_its_bytes(door: &TestDoor) {
    let names: Vec<String> = (0..300).map(|number| format!("user:{number}")).collect();
    let mut keys: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    keys.extend([&b"\xFF\0"[..], b"a\"b", b"../?"]);
    put_keys(door, "default", &keys, "");
    for limit in [1_000, 7] {
        let all = scanned(door, &format!("limit={limit}"));
        assert_eq!(all.len(), 303, "{limit}");
        for key in [r#""user:299""#, r#"{"base64":"/wA="}"#, r#""a\"b""#, r#""../?""#] {
            assert!(all.contains(key), "{key}");
        }
    }
    assert_eq!(scanned(door, "pattern=user:29?").len(), 10);
    assert_eq!(scanned(door, "pattern=nobody*").len(), 0);
}

fn a_scan_takes_no_nonsense(door: &TestDoor) {
    let long = format!("pattern={}", "*a".repeat(129));
    for bad in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=0-0-0", &long] {
        let reply = door.ask("GET", &format!("/v1/keyspaces/default/scan?{bad}"), "", b"");
        assert_eq!(status_and_code(&reply), (400, "DC-230".to_owned()), "{bad}");
    }
}

fn long_keys_end_a_page_early(door: &TestDoor) {
    let keys: Vec<Vec<u8>> = (0..80).map(|n| [vec![b'k'; 60_000], vec![n]].concat()).collect();
    // By batches: a request line has no room for them.
    for some in keys.chunks(20) {
        let item = |key: &Vec<u8>| json!({"key": String::from_utf8_lossy(key), "value": ""});
        let items: Vec<Value> = some.iter().map(item).collect();
        let body = json!({"items": items}).to_string();
        let reply = door.ask("POST", "/v1/keyspaces/default/batch/put", "", body.as_bytes());
        assert_eq!(reply.status, 200);
    }
    let page = door.ask("GET", "/v1/keyspaces/default/scan?limit=1000", "", b"");
    assert!(page.body.len() < 5 << 20, "{} bytes", page.body.len());
    assert!(page.json()["cursor"].is_string());
    assert_eq!(scanned(door, "limit=1000").len(), 80);
}

fn a_tag_forgets_those_that_bear_it(door: &TestDoor) {
    put_keys(door, "default", &[b"a"], "?tag=red&tag=round");
    put_keys(door, "default", &[b"b"], "?tag=blue");
    put_keys(door, "default", &[b"c"], "?tag=green");
    let target = "/v1/keyspaces/default/invalidate?tag=round&tag=blue";
    assert_eq!(door.ask("POST", target, "", b"").status, 204);
    let status = |key: &[u8]| door.ask("GET", &path(key), "", b"").status;
    assert_eq!([status(b"a"), status(b"b"), status(b"c")], [404, 404, 200]);
}

fn a_prefix_forgets_those_that_begin_with_it(door: &TestDoor) {
    put_keys(door, "default", &[b"a/1", b"a/2", b"b/1"], "");
    let reply = door.ask("POST", "/v1/keyspaces/default/invalidate?prefix=a%2F", "", b"");
    assert_eq!((reply.status, &reply.json()["removed"]), (200, &json!(2)));
    let status = |key: &[u8]| door.ask("GET", &path(key), "", b"").status;
    assert_eq!([status(b"a/1"), status(b"a/2"), status(b"b/1")], [404, 404, 200]);
}

fn to_invalidate_names_one_kind(door: &TestDoor) {
    put_keys(door, "default", &[b"a"], "?tag=t");
    for query in ["", "?prefix=", "?tag=t&prefix=a", "?tag=t&prefix="] {
        let target = format!("/v1/keyspaces/default/invalidate{query}");
        let reply = door.ask("POST", &target, "", b"");
        assert_eq!(status_and_code(&reply), (400, "DC-230".to_owned()), "{query}");
    }
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").status, 200);
}

fn stats_count_what_happens(door: &TestDoor) {
    let stats = || door.ask("GET", "/v1/keyspaces/users/stats", "", b"").json();
    let get = |key: &str| door.ask("GET", &format!("/v1/keyspaces/users/keys/{key}"), "", b"");
    get("user1");
    get("user1");
    get("broken");
    let stats = stats();
    let number = |name: &str| stats[name].as_u64().unwrap_or_else(|| panic!("{name} in {stats}"));
    assert_eq!((number("hits"), number("gets"), number("entries")), (1, 3, 1));
    assert_eq!((number("loads"), number("loads_found"), number("load_failures")), (2, 1, 1));
    assert_eq!((number("warm_keys"), number("store_lost")), (0, 0));
    assert_eq!(stats["breaker"], Value::Null);
}

fn a_source_is_told_of_and_not_set_here(door: &TestDoor) {
    let users = door.ask("GET", &at("users"), "", b"").json();
    assert_eq!((&users["source"], &users["store"]), (&json!(true), &json!(false)));
    // The source stays where it is.
    assert_eq!(patch(door, "users", &json!({"loads_max": 3})).status, 200);
    let loaded = door.ask("GET", "/v1/keyspaces/users/keys/user9", "", b"");
    assert_eq!(loaded.body, b"loaded user9");
    let refused = patch(door, "users", &json!({"source": "postgres://me:secret@db/"}));
    assert_eq!(status_and_code(&refused), (400, "DC-322".to_owned()));
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(text.contains("configuration") && !text.contains("secret"), "{text}");
}

fn each_path_takes_its_own_methods(door: &TestDoor) {
    for (target, allow) in [
        ("/v1/keyspaces", "GET, HEAD, OPTIONS"),
        ("/v1/keyspaces/default", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("/v1/keyspaces/default/clear", "POST, OPTIONS"),
        ("/v1/keyspaces/default/scan", "GET, HEAD, OPTIONS"),
        ("/v1/keyspaces/default/invalidate", "POST, OPTIONS"),
        ("/v1/keyspaces/default/stats", "GET, HEAD, OPTIONS"),
        ("/v1/keyspaces/default/hot", "GET, HEAD, OPTIONS"),
    ] {
        let options = door.ask("OPTIONS", target, "", b"");
        assert_eq!((options.status, options.header("allow")), (204, Some(allow)), "{target}");
        let refused = door.ask("BREW", target, "", b"");
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allow)), "{target}");
    }
}
