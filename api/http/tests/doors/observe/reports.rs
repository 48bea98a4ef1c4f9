//! `/v1/status`, `/v1/limits`, `/v1/trace` and `/readyz`.

use std::time::Duration;

use distcache::{CircuitBreaker, KeyspaceConfig};
use distcache_http::Limits;
use serde_json::{Value, json};

use super::{Observed, observed, observed_within, sourced};
use crate::support::{Reply, TestDoor, on_each_door};

on_each_door! {
    a_trace_tells_what_is_held_and_why_something_is_not,
    a_trace_is_of_any_bytes_and_of_no_use,
    a_body_too_large_reaches_its_bound_once,
    limits_are_those_of_the_engine_and_of_the_door,
    a_status_tells_the_ratios_of_the_last_hour,
    what_is_wrong_but_no_reason_to_go_elsewhere_is_told,
    a_server_that_drains_says_so_with_its_code,
    a_server_that_is_closed_is_not_ready,
    what_tells_of_the_server_can_only_be_read,
}

fn json_of(door: &TestDoor, path: &str) -> Value {
    let reply = door.ask("GET", path, "", b"");
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.json()
}

fn put(door: &TestDoor, path: &str, body: &[u8]) -> Reply {
    door.ask("PUT", &format!("/v1/keyspaces/users/keys/{path}"), "", body)
}

fn limit(door: &TestDoor, name: &str) -> Option<Value> {
    let limits = json_of(door, "/v1/limits");
    let limits = limits["limits"].as_array().expect("a list");
    limits.iter().find(|limit| limit["name"] == name).cloned()
}

fn a_trace_tells_what_is_held_and_why_something_is_not(door: &TestDoor) {
    let users = KeyspaceConfig::new("users");
    let Observed { door, clock, engine } = observed(door.kind, [users]);
    let never = json_of(&door, "/v1/trace/users/a");
    assert_eq!((&never["held"], &never["removed"]), (&Value::Null, &Value::Null));
    assert_eq!(put(&door, "a?ttl=10&tag=t", b"value").status, 204);
    clock.advance(Duration::from_secs(4));
    let trace = json_of(&door, "/v1/trace/users/a");
    let held = &trace["held"];
    assert_eq!(held["state"], "fresh");
    assert_eq!((&held["age_ms"], &held["ttl_ms"]), (&json!(4_000), &json!(6_000)));
    assert_eq!((&held["tags"], &held["value_bytes"]), (&json!(1), &json!(5)));
    let owner = engine.keyspace("users").expect("it is there").owner(b"a");
    assert_eq!(trace["node"], owner.to_string());
    clock.advance(Duration::from_secs(7));
    let removed = json!({"cause": "expired", "ago_ms": 1_000, "age_ms": 10_000});
    assert_eq!(json_of(&door, "/v1/trace/users/a")["removed"], removed);
    put(&door, "b", b"1");
    clock.advance(Duration::from_secs(2));
    door.ask("DELETE", "/v1/keyspaces/users/keys/b", "", b"");
    clock.advance(Duration::from_secs(3));
    let trace = json_of(&door, "/v1/trace/users/b");
    let removed = json!({"cause": "deleted", "ago_ms": 3_000, "age_ms": 2_000});
    assert_eq!((&trace["held"], &trace["removed"]), (&Value::Null, &removed));
}

fn a_trace_is_of_any_bytes_and_of_no_use(door: &TestDoor) {
    let Observed { door, engine, .. } = observed(door.kind, [sourced("users")]);
    assert_eq!(put(&door, "%00%FF%2F+", b"1").status, 204);
    assert!(json_of(&door, "/v1/trace/users/%00%FF%2F+")["held"].is_object());
    assert!(json_of(&door, "/v1/trace/users/other")["held"].is_null());
    let stats = engine.keyspace("users").and_then(|users| users.stats()).expect("numbers");
    assert_eq!((stats.gets, stats.loads), (0, 0));
    for (path, code) in [
        ("/v1/trace/nobody/a", "DC-120"),
        ("/v1/trace/users", "DC-202"),
        ("/v1/trace/users/a/b", "DC-202"),
        ("/v1/trace/users/%zz", "DC-207"),
    ] {
        assert_eq!(door.ask("GET", path, "", b"").code(), code, "{path}");
    }
}

