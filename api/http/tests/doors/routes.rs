//! Each route: its methods, its statuses and exactly its members.

use serde_json::json;

use crate::support::{TestDoor, on_each_door};

on_each_door! {
    an_entry_is_written_read_and_removed,
    a_missing_key_is_404_for_get_and_delete,
    a_request_without_a_good_key_is_400,
    parameters_are_known_and_given_once,
    a_ttl_is_whole_seconds_in_range,
    the_body_is_the_value_when_the_query_has_none,
    a_form_gives_the_value_and_the_key,
    a_form_without_value_says_how_to_send_bytes,
    a_value_is_given_once,
    bytes_come_to_those_who_ask_for_them,
    a_value_that_is_not_utf_8_is_stored_and_shown_as_null,
    head_is_get_without_a_body,
    other_methods_are_405_with_allow,
    options_lists_the_methods,
    unknown_paths_are_404,
    livez_says_alive_and_readyz_says_ready_until_draining,
    nodes_are_listed_with_state_share_and_status,
    problems_never_repeat_a_value,
    an_absolute_url_is_understood,
    requests_share_a_connection,
}

fn an_entry_is_written_read_and_removed(door: &TestDoor) {
    let stored = door.ask("POST", "/?key=a&value=1", "", b"");
    assert_eq!((stored.status, stored.json()), (200, json!({"key": "a", "value": "1"})));
    assert_eq!(stored.header("content-type"), Some("application/json"));

    let found = door.get("a");
    let node = found.json()["node"].clone();
    assert!(node.as_str().is_some_and(|node| node.starts_with("node-")), "{node}");
    assert_eq!(
        (found.status, found.json()),
        (200, json!({"key": "a", "node": node, "value": "1"}))
    );
    assert!(found.header("date").is_some());

    door.ask("POST", "/?key=a&value=2&ttl=60", "", b"");
    assert_eq!(door.get("a").json()["value"], "2");

    let deleted = door.ask("DELETE", "/?key=a", "", b"");
    assert_eq!((deleted.status, deleted.json()), (200, json!({"key": "a"})));
    assert_eq!(door.get("a").status, 404);
}

fn a_missing_key_is_404_for_get_and_delete(door: &TestDoor) {
    for method in ["GET", "DELETE"] {
        let reply = door.ask(method, "/?key=nobody", "", b"");
        assert_eq!((reply.status, reply.code().as_str()), (404, "DC-201"), "{method}");
    }
}

fn a_request_without_a_good_key_is_400(door: &TestDoor) {
    for method in ["GET", "POST", "DELETE"] {
        for target in ["/", "/?", "/?key", "/?key="] {
            let reply = door.ask(method, target, "", b"");
            assert_eq!((reply.status, reply.code().as_str()), (400, "DC-204"), "{method} {target}");
        }
        for bad in ["%", "%4", "%zz", "%FF", "%C0%AF", "%ED%A0%80"] {
            let reply = door.ask(method, &format!("/?key={bad}"), "", b"");
            assert_eq!((reply.status, reply.code().as_str()), (400, "DC-207"), "{method} {bad}");
        }
    }
}

fn parameters_are_known_and_given_once(door: &TestDoor) {
    let cases = [
        ("GET", "/?key=a&key=b", "DC-205"),
        ("POST", "/?key=a&value=1&value=2", "DC-205"),
        ("GET", "/?key=a&colour=red", "DC-218"),
        ("DELETE", "/?key=a&value=1", "DC-218"),
    ];
    for (method, target, code) in cases {
        let reply = door.ask(method, target, "", b"");
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{method} {target}");
    }
}

fn a_ttl_is_whole_seconds_in_range(door: &TestDoor) {
    for good in ["1", "315360000"] {
        let target = format!("/?key=a&value=1&ttl={good}");
        assert_eq!(door.ask("POST", &target, "", b"").status, 200, "{good}");
    }
    for bad in ["", "0", "-1", "%2B1", "1.5", "1s", "315360001", "99999999999999999999"] {
        let reply = door.ask("POST", &format!("/?key=a&value=1&ttl={bad}"), "", b"");
        assert_eq!((reply.status, reply.code().as_str()), (400, "DC-206"), "{bad}");
    }
}

