//! An engine and its door in one call.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use distcache::{CacheError, Engine, EngineBuilder, Error, KeyspaceConfig, codes};
use distcache_http::{Serve, ServeError};
use tokio::runtime::{Builder, Runtime};

/// Longer than anything takes here, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);

const HERE: &str = "127.0.0.1:0";
const EVERYWHERE: &str = "0.0.0.0:0";

fn builder() -> EngineBuilder {
    Engine::builder().data_nodes(1).keyspace(KeyspaceConfig::new("plain"))
}

/// What is answered to a GET with these headers, each a line: the status, and the body.
fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let mut client = TcpStream::connect(address).expect("the door is open");
    client.set_read_timeout(Some(PATIENCE)).expect("a time");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    client.write_all(format!("{head}{headers}\r\n").as_bytes()).expect("it reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// The handle of an engine that has ended, and the address of a door that is closed.
fn assert_has_ended(engine: &Engine, address: SocketAddr) {
    let closed = engine.add_keyspace(KeyspaceConfig::new("more")).map(drop);
    assert!(matches!(closed, Err(Error::Cache(CacheError::Closed))), "{closed:?}");
    assert!(TcpStream::connect(address).is_err(), "the door is closed");
}

#[test]
fn what_is_put_in_the_process_is_read_over_http_until_both_end_together() {
    let served = builder().serve(HERE).unwrap();
    served.put("plain", b"k", b"1").unwrap();
    let (address, engine) = (served.local_addr(), served.engine().clone());
    assert_eq!(get(address, "/v1/keyspaces/plain/keys/k", ""), (200, "1".to_owned()));
    assert_eq!(get(address, "/readyz", "").0, 200);
    served.drain();
    assert_eq!(get(address, "/readyz", "").0, 503);
    assert_eq!(get(address, "/v1/keyspaces/plain/keys/k", "").0, 200, "who comes is answered");
    served.shutdown(PATIENCE).unwrap();
    assert_has_ended(&engine, address);
}

#[test]
fn one_that_is_dropped_ends_also_for_handles_that_outlive_it() {
    let served = builder().serve(HERE).unwrap();
    let (address, engine) = (served.local_addr(), served.engine().clone());
    drop(served);
    assert_has_ended(&engine, address);
}

#[test]
fn a_body_may_be_as_large_as_the_largest_value() {
    let large = KeyspaceConfig::new("large").value_bytes_max(12 << 20);
    let served = Engine::builder().data_nodes(1).keyspace(large).serve(HERE).unwrap();
    let mut client = TcpStream::connect(served.local_addr()).unwrap();
    let value = vec![b'x'; 10 << 20];
    let head = "PUT /v1/keyspaces/large/keys/k HTTP/1.1\r\nHost: localhost\r\n";
    let length = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", value.len());
    client.write_all([head, &length].concat().as_bytes()).unwrap();
    client.write_all(&value).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}

#[test]
fn where_others_reach_it_somebody_needs_a_token_or_says_that_nobody_does() {
    let refused = builder().serve(EVERYWHERE).unwrap_err();
    assert!(matches!(refused, ServeError::Exposed(_)), "{refused}");
    assert_eq!(refused.code(), codes::EXPOSED);
}

#[test]
fn on_loopback_it_is_called_by_no_other_name() {
    let served = builder().serve(HERE).unwrap();
    let mut client = TcpStream::connect(served.local_addr()).unwrap();
    let head = "GET /v1/keyspaces HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[test]
fn of_what_cannot_be_served_nothing_is_left() {
    let refused = builder().serve("somewhere:1").unwrap_err();
    assert!(matches!(refused, ServeError::NotAnAddress { .. }), "{refused}");
    let taken = TcpListener::bind(HERE).unwrap();
    let address = taken.local_addr().unwrap();
    let refused = builder().serve(address).unwrap_err();
    assert_eq!(refused.code(), codes::ADDRESS_UNAVAILABLE, "{refused}");
    drop(taken);
    let twice = builder().keyspace(KeyspaceConfig::new("plain"));
    let refused = twice.serve(address).unwrap_err();
    assert!(matches!(refused, ServeError::Start(_)), "{refused}");
    assert!(TcpStream::connect(address).is_err());
    builder().serve(address).unwrap().shutdown(PATIENCE).unwrap();
}

#[test]
fn it_ends_on_a_thread_of_a_runtime_too() {
    let of_one_thread = || Builder::new_current_thread().enable_all().build().unwrap();
    let of_workers = || Builder::new_multi_thread().worker_threads(1).build().unwrap();
    for runtime in [of_one_thread, of_workers] as [fn() -> Runtime; 2] {
        let runtime = runtime();
        let ended = runtime.block_on(async {
            drop(builder().serve(HERE).unwrap());
            builder().serve(HERE).unwrap().shutdown(PATIENCE)
        });
        ended.unwrap();
    }
}

/// What `tiny_http` does not do.
#[cfg(feature = "hyper")]
mod of_hyper {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use crossbeam_channel::bounded;
    use distcache::Stopwatch;
    use distcache_http::{Access, DoorConfig, Right, Served};

    use super::*;

    fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        let since = Stopwatch::start();
        while !is_so() {
            assert!(since.elapsed() < PATIENCE, "{what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The other door listens on loopback only.
    #[test]
    fn with_a_token_or_a_word_it_is_reached_by_others() {
        let at = |served: &Served| SocketAddr::from(([127, 0, 0, 1], served.local_addr().port()));
        let open = builder().serve(DoorConfig::new(EVERYWHERE).insecure()).unwrap();
        assert_eq!(get(at(&open), "/v1/keyspaces", "").0, 200);
        let access = Access::default();
        access.replace(vec![("a-token-of-the-tests".to_owned(), Right::Write)]).unwrap();
        let guarded = builder().serve(DoorConfig::new(EVERYWHERE).access(access)).unwrap();
        assert_eq!(get(at(&guarded), "/v1/keyspaces", "").0, 401);
        let bearer = "Authorization: Bearer a-token-of-the-tests\r\n";
        assert_eq!(get(at(&guarded), "/v1/keyspaces", bearer).0, 200);
    }

    /// The socket of the other door stays open until its threads have ended: there is nothing
    /// by which one could tell that it is about to end.
    #[test]
    fn requests_in_flight_are_answered_before_the_engine_ends() {
        let (opens, gate) = bounded::<()>(1);
        let is_asked = Arc::new(AtomicBool::new(false));
        let asked = is_asked.clone();
        let source = move |_: &[u8]| -> Result<_, std::io::Error> {
            asked.store(true, Ordering::SeqCst);
            // Who waits in vain is told by the load's own deadline.
            let _ = gate.recv_timeout(PATIENCE);
            Ok(Some("loaded"))
        };
        let slow = KeyspaceConfig::new("slow").source_fn(source);
        let slow = slow.load_timeout(PATIENCE).read_timeout(PATIENCE);
        let served = builder().keyspace(slow).serve(HERE).unwrap();
        let address = served.local_addr();
        thread::scope(|scope| {
            let request = scope.spawn(move || get(address, "/v1/keyspaces/slow/keys/k", ""));
            until("the source is asked", || is_asked.load(Ordering::SeqCst));
            let ending = scope.spawn(move || served.shutdown(PATIENCE));
            until("nobody is let in", || TcpStream::connect(address).is_err());
            opens.send(()).unwrap();
            assert_eq!(request.join().unwrap(), (200, "loaded".to_owned()));
            ending.join().unwrap().unwrap();
        });
    }
}
