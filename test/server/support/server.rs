//! The program while it serves.

use std::net::SocketAddr;
use std::ops::Deref;

use serde_json::Value;

use super::client::{Client, Reply, escaped};
use super::door::Door;
use super::eventually;
use super::process::{Ended, Process};

/// A server that has said `ready`, killed when dropped.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    /// Starts a server on a port of its own.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(Process::start(&[&["--port", "0"], arguments].concat()))
    }

    /// Starts a server on a port that is known to be free.
    pub(crate) fn start_on(port: &str, door: Door) -> Self {
        Self::of(Process::start(&["--port", port, "--http-server", door.name()]))
    }

    /// Waits until a program that was started says that it is ready.
    pub(crate) fn of(process: Process) -> Self {
        process.stdout.wait_for("ready");
        let line = process.stdout.wait_for("listening on");
        let address = line.split("://").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.and_then(|text| text.parse().ok()).expect("an address");
        Self { process, address }
    }

    /// A program that is known to serve at `address`.
    pub(crate) fn at(address: SocketAddr, process: Process) -> Self {
        Self { process, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Reply {
        self.connect().ask(method, target, headers, body)
    }

    pub(crate) fn get(&self, key: &str) -> Reply {
        self.connect().get(key)
    }

    /// Stores a value, and sees it stored.
    pub(crate) fn put(&self, key: &str, value: &[u8]) {
        self.connect().put(key, value);
    }

    pub(crate) fn delete(&self, key: &str) -> Reply {
        self.ask("DELETE", &format!("/?key={}", escaped(key)), "", b"")
    }

    /// What `/v1/nodes` says of each node.
    pub(crate) fn nodes(&self) -> Vec<Value> {
        let reply = self.ask("GET", "/v1/nodes", "", b"");
        assert_eq!(reply.status, 200);
        reply.json()["nodes"].as_array().expect("a list").clone()
    }

    /// A count of every node's status, added up, once all nodes have told theirs
    /// and `is_right` is content with the sum.
    pub(crate) fn sum_of(&self, count: &str, is_right: impl Fn(u64) -> bool) -> u64 {
        eventually(&format!("the nodes tell the right number of {count}"), || {
            let counts = self.nodes().iter().map(|node| node["status"][count].as_u64()).collect();
            let counts: Option<Vec<u64>> = counts;
            counts.map(|counts| counts.iter().sum()).filter(|sum| is_right(*sum))
        })
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(self) -> Ended {
        self.process.signal("TERM");
        self.process.wait()
    }

    pub(crate) fn wait(self) -> Ended {
        self.process.wait()
    }
}

impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}
