//! Nodes that prove to each other who they are.

use super::fleet::free_ports;
use crate::support::{Process, Server, eventually};
use crate::tls::Certs;

#[test]
fn nodes_with_certificates_of_one_authority_are_one_cluster_also_after_new_ones() {
    let certs = Certs::new();
    let ports = free_ports();
    let nodes = format!("-nodes={}", ports.map(|port| format!("localhost:{port}")).join(","));
    let proofs = certs.flags();
    let authority = certs.path("ca.pem");
    let proofs: Vec<_> =
        proofs.iter().map(String::as_str).chain(["--tls-ca", &authority]).collect();
    let start = |port| {
        let port = format!("-port={port}");
        Process::start(&[&["-mode=node", &port, &nodes], &proofs[..]].concat())
    };
    let servers = ports.map(start).map(Server::of);
    for server in &servers {
        server.stdout.wait_for("over TLS");
        eventually("it is ready", || {
            certs.ask(server, "GET", "/readyz").contains("ready").then_some(())
        });
    }
    certs.renew();
    for server in &servers {
        server.signal("HUP");
        server.stderr.wait_for("changed: [cluster] other proofs for the nodes");
    }
    let answer = certs.ask(&servers[0], "GET", "/v1/members");
    assert!(answer.matches("\"active\"").count() == 3, "{answer}");
}
