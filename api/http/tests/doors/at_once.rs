//! Who asks for an answer at once is told at once, whether there is one or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distcache::KeyspaceConfig;
use distcache_http::{AT_ONCE_HEADER, Access, Limits};

use crate::support::{Client, Reply, TestDoor, builder, kinds};

const ABSENT: &str = "/v1/keyspaces/slow/keys/a";

fn at_once(client: &mut Client, method: &str, target: &str, value: &str) -> Reply {
    client.ask(method, target, &format!("{AT_ONCE_HEADER}: {value}\r\n"), b"")
}

fn is_refused(reply: &Reply) -> bool {
    reply.status == 503 && reply.json()["code"] == "DC-241"
}

#[test]
fn what_is_here_comes_and_what_must_be_loaded_is_not_asked_for() {
    for kind in kinds() {
        let asked = Arc::new(AtomicUsize::new(0));
        let asks = Arc::clone(&asked);
        let slow = KeyspaceConfig::new("slow").source_fn(move |key: &[u8]| {
            asks.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Some(key.to_vec()))
        });
        let engine = builder().keyspace(slow).start().expect("the engine starts");
        let (limits, access) = (Limits::default(), Access::default());
        let door = TestDoor::routes_over(kind, &limits, access, engine, |routes| routes);
        let mut client = door.connect();
        for _ in 0..3 {
            let reply = at_once(&mut client, "GET", ABSENT, "65536");
            assert!(is_refused(&reply), "{reply:?}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert_eq!(client.ask("GET", ABSENT, "", b"").body, b"a");
        assert_eq!(at_once(&mut client, "GET", ABSENT, "65536").body, b"a");
        let stats = client.ask("GET", "/v1/keyspaces/slow/stats", "", b"").json();
        assert_eq!((&stats["hits"], &stats["misses"]), (&1.into(), &1.into()), "{stats}");
        let page = client.ask("GET", "/metrics", "", b"");
        let page = String::from_utf8(page.body).expect("text");
        assert!(!page.contains("status=\"503\""), "what is asked again is counted once: {page}");
    }
}

#[test]
fn an_answer_that_is_too_long_to_come_at_once_does_not() {
    for kind in kinds() {
        let door = TestDoor::routes(kind);
        let mut client = door.connect();
        let key = "/v1/keyspaces/default/keys/long";
        client.ask("PUT", key, "", &[b'x'; 1000]);
        assert!(is_refused(&at_once(&mut client, "GET", key, "999")));
        assert_eq!(at_once(&mut client, "GET", key, "1000").body.len(), 1000);
        assert_eq!(at_once(&mut client, "HEAD", key, "0").status, 200);
        let absent = at_once(&mut client, "GET", "/v1/keyspaces/default/keys/none", "65536");
        assert!(is_refused(&absent), "whoever asks again is told that there is none");
        for target in ["/nowhere", "/v1/keyspaces/none/keys/a"] {
            assert_eq!(at_once(&mut client, "GET", target, "65536").status, 404, "{target}");
        }
        assert_eq!(at_once(&mut client, "GET", "/livez", "65536").status, 200);
        let put = at_once(&mut client, "PUT", key, "0");
        assert_eq!(put.status, 204, "what changes something is not given up");
    }
}
