//! The hub, its pump and its queues, without a door.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use distcache::{Engine, KeyspaceConfig};

use super::inbox::EVENTS_MAX;
use super::{CLIENTS_MAX, Hub, Stream};
use crate::Chunks;

/// Longer than any test needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The next frame of a stream; none at its end.
fn next(stream: &mut Stream) -> Option<String> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut next = std::pin::pin!(poll_fn(|cx| stream.poll_next(cx)));
    loop {
        match next.as_mut().poll(&mut context) {
            Poll::Ready(frame) => {
                return frame.map(|frame| String::from_utf8(frame.to_vec()).expect("text"));
            }
            Poll::Pending => thread::park_timeout(PATIENCE),
        }
    }
}

fn engine() -> Engine {
    let builder = Engine::builder().capacity_bytes(16 << 20).data_nodes(1);
    builder.keyspace(KeyspaceConfig::new("a")).start().expect("the engine starts")
}

fn add(engine: &Engine, name: &str) {
    engine.add_keyspace(KeyspaceConfig::new(name)).expect("a good name");
}

fn open(hub: &Hub, engine: &Engine, invalidations: bool) -> Stream {
    let mut stream = hub.open(engine, invalidations).expect("there is room");
    assert!(next(&mut stream).is_some_and(|frame| frame.contains("event: open")));
    stream
}

#[test]
fn an_event_is_numbered_and_reaches_everybody() {
    let (hub, engine) = (Hub::default(), engine());
    let (mut one, mut other) = (open(&hub, &engine, false), open(&hub, &engine, true));
    add(&engine, "b");
    for stream in [&mut one, &mut other] {
        let frame = next(stream).expect("an event");
        assert_eq!(frame, "id: 1\nevent: keyspace_added\ndata: {\"keyspace\":\"b\"}\n\n");
    }
}

#[test]
fn invalidations_are_for_those_who_want_them() {
    let (hub, engine) = (Hub::default(), engine());
    let mut changes = open(&hub, &engine, false);
    let topic = &engine.topics().cache_invalidation;
    assert_eq!(topic.subscribers(), 0);
    let mut all = open(&hub, &engine, true);
    assert_eq!(topic.subscribers(), 1);
    engine.put("a", b"secret", b"1").unwrap();
    engine.delete("a", b"secret").unwrap();
    let frame = next(&mut all).expect("an event");
    assert!(frame.contains("event: invalidation") && frame.contains("\"node\":\"node-0\""));
    assert!(!frame.contains("secret"), "{frame}");
    add(&engine, "b");
    assert!(next(&mut changes).is_some_and(|frame| frame.contains("keyspace_added")));
}

#[test]
fn a_queue_that_is_full_tells_how_many_were_missed_and_goes_on() {
    let (hub, engine) = (Hub::default(), engine());
    let (mut slow, mut quick) = (open(&hub, &engine, true), open(&hub, &engine, true));
    let forget = |count: usize| {
        for _ in 0..count {
            engine.put("a", b"k", b"1").unwrap();
            engine.delete("a", b"k").unwrap();
        }
    };
    for _ in 0..EVENTS_MAX + 10 {
        forget(1);
        // Read at once, so that this one misses nothing.
        assert!(next(&mut quick).is_some_and(|frame| frame.contains("event: invalidation")));
    }
    for number in 1..=EVENTS_MAX {
        let frame = next(&mut slow).expect("an event");
        assert!(frame.starts_with(&format!("id: {number}\n")), "{frame}");
    }
    assert_eq!(next(&mut slow).unwrap(), "event: lag\ndata: {\"missed\":10}\n\n");
    forget(1);
    let frame = next(&mut slow).expect("an event");
    assert!(frame.starts_with(&format!("id: {}\n", EVENTS_MAX + 11)), "{frame}");
}

#[test]
fn a_silent_stream_is_kept_alive() {
    let (hub, engine) = (Hub::with_keep_alive(Duration::from_millis(10)), engine());
    let mut stream = open(&hub, &engine, false);
    for _ in 0..3 {
        assert_eq!(next(&mut stream).unwrap(), ": keep-alive\n\n");
    }
}

#[test]
fn there_are_only_so_many_streams_and_one_that_ends_makes_room() {
    let (hub, engine) = (Hub::default(), engine());
    let mut streams: Vec<_> = (0..CLIENTS_MAX).map(|_| open(&hub, &engine, false)).collect();
    let problem = hub.open(&engine, false).expect_err("there is no room");
    assert_eq!((problem.status(), problem.code().to_string()), (503, "DC-236".to_owned()));
    streams.pop();
    drop(open(&hub, &engine, false));
}

#[test]
fn without_a_client_nobody_listens_and_a_later_one_is_told_again() {
    let (hub, engine) = (Hub::default(), engine());
    for name in ["b", "c", "d"] {
        let mut stream = open(&hub, &engine, true);
        add(&engine, name);
        assert!(next(&mut stream).is_some_and(|frame| frame.contains(name)));
        drop(stream);
        // The pump lets go of the topics when it looks the next time.
        let topics = engine.topics();
        let listens =
            || topics.cache_invalidation.subscribers() + topics.ring_change.subscribers() != 0;
        let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
        let is_over = (0..looks).any(|_| {
            let goes_on = listens();
            if goes_on {
                thread::park_timeout(LOOK_EVERY);
            }
            !goes_on
        });
        assert!(is_over, "the pump still listens for nobody");
    }
}

#[test]
fn the_hub_ends_its_streams_and_its_pump() {
    let (hub, engine) = (Hub::default(), engine());
    let mut stream = open(&hub, &engine, false);
    drop(hub);
    assert_eq!(next(&mut stream), None);
    assert_eq!(engine.topics().ring_change.subscribers(), 0, "the pump was joined");
}

#[test]
fn the_end_of_the_engine_ends_the_streams() {
    let (hub, engine) = (Hub::default(), engine());
    let mut stream = open(&hub, &engine, true);
    drop(engine);
    assert_eq!(next(&mut stream), None);
}
