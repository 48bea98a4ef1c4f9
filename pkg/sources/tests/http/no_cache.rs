//! Answers that must not be used without asking their server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{Engine, Found, Freshness, How, Keyspace, KeyspaceConfig, ManualClock, Ttl};

use crate::server::{Reply, Request, Server};
use crate::source;

const LONG: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);
const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

/// A keyspace over a server, as a test likes it.
fn things(
    server: &Server,
    change: impl FnOnce(KeyspaceConfig) -> KeyspaceConfig,
) -> (Engine, Keyspace, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let engine = Engine::builder().clock(clock.clone()).call_timeout(LONG).start();
    let engine = engine.expect("good settings");
    let config = KeyspaceConfig::new("things").ttl(SECOND * 100).ttl_jitter(0.0);
    let config = change(config.read_timeout(LONG).load_timeout(LONG));
    let keyspace = engine.add_keyspace(config.source(source(server))).expect("good settings");
    (engine, keyspace, clock)
}

fn plain(config: KeyspaceConfig) -> KeyspaceConfig {
    config
}

/// Serves what is stale for as long as anybody may want.
fn lenient(config: KeyspaceConfig) -> KeyspaceConfig {
    config.stale_while_revalidate(LONG).stale_if_error(LONG)
}

fn get(things: &Keyspace) -> Found {
    things.get(b"a").expect("an answer").expect("a value")
}

/// A server that has one value, knows it by its tag, and says so much of keeping it.
fn server(control: &'static str) -> Server {
    Server::routing(move |request| tagged(request).header("Cache-Control", control))
}

fn tagged(request: &Request) -> Reply {
    let reply = match request.header("if-none-match") {
        Some("\"1\"") => Reply::new(304),
        _ => Reply::ok("one").header("Content-Type", "text/plain"),
    };
    reply.header("ETag", "\"1\"")
}

/// The conditions by which a server was asked.
fn asked(server: &Server) -> Vec<Option<String>> {
    let condition = |request: &Request| request.header("if-none-match").map(str::to_owned);
    server.requests().iter().map(condition).collect()
}

#[test]
fn what_must_be_asked_for_is_sent_once_and_asked_for_by_its_tag_each_time() {
    let strict = ["no-cache", "max-age=0", "max-age=0, must-revalidate", "s-maxage=0"];
    for control in strict {
        let server = server(control);
        let (_engine, things, clock) = things(&server, plain);
        let version = get(&things).version();
        for _ in 0..3 {
            clock.advance(SECOND * 60);
            let found = get(&things);
            assert_eq!((&*found, found.content_type()), (&b"one"[..], Some("text/plain")));
            assert_eq!((found.how(), found.version()), (How::Loaded, version), "{control}");
            assert_eq!(things.ttl_of(&found), Some(Ttl::For(Duration::ZERO)));
            assert!(things.peek(b"a").unwrap().is_none(), "nobody is given it unasked");
        }
        let tag = Some("\"1\"".to_owned());
        assert_eq!(asked(&server), [None, tag.clone(), tag.clone(), tag], "{control}");
        let held = things.trace(b"a").unwrap().held.expect("it is kept");
        assert_eq!(held.freshness, Freshness::NoCache);
    }
}

#[test]
fn a_date_does_it_where_there_is_no_tag() {
    let server = Server::routing(|request| {
        let reply = match request.header("if-modified-since") {
            Some(DATE) => Reply::new(304),
            _ => Reply::ok("one"),
        };
        reply.header("Last-Modified", DATE).header("Cache-Control", "no-cache")
    });
    let (_engine, things, _) = things(&server, plain);
    for _ in 0..3 {
        assert_eq!(&*get(&things), b"one");
    }
    let since = |request: &Request| request.header("if-modified-since").is_some();
    assert_eq!(server.requests().iter().map(since).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_change_at_the_server_is_seen_by_the_next_reader() {
    let value = Arc::new(AtomicUsize::new(1));
    let at_server = value.clone();
    let server = Server::routing(move |request| {
        let tag = format!("\"{}\"", at_server.load(Ordering::SeqCst));
        let reply = match request.header("if-none-match") {
            Some(asked) if asked == tag => Reply::new(304),
            _ => Reply::ok(tag.clone()),
        };
        reply.header("ETag", &tag).header("Cache-Control", "no-cache")
    });
    let (_engine, things, _) = things(&server, lenient);
    for number in 1..=5 {
        value.store(number, Ordering::SeqCst);
        for _ in 0..2 {
            assert_eq!(&*get(&things), format!("\"{number}\"").as_bytes());
        }
    }
    let sent = asked(&server).into_iter().flatten().count();
    assert_eq!((server.requests().len(), sent), (10, 9), "all but the first on a condition");
}

#[test]
fn no_cache_is_not_served_while_its_server_fails_whatever_the_keyspace_allows() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = fails.clone();
    let server = Server::routing(move |request| {
        let is_away = failing.load(Ordering::SeqCst);
        let reply = if is_away { Reply::new(503) } else { tagged(request) };
        reply.header("Cache-Control", "no-cache")
    });
    let (_engine, things, _) = things(&server, lenient);
    get(&things);
    fails.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        things.get(b"a").expect_err("its server was to be asked, and gave no answer");
    }
    fails.store(false, Ordering::SeqCst);
    assert_eq!(&*get(&things), b"one");
    let last = server.requests().pop().expect("a request");
    assert_eq!(last.header("if-none-match"), Some("\"1\""), "it was kept meanwhile");
}

