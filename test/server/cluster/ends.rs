//! A node dies, leaves, or pauses: nothing older than what was acknowledged is read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::Fleet;
use super::fleet::{Read, members, put, put_at_last, read, read_at_last};
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
