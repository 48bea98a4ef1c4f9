//! What is done to one value without sending it.

use super::{path, status_and_code};
use crate::support::{TestDoor, on_each_door};

on_each_door! {
    a_touch_gives_another_ttl,
    who_has_no_value_is_404,
    increments_add_up,
    what_is_no_number_is_not_added_to,
    an_invalidated_value_is_loaded_again,
    each_takes_its_own_method_and_parameters,
    ten_clients_count_without_losing_one,
}

fn of_key(key: &[u8], verb: &str) -> String {
    format!("{}/{verb}", path(key))
}

/// The seconds that a value stays fresh; none if it stays until it is evicted.
fn ttl(door: &TestDoor, key: &[u8]) -> Option<f64> {
    let reply = door.ask("GET", &of_key(key, "ttl"), "", b"");
    assert_eq!(reply.status, 200);
    reply.json()["ttl"].as_f64()
}

fn a_touch_gives_another_ttl(door: &TestDoor) {
    let touch = |query: &str| {
        let reply = door.ask("POST", &of_key(b"a", &format!("touch{query}")), "", b"");
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{query}");
    };
    door.ask("PUT", &path(b"a"), "", b"1");
    assert_eq!(ttl(door, b"a"), None);
    touch("?ttl=60");
    let left = ttl(door, b"a").expect("it ends");
    assert!(40.0 < left && left <= 60.0, "{left}");
    touch("?ttl=none");
    assert_eq!(ttl(door, b"a"), None);
    touch("?ttl=60");
    // The keyspace has no TTL of its own.
    touch("");
    assert_eq!(ttl(door, b"a"), None);
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"1");
}

fn who_has_no_value_is_404(door: &TestDoor) {
    for (method, verb) in
        [("GET", "ttl"), ("HEAD", "ttl"), ("POST", "touch"), ("POST", "invalidate")]
    {
        let reply = door.ask(method, &of_key(b"nothing", verb), "", b"");
        assert_eq!(reply.status, 404, "{method} {verb}");
    }
    let nowhere = door.ask("POST", "/v1/keyspaces/none/keys/a/touch", "", b"");
    assert_eq!(status_and_code(&nowhere), (404, "DC-120".to_owned()));
    let empty = door.ask("POST", "/v1/keyspaces/default/keys//touch", "", b"");
    assert_eq!(status_and_code(&empty), (400, "DC-204".to_owned()));
}

fn increments_add_up(door: &TestDoor) {
    let by = |query: &str| {
        let reply = door.ask("POST", &of_key(b"n", &format!("increment{query}")), "", b"");
        assert_eq!(reply.status, 200, "{query}");
        reply.json()["value"].as_i64().expect("a number")
    };
    assert_eq!(by(""), 1);
    assert_eq!(by("?by=41"), 42);
    assert_eq!(by("?by=-50"), -8);
    assert_eq!(by("?by=%2B8"), 0);
    assert_eq!(by("?by=-9223372036854775808"), i64::MIN);
    assert_eq!(door.ask("GET", &path(b"n"), "", b"").body, i64::MIN.to_string().into_bytes());
}

fn what_is_no_number_is_not_added_to(door: &TestDoor) {
    door.ask("PUT", &path(b"a"), "", b"seven");
    let add = |query: &str| door.ask("POST", &of_key(b"a", &format!("increment{query}")), "", b"");
    assert_eq!(status_and_code(&add("")), (409, "DC-118".to_owned()));
    for bad in ["?by=", "?by=1.5", "?by=9223372036854775808", "?by=one", "?by=+1"] {
        assert_eq!(status_and_code(&add(bad)), (400, "DC-230".to_owned()), "{bad}");
    }
    assert_eq!(status_and_code(&add("?by=1&by=1")), (400, "DC-205".to_owned()));
    door.ask("PUT", &path(b"a"), "", b"9223372036854775807");
    assert_eq!(status_and_code(&add("")), (409, "DC-119".to_owned()));
    assert_eq!(door.ask("GET", &path(b"a"), "", b"").body, b"9223372036854775807");
}

fn an_invalidated_value_is_loaded_again(door: &TestDoor) {
    let target = "/v1/keyspaces/users/keys/user1";
    door.ask("PUT", target, "", b"put");
    assert_eq!(door.ask("POST", &format!("{target}/invalidate"), "", b"").status, 204);
    assert_eq!(door.ask("GET", target, "", b"").body, b"loaded user1");
}

fn each_takes_its_own_method_and_parameters(door: &TestDoor) {
    for (verb, method, other) in [
        ("ttl", "GET", "POST"),
        ("touch", "POST", "GET"),
        ("increment", "POST", "PUT"),
        ("invalidate", "POST", "DELETE"),
    ] {
        let allow = if method == "GET" { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" };
        let target = of_key(b"a", verb);
        let options = door.ask("OPTIONS", &target, "", b"");
        assert_eq!((options.status, options.header("allow")), (204, Some(allow)), "{verb}");
        let refused = door.ask(other, &target, "", b"");
        assert_eq!(status_and_code(&refused), (405, "DC-203".to_owned()), "{verb}");
        assert_eq!(refused.header("allow"), Some(allow), "{verb}");
        let unknown = door.ask(method, &format!("{target}?colour=red"), "", b"");
        assert_eq!(status_and_code(&unknown), (400, "DC-218".to_owned()), "{verb}");
    }
    let nothing = door.ask("POST", &of_key(b"a", "destroy"), "", b"");
    assert_eq!(status_and_code(&nothing), (404, "DC-202".to_owned()));
}

fn ten_clients_count_without_losing_one(door: &TestDoor) {
    const EACH: i64 = 20;
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let mut client = door.connect();
                for _ in 0..EACH {
                    let reply = client.ask("POST", &of_key(b"count", "increment"), "", b"");
                    assert_eq!(reply.status, 200);
                }
            });
        }
    });
    let sum = door.ask("POST", &of_key(b"count", "increment?by=0"), "", b"");
    assert_eq!(sum.json()["value"], 10 * EACH);
}
