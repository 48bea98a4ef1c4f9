//! Nodes that speak HTTPS, and a balancer that does.

use super::FAST;
use crate::support::{Process, Server, eventually};
use crate::tls::Certs;

/// A server alone, over TLS.
fn node(certs: &Certs) -> Server {
    let flags = certs.flags();
    Server::start(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A balancer before it that believes an authority, and speaks HTTPS itself.
fn before(node: &Server, own: &Certs, believed: &Certs) -> Server {
    let nodes = format!("-nodes=localhost:{}", node.address().port());
    let (authority, flags) = (believed.path("ca.pem"), own.flags());
    let order =
        ["-mode=load_balancer", "-port=0", &nodes, FAST, "--tls-ca", &authority, "--log=debug"];
    let flags = flags.iter().map(String::as_str);
    Server::of(Process::start(&order.into_iter().chain(flags).collect::<Vec<_>>()))
}

#[test]
fn nodes_are_asked_over_tls_and_believed_by_their_authority() {
    let certs = Certs::new();
    let node = node(&certs);
    let balancer = before(&node, &certs, &certs);
    eventually("the node is ready", || {
        certs.ask(&balancer, "GET", "/readyz").contains("ready\n").then_some(())
    });
    certs.ask(&balancer, "POST", "/?key=a&value=hello");
    assert!(certs.ask(&balancer, "GET", "/?key=a").contains("\"value\":\"hello\""));
    assert!(certs.ask(&node, "GET", "/?key=a").contains("\"value\":\"hello\""));
}

#[test]
fn a_node_whose_certificate_is_of_another_authority_is_sent_nothing() {
    let (certs, others) = (Certs::new(), Certs::new());
    let node = node(&certs);
    let balancer = before(&node, &certs, &others);
    balancer.stderr.wait_for("invalid peer certificate");
    let told = certs.ask(&balancer, "GET", "/?key=a");
    assert!(told.contains("DC-237"), "{told}");
}