#[test]
fn what_is_only_stale_at_once_is_served_as_stale_where_the_keyspace_allows_it() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = fails.clone();
    let server = Server::routing(move |request| {
        let is_away = failing.load(Ordering::SeqCst);
        let reply = if is_away { Reply::new(503) } else { tagged(request) };
        reply.header("Cache-Control", "max-age=0")
    });
    let (_engine, things, clock) = things(&server, |config| config.stale_if_error(LONG));
    for _ in 0..2 {
        assert_eq!(get(&things).how(), How::Loaded);
    }
    fails.store(true, Ordering::SeqCst);
    let found = get(&things);
    assert!(found.is_stale() && &*found == b"one");
    clock.advance(LONG);
    things.get(b"a").expect_err("its window is over");
    assert_eq!(asked(&server).iter().flatten().count(), 2, "asked by its tag while it was there");
}

#[test]
fn what_may_be_kept_for_longer_or_shorter_from_now_on_is() {
    let control = Arc::new(AtomicUsize::new(0));
    let said = control.clone();
    let server = Server::routing(move |request| {
        let controls = ["no-cache", "max-age=60", "no-cache", ""];
        tagged(request).header("Cache-Control", controls[said.load(Ordering::SeqCst)])
    });
    let (_engine, things, clock) = things(&server, |config| config.stale_if_error(LONG));
    let hows = || (get(&things).how(), get(&things).how());
    assert_eq!(hows(), (How::Loaded, How::Loaded));
    control.store(1, Ordering::SeqCst);
    assert_eq!(hows(), (How::Loaded, How::Hit), "fresh for a minute");
    control.store(2, Ordering::SeqCst);
    clock.advance(SECOND * 61);
    assert_eq!(hows(), (How::Loaded, How::Loaded), "to be asked for again");
    control.store(3, Ordering::SeqCst);
    assert_eq!(hows(), (How::Loaded, How::Loaded), "nothing said leaves it so");
    assert_eq!(get(&things).content_type(), Some("text/plain"));
    assert_eq!(asked(&server).iter().filter(|tag| tag.is_none()).count(), 1, "sent once");
}

#[test]
fn a_batch_asks_for_each_of_its_keys_by_its_own_tag() {
    let server = Server::routing(|request| {
        let tag = format!("\"{}\"", request.target);
        let reply = match request.header("if-none-match") {
            Some(asked) if asked == tag => Reply::new(304),
            _ => Reply::ok(request.target.clone()),
        };
        reply.header("ETag", &tag).header("Cache-Control", "no-cache")
    });
    let (_engine, things, _) = things(&server, plain);
    let keys = [&b"a"[..], b"b", b"c"];
    for _ in 0..2 {
        let found = things.get_many(&keys);
        for (found, key) in found.into_iter().zip(["a", "b", "c"]) {
            let found = found.expect("an answer").expect("a value");
            assert_eq!(&*found, format!("/things/{key}").as_bytes());
        }
    }
    let tags: Vec<_> = asked(&server).into_iter().flatten().collect();
    assert_eq!(tags, ["\"/things/a\"", "\"/things/b\"", "\"/things/c\""]);
}

#[test]
fn a_herd_asks_by_one_request() {
    const READERS: usize = 32;
    let (may_answer, ended) = (Arc::new(AtomicBool::new(true)), AtomicUsize::new(0));
    let is_asked_to = may_answer.clone();
    let server = Server::routing(move |request| {
        // Until the test has seen that all readers wait.
        while !is_asked_to.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        tagged(request).header("Cache-Control", "no-cache")
    });
    let (_engine, things, _) = things(&server, plain);
    get(&things);
    may_answer.store(false, Ordering::SeqCst);
    thread::scope(|scope| {
        for number in 0..READERS {
            let reader = thread::Builder::new().name(format!("reader-{number}"));
            let read = || {
                assert_eq!(&*get(&things), b"one");
                ended.fetch_add(1, Ordering::SeqCst);
            };
            reader.spawn_scoped(scope, read).expect("a thread");
        }
        let waiting = || things.trace(b"a").expect("a trace").load.map_or(0, |load| load.waiters);
        while waiting() < READERS && ended.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        may_answer.store(true, Ordering::SeqCst);
    });
    assert_eq!(asked(&server), [None, Some("\"1\"".to_owned())], "one question for all");
}