fn a_body_too_large_reaches_its_bound_once(door: &TestDoor) {
    let limits = Limits { body_bytes: 100, ..Limits::default() };
    let Observed { door, .. } = observed_within(door.kind, [sourced("users")], &limits);
    let body = limit(&door, "body_bytes").expect("every door keeps it");
    assert_eq!((&body["max"], &body["reached"]), (&json!(100), &json!(0)));
    assert_eq!(put(&door, "a", &[b'x'; 101]).status, 413);
    let limits = json_of(&door, "/v1/limits");
    let reached = limits["limits"].as_array().expect("a list").iter();
    let reached: Vec<_> = reached.filter(|limit| limit["reached"] != 0).collect();
    assert_eq!(reached.len(), 1, "{reached:?}");
    assert_eq!((&reached[0]["name"], &reached[0]["reached"]), (&json!("body_bytes"), &json!(1)));
}

fn limits_are_those_of_the_engine_and_of_the_door(door: &TestDoor) {
    let Observed { door, .. } = observed(door.kind, [sourced("users").entries_max(7)]);
    put(&door, "a", b"1");
    let limits = json_of(&door, "/v1/limits");
    let entries = limits["limits"].as_array().expect("a list").iter();
    let entries: Vec<_> = entries.filter(|limit| limit["name"] == "keyspace_entries").collect();
    let expected = json!({"name": "keyspace_entries", "unit": "entries", "keyspace": "users",
        "max": 7, "used": 1, "peak": 1, "reached": 0});
    assert_eq!(entries, [&expected]);
    let is_hyper = door.kind == distcache_http::doors::Kind::Hyper;
    assert_eq!(limit(&door, "connections").is_some(), is_hyper, "what a door does not keep");
}

fn a_status_tells_the_ratios_of_the_last_hour(door: &TestDoor) {
    let Observed { door, engine, clock } = observed(door.kind, [sourced("users")]);
    let users = || {
        let status = json_of(&door, "/v1/status");
        let keyspaces = status["keyspaces"].as_array().expect("a list").clone();
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(status["nodes"].as_array().map(Vec::len), Some(2));
        keyspaces.into_iter().find(|one| one["name"] == "users").expect("it is there")
    };
    crate::support::until("a sample was taken", || users()["lately"]["60m"].is_object());
    for _ in 0..4 {
        assert_eq!(door.ask("GET", "/v1/keyspaces/users/keys/a", "", b"").status, 200);
    }
    clock.advance(Duration::from_secs(30));
    let told = users();
    assert_eq!((&told["gets"], &told["hits"], &told["loads"]), (&json!(4), &json!(3), &json!(1)));
    let stats = engine.keyspace("users").and_then(|users| users.stats()).expect("numbers");
    assert_eq!((&told["entries"], &told["bytes"]), (&json!(stats.entries), &json!(stats.bytes)));
    for window in ["1m", "10m", "60m"] {
        let past = &told["lately"][window];
        assert_eq!((&past["gets"], &past["hit_ratio"]), (&json!(4), &json!(0.75)), "{window}");
        assert_eq!(past["over_s"], 30, "that is all there is");
    }
}