fn the_body_is_the_value_when_the_query_has_none(door: &TestDoor) {
    let raw = "Content-Type: text/plain\r\n";
    let stored = door.ask("POST", "/?key=a", raw, b"value=not+a+form");
    assert_eq!(stored.json(), json!({"key": "a", "value": "value=not+a+form"}));
    assert_eq!(door.get("a").json()["value"], "value=not+a+form");

    let chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n";
    assert_eq!(door.ask("POST", "/?key=b", chunked, b"").json()["value"], "abcde");

    assert_eq!(door.ask("POST", "/?key=c", "", b"").json()["value"], "");
    assert_eq!(door.get("c").json()["value"], "");
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";

fn a_form_gives_the_value_and_the_key(door: &TestDoor) {
    let stored = door.ask("POST", "/?key=a", FORM, b"value=x+%2B+y&ttl=60");
    assert_eq!((stored.status, stored.json()["value"].as_str()), (200, Some("x + y")));
    let stored = door.ask("POST", "/", FORM, b"key=b%26&value=");
    assert_eq!(stored.json(), json!({"key": "b&", "value": ""}));
    let twice = door.ask("POST", "/?key=a", FORM, b"key=a&value=1");
    assert_eq!((twice.status, twice.code().as_str()), (400, "DC-205"));
    let bad = door.ask("POST", "/?key=a", FORM, b"value=%FF");
    assert_eq!((bad.status, bad.code().as_str()), (400, "DC-207"));
}

/// What `curl -d hello` sends.
fn a_form_without_value_says_how_to_send_bytes(door: &TestDoor) {
    for body in [&b"hello"[..], b"100%", b"key=b", b"\xff\xfe", b"a=b&c=d"] {
        let reply = door.ask("POST", "/?key=a", FORM, body);
        assert_eq!((reply.status, reply.code().as_str()), (400, "DC-224"), "{body:?}");
        let remedy = reply.json()["remedy"].to_string();
        assert!(remedy.contains("--data-binary"), "{remedy}");
    }
    let empty = door.ask("POST", "/?key=a", FORM, b"");
    assert_eq!((empty.status, empty.json()["value"].as_str()), (200, Some("")));
}

fn a_value_is_given_once(door: &TestDoor) {
    let reply = door.ask("POST", "/?key=a&value=1", "", b"2");
    assert_eq!((reply.status, reply.code().as_str()), (400, "DC-219"));
}

fn bytes_come_to_those_who_ask_for_them(door: &TestDoor) {
    door.ask("POST", "/?key=a&value=k%C3%B6ln", "", b"");
    let reply = door.ask("GET", "/?key=a", "Accept: application/octet-stream\r\n", b"");
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert_eq!((reply.status, reply.body.as_slice()), (200, "k\u{f6}ln".as_bytes()));
    let reply = door.ask("GET", "/?key=a", "Accept: text/html, */*;q=0.8\r\n", b"");
    assert_eq!(reply.json()["value"], "k\u{f6}ln");
}

fn a_value_that_is_not_utf_8_is_stored_and_shown_as_null(door: &TestDoor) {
    let stored = door.ask("POST", "/?key=a", "", b"\xff\0\xfe");
    assert_eq!((stored.status, stored.json()), (200, json!({"key": "a", "value": null})));
    for accept in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        let reply = door.ask("GET", "/?key=a", accept, b"");
        assert_eq!((reply.status, reply.code().as_str()), (406, "DC-208"), "{accept}");
    }
    for accept in ["application/octet-stream", "application/json, application/octet-stream"] {
        let reply = door.ask("GET", "/?key=a", &format!("Accept: {accept}\r\n"), b"");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"\xff\0\xfe"[..]), "{accept}");
    }
}

fn head_is_get_without_a_body(door: &TestDoor) {
    door.ask("POST", "/?key=a&value=1", "", b"");
    let mut client = door.connect();
    let length = door.get("a").body.len().to_string();
    let head = client.ask("HEAD", "/?key=a", "", b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())));
    // Had there been a body, this answer would not be found behind it.
    assert_eq!(client.ask("HEAD", "/?key=nobody", "", b"").status, 404);
    assert_eq!(client.ask("GET", "/livez", "", b"").status, 200);
}

