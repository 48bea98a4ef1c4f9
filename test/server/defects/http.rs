//! What shows to a client of the server.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use crate::support::{Door, Server, eventually, on_each_door};

on_each_door! {
    readers_of_one_key_beside_each_other_harm_nothing,
    keys_are_spread_over_every_data_node,
    deleting_the_last_key_of_a_node_moves_nothing,
    a_key_that_is_not_there_is_404_and_an_empty_value_is_not_that,
    secrets_stay_out_of_the_log,
    secrets_of_v1_stay_out_of_the_log_and_no_key_writes_a_line,
    a_value_has_its_time_and_room_is_counted_in_bytes,
    nodes_report_by_themselves_and_the_port_is_free_afterwards,
}

/// The names of the nodes, in the order in which they are listed.
fn names(server: &Server) -> Vec<String> {
    let name = |node: &Value| node["id"].as_str().expect("a name").to_owned();
    server.nodes().iter().map(name).collect()
}

/// A read moves its entry to the front of a list. Under a lock that readers
/// share, two of them break the list, and with it the process.
fn readers_of_one_key_beside_each_other_harm_nothing(door: Door) {
    let server = door.start(&["--max-entries", "64"]);
    thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                for round in 0..200 {
                    if client == 0 || round % 20 == 0 {
                        connection.put("k", b"same");
                        connection.put(&format!("{client} {round}"), b"other");
                    }
                    let found = connection.get_octets("k");
                    assert!(found.is_none_or(|value| value == b"same"));
                }
            });
        }
    });
    server.put("k", b"last");
    assert_eq!(server.get("k").json()["value"], "last");
    let entries = server.sum_of("entries", |entries| 0 < entries);
    assert!(entries <= 64);
}

/// A manager that makes a node only when it has none never has a second.
fn keys_are_spread_over_every_data_node(door: Door) {
    let server = door.start(&["--data-nodes", "5"]);
    let mut client = server.connect();
    let mut seen = BTreeSet::new();
    for number in 0..300 {
        let key = number.to_string();
        client.put(&key, b"");
        seen.insert(client.get(&key).json()["node"].as_str().expect("a node").to_owned());
    }
    assert_eq!(seen, names(&server).into_iter().collect());
    assert_eq!(seen.len(), 5);
    server.sum_of("entries", |entries| entries == 300);
}

/// A manager that takes a node off the ring with its last key has none for the
/// next request, and then one with another name.
fn deleting_the_last_key_of_a_node_moves_nothing(door: Door) {
    let server = door.start(&[]);
    let before = names(&server);
    server.put("only", b"1");
    let home = server.get("only").json()["node"].clone();
    for _ in 0..3 {
        assert_eq!(server.delete("only").status, 200);
        assert!(server.get("only").is_problem(404, "DC-201"));
        assert_eq!(names(&server), before);
        server.put("only", b"2");
        assert_eq!(server.get("only").json()["node"], home);
    }
    let again = door.start(&[]);
    assert_eq!(names(&again), before, "nodes are called the same after a restart");
}

/// An answer of 200 with an empty value for a key that is not there cannot be
/// told from an empty value that is.
fn a_key_that_is_not_there_is_404_and_an_empty_value_is_not_that(door: Door) {
    let server = door.start(&["--data-nodes", "1", "--max-entries", "1"]);
    let is_miss = |key: &str| {
        assert!(server.get(key).is_problem(404, "DC-201"), "{key}");
        assert_eq!(server.connect().get_octets(key), None, "{key}");
    };
    is_miss("never stored");
    server.put("empty", b"");
    assert_eq!(server.get("empty").json()["value"], "");
    assert_eq!(server.connect().get_octets("empty").as_deref(), Some(&b""[..]));
    server.put("next", b"");
    is_miss("empty");
    assert_eq!(server.delete("next").status, 200);
    is_miss("next");
    assert!(server.delete("next").is_problem(404, "DC-201"));
}

/// Values in URLs only are neither binary nor large nor empty, and stand in
/// every log on their way; so do keys and values that each write prints.
fn secrets_stay_out_of_the_log(door: Door) {
    const KEY: &str = "key-of-a-secret";
    const VALUE: &str = "value-of-a-secret";
    let server = door.start(&["--log", "trace"]);
    let large = VALUE.repeat(70_000);
    for body in [VALUE.as_bytes(), large.as_bytes(), b"", &[0xFF, 0x00]] {
        server.put(KEY, body);
        assert_eq!(server.connect().get_octets(KEY).as_deref(), Some(body));
    }
    let target = format!("/?key={KEY}&value={VALUE}");
    assert_eq!(server.ask("POST", &target, "", b"").status, 200);
    assert_eq!(server.get(KEY).json()["value"], VALUE);
    assert_eq!(server.delete(KEY).status, 200);
    assert_eq!(server.get(KEY).status, 404);
    assert_eq!(server.ask("POST", &format!("{target}&ttl=0"), "", b"").status, 400);
    let ended = server.end();
    let printed = ended.stdout + &ended.stderr;
    assert!(printed.contains("draining"), "the log was on: {printed}");
    assert!(!printed.contains(KEY) && !printed.contains(VALUE), "{printed}");
}

