//! Nodes that prove to each other who they are.

use super::fleet::{COUNT, PORTS_APART, free_ports};
use crate::support::{Process, Server, eventually};
use crate::tls::Certs;

/// Nodes that know of each other's addresses, and may begin at any time.
struct Nodes {
    ports: [u16; COUNT],
}

impl Nodes {
    fn new() -> Self {
        Self { ports: free_ports() }
    }

    /// One of them, which believes who has a certificate of that authority.
    fn start(&self, at: usize, certs: &Certs) -> Server {
        let nodes = self.ports.map(|port| format!("localhost:{port}")).join(",");
        let (port, nodes) = (format!("-port={}", self.ports[at]), format!("-nodes={nodes}"));
        let (proofs, authority) = (certs.flags(), certs.path("ca.pem"));
        let order = ["-mode=node", &port, &nodes, "--tls-ca", &authority, "--log=debug"];
        let proofs = proofs.iter().map(String::as_str);
        let server =
            Server::of(Process::start(&order.into_iter().chain(proofs).collect::<Vec<_>>()));
        server.stdout.wait_for("over TLS");
        server
    }
}

/// Waits until it is ready among so many.
fn until_ready(certs: &Certs, server: &Server, count: usize) {
    eventually("it is ready among so many", || {
        let is_ready = certs.ask(server, "GET", "/readyz").contains("ready");
        let members = certs.ask(server, "GET", "/v1/members");
        (is_ready && members.matches("\"active\"").count() == count).then_some(())
    });
}

#[test]
fn nodes_with_certificates_of_one_authority_are_one_cluster_also_after_new_ones() {
    let (certs, nodes) = (Certs::new(), Nodes::new());
    let servers = [0, 1, 2].map(|at| nodes.start(at, &certs));
    for server in &servers {
        until_ready(&certs, server, 3);
    }
    certs.renew();
    for server in &servers {
        server.signal("HUP");
        server.stderr.wait_for("changed: [cluster] other proofs for the nodes");
    }
    until_ready(&certs, &servers[0], 3);
}

#[test]
fn after_another_authority_has_come_by_a_signal_who_has_the_old_one_is_refused_by_name() {
    let (certs, nodes) = (Certs::new(), Nodes::new());
    let servers = [0, 1, 2].map(|at| nodes.start(at, &certs));
    for server in &servers {
        until_ready(&certs, server, 3);
    }
    let old = certs.copy();
    certs.replace();
    for server in &servers {
        server.signal("HUP");
        server.stderr.wait_for("changed: [cluster] other proofs for the nodes");
    }
    let [first, second, third] = servers;
    // The links that there are go on: it leaves in order.
    assert_eq!(third.end().status, Some(0));
    until_ready(&certs, &first, 2);
    let stranger = nodes.start(2, &old);
    // Neither believes the other. Only who leads looks for nodes outside, and either may.
    let told = eventually("a node looks for the stranger, and does not believe it", || {
        [&first, &second]
            .into_iter()
            .find_map(|server| server.stderr.find("invalid peer certificate"))
    });
    let who = format!("no link with localhost:{}", nodes.ports[2] + PORTS_APART);
    assert!(told.contains(&who), "{told}");
    let told = stranger.stderr.wait_for("invalid peer certificate");
    assert!(told.contains("no link with localhost:"), "{told}");
    first.stderr.wait_for("a connection was not accepted");
    let told = old.ask(&stranger, "GET", "/readyz");
    assert!(told.contains("DC-148"), "{told}");
    until_ready(&certs, &first, 2);
    stranger.signal("KILL");
    stranger.wait();
    let third = nodes.start(2, &certs);
    for server in [&first, &second, &third] {
        until_ready(&certs, server, 3);
    }
    for server in [first, second, third] {
        assert_eq!(server.end().status, Some(0), "it lives");
    }
}
