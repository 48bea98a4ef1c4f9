//! Values that end, by a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use distcache::{Engine, KeyspaceConfig, ManualClock};
use distcache_http::{Limits, OriginPolicy, ROOT_KEYSPACE, Routes};
use serde_json::{Value, json};

use super::path;
use crate::support::{TestDoor, kinds};

fn on_each(test: fn(&TestDoor, &ManualClock)) {
    for kind in kinds() {
        let clock = Arc::new(ManualClock::new());
        let engine = Engine::builder().capacity_bytes(64 << 20).data_nodes(2);
        let engine = engine.keyspace(KeyspaceConfig::new(ROOT_KEYSPACE)).clock(clock.clone());
        let engine = engine.start().expect("the engine starts");
        let routes = Routes::new(engine, OriginPolicy::default());
        test(&TestDoor::serving(kind, routes, &Limits::default()), &clock);
    }
}

/// What a batch says of each key, in a word.
fn statuses(door: &TestDoor, keys: &Value) -> Vec<Value> {
    let body = json!({"keys": keys}).to_string();
    let reply = door.ask("POST", "/v1/keyspaces/default/batch/get", "", body.as_bytes()).json();
    let results = reply["results"].as_array().expect("a list");
    results.iter().map(|result| result["status"].clone()).collect()
}

/// A millisecond before its end a value is there by every way, and from then on by
/// none, though nothing has swept it.
#[test]
fn from_its_end_on_a_value_is_not_there_by_any_way() {
    on_each(|door, clock| {
        assert_eq!(door.ask("PUT", &format!("{}?ttl=60", path(b"a")), "", b"1").status, 204);
        assert_eq!(door.ask("PUT", &path(b"b"), "", b"2").status, 204);
        let status = |method: &str, path: &str| door.ask(method, path, "", b"").status;
        let tag = door.ask("GET", &path(b"a"), "", b"").header("etag").expect("a tag").to_owned();
        let on_condition = |method: &str, name: &str| {
            door.ask(method, &path(b"a"), &format!("{name}: {tag}\r\n"), b"3").status
        };
        let scanned = || {
            let page = door.ask("GET", "/v1/keyspaces/default/scan", "", b"").json();
            page["keys"].as_array().expect("a list").len()
        };

        clock.advance(Duration::from_millis(59_999));
        let got = door.ask("GET", &path(b"a"), "", b"");
        assert_eq!((&*got.body, got.header("age")), (&b"1"[..], Some("59")));
        assert_eq!(on_condition("GET", "If-None-Match"), 304);
        assert_eq!(statuses(door, &json!(["a", "b"])), ["found", "found"]);
        assert_eq!(scanned(), 2);

        clock.advance(Duration::from_millis(1));
        assert_eq!(["GET", "HEAD"].map(|method| status(method, &path(b"a"))), [404, 404]);
        assert_eq!(status("GET", "/_distcache/default/a"), 404);
        assert_eq!(status("GET", "/?key=a"), 404);
        assert_eq!(status("GET", &format!("{}/ttl", path(b"a"))), 404);
        assert_eq!(status("POST", &format!("{}/touch?ttl=60", path(b"a"))), 404);
        assert_eq!(on_condition("GET", "If-None-Match"), 404);
        assert_eq!(on_condition("PUT", "If-Match"), 412);
        assert_eq!(statuses(door, &json!(["a", "b"])), ["absent", "found"]);
        assert_eq!(scanned(), 1);
        assert_eq!(status("DELETE", &path(b"a")), 404);
    });
}

/// What is written to a value gives it no more time than is asked for.
#[test]
fn only_who_asks_for_it_gives_a_value_more_time() {
    on_each(|door, clock| {
        let key = path(b"n");
        assert_eq!(door.ask("PUT", &format!("{key}?ttl=10"), "", b"1").status, 204);
        clock.advance(Duration::from_secs(9));
        for _ in 0..3 {
            assert_eq!(door.ask("GET", &key, "", b"").status, 200);
        }
        assert_eq!(door.ask("POST", &format!("{key}/increment"), "", b"").status, 200);
        assert_eq!(door.ask("GET", &format!("{key}/ttl"), "", b"").json()["ttl"], 1.0);
        assert_eq!(door.ask("POST", &format!("{key}/touch?ttl=5"), "", b"").status, 204);
        clock.advance(Duration::from_millis(4_999));
        assert_eq!(door.ask("GET", &key, "", b"").body, b"2");
        clock.advance(Duration::from_millis(1));
        assert_eq!(door.ask("GET", &key, "", b"").status, 404);
    });
}