fn other_methods_are_405_with_allow(door: &TestDoor) {
    let entry = "GET, HEAD, POST, DELETE, OPTIONS";
    let read = "GET, HEAD, OPTIONS";
    let cases = [
        ("PUT", "/?key=a", entry),
        ("get", "/?key=a", entry),
        ("POST", "/livez", read),
        ("DELETE", "/readyz", read),
        ("PATCH", "/v1/nodes", read),
    ];
    for (method, target, allow) in cases {
        let reply = door.ask(method, target, "", b"");
        assert_eq!((reply.status, reply.code().as_str()), (405, "DC-203"), "{method} {target}");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {target}");
    }
}

fn options_lists_the_methods(door: &TestDoor) {
    for (target, allow) in [
        ("/", "GET, HEAD, POST, DELETE, OPTIONS"),
        ("*", "GET, HEAD, POST, DELETE, OPTIONS"),
        ("/v1/nodes", "GET, HEAD, OPTIONS"),
    ] {
        let reply = door.ask("OPTIONS", target, "", b"");
        assert_eq!((reply.status, reply.header("allow")), (204, Some(allow)), "{target}");
    }
}

fn unknown_paths_are_404(door: &TestDoor) {
    for target in ["/nothing?key=a", "//", "/v1", "/livez/", "/%2F"] {
        let reply = door.ask("GET", target, "", b"");
        assert_eq!((reply.status, reply.code().as_str()), (404, "DC-202"), "{target}");
    }
}

fn livez_says_alive_and_readyz_says_ready_until_draining(door: &TestDoor) {
    assert_eq!(door.ask("GET", "/livez?now=1", "", b"").body, b"alive\n");
    assert_eq!(door.ask("GET", "/readyz", "", b"").body, b"ready\n");
    door.readiness.drain();
    assert_eq!(door.ask("GET", "/livez", "", b"").status, 200);
    let reply = door.ask("GET", "/readyz", "", b"");
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-114"));
}

fn nodes_are_listed_with_state_share_and_status(door: &TestDoor) {
    let reply = door.ask("GET", "/v1/nodes", "", b"");
    let nodes = reply.json()["nodes"].as_array().expect("a list").clone();
    assert!(!nodes.is_empty());
    let share: f64 = nodes.iter().map(|node| node["ring_share"].as_f64().expect("a number")).sum();
    assert!((share - 1.0).abs() < 1e-6, "{share}");
    for node in nodes {
        assert!(node["id"].as_str().is_some_and(|id| id.starts_with("node-")), "{node}");
        assert_eq!(node["state"], "serving");
        assert!(node.as_object().expect("an object").contains_key("status"), "{node}");
    }
}

fn problems_never_repeat_a_value(door: &TestDoor) {
    let secret = "sesame";
    let asks = [
        ("/?value=sesame", "", ""),
        ("/?key=a&value=sesame&value=sesame", "", ""),
        ("/?key=a&value=sesame&sesame=1", "", ""),
        ("/?key=a&value=sesame&ttl=x", "", ""),
        ("/?key=a&value=sesame%FF", "", ""),
        ("/?key=a", FORM, secret),
        ("/?key=a&value=b", "", secret),
        ("/nothing?value=sesame", "", secret),
    ];
    for (target, headers, body) in asks {
        let reply = door.ask("POST", target, headers, body.as_bytes());
        let text = String::from_utf8(reply.body).expect("JSON");
        assert!((400..500).contains(&reply.status) && !text.contains(secret), "{target}: {text}");
    }
}

fn an_absolute_url_is_understood(door: &TestDoor) {
    door.ask("POST", "http://localhost/?key=a&value=1", "", b"");
    assert_eq!(door.ask("GET", "http://127.0.0.1:80/?key=a", "", b"").json()["value"], "1");
}

fn requests_share_a_connection(door: &TestDoor) {
    let mut client = door.connect();
    for round in 0..100 {
        let target = format!("/?key=a&value={round}");
        assert_eq!(client.ask("POST", &target, "", b"").status, 200);
        assert_eq!(client.ask("GET", "/?key=a", "", b"").json()["value"], round.to_string());
    }
}
