//! A node dies, leaves, or pauses: nothing older than what was acknowledged is read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::Fleet;
use super::fleet::{Read, free_ports, members, node, put, put_at_last, read, read_at_last};
use crate::support::{Client, Server, eventually, head};

/// Enough that each of three owns some.
const KEYS: u64 = 48;

fn key(n: u64) -> String {
    format!("key-{n}")
}

#[test]
fn one_is_killed_and_the_others_answer_for_every_key() {
    let mut fleet = Fleet::start(&[]);
    for n in 0..KEYS {
        put(fleet.server(0), &key(n), 1);
        put(fleet.server(if n % 2 == 0 { 1 } else { 2 }), &key(n), 2);
    }
    fleet.server(0).signal("KILL");
    fleet.take(0).wait();
    for n in 0..KEYS {
        for server in fleet.servers() {
            let found = read_at_last(server, &key(n));
            assert!(matches!(found, None | Some(2)), "{}: {found:?}", key(n));
        }
    }
    for n in 0..KEYS {
        put_at_last(fleet.server(1), &key(n), 3);
        let found = read_at_last(fleet.server(2), &key(n));
        assert!(matches!(found, None | Some(3)), "{}: {found:?}", key(n));
    }
    fleet.settle();
}

#[test]
fn one_leaves_and_no_request_to_the_others_fails() {
    let mut fleet = Fleet::start(&[]);
    for n in 0..KEYS {
        put(fleet.server(0), &key(n), 1);
    }
    let leaving = fleet.take(0);
    let id = members(&leaving)["me"].as_str().expect("it is one").to_owned();
    let mut events = Client::connect(fleet.server(1).address());
    events.send(head("GET", "/v1/events", "", 0));
    events.line_of("event: open");
    let has_left = AtomicBool::new(false);
    thread::scope(|scope| {
        for (at, server) in fleet.servers().enumerate() {
            let has_left = &has_left;
            scope.spawn(move || ask_steadily(server, at as u64, has_left));
        }
        let ended = leaving.end();
        has_left.store(true, Ordering::Relaxed);
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    });
    events.line_of("event: member_left");
    let told = events.line_of("data: ");
    assert!(told.contains(&id), "{told}");
    fleet.settle();
}

/// Puts and reads keys of its own, and retries nothing, until the word is given.
fn ask_steadily(server: &Server, client: u64, has_left: &AtomicBool) {
    for round in 2.. {
        let is_last = has_left.load(Ordering::Relaxed);
        for n in (0..KEYS).filter(|n| n % 2 == client) {
            put(server, &key(n), round);
            let found = read(server, &key(n));
            assert!(
                matches!(found, Read::Absent) || found == Read::Number(round),
                "{}: {found:?}",
                key(n)
            );
        }
        if is_last {
            return;
        }
    }
}

#[test]
fn keyspaces_outlive_two_of_three_that_are_killed_and_started_again() {
    let ports = free_ports();
    let mut fleet = Fleet::of(ports.map(|port| node(port, ports, &[])));
    let made = fleet.server(0).ask("PUT", "/v1/keyspaces/shared", "", br#"{"ttl_ms": 86400000}"#);
    assert!(matches!(made.status, 200 | 201), "{made:?}");
    for at in [1, 2] {
        fleet.server(at).signal("KILL");
        fleet.take(at).wait();
    }
    for at in [1, 2] {
        fleet.put_back(at, node(ports[at], ports, &[]));
    }
    fleet.settle();
    let key = "/v1/keyspaces/shared/keys/a";
    assert_eq!(fleet.server(1).ask("PUT", key, "", b"1").status, 204);
    for server in fleet.servers() {
        let told = server.ask("GET", "/v1/keyspaces/shared", "", b"");
        assert_eq!(told.json()["settings"]["ttl_ms"], 86_400_000, "{told:?}");
        assert_eq!(server.ask("GET", key, "", b"").text(), "1");
    }
}

/// 1. A owns a key, and pauses.
/// 2. The others give it up: B owns the key, and a newer value is put there.
/// 3. A goes on where it stopped, and is asked for the key.
///
/// Its lease is over by a clock that ran meanwhile: so it does not answer by what it has.
#[test]
fn one_that_paused_reads_nothing_that_was_overwritten_meanwhile() {
    let fleet = Fleet::start(&[]);
    for n in 0..KEYS {
        put(fleet.server(0), &key(n), 1);
    }
    let paused = fleet.server(0);
    paused.signal("STOP");
    // Its keys have another owner only when its lease is over.
    for n in 0..KEYS {
        put_at_last(fleet.server(1), &key(n), 2);
    }
    paused.signal("CONT");
    eventually("it answers for every key again", || {
        let answers = (0..KEYS).map(|n| read(paused, &key(n)));
        let mut all = true;
        for (n, answer) in answers.enumerate() {
            assert_ne!(answer, Read::Number(1), "key-{n} is read as it was before");
            all &= answer != Read::Refused;
        }
        all.then_some(())
    });
    fleet.settle();
}
