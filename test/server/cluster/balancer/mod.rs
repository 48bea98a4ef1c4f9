//! A load balancer before real nodes: as processes, over sockets, under signals.

mod ends;
mod owners;
mod page;
mod paths;
mod refusals;
#[cfg(feature = "certs")]
mod tls;

use super::Fleet;
use crate::support::{Process, Server, eventually};

/// Looks that follow fast, so that no test waits for one.
const FAST: &str = "--health-every=20ms";

/// A load balancer before the nodes of a fleet, when all that there are are ready.
fn before(fleet: &Fleet, more: &[&str]) -> Server {
    let nodes = format!("-nodes={}", places(fleet).join(","));
    let order = ["-mode=load_balancer", "-port=0", &nodes, FAST];
    let balancer = Server::of(Process::start(&[&order, more].concat()));
    eventually("each node is ready", || {
        let all = standings(&balancer);
        all.iter().all(|standing| standing == "ready").then_some(())
    });
    balancer
}

/// Where the nodes are.
fn places(fleet: &Fleet) -> Vec<String> {
    fleet.servers().map(|server| format!("localhost:{}", server.address().port())).collect()
}

/// How the nodes stand, in the order in which they were named.
fn standings(balancer: &Server) -> Vec<String> {
    let told = balancer.ask("GET", "/v1/balancer", "", b"").json();
    let members = told["members"].as_array().expect("a list");
    members.iter().map(|one| one["standing"].as_str().expect("a text").to_owned()).collect()
}

/// Waits until a node stands so.
fn until(balancer: &Server, at: usize, standing: &str) {
    eventually(standing, || (standings(balancer)[at] == standing).then_some(()));
}
