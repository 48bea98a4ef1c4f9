//! `/v1/keyspaces/{ks}/keys/{key}`: values as bytes, conditions, and what is told
//! of them.

use super::{path, status_and_code};
use crate::support::{Reply, TestDoor, on_each_door};

on_each_door! {
    a_value_is_put_read_and_deleted_as_bytes,
    any_bytes_are_a_key,
    nothing_in_a_path_is_folded,
    a_keyspace_that_is_not_there_is_404_by_name,
    a_tag_saves_a_second_answer,
    a_put_under_a_condition_changes_only_what_it_knows,
    a_delete_under_a_condition_forgets_only_what_it_knows,
    a_condition_that_cannot_be_kept_is_refused,
    a_ttl_and_tags_come_with_the_query,
    a_missing_value_is_loaded_and_told_so,
    a_failing_source_is_a_bad_gateway,
    only_if_cached_loads_nothing,
    a_content_type_comes_back_with_the_value,
    head_tells_what_get_tells,
    every_method_is_answered,
}

fn put(door: &TestDoor, key: &[u8], value: &[u8]) -> String {
    let reply = door.ask("PUT", &path(key), "", value);
    assert_eq!(reply.status, 204);
    tag_of(&reply)
}

fn tag_of(reply: &Reply) -> String {
    reply.header("etag").expect("an entity tag").to_owned()
}

fn a_value_is_put_read_and_deleted_as_bytes(door: &TestDoor) {
    let value = b"\0\xFF not a text";
    let tag = put(door, b"a", value);
    let found = door.ask("GET", &path(b"a"), "", b"");
    assert_eq!((found.status, &found.body[..]), (200, &value[..]));
    assert_eq!(tag_of(&found), tag);
    assert_eq!(found.header("content-type"), Some("application/octet-stream"));
    assert_eq!(found.header("cache-control"), Some("no-cache"));
    assert_eq!(found.header("cache-status"), Some("distcache; hit"));
    assert_eq!(found.header("age"), Some("0"));

    assert_eq!(door.ask("DELETE", &path(b"a"), "", b"").status, 204);
    for method in ["GET", "DELETE"] {
        let gone = door.ask(method, &path(b"a"), "", b"");
        assert_eq!(status_and_code(&gone), (404, "DC-201".to_owned()), "{method}");
    }
}

fn any_bytes_are_a_key(door: &TestDoor) {
    let keys: [&[u8]; 8] =
        [b"..", b".", b"/", b"a/b", b"a+b", b"\0", b"\xFF\xFE", b"\xF0\x9F\x98\x80?&#% "];
    for (number, key) in keys.iter().enumerate() {
        put(door, key, number.to_string().as_bytes());
    }
    for (number, key) in keys.iter().enumerate() {
        let found = door.ask("GET", &path(key), "", b"");
        assert_eq!(found.body, number.to_string().into_bytes(), "{key:?}");
    }
}

fn nothing_in_a_path_is_folded(door: &TestDoor) {
    put(door, b"..", b"dots");
    put(door, b"a+b", b"plus");
    let body = |target: &str| door.ask("GET", target, "", b"").body;
    assert_eq!(body("/v1/keyspaces/default/keys/.."), b"dots");
    assert_eq!(body("/v1/keyspaces/default/keys/a+b"), b"plus");
    for unknown in [
        "/v1/keyspaces/default/keys/a/b",
        "/v1/keyspaces/default/keys/x/../..",
        "/v1//keyspaces/default/keys/..",
        "/v1/keyspaces/default/keys/../",
        "/v1/Keyspaces/default/keys/..",
    ] {
        let reply = door.ask("GET", unknown, "", b"");
        assert_eq!(status_and_code(&reply), (404, "DC-202".to_owned()), "{unknown}");
    }
    let malformed = door.ask("GET", "/v1/keyspaces/default/keys/%zz", "", b"");
    assert_eq!(status_and_code(&malformed), (400, "DC-207".to_owned()));
    let empty = door.ask("GET", "/v1/keyspaces/default/keys/", "", b"");
    assert_eq!(status_and_code(&empty), (400, "DC-204".to_owned()));
}

fn a_keyspace_that_is_not_there_is_404_by_name(door: &TestDoor) {
    for name in ["nobody", "%FF", ""] {
        let reply = door.ask("GET", &format!("/v1/keyspaces/{name}/keys/a"), "", b"");
        assert_eq!(status_and_code(&reply), (404, "DC-120".to_owned()), "{name}");
    }
}

