//! Servers that are none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use distcache_discovery::Nats;

use crate::support::until_failed;

const GREETING: &[u8] = b"INFO {\"server_id\":\"x\",\"server_name\":\"x\",\"version\":\"2.9.10\",\
\"go\":\"x\",\"host\":\"127.0.0.1\",\"port\":1,\"headers\":true,\"max_payload\":1048576,\"proto\":1}\r\n";

/// Greets one client, says `first` and then `part` again and again, until nobody reads;
/// how much that was.
fn hostile(greeting: &'static [u8], first: &'static [u8], part: &'static [u8]) -> (Nats, Served) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let serving = move || {
        let (mut client, _) = listener.accept().expect("one comes");
        drop(listener);
        client.write_all(greeting).and_then(|()| client.write_all(first)).expect("it listens");
        let mut ears = client.try_clone().expect("a socket");
        // Whoever says much hears nothing: what comes is not to fill the way.
        let hearing = move || while ears.read(&mut [0; 4_096]).is_ok_and(|read| 0 < read) {};
        thread::Builder::new().spawn(hearing).expect("a thread");
        flood(&mut client, part)
    };
    let thread = thread::Builder::new().spawn(serving).expect("a thread");
    let nats = Nats::at([format!("nats://127.0.0.1:{port}")], "10.0.0.1:18081");
    (nats.build().expect("good settings"), Served(thread))
}

fn flood(client: &mut TcpStream, part: &[u8]) -> usize {
    let mut bytes = 0;
    while !part.is_empty() && client.write_all(part).is_ok() {
        bytes += part.len();
    }
    bytes
}

struct Served(thread::JoinHandle<usize>);

/// What a loopback carries between two looks at how much was heard: 34 to 126 MB were seen,
/// and without a bound it goes on for as long as the test waits.
const FLOOD_BYTES_MAX: usize = 1 << 30;

impl Served {
    /// That it was cut off, and how many bytes it got rid of before.
    fn expect_cut_off(self) {
        let bytes = self.0.join().expect("it does not panic");
        assert!(bytes < FLOOD_BYTES_MAX, "{bytes} bytes were read");
    }
}

/// Before it has let us in: there the time to connect is the bound.
#[test]
fn a_greeting_without_end_is_cut_off() {
    let (nats, served) = hostile(b"", b"INFO ", &[b'x'; 16_384]);
    until_failed(&nats, "timed out");
    served.expect_cut_off();
}

#[test]
fn a_line_without_end_is_cut_off() {
    let (nats, served) = hostile(GREETING, b"PONG\r\nMSG ", &[b'x'; 16_384]);
    until_failed(&nats, "more is said than can be heard");
    served.expect_cut_off();
}

#[test]
fn a_message_without_end_is_cut_off() {
    let first = b"PONG\r\nMSG distcache.members 1 9000000000000000000\r\n";
    let (nats, served) = hostile(GREETING, first, &[b'x'; 16_384]);
    until_failed(&nats, "more is said than can be heard");
    served.expect_cut_off();
}

#[test]
fn lines_without_end_are_cut_off() {
    let (nats, served) = hostile(GREETING, b"PONG\r\n", b"+OK\r\nPING\r\n-ERR 'no'\r\n");
    until_failed(&nats, "it says: no");
    served.expect_cut_off();
}

#[test]
fn what_does_not_greet_as_nats_does_is_told() {
    for greeting in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"INFO nonsense\r\n", b"\xff\r\n"] {
        let (nats, served) = hostile(greeting, b"", b"");
        until_failed(&nats, "NATS did not say");
        served.expect_cut_off();
    }
}

/// The client library adds its length to that of its line, which has no room for that.
#[test]
fn a_message_of_more_bytes_than_there_are_ends_the_connection_only() {
    let first = b"PONG\r\nMSG distcache.members 1 18446744073709551615\r\n";
    let (nats, served) = hostile(GREETING, first, b"");
    until_failed(&nats, "NATS did not say");
    served.expect_cut_off();
}
