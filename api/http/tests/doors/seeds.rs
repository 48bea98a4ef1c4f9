//! The routes of older systems, as their clients know them.

use serde_json::json;

use crate::support::{TestDoor, escaped, on_each_door};

on_each_door! {
    a_peer_reads_a_protobuf_message,
    a_peer_that_asks_for_bytes_reads_bytes,
    all_behind_the_group_is_the_key,
    what_a_peer_asks_for_in_vain_is_told,
    the_admin_routes_answer_as_they_did,
    a_server_that_drains_is_not_ready,
    what_cachely_sets_it_gets,
    cachely_says_what_is_wrong_in_its_own_words,
    what_cachely_took_by_mistake_is_refused,
}

const BYTES: &str = "Accept: application/octet-stream\r\n";

fn put(door: &TestDoor, key: &[u8], value: &[u8]) {
    let target = format!("/v1/keyspaces/default/keys/{}", escaped(key));
    assert_eq!(door.ask("PUT", &target, "", value).status, 204);
}

/// What a decoder of `Response { bytes value = 1; }` makes of a message.
fn decoded(message: &[u8]) -> &[u8] {
    let [0x0A, rest @ ..] = message else {
        assert!(message.is_empty(), "field 1, of bytes");
        return message;
    };
    let (mut length, mut at) = (0, 0);
    loop {
        length |= usize::from(rest[at] & 0x7F) << (7 * at);
        at += 1;
        if rest[at - 1] < 0x80 {
            break;
        }
    }
    assert_eq!(rest.len(), at + length, "one field and nothing behind it");
    &rest[at..]
}

fn a_peer_reads_a_protobuf_message(door: &TestDoor) {
    for length in [0, 1, 127, 128, 16_383, 16_384, 300_000] {
        let value = vec![b'v'; length];
        put(door, b"a", &value);
        let reply = door.ask("GET", "/_distcache/default/a", "", b"");
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/x-protobuf"))
        );
        assert_eq!(decoded(&reply.body), value, "{length}");
    }
    let hit = door.ask("GET", "/_distcache/default/a", "", b"");
    assert_eq!(hit.header("cache-status"), Some("distcache; hit"));
}

fn a_peer_that_asks_for_bytes_reads_bytes(door: &TestDoor) {
    put(door, b"a", b"\0\xFF");
    let reply = door.ask("GET", "/_distcache/default/a", BYTES, b"");
    assert_eq!(reply.body, b"\0\xFF");
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
}

fn all_behind_the_group_is_the_key(door: &TestDoor) {
    let keys: [(&[u8], &str); 6] = [
        (b"a b", "a%20b"),
        (b"a+b", "a+b"),
        (b"a/b/../c", "a/b/../c"),
        (b"a/b", "a%2Fb"),
        (b"\xFF\0", "%FF%00"),
        (b"/", "/"),
    ];
    for (key, escaped) in keys {
        put(door, key, key);
        let reply = door.ask("GET", &format!("/_distcache/default/{escaped}"), BYTES, b"");
        assert_eq!((reply.status, &reply.body[..]), (200, key), "{escaped}");
    }
    let loaded = door.ask("GET", "/_distcache/users/user1", BYTES, b"");
    assert_eq!(loaded.body, b"loaded user1");
}