fn a_tag_saves_a_second_answer(door: &TestDoor) {
    let tag = put(door, b"a", b"1");
    let known = format!("If-None-Match: \"other\", W/{tag}\r\n");
    let same = door.ask("GET", &path(b"a"), &known, b"");
    assert_eq!((same.status, same.body.len(), tag_of(&same)), (304, 0, tag.clone()));
    assert_eq!(same.header("content-type"), None);

    let newer = put(door, b"a", b"2");
    assert_ne!(newer, tag);
    let changed = door.ask("GET", &path(b"a"), &known, b"");
    assert_eq!((changed.status, &changed.body[..]), (200, &b"2"[..]));
    assert_eq!(door.ask("GET", &path(b"a"), "If-None-Match: *\r\n", b"").status, 304);

    let wanted = format!("If-Match: {tag}\r\n");
    let unmet = door.ask("GET", &path(b"a"), &wanted, b"");
    assert_eq!(status_and_code(&unmet), (412, "DC-117".to_owned()));
    assert_eq!(tag_of(&unmet), newer);
}

fn a_put_under_a_condition_changes_only_what_it_knows(door: &TestDoor) {
    let put_if = |condition: &str, value: &[u8]| {
        door.ask("PUT", &path(b"a"), &format!("{condition}\r\n"), value)
    };
    assert_eq!(put_if("If-Match: *", b"0").status, 412);
    let first = put_if("If-None-Match: *", b"1");
    assert_eq!(first.status, 204);
    let again = put_if("If-None-Match: *", b"2");
    assert_eq!((again.status, tag_of(&again)), (412, tag_of(&first)));

    let second = put_if(&format!("If-Match: \"x\", {}", tag_of(&first)), b"3");
    assert_eq!(second.status, 204);
    let late = put_if(&format!("If-Match: {}", tag_of(&first)), b"4");
    assert_eq!((late.status, tag_of(&late)), (412, tag_of(&second)));
    assert_eq!(put_if("If-Match: *", b"5").status, 204);
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"5");
}

fn a_delete_under_a_condition_forgets_only_what_it_knows(door: &TestDoor) {
    let delete_if = |condition: &str| {
        door.ask("DELETE", &path(b"a"), &format!("If-Match: {condition}\r\n"), b"")
    };
    assert_eq!(status_and_code(&delete_if("*")), (412, "DC-117".to_owned()));
    let first = put(door, b"a", b"1");
    assert_eq!(status_and_code(&delete_if("\"x\"")), (412, "DC-117".to_owned()));
    let second = put(door, b"a", b"2");
    let late = delete_if(&first);
    assert_eq!((late.status, tag_of(&late)), (412, second.clone()));
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"2");

    assert_eq!(delete_if(&format!("{first}, {second}")).status, 204);
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").status, 404);
    assert_eq!(delete_if(&second).status, 412);
    put(door, b"a", b"3");
    assert_eq!(delete_if("*").status, 204);
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").status, 404);
}

fn a_condition_that_cannot_be_kept_is_refused(door: &TestDoor) {
    put(door, b"a", b"1");
    let refused = |method: &str, headers: &str| {
        let reply = door.ask(method, &path(b"a"), headers, b"");
        assert_eq!(status_and_code(&reply), (400, "DC-228".to_owned()), "{method} {headers}");
    };
    refused("GET", "If-None-Match: 1-2\r\n");
    refused("PUT", "If-None-Match: \"1-2\"\r\n");
    refused("PUT", "If-None-Match: *\r\nIf-Match: *\r\n");
    refused("DELETE", "If-None-Match: *\r\n");
    refused("DELETE", "If-Match: 1-2\r\n");
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"1");
}

fn a_ttl_and_tags_come_with_the_query(door: &TestDoor) {
    let target = |query: &str| format!("{}?{query}", path(b"a"));
    assert_eq!(door.ask("PUT", &target("ttl=60&tag=x&tag=y"), "", b"1").status, 204);
    let found = door.ask("GET", &path(b"a"), "", b"");
    let status = found.header("cache-status").expect("a Cache-Status");
    assert!(["distcache; hit; ttl=59", "distcache; hit; ttl=60"].contains(&status), "{status}");
    assert_eq!(door.ask("PUT", &target("ttl=none"), "", b"1").status, 204);
    let found = door.ask("GET", &path(b"a"), "", b"");
    assert_eq!(found.header("cache-status"), Some("distcache; hit"));

    for (query, code) in [("ttl=0", "DC-206"), ("ttl=1&ttl=2", "DC-205"), ("TTL=1", "DC-218")] {
        let reply = door.ask("PUT", &target(query), "", b"2");
        assert_eq!(status_and_code(&reply), (400, code.to_owned()), "{query}");
    }
    let too_many = "tag=t&".repeat(64);
    assert_eq!(door.ask("PUT", &target(&too_many), "", b"2").status, 400);
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"1");
}