fn what_is_wrong_but_no_reason_to_go_elsewhere_is_told(door: &TestDoor) {
    let breaker = CircuitBreaker::new(1, Duration::from_mins(1));
    let Observed { door, engine, .. } =
        observed(door.kind, [sourced("users").circuit_breaker(breaker)]);
    assert_eq!(door.ask("GET", "/readyz", "", b"").body, b"ready\n");
    assert_eq!(door.ask("GET", "/v1/keyspaces/users/keys/broken", "", b"").status, 502);
    let ready = json_of(&door, "/readyz");
    assert_eq!((&ready["ready"], &ready["failing"][0]["code"]), (&json!(true), &json!("DC-136")));
    let node = engine.manager().nodes()[0].id;
    let _lost = engine.manager().on_node(node, |_| panic!("a fuse has blown"));
    crate::support::until("it was replaced", || engine.manager().nodes()[0].incarnation == 1);
    let ready = json_of(&door, "/readyz");
    let codes: Vec<_> = [0, 1].map(|at| ready["failing"][at]["code"].clone()).into();
    assert_eq!(codes, ["DC-103", "DC-136"]);
    let detail = ready["failing"][0]["detail"].as_str().expect("a text");
    assert!(detail.starts_with(&format!("{node} was replaced ")), "{detail}");
}

fn a_server_that_drains_says_so_with_its_code(door: &TestDoor) {
    door.readiness.drain();
    let reply = door.ask("GET", "/readyz", "", b"");
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-114"));
}

fn a_server_that_is_closed_is_not_ready(door: &TestDoor) {
    let Observed { door, engine, .. } = observed(door.kind, []);
    engine.shutdown(Duration::from_mins(1)).expect("it ends");
    let reply = door.ask("GET", "/readyz", "", b"");
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-103"));
}

fn what_tells_of_the_server_can_only_be_read(door: &TestDoor) {
    for path in ["/metrics", "/v1/status", "/v1/limits", "/v1/trace/users/a"] {
        assert_eq!(door.ask("GET", &format!("{path}?any=thing"), "", b"").status, 200, "{path}");
        let refused = door.ask("DELETE", path, "", b"");
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
        assert_eq!(door.ask("OPTIONS", path, "", b"").status, 204, "{path}");
    }
}

/// What only the hyper door keeps.
#[cfg(feature = "hyper")]
mod hyper_only {
    use distcache_http::doors::Kind;

    use super::*;

    fn reached(door: &TestDoor, name: &str) -> Value {
        limit(door, name).unwrap_or_else(|| panic!("no {name}"))["reached"].clone()
    }

    #[test]
    fn a_head_over_its_limits_reaches_each_of_them_once() {
        let limits = Limits { request_line_bytes: 100, headers: 4, ..Limits::default() };
        let Observed { door, .. } = observed_within(Kind::Hyper, [], &limits);
        let long = format!("/?key={}", "k".repeat(100));
        assert_eq!(door.ask("GET", &long, "", b"").status, 414);
        assert_eq!(door.ask("GET", "/livez", &"A: b\r\n".repeat(5), b"").status, 431);
        let names = ["request_line_bytes", "headers", "header_bytes", "body_bytes"];
        crate::support::until("both were counted", || {
            names.map(|name| reached(&door, name)) == [json!(1), json!(1), json!(0), json!(0)]
        });
    }

    #[test]
    fn connections_are_counted_as_they_come_and_go() {
        let limits = Limits { connections: 3, ..Limits::default() };
        let Observed { door, .. } = observed_within(Kind::Hyper, [], &limits);
        let mut asking = door.connect();
        let mut used = || {
            let limits = asking.ask("GET", "/v1/limits", "", b"").json();
            let limits = limits["limits"].as_array().expect("a list").clone();
            let open = limits.into_iter().find(|one| one["name"] == "connections");
            let open = open.expect("hyper keeps it");
            [open["used"].clone(), open["peak"].clone(), open["reached"].clone()]
        };
        assert_eq!(used(), [json!(1), json!(1), json!(0)]);
        let others = [door.connect(), door.connect()];
        crate::support::until("they are open", || used()[0] == 3);
        let mut refused = door.connect();
        assert_eq!(refused.reply().status, 503);
        assert_eq!(used(), [json!(3), json!(3), json!(1)]);
        drop(others);
        crate::support::until("they are closed", || used()[0] == 1);
        assert_eq!(used(), [json!(1), json!(3), json!(1)]);
    }
}
