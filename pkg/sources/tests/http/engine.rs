//! The engine over an HTTP server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use distcache::{Engine, Found, How, Keyspace, KeyspaceConfig, ManualClock};

use crate::server::{Reply, Request, Server};
use crate::{builder, source};

const LONG: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// A keyspace over a server, that keeps what is stale to ask for it.
fn things(server: &Server) -> (Engine, Keyspace, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let engine = Engine::builder().clock(clock.clone()).call_timeout(LONG).start();
    let engine = engine.expect("good settings");
    let config = KeyspaceConfig::new("things").ttl(SECOND * 10).ttl_jitter(0.0);
    let config = config.read_timeout(LONG).load_timeout(LONG).stale_if_error(LONG);
    let keyspace = engine.add_keyspace(config.source(source(server))).expect("good settings");
    (engine, keyspace, clock)
}

fn get(things: &Keyspace) -> Found {
    things.get(b"a").expect("an answer").expect("a value")
}

/// A server that has one value and knows it by its tag.
fn tagged(request: &Request) -> Reply {
    let reply = match request.header("if-none-match") {
        Some("\"1\"") => Reply::new(304),
        _ => Reply::ok("one").header("Content-Type", "text/plain"),
    };
    reply.header("ETag", "\"1\"").header("Cache-Control", "max-age=60")
}

#[test]
fn a_stale_value_costs_one_conditional_request_and_stays_as_it_is() {
    let server = Server::routing(tagged);
    let (_engine, things, clock) = things(&server);
    assert_eq!((get(&things).how(), get(&things).how()), (How::Loaded, How::Hit));
    for round in 1..=3 {
        clock.advance(SECOND * 61);
        let found = get(&things);
        assert_eq!((&*found, found.content_type()), (&b"one"[..], Some("text/plain")));
        assert_eq!((found.how(), get(&things).how()), (How::Loaded, How::Hit));
        let requests = server.requests();
        assert_eq!(requests.len(), 1 + round, "one request each time");
        assert_eq!(requests[round].header("if-none-match"), Some("\"1\""));
    }
    assert_eq!(things.stats().unwrap().loads_found, 4);
}

#[test]
fn a_value_that_has_changed_is_sent_and_known_by_its_new_tag() {
    const SINCE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";
    let has_changed = Arc::new(AtomicBool::new(false));
    let changed = has_changed.clone();
    let server = Server::routing(move |_| {
        if changed.load(Ordering::SeqCst) {
            return Reply::ok("two").header("ETag", "W/\"2\"");
        }
        Reply::ok("one").header("Last-Modified", SINCE)
    });
    let (_engine, things, clock) = things(&server);
    get(&things);
    has_changed.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        clock.advance(SECOND * 11);
        assert_eq!(&*get(&things), b"two");
    }
    let requests = server.requests();
    assert_eq!(requests[1].header("if-modified-since"), Some(SINCE));
    assert_eq!(requests[2].header("if-none-match"), Some("W/\"2\""));
    assert_eq!(requests[2].header("if-modified-since"), None);
}

#[test]
fn a_value_that_must_not_be_kept_is_handed_out_and_loaded_each_time() {
    let reply = Reply::ok("one").header("Cache-Control", "no-store").header("ETag", "\"1\"");
    let server = Server::answering(reply);
    let (_engine, things, _) = things(&server);
    for _ in 0..3 {
        assert_eq!(&*get(&things), b"one");
        assert!(things.peek(b"a").unwrap().is_none(), "it is not kept");
    }
    assert_eq!(server.requests().len(), 3);
    assert!(server.requests().iter().all(|request| request.header("if-none-match").is_none()));
}

#[test]
fn a_value_that_must_not_be_kept_any_more_is_handed_out_once_again() {
    let server = Server::routing(|request| match request.header("if-none-match") {
        Some(_) => Reply::new(304).header("Cache-Control", "no-store"),
        None => Reply::ok("one").header("ETag", "\"1\""),
    });
    let (_engine, things, clock) = things(&server);
    get(&things);
    clock.advance(SECOND * 11);
    assert_eq!(&*get(&things), b"one");
    assert!(things.peek(b"a").unwrap().is_none());
}

#[test]
fn a_value_lives_as_long_as_its_server_says_and_else_as_the_keyspace_says() {
    let server = Server::routing(|request| match &*request.target {
        "/things/a" => Reply::ok("1").header("Cache-Control", "max-age=3600"),
        _ => Reply::ok("1"),
    });
    let (_engine, things, clock) = things(&server);
    things.get(b"a").unwrap();
    things.get(b"b").unwrap();
    clock.advance(SECOND * 11);
    assert!(things.contains(b"a").unwrap());
    assert!(!things.contains(b"b").unwrap());
}

#[test]
fn the_tag_of_another_server_is_not_asked_by() {
    let (one, two) = (Server::routing(tagged), Server::routing(tagged));
    let (engine, things, clock) = things(&one);
    get(&things);
    let config = things.config().source(builder(&two).build().unwrap());
    engine.update_keyspace(config).unwrap();
    clock.advance(SECOND * 61);
    assert_eq!(&*get(&things), b"one");
    assert_eq!(two.requests()[0].header("if-none-match"), None, "its \"1\" is another one");
}

#[test]
fn a_server_that_fails_leaves_the_stale_value() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = fails.clone();
    let server = Server::routing(move |request| {
        if failing.load(Ordering::SeqCst) { Reply::new(503) } else { tagged(request) }
    });
    let (_engine, things, clock) = things(&server);
    get(&things);
    fails.store(true, Ordering::SeqCst);
    clock.advance(SECOND * 61);
    let found = get(&things);
    assert!(found.is_stale() && &*found == b"one");
}