fn a_missing_value_is_loaded_and_told_so(door: &TestDoor) {
    let get = |key: &str| door.ask("GET", &format!("/v1/keyspaces/users/keys/{key}"), "", b"");
    let loaded = get("user1");
    assert_eq!((loaded.status, &loaded.body[..]), (200, &b"loaded user1"[..]));
    assert_eq!(loaded.header("cache-status"), Some("distcache; fwd=miss; stored"));
    let hit = get("user1");
    assert_eq!(hit.header("cache-status"), Some("distcache; hit"));
    assert_eq!(tag_of(&hit), tag_of(&loaded));
    let absent = get("nobody");
    assert_eq!(status_and_code(&absent), (404, "DC-201".to_owned()));
    assert_eq!(absent.header("cache-status"), Some("distcache; detail=absent"));
}

fn a_failing_source_is_a_bad_gateway(door: &TestDoor) {
    let reply = door.ask("GET", "/v1/keyspaces/users/keys/broken", "", b"");
    assert_eq!(status_and_code(&reply), (502, "DC-131".to_owned()));
    assert_eq!(reply.header("cache-status"), Some("distcache; fwd=miss; detail=DC-131"));
}

fn only_if_cached_loads_nothing(door: &TestDoor) {
    let target = "/v1/keyspaces/users/keys/user2";
    let cached = "Cache-Control: max-age=0, Only-If-Cached\r\n";
    let reply = door.ask("GET", target, cached, b"");
    assert_eq!(status_and_code(&reply), (504, "DC-229".to_owned()));
    assert_eq!(door.ask("GET", target, "", b"").status, 200);
    assert_eq!(door.ask("GET", target, cached, b"").body, b"loaded user2");
}

fn a_content_type_comes_back_with_the_value(door: &TestDoor) {
    let put =
        |kind: &str| door.ask("PUT", &path(b"a"), &format!("Content-Type: {kind}\r\n"), b"<p>");
    assert_eq!(put("text/html; charset=utf-8").status, 204);
    let found = door.ask("GET", &path(b"a"), "", b"");
    assert_eq!(found.header("content-type"), Some("text/html; charset=utf-8"));
    // Shown in a browser, it acts as a page of nobody.
    assert_eq!(found.header("content-security-policy"), Some("sandbox"));
    assert_eq!(found.header("x-content-type-options"), Some("nosniff"));
    let same = format!("If-None-Match: {}\r\n", tag_of(&found));
    assert_eq!(door.ask("GET", &path(b"a"), &same, b"").header("content-type"), None);

    let long = "c".repeat(256);
    for bad in ["", "a\tb", &long] {
        let reply = put(bad);
        assert_eq!(reply.status, 400, "{bad}");
    }
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"<p>");
    assert_eq!(door.ask("PUT", &path(b"a"), "", b"1").status, 204);
    let found = door.ask("GET", &path(b"a"), "", b"");
    assert_eq!(found.header("content-type"), Some("application/octet-stream"));
    assert_eq!(found.header("content-security-policy"), None);
}

fn head_tells_what_get_tells(door: &TestDoor) {
    let tag = put(door, b"a", b"four");
    let head = door.ask("HEAD", &path(b"a"), "", b"");
    assert_eq!((head.status, tag_of(&head)), (200, tag));
    assert_eq!(head.header("content-length"), Some("4"));
}

fn every_method_is_answered(door: &TestDoor) {
    let allow = "GET, HEAD, PUT, DELETE, OPTIONS";
    let options = door.ask("OPTIONS", &path(b"a"), "", b"");
    assert_eq!((options.status, options.header("allow")), (204, Some(allow)));
    for method in ["POST", "PATCH", "BREW"] {
        let reply = door.ask(method, &path(b"a"), "", b"");
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{method}");
    }
}
