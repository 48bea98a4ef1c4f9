//! How a door opens, shuts and survives its handlers.

use std::net::TcpListener;
use std::time::Duration;

use distcache_http::doors::{self, Kind, OpenError};
use distcache_http::{Limits, Service};

use crate::support::{Echo, Gate, TestDoor, kinds};

const GRACE: Duration = Duration::from_secs(20);

fn serving(kind: Kind, service: impl Service) -> TestDoor {
    TestDoor::serving(kind, service, &Limits::default())
}

#[test]
fn shutting_finishes_the_request_in_flight() {
    for kind in kinds() {
        let gate = Gate::default();
        let door = serving(kind, gate.clone());
        let (mut client, mut idle) = (door.connect(), door.connect());
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        gate.wait_for(1);
        let door = door.into_door();
        let shutting = std::thread::Builder::new().spawn(move || door.shutdown(GRACE));
        if kind == Kind::Hyper {
            // Idle connections are closed while the other is still waiting.
            assert!(idle.is_closed());
        }
        gate.open();
        let reply = client.reply();
        assert_eq!(reply.body, b"through", "{kind:?}");
        if kind == Kind::Hyper {
            // Or it would ask again, on a connection that is being closed.
            assert_eq!(reply.header("connection"), Some("close"));
        }
        let finished = shutting.expect("a thread").join().expect("no panic");
        assert_eq!(finished, Ok(()), "{kind:?}");
    }
}

#[test]
fn a_request_that_does_not_finish_is_reported() {
    for kind in kinds() {
        let gate = Gate::default();
        let door = serving(kind, gate.clone());
        let mut client = door.connect();
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        gate.wait_for(1);
        let error = door.into_door().shutdown(Duration::ZERO).expect_err("it waits at the gate");
        assert_eq!(error.code().to_string(), "DC-113", "{kind:?}");
        gate.open();
    }
}

#[test]
fn a_door_that_is_shut_listens_no_more() {
    for kind in kinds() {
        let door = serving(kind, Echo);
        let address = door.address();
        assert_eq!(door.ask("GET", "/?3", "", b"").body, b"xxx");
        assert_eq!(door.into_door().shutdown(GRACE), Ok(()));
        if kind == Kind::Hyper {
            // tiny_http closes its listener from a thread that nobody can join.
            TcpListener::bind(address).expect("the port is free again");
        }
    }
}

#[test]
fn a_handler_that_panics_answers_500_and_the_door_lives() {
    for kind in kinds() {
        let door = serving(kind, Echo);
        let mut client = door.connect();
        for _ in 0..20 {
            let reply = client.ask("GET", "/panic", "", b"");
            assert_eq!((reply.status, reply.code().as_str()), (500, "DC-222"), "{kind:?}");
        }
        assert_eq!(client.ask("GET", "/?2", "", b"").body, b"xx", "{kind:?}");
    }
}

#[test]
fn a_limit_that_cannot_be_kept_opens_no_door() {
    for kind in kinds() {
        let limits = Limits { headers: 0, ..Limits::default() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let error = doors::open(kind, listener, Echo, &limits).expect_err("no headers at all");
        assert!(matches!(error, OpenError::Limit(_)) && error.code().to_string() == "DC-301");
    }
}

#[test]
fn tiny_http_listens_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let opened = doors::open(Kind::TinyHttp, listener, Echo, &Limits::default());
    assert_eq!(opened.expect_err("others could reach it").code().to_string(), "DC-303");
}

#[cfg(not(feature = "hyper"))]
#[test]
fn a_door_that_is_not_built_in_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let opened = doors::open(Kind::Hyper, listener, Echo, &Limits::default());
    assert_eq!(opened.expect_err("it is not there").code().to_string(), "DC-305");
}
