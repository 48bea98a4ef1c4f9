//! The memory that the process takes, whatever is sent to it.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;

use crate::support::{Client, Server};

const MIB: u64 = 1 << 20;
const CAPACITY: u64 = 32 * MIB;
const VALUE_BYTES: usize = 1 << 10;

/// Requests on their way at a time.
const BATCH: u64 = 64;

/// The most memory that the process has had at one time, without the pages of the
/// program's own file: those are dropped when memory is short, and a build for tests
/// has many of them.
fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let kib_of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let kib = kib_of("VmHWM:") - kib_of("RssFile:");
    kib << 10
}

/// Stores so many values of 1 KiB, each under a key of its own.
fn flood(client: &mut Client, values: u64) {
    // Not UTF-8: the answers do not repeat it.
    let value = [0xFF; VALUE_BYTES];
    for batch in 0..values / BATCH {
        let mut requests = Vec::new();
        for number in 0..BATCH {
            let mut head = String::new();
            let key = batch * BATCH + number;
            write!(head, "POST /?key=flood-{key} HTTP/1.1\r\nHost: localhost\r\n")
                .expect("a String takes all text");
            write!(head, "Content-Length: {VALUE_BYTES}\r\n\r\n").expect("as above");
            requests.extend_from_slice(head.as_bytes());
            requests.extend_from_slice(&value);
        }
        client.send(&requests);
        for _ in 0..BATCH {
            assert_eq!(client.reply().status, 200);
        }
    }
}

/// Stores so many values of 1 MiB.
fn flood_with_large(client: &mut Client, connection: usize, values: usize) {
    let value = vec![0xFF; 1 << 20];
    for number in 0..values {
        let key = format!("/?key=large-{connection}-{number}");
        assert_eq!(client.ask("POST", &key, "", &value).status, 200);
    }
}

/// What is resident stays under 1.15 times the capacity and 32 MiB for the
/// program itself.
fn assert_within_bound(server: &Server) {
    let peak = peak_bytes(server.id());
    let bound = CAPACITY * 115 / 100 + 32 * MIB;
    assert!(peak <= bound, "{peak} bytes were resident, and {bound} are allowed");
}

/// What one thread allocates another frees, in blocks of another size than
/// before: allocators like to keep that.
#[test]
fn large_values_after_small_ones_on_many_connections_do_not_grow_it_either() {
    let server = Server::start(&["--capacity", "32MiB", "--max-value", "1MiB"]);
    flood(&mut server.connect(), 2 * CAPACITY / VALUE_BYTES as u64);
    std::thread::scope(|scope| {
        for connection in 0..4 {
            let mut client = server.connect();
            scope.spawn(move || flood_with_large(&mut client, connection, 80));
        }
    });
    assert_within_bound(&server);
    let bytes = server.sum_of("bytes", |bytes| CAPACITY / 2 < bytes);
    assert!(bytes <= CAPACITY, "{bytes} bytes are accounted");
}

/// Four times what fits is sent.
#[test]
fn a_flood_of_values_does_not_grow_the_process_beyond_its_capacity() {
    let server = Server::start(&["--capacity", "32MiB"]);
    let values = 4 * CAPACITY / VALUE_BYTES as u64;
    flood(&mut server.connect(), values);
    assert_within_bound(&server);
    let bytes = server.sum_of("bytes", |bytes| CAPACITY / 2 < bytes);
    assert!(bytes <= CAPACITY, "{bytes} bytes are accounted");
    let sum = |count| server.sum_of(count, |_| true);
    let settled = |inserts| inserts == values && sum("entries") + sum("evictions") == values;
    server.sum_of("inserts", settled);
}

/// A value too large to be stored makes no room for itself first.
#[test]
fn a_value_that_is_too_large_evicts_nothing() {
    let server = Server::start(&["--capacity", "32MiB", "--max-value", "1MiB"]);
    let mut client = server.connect();
    let keys: Vec<_> = (0..1_000).map(|number| format!("key {number}")).collect();
    for key in &keys {
        client.put(key, &[0xFF; VALUE_BYTES]);
    }
    for _ in 0..50 {
        let reply = server.ask("POST", "/?key=large", "", &vec![0xFF; (1 << 20) + 1]);
        assert!(reply.is_problem(413, "DC-211"));
    }
    assert!(keys.iter().all(|key| client.get_octets(key).is_some()));
    assert_eq!(client.get_octets("large"), None);
    server.sum_of("hits", |hits| hits == 1_000);
    assert_eq!(server.sum_of("evictions", |_| true), 0);
}
