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
