//! More than the hyper door takes: refused clearly, and over when it is over.

use std::sync::Arc;
use std::time::Duration;

use distcache_http::doors::Kind;
use distcache_http::{DoorWatch, Limits, Request, Response, Service};

use crate::support::{Client, Echo, Gate, TestDoor};

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn two_thousand_idle_connections_are_in_nobodys_way() {
    let door = TestDoor::serving(Kind::Hyper, Echo, &Limits::default());
    let mut idle: Vec<Client> = (0..2_000).map(|_| door.connect()).collect();
    for _ in 0..100 {
        assert_eq!(door.ask("GET", "/?3", "", b"").body, b"xxx");
    }
    for client in idle.iter_mut().step_by(100) {
        assert_eq!(client.ask("GET", "/?2", "", b"").body, b"xx");
    }
}

#[test]
fn one_connection_too_many_is_told_so_and_another_time_served() {
    let limits = Limits { connections: 3, ..Limits::default() };
    let door = TestDoor::serving(Kind::Hyper, Echo, &limits);
    let mut taken: Vec<Client> = (0..3).map(|_| door.connect()).collect();
    for client in &mut taken {
        assert_eq!(client.ask("GET", "/?1", "", b"").status, 200);
    }
    let mut refused = door.connect();
    let reply = refused.reply();
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-216"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(reply.header("connection"), Some("close"));

    drop(taken);
    // The places come back when the door has read the three ends.
    let served = || {
        let mut client = door.connect();
        client.send_in_vain("GET /?1 HTTP/1.1\r\nHost: a\r\n\r\n");
        client.try_reply().is_some_and(|reply| reply.status == 200)
    };
    while !served() {}
}

/// How many requests wait, and how many ever did at once.
fn in_flight(watch: &DoorWatch) -> (Option<u64>, Option<u64>) {
    let bounds = watch.bounds();
    let bound = bounds.iter().find(|bound| bound.name == "in_flight").expect("it is kept");
    (bound.used, bound.peak)
}

/// Answers without waiting for anything.
struct AtOnce(Arc<DoorWatch>);

impl Service for AtOnce {
    async fn call(&self, _: Request<'_>) -> Response {
        Response::text("1")
    }

    fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::clone(&self.0)
    }
}

#[test]
fn a_request_that_waits_for_nothing_is_not_in_flight() {
    let watch = Arc::<DoorWatch>::default();
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let door = TestDoor::serving(Kind::Hyper, AtOnce(Arc::clone(&watch)), &limits);
    assert_eq!(door.ask("GET", "/", "", b"").body, b"1");
    assert_eq!(in_flight(&watch), (Some(0), Some(0)));
}

#[test]
fn one_request_too_many_in_flight_is_503_and_keeps_its_connection() {
    let limits = Limits { in_flight: 2, ..Limits::default() };
    let gate = Gate::default();
    let door = TestDoor::serving(Kind::Hyper, gate.clone(), &limits);
    let mut waiting: Vec<Client> = (0..2).map(|_| door.connect()).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    gate.wait_for(2);
    assert_eq!(in_flight(&gate.door_watch()), (Some(2), Some(2)));
    let mut third = door.connect();
    let reply = third.ask("GET", "/", "", b"");
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-216"));
    assert_eq!(reply.header("retry-after"), Some("1"));

    gate.open();
    for client in &mut waiting {
        assert_eq!(client.reply().body, b"through");
    }
    assert_eq!(third.ask("GET", "/", "", b"").body, b"through");
}

#[test]
fn bodies_together_are_bounded() {
    let limits = Limits { body_bytes: 100_000, buffered_bytes: 150_000, ..Limits::default() };
    let gate = Gate::default();
    let door = TestDoor::serving(Kind::Hyper, gate.clone(), &limits);
    let mut first = door.connect();
    first.send(post(100_000));
    first.send(vec![b'a'; 100_000]);
    // Its body is held for as long as its handler is busy: a second has no room.
    gate.wait_for(1);
    let mut second = door.connect();
    second.send(post(100_000));
    second.send_in_vain(vec![b'b'; 100_000]);
    let reply = second.reply();
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-223"));
    assert_eq!(reply.header("retry-after"), Some("1"));

    gate.open();
    assert_eq!(first.reply().body, b"through");
    assert_eq!(door.ask("POST", "/", "", &vec![b'c'; 100_000]).body, b"through");
}

/// Takes all the room there is: whoever is alone may hold more than there is.
fn fill_the_buffers(door: &TestDoor) -> Client {
    let mut stuck = door.connect();
    stuck.send("GET /?50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    // Its head is out when the whole answer is being written.
    stuck.peek();
    stuck
}

#[test]
fn a_body_refused_midway_is_answered_without_a_reset() {
    let limits = Limits { body_bytes: 100_000, buffered_bytes: 150_000, ..Limits::default() };
    let door = TestDoor::serving(Kind::Hyper, Echo, &limits);
    let _stuck = fill_the_buffers(&door);
    let mut late = door.connect();
    late.send(post(100_000));
    late.send(vec![b'b'; 50_000]);
    let reply = late.reply();
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-223"));
    assert_eq!(reply.header("connection"), Some("close"));
    // The door reads the rest for as long as the client is busy sending it.
    late.send(vec![b'b'; 50_000]);
    late.shut_sending_side();
    assert!(late.ends_without_reset());
}

#[test]
fn a_change_that_was_made_is_never_refused_for_the_length_of_its_answer() {
    let limits = Limits { body_bytes: 0, buffered_bytes: 150_000, ..Limits::default() };
    let door = TestDoor::serving(Kind::Hyper, Echo, &limits);
    let _stuck = fill_the_buffers(&door);
    assert_eq!(door.ask("GET", "/?5000", "", b"").status, 503);
    assert_eq!(door.ask("POST", "/?5000", "", b"").body.len(), 5_000);
}

#[test]
fn answers_that_nobody_reads_are_bounded_together() {
    let limits = Limits { body_bytes: 0, buffered_bytes: 60_000_000, ..Limits::default() };
    let door = TestDoor::serving(Kind::Hyper, Echo, &limits);
    let mut stuck = fill_the_buffers(&door);
    let reply = door.ask("GET", "/?20000000", "", b"");
    assert_eq!((reply.status, reply.code().as_str()), (503, "DC-223"));
    assert_eq!(door.ask("GET", "/?1000", "", b"").body.len(), 1_000);
    assert_eq!(stuck.reply().body.len(), 50_000_000);
    // The room is given back when the last byte is written, right after it was read.
    while door.ask("GET", "/?20000000", "", b"").status == 503 {}
}

#[test]
fn a_door_with_idle_connections_shuts_at_once() {
    let door = TestDoor::serving(Kind::Hyper, Echo, &Limits::default());
    let mut idle: Vec<Client> = (0..50).map(|_| door.connect()).collect();
    assert_eq!(idle[0].ask("GET", "/?1", "", b"").status, 200);
    idle[1].send("GET / HT");
    assert_eq!(door.into_door().shutdown(Duration::from_hours(1)), Ok(()));
    for client in &mut idle {
        assert!(client.is_closed());
    }
}
