//! Three servers of one cluster, and what they answer.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use crate::support::{Process, Server, eventually};

/// Servers of one cluster; one that was ended is none any more.
pub(crate) struct Fleet {
    servers: Vec<Option<Server>>,
}

pub(crate) const COUNT: usize = 3;

/// The first port that is looked at. These, and those 10,000 above, are below the ports
/// that a system gives to whoever calls others.
static NEXT_PORT: AtomicU16 = AtomicU16::new(20_000);
pub(crate) const PORTS_APART: u16 = 10_000;

/// Ports that are free now, as are those of the links.
pub(crate) fn free_ports() -> [u16; COUNT] {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    [(); COUNT].map(|()| {
        eventually("two ports are free", || {
            let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
            (free(port) && free(port + PORTS_APART)).then_some(port)
        })
    })
}

impl Fleet {
    /// Three servers, when all of them serve by one view.
    pub(crate) fn start(more: &[&str]) -> Self {
        let ports = free_ports();
        Self::of(ports.map(|port| node(port, ports, more)))
    }

    /// The same of programs that were started already.
    pub(crate) fn of(processes: [Process; COUNT]) -> Self {
        let fleet = Self { servers: processes.map(Server::of).map(Some).into() };
        fleet.settle();
        fleet
    }

    pub(crate) fn server(&self, at: usize) -> &Server {
        self.servers[at].as_ref().expect("it is there")
    }

    /// Those that are there.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().flatten()
    }

    /// Takes one out.
    pub(crate) fn take(&mut self, at: usize) -> Server {
        self.servers[at].take().expect("it is there")
    }

    /// Puts another in the place of one that was taken out.
    pub(crate) fn put_back(&mut self, at: usize, process: Process) {
        self.servers[at] = Some(Server::of(process));
    }

    /// Waits until all that are there are ready, by one view of them alone.
    pub(crate) fn settle(&self) {
        let count = self.servers().count();
        eventually("all are ready by one view", || {
            let epochs: Option<Vec<_>> =
                self.servers().map(|server| epoch_of(server, count)).collect();
            let epochs = epochs?;
            epochs.iter().all(|epoch| *epoch == epochs[0]).then_some(())
        });
        // Each key has an owner when whoever owned it before is done with it.
        eventually("each key has an owner", || {
            let served = |server: &Server| {
                (0..64)
                    .all(|n| server.ask("GET", &path(&format!("probe-{n}")), "", b"").status == 404)
            };
            self.servers().all(served).then_some(())
        });
    }
}

/// Starts one of a cluster of these.
pub(crate) fn node(port: u16, all: [u16; COUNT], more: &[&str]) -> Process {
    let nodes = format!("-nodes={}", all.map(|port| format!("localhost:{port}")).join(","));
    let port = format!("-port={port}");
    Process::start(&[&["-mode=node", &port, &nodes], more].concat())
}

/// The epoch of a server that is ready among so many; none of another.
fn epoch_of(server: &Server, count: usize) -> Option<u64> {
    let is_ready = server.ask("GET", "/readyz", "", b"").status == 200;
    let members = members(server);
    let all = members["members"].as_array().expect("a list");
    let are_active = all.iter().all(|member| member["state"] == "active");
    (is_ready && are_active && all.len() == count).then(|| members["epoch"].as_u64())?
}

/// What `/v1/members` says.
pub(crate) fn members(server: &Server) -> Value {
    let reply = server.ask("GET", "/v1/members", "", b"");
    assert_eq!(reply.status, 200);
    reply.json()
}

/// A key of `/v1`.
pub(crate) fn path(key: &str) -> String {
    format!("/v1/keyspaces/default/keys/{key}")
}

/// Stores a number, and sees it stored.
pub(crate) fn put(server: &Server, key: &str, number: u64) {
    let reply = server.ask("PUT", &path(key), "", number.to_string().as_bytes());
    assert_eq!(reply.status, 204, "{key}: {reply:?}");
}

/// Stores a number when there is somebody to store it. What is said to be unknown is
/// done again: it is the same number.
pub(crate) fn put_at_last(server: &Server, key: &str, number: u64) {
    eventually("it is stored", || {
        let reply = server.ask("PUT", &path(key), "", number.to_string().as_bytes());
        assert!(matches!(reply.status, 204 | 503 | 504), "{key}: {reply:?}");
        (reply.status == 204).then_some(())
    });
}

/// What a read has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Number(u64),
    Absent,
    /// Nobody answers for the key now.
    Refused,
}

pub(crate) fn read(server: &Server, key: &str) -> Read {
    let reply = server.ask("GET", &path(key), "", b"");
    match reply.status {
        200 => Read::Number(reply.text().parse().expect("a number")),
        404 => Read::Absent,
        503 | 504 => Read::Refused,
        _ => panic!("{key}: {reply:?}"),
    }
}

/// What a read has found when there is somebody to answer it.
pub(crate) fn read_at_last(server: &Server, key: &str) -> Option<u64> {
    eventually("somebody answers for the key", || match read(server, key) {
        Read::Number(number) => Some(Some(number)),
        Read::Absent => Some(None),
        Read::Refused => None,
    })
}