/// Every request is slow here, and told as that. Neither by what was done nor by what
/// was refused is a secret told; and a key with a line break, or
/// an escape of a terminal, writes no line of its own.
fn secrets_of_v1_stay_out_of_the_log_and_no_key_writes_a_line(door: Door) {
    const SECRET: &str = "secret-of-somebody";
    let server = door.start(&["--log", "trace", "--slow-after", "0s"]);
    let key = format!("/v1/keyspaces/default/keys/{SECRET}%0D%0AFORGED%1B%5B2J");
    let batch = |does: &str| format!("/v1/keyspaces/default/batch/{does}");
    let item = format!("{{\"items\":[{{\"key\":\"{SECRET}\",\"value\":\"{SECRET}\"}}]}}");
    let (keys, torn) = (format!("{{\"keys\":[\"{SECRET}\"]}}"), format!("[{{\"{SECRET}\""));
    let tagged = |path: &str| format!("{path}?tag={SECRET}");
    let invalidate = "/v1/keyspaces/default/invalidate";
    for (method, target, body) in [
        ("PUT", &*tagged(&key), SECRET),
        ("GET", &key, ""),
        ("GET", &format!("{key}/ttl"), ""),
        ("POST", &format!("{key}/increment"), ""),
        ("POST", &format!("{key}/touch?ttl={SECRET}"), ""),
        ("PUT", &format!("{key}?{SECRET}={SECRET}"), SECRET),
        ("GET", &key.replacen("default", SECRET, 1), ""),
        ("POST", &batch("put"), &item),
        ("POST", &batch("put"), &torn),
        ("POST", &batch("get"), &keys),
        ("POST", &batch("delete"), &keys),
        ("GET", &format!("/v1/trace/default/{SECRET}"), ""),
        ("GET", &format!("/v1/keyspaces/default/scan?pattern={SECRET}*"), ""),
        ("PATCH", "/v1/keyspaces/default", &torn),
        ("POST", &format!("{invalidate}?prefix={SECRET}"), ""),
        ("POST", &tagged(invalidate), ""),
        ("DELETE", &key, ""),
    ] {
        let status = server.ask(method, target, "", body.as_bytes()).status;
        assert!((200..500).contains(&status), "{method} {target} is {status}");
    }
    let ended = server.end();
    let printed = ended.stdout + &ended.stderr;
    assert!(printed.contains("slow: "), "slow requests were told: {printed}");
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(!printed.contains("FORGED") && !printed.contains('\u{1b}'), "{printed}");
}

/// A cache of a thousand entries, however large, for ever.
fn a_value_has_its_time_and_room_is_counted_in_bytes(door: Door) {
    let server = door.start(&["--capacity", "16MiB"]);
    let mut client = server.connect();
    (0..5_000).for_each(|number| client.put(&number.to_string(), b"small"));
    let found = (0..5_000).filter(|number| client.get_octets(&number.to_string()).is_some());
    assert_eq!(found.count(), 5_000, "small entries are many");
    // Not UTF-8: the answers do not repeat it.
    let large = vec![0xFF; 256 << 10];
    (0..200).for_each(|number| client.put(&format!("large {number}"), &large));
    let found = (0..200).filter(|number| client.get_octets(&format!("large {number}")).is_some());
    let found = found.count();
    assert!((1..=64).contains(&found), "16 MiB hold 64 values of 256 KiB at most, not {found}");

    let reply = client.ask("POST", "/?key=brief&value=1&ttl=1", "", b"");
    assert_eq!(reply.status, 200);
    eventually("a second passes", || client.get_octets("brief").is_none().then_some(()));
    assert!(client.ask("POST", "/?key=k&value=1&ttl=0", "", b"").is_problem(400, "DC-206"));
}

/// A server that reports nothing, has one fixed port and cannot be ended but
/// by killing it.
fn nodes_report_by_themselves_and_the_port_is_free_afterwards(door: Door) {
    let server = door.start(&[]);
    let told = || -> Option<Vec<u64>> {
        server.nodes().iter().map(|node| node["status"]["uptime_ms"].as_u64()).collect()
    };
    let first = eventually("every node has told its status", told);
    let later = eventually("every node has told it again", || {
        told().filter(|later| later.iter().zip(&first).all(|(later, first)| first < later))
    });
    assert_eq!(later.len(), first.len());
    let port = server.address().port().to_string();
    let ended = server.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let again = Server::start_on(&port, door);
    assert_eq!(again.address().port().to_string(), port);
}
