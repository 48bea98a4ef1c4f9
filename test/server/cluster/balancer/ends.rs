//! A node dies, pauses or leaves, and who asks the balancer does not notice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{before, until};
use crate::cluster::Fleet;
use crate::cluster::fleet::{path, put};
use crate::support::{Client, Server, eventually};

/// Enough that each of three owns some.
const KEYS: u64 = 48;
const CLIENTS: usize = 3;

fn key(n: u64) -> String {
    format!("key-{n}")
}

/// Reads all keys again and again, on one connection, and retries nothing, until the word
/// is given. Each is found as it was put, or not any more.
fn read_steadily(balancer: &Server, reads: &AtomicU64, is_over: &AtomicBool) {
    let mut client = Client::connect(balancer.address());
    while !is_over.load(Ordering::Relaxed) {
        for n in 0..KEYS {
            let reply = client.ask("GET", &path(&key(n)), "", b"");
            assert!(matches!(reply.status, 200 | 404), "{}: {reply:?}", key(n));
            assert!(reply.status == 404 || reply.text() == "1", "{}: {reply:?}", key(n));
            reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Does something to the fleet while clients read, and some rounds after it.
fn while_clients_read(balancer: &Server, happens: impl FnOnce()) {
    let (reads, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let rounds = |count: u64| {
        let more = reads.load(Ordering::Relaxed) + count * KEYS;
        eventually("clients read on", || (more <= reads.load(Ordering::Relaxed)).then_some(()));
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| read_steadily(balancer, &reads, &is_over)))
            .collect();
        rounds(3);
        happens();
        rounds(6);
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("every read was answered");
        }
    });
}

fn fill(balancer: &Server) {
    for n in 0..KEYS {
        put(balancer, &key(n), 1);
    }
}

#[test]
fn a_node_that_is_killed_costs_no_get() {
    let mut fleet = Fleet::start(&[]);
    let balancer = before(&fleet, &[]);
    fill(&balancer);
    while_clients_read(&balancer, || {
        fleet.server(0).signal("KILL");
        fleet.take(0).wait();
        fleet.settle();
    });
    until(&balancer, 0, "down");
}

#[test]
fn a_node_that_pauses_costs_no_get_and_is_asked_again_when_it_goes_on() {
    let fleet = Fleet::start(&[]);
    let balancer = before(&fleet, &["--health-timeout=200ms"]);
    fill(&balancer);
    while_clients_read(&balancer, || {
        fleet.server(0).signal("STOP");
        until(&balancer, 0, "down");
    });
    fleet.server(0).signal("CONT");
    until(&balancer, 0, "ready");
}

#[test]
fn a_node_that_drains_is_asked_nothing_new_and_no_request_fails() {
    let mut fleet = Fleet::start(&["--drain-delay=1s"]);
    let balancer = before(&fleet, &[]);
    fill(&balancer);
    let is_over = AtomicBool::new(false);
    while_clients_read(&balancer, || {
        thread::scope(|scope| {
            let writes = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for n in 0..KEYS {
                        put(&balancer, &key(n), 1);
                    }
                }
            });
            let leaving = fleet.take(0);
            leaving.signal("TERM");
            until(&balancer, 0, "draining");
            let before = leaving.ask("GET", "/v1/status", "", b"");
            assert_eq!(before.status, 200, "it still answers who asks it");
            assert_eq!(leaving.wait().status, Some(0));
            is_over.store(true, Ordering::Relaxed);
            writes.join().expect("every write was made");
        });
    });
    until(&balancer, 0, "down");
}

/// It pauses, and nobody has seen it yet: a read that begins there is answered by another.
#[test]
fn a_node_that_is_slow_is_helped_by_a_second_one() {
    let fleet = Fleet::start(&[]);
    let balancer = before(&fleet, &["--hedge-after=5ms", "--health-timeout=1m"]);
    fill(&balancer);
    fleet.server(0).signal("STOP");
    let mut keys = (0..KEYS).cycle();
    eventually("a second node has answered first three times", || {
        let key = key(keys.next().expect("it has no end"));
        let reply = balancer.ask("GET", &path(&key), "", b"");
        assert!(matches!(reply.status, 200 | 404), "{key}: {reply:?}");
        (3 <= hedges_won(&balancer)).then_some(())
    });
    fleet.server(0).signal("CONT");
}

fn hedges_won(balancer: &Server) -> u64 {
    const NAME: &str = "distcache_balancer_hedges_won_total ";
    let page = balancer.ask("GET", "/metrics", "", b"");
    let count = page.text().lines().find_map(|line| line.strip_prefix(NAME));
    count.and_then(|count| count.parse().ok()).expect("a count")
}
