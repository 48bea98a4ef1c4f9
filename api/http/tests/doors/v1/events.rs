//! What happens, as it happens: server-sent events.

use std::time::Duration;

use distcache_http::doors::Kind;
use serde_json::json;

use super::status_and_code;
use crate::support::{Client, TestDoor, kinds, on_each_door};

on_each_door! {
    a_stream_tells_what_becomes_of_keyspaces,
    it_tells_of_the_ring,
    it_tells_of_invalidations_by_hash_to_those_who_ask,
    a_head_opens_no_stream,
    there_are_only_so_many_streams,
    a_draining_server_opens_none,
    parameters_are_checked,
}

/// One client's stream.
struct Events {
    client: Client,
}

impl Events {
    fn open(door: &TestDoor, query: &str) -> Self {
        let mut client = door.connect();
        client.send(format!("GET /v1/events{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let head = client.reply_without_body();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(head.header("cache-control"), Some("no-store"));
        let mut events = Self { client };
        assert_eq!(events.next().0, "open");
        events
    }

    /// The next event's name and data; comments are passed over.
    fn next(&mut self) -> (String, serde_json::Value) {
        loop {
            let piece = self.client.chunk().expect("an event, not the end");
            let text = String::from_utf8(piece).expect("events are text");
            if text.starts_with(':') {
                continue;
            }
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            let data = field("data: ").expect("data");
            let data = serde_json::from_str(data).expect("JSON");
            return (field("event: ").expect("a name").to_owned(), data);
        }
    }
}

fn a_stream_tells_what_becomes_of_keyspaces(door: &TestDoor) {
    let mut events = Events::open(door, "");
    let colours = "/v1/keyspaces/colours";
    for (method, name) in
        [("PUT", "keyspace_added"), ("PATCH", "keyspace_changed"), ("DELETE", "keyspace_removed")]
    {
        assert!(door.ask(method, colours, "", b"").status < 300, "{method}");
        assert_eq!(events.next(), (name.to_owned(), serde_json::json!({"keyspace": "colours"})));
    }
}

fn it_tells_of_the_ring(door: &TestDoor) {
    let mut events = Events::open(door, "");
    let node = door.engine().manager().add_node().expect("there is room for one more");
    let (name, data) = events.next();
    assert_eq!((&*name, &data["node"]), ("node_added", &node.to_string().into()));
    assert!(data["epoch"].is_u64());
    assert_eq!(events.next().0, "ring_settled");
}

fn it_tells_of_invalidations_by_hash_to_those_who_ask(door: &TestDoor) {
    let (mut changes, mut all) =
        (Events::open(door, ""), Events::open(door, "?invalidations=true"));
    door.ask("POST", "/?key=a&value=1", "", b"");
    door.ask("DELETE", "/?key=a", "", b"");
    let (name, data) = all.next();
    assert_eq!(name, "invalidation");
    assert_eq!(data["key_hash"].as_str().map(str::len), Some(16), "{data}");
    door.ask("PUT", "/v1/keyspaces/b", "", b"");
    assert_eq!(changes.next().0, "keyspace_added");
}

fn a_head_opens_no_stream(door: &TestDoor) {
    let mut client = door.connect();
    let head = client.ask("HEAD", "/v1/events", "", b"");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(client.ask("GET", "/livez", "", b"").status, 200);
}

fn there_are_only_so_many_streams(door: &TestDoor) {
    let (max, bound) = match door.kind {
        Kind::TinyHttp => (2, "door_streams"),
        Kind::Hyper => (64, "event_streams"),
    };
    let mut streams: Vec<_> = (0..max).map(|_| Events::open(door, "")).collect();
    let refused = door.ask("GET", "/v1/events", "", b"");
    assert_eq!(status_and_code(&refused), (503, "DC-236".to_owned()));
    assert!(refused.header("retry-after").is_some());
    let limits = door.ask("GET", "/v1/limits", "", b"").json();
    let mut limits = limits["limits"].as_array().expect("a list").iter();
    let told = limits.find(|limit| limit["name"] == bound).expect("it is told");
    assert_eq!((&told["max"], &told["used"]), (&json!(max), &json!(max)));
    assert_eq!((&told["peak"], &told["reached"]), (&json!(max), &json!(1)));
    // Others are served all the while.
    assert_eq!(door.ask("GET", "/livez", "", b"").status, 200);
    // Who has left is noticed by writing: then there is room.
    streams.pop();
    for number in 0.. {
        assert!(number < 1_000, "no room is made");
        door.ask("PUT", &format!("/v1/keyspaces/k{number}"), "", b"");
        let mut client = door.connect();
        client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        if client.reply_without_body().status == 200 {
            break;
        }
    }
}

fn a_draining_server_opens_none(door: &TestDoor) {
    door.readiness.drain();
    let refused = door.ask("GET", "/v1/events", "", b"");
    assert_eq!(status_and_code(&refused), (503, "DC-114".to_owned()));
}

fn parameters_are_checked(door: &TestDoor) {
    for (query, code) in [("invalidations=yes", "DC-230"), ("since=1", "DC-218")] {
        let refused = door.ask("GET", &format!("/v1/events?{query}"), "", b"");
        assert_eq!(status_and_code(&refused), (400, code.to_owned()), "{query}");
    }
}

#[test]
fn shutting_the_door_ends_the_streams_in_order() {
    for kind in kinds() {
        let door = TestDoor::routes(kind);
        let mut streams = [Events::open(&door, ""), Events::open(&door, "?invalidations=true")];
        let shut = door.into_door().shutdown(Duration::from_secs(20));
        assert_eq!(shut, Ok(()), "{kind:?}");
        for events in &mut streams {
            assert_eq!(events.client.chunk(), None, "{kind:?}: the last chunk, not a reset");
        }
    }
}