fn what_a_peer_asks_for_in_vain_is_told(door: &TestDoor) {
    for (target, status, code) in [
        ("/_distcache/default/nothing", 404, "DC-201"),
        ("/_distcache/nobody/a", 404, "DC-120"),
        ("/_distcache/default/", 400, "DC-204"),
        ("/_distcache/default/%zz", 400, "DC-207"),
        ("/_distcache/default/a?x=1", 400, "DC-218"),
        ("/_distcache/default", 404, "DC-202"),
        ("/_distcache/users/broken", 502, "DC-131"),
    ] {
        let reply = door.ask("GET", target, "", b"");
        assert_eq!((reply.status, &*reply.code()), (status, code), "{target}");
    }
    let refused = door.ask("PUT", "/_distcache/default/a", "", b"1");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

fn admin(door: &TestDoor, what: &str) -> crate::support::Reply {
    door.ask("GET", &format!("/_distcache/admin/{what}"), "", b"")
}

fn the_admin_routes_answer_as_they_did(door: &TestDoor) {
    assert_eq!(admin(door, "healthz").body, b"ok");
    assert_eq!(admin(door, "readyz").body, b"ready");
    let peers = admin(door, "peers").json();
    let port = door.address().port();
    let this = json!({"bind_addr": "127.0.0.1", "bind_port": port, "discovery_port": 0,
        "is_self": true});
    assert_eq!(peers, json!([this]));

    door.ask("GET", "/_distcache/users/user1", "", b"");
    door.ask("GET", "/_distcache/users/user1", "", b"");
    let reply = admin(door, "keyspaces");
    let keyspaces = reply.json();
    let users = &keyspaces[1];
    assert_eq!(
        (&users["name"], &users["read_timeout"]),
        (&json!("users"), &json!(5_000_000_000_u64))
    );
    let stats = &users["stats"];
    let numbers = ["gets", "cache_hits", "loads", "loads_deduped", "local_loads"];
    assert_eq!(numbers.map(|name| stats[name].as_u64()), [2, 1, 1, 1, 1].map(Some), "{stats}");
    assert!(users["main_cache_bytes"].as_u64() <= users["max_bytes"].as_u64());
    assert!(users.get("warm_keys").is_none() && users["hot_cache_bytes"] == 0);
    assert!(reply.body.starts_with(b"[\n  {\n    \"name\""), "indented as it was");
    assert_eq!(door.ask("POST", "/_distcache/admin/peers", "", b"").status, 405);
}

fn a_server_that_drains_is_not_ready(door: &TestDoor) {
    door.readiness.drain();
    let reply = admin(door, "readyz");
    assert_eq!((reply.status, &reply.body[..]), (503, &b"not ready\n"[..]));
    assert_eq!(admin(door, "healthz").status, 200);
}

/// The status, the type and the text of an answer.
fn text(door: &TestDoor, method: &str, target: &str) -> (u16, String, String) {
    let reply = door.ask(method, target, "", b"");
    let kind = reply.header("content-type").expect("a type").to_owned();
    (reply.status, kind, String::from_utf8(reply.body).expect("UTF-8"))
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn what_cachely_sets_it_gets(door: &TestDoor) {
    let set = text(door, "POST", "/cache/set?key=my+key&value=%3Ca%3E+%22&ttl=3600");
    assert_eq!(set, (200, PLAIN.to_owned(), "Cache entry set for key: my key".to_owned()));
    let got = text(door, "GET", "/cache/get?key=my%20key");
    let json = "\"\\u003ca\\u003e \\\"\"\n".to_owned();
    assert_eq!(got, (200, "application/json".to_owned(), json));
    let reply = door.ask("GET", "/v1/keyspaces/default/keys/my%20key", "", b"");
    assert_eq!((reply.status, &reply.body[..]), (200, &b"<a> \""[..]));
    let ttl = door.ask("GET", "/v1/keyspaces/default/keys/my%20key/ttl", "", b"").json();
    assert!((3_000.0..=3_600.0).contains(&ttl["ttl"].as_f64().expect("a number")), "{ttl}");
}

fn cachely_says_what_is_wrong_in_its_own_words(door: &TestDoor) {
    for (method, target, status, words) in [
        ("POST", "/cache/set", 400, "Missing parameters\n"),
        ("POST", "/cache/set?key=a&value=b", 400, "Missing parameters\n"),
        ("POST", "/cache/set?key=a&value=&ttl=1", 400, "Missing parameters\n"),
        ("POST", "/cache/set?key=&value=b&ttl=x", 400, "Missing parameters\n"),
        ("POST", "/cache/set?key=a&value=b&ttl=x", 400, "Invalid TTL\n"),
        ("GET", "/cache/get", 400, "Missing key parameter\n"),
        ("GET", "/cache/get?key=", 400, "Missing key parameter\n"),
        ("GET", "/cache/get?key=nothing", 404, "Key not found or expired\n"),
    ] {
        let expected = (status, PLAIN.to_owned(), words.to_owned());
        assert_eq!(text(door, method, target), expected, "{target}");
    }
}

fn what_cachely_took_by_mistake_is_refused(door: &TestDoor) {
    for ttl in ["-1", "0", "%2B1", "1.5", "315360001", "99999999999999999999"] {
        let told = text(door, "POST", &format!("/cache/set?key=a&value=b&ttl={ttl}"));
        assert_eq!(told, (400, PLAIN.to_owned(), "Invalid TTL\n".to_owned()), "{ttl}");
    }
    for (target, code) in [
        ("/cache/set?key=a&value=b&ttl=1&ttl=2", "DC-205"),
        ("/cache/set?key=a&value=b&ttl=1&tl=2", "DC-218"),
        ("/cache/set?key=%FF&value=b&ttl=1", "DC-207"),
    ] {
        assert_eq!(door.ask("POST", target, "", b"").code(), code, "{target}");
    }
    let by_get = door.ask("GET", "/cache/set?key=a&value=b&ttl=1", "", b"");
    assert_eq!((by_get.status, by_get.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(door.ask("GET", "/cache/get?key=a", "", b"").status, 404, "nothing was stored");
    put(door, b"bytes", b"\xFF");
    assert_eq!(door.ask("GET", "/cache/get?key=bytes", "", b"").status, 406);
}
