//! Clients that mean harm, or speak something else: each is refused or cut, and others
//! are served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use distcache_http::Limits;
use distcache_http::doors::Kind;

use super::client::{connection, socket};
use super::{HOST, NEVER, SHORT, SecureClient, Secured, refusals_in};
use crate::support::{Client, TestDoor, until};

/// All that is sent before the end. A reset is an end too, if a rude one; a silence
/// is none.
pub(super) fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    if let Err(error) = socket.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it was not closed");
    }
    rest
}

/// What a client that knows the door begins with.
pub(super) fn hello(door: &Secured) -> Vec<u8> {
    let mut hello = Vec::new();
    connection(door.trust(), HOST).write_tls(&mut hello).expect("into memory");
    hello
}

#[test]
fn a_request_in_the_clear_is_told_to_begin_with_https() {
    let door = Secured::open();
    let mut client = Client::connect(door.address());
    client.send("GET /?key=a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (400, "DC-212"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("https://"));
    client.shut_sending_side();
    assert!(client.is_closed());
    assert_eq!(door.refused("clear_text"), 1);
}

#[test]
fn tls_where_none_is_spoken_is_refused_and_counted() {
    let door = TestDoor::routes(Kind::Hyper);
    let trust = super::Authority::new().trusted();
    let error = SecureClient::connect(door.address(), trust, HOST).err().expect("no handshake");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    let page = || door.ask("GET", "/metrics", "", b"").body;
    until("it is counted", || refusals_in(&page(), "not_http") == 1);
}

/// The greeting of a client that knows no later version: by hand, since no library
/// that is of use today sends it.
pub(super) fn old_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]); // its random number
    body.push(0); // no session
    body.extend([0, 6, 0xC0, 0x09, 0xC0, 0x13, 0x00, 0x2F]); // suites of that time
    body.extend([1, 0]); // no compression
    let body_bytes = u8::try_from(body.len()).expect("it is short");
    let mut hello = vec![22, 3, 1, 0, body_bytes + 4, 1, 0, 0, body_bytes];
    hello.extend(body);
    hello
}

#[test]
fn versions_1_0_and_1_1_are_refused_by_an_alert() {
    const ALERT: u8 = 21;
    const HANDSHAKE_FAILURE: [u8; 2] = [2, 40];
    let door = Secured::open();
    for (number, minor) in (1..).zip([1, 2]) {
        let mut socket = socket(door.address());
        socket.write_all(&old_hello(minor)).unwrap();
        let answer = rest(&mut socket);
        assert!(answer[0] == ALERT && answer.ends_with(&HANDSHAKE_FAILURE), "{answer:?}");
        until("it is counted", || door.refused("handshake") == number);
    }
    door.assert_serves();
}

#[test]
fn a_handshake_that_is_cut_off_anywhere_is_the_end_of_that_connection_only() {
    let door = Secured::open();
    let hello = hello(&door);
    let ends: Vec<_> = (1..hello.len()).step_by(7).collect();
    for &end in &ends {
        let mut socket = socket(door.address());
        socket.write_all(&hello[..end]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut socket);
        assert!(answer.first().is_none_or(|kind| *kind == 21), "nothing but an alert: {answer:?}");
    }
    until("each is counted", || door.refused("handshake") == ends.len() as u64);
    door.assert_serves();
}

#[test]
fn rubbish_in_the_shape_of_tls_is_refused() {
    let door = Secured::open();
    let mut endless = vec![22, 3, 1, 0xFF, 0xFF];
    endless.extend([0; 100]);
    let mut bits = hello(&door);
    bits[40] ^= 0xFF;
    bits.truncate(60);
    for rubbish in [&[22; 200][..], &[22, 3, 1, 0, 5, 1, 0xFF, 0xFF, 0xFF, 3], &endless, &bits] {
        let mut socket = socket(door.address());
        socket.write_all(rubbish).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut socket);
        assert!(answer.first().is_none_or(|kind| *kind == 21), "nothing but an alert: {answer:?}");
    }
    until("each is counted", || door.refused("handshake") == 4);
    door.assert_serves();
}

#[test]
fn one_byte_a_record_is_slow_and_served() {
    let door = Secured::open();
    let (mut socket, mut connection) = (socket(door.address()), connection(door.trust(), HOST));
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    let (head, message) = hello.split_at(5);
    for byte in message {
        socket.write_all(&[head[0], head[1], head[2], 0, 1, *byte]).unwrap();
    }
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).expect("a handshake");
    }
    for byte in b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" {
        connection.writer().write_all(&[*byte]).unwrap();
        connection.write_tls(&mut socket).unwrap();
    }
    assert_eq!(SecureClient::over(connection, socket).answer().unwrap().0, 200);
}

#[test]
fn one_who_stalls_in_the_handshake_is_cut_and_counted() {
    let door = Secured::within(&Limits { handshake_timeout: SHORT, ..Limits::default() });
    let hello = hello(&door);
    let stalls = [&b""[..], &hello[..1], &hello[..hello.len() / 2]];
    let mut stalling = stalls.map(|begin| {
        let mut socket = socket(door.address());
        socket.write_all(begin).unwrap();
        socket
    });
    door.assert_serves();
    for socket in &mut stalling {
        assert_eq!(rest(socket), b"", "cut without a word");
    }
    let bound = door.limit("handshake_time");
    assert_eq!((&bound["max"], &bound["reached"]), (&200.into(), &3.into()));
    assert_eq!(bound["unit"], "ms");
}

#[test]
fn one_who_stalls_behind_the_handshake_is_cut_as_ever() {
    let limits = Limits { write_timeout: SHORT, body_bytes: 32 << 20, ..Limits::default() };
    let door = Secured::within(&limits);
    let value = vec![b'x'; 32 << 20];
    assert_eq!(door.connect().ask("PUT", "/v1/keyspaces/default/keys/a", &value).0, 204);
    let mut deaf = door.connect();
    deaf.begin("GET", "/v1/keyspaces/default/keys/a", b"");
    until("its connection is gone", || door.limit("connections")["used"] == 1);
    drop(deaf);
    door.assert_serves();
}

#[test]
fn who_shakes_hands_is_a_connection_and_one_too_many_is_told_so() {
    let limits = Limits { connections: 1, handshake_timeout: NEVER, ..Limits::default() };
    let door = Secured::within(&limits);
    let stalls = socket(door.address());
    until("it is there", || door.connect().ask("GET", "/livez", b"").0 == 503);
    let mut refused = door.connect();
    assert_eq!(refused.answer().expect("a word").0, 503);
    assert!(refused.ends_in_order());
    drop(stalls);
    until("there is room again", || door.connect().ask("GET", "/livez", b"").0 == 200);
}

#[test]
fn a_door_that_closes_waits_for_no_handshake() {
    let door = Secured::within(&Limits { handshake_timeout: NEVER, ..Limits::default() });
    let mut stalls = socket(door.address());
    stalls.write_all(&hello(&door)[..40]).unwrap();
    // Whoever came later is served: so it is there.
    door.assert_serves();
    let Secured { door, .. } = door;
    door.shutdown(crate::support::PATIENCE).expect("nobody was served");
    assert_eq!(rest(&mut stalls), b"");
}
