//! Nodes that reach each other over a server of NATS.

use super::fleet::{Fleet, free_ports, members, path, put, put_at_last, read_at_last};
use super::nats_server::NatsServer;
use crate::flags::refused;
use crate::support::Process;

/// Enough that each of three owns some.
const KEYS: u64 = 24;

fn key(n: u64) -> String {
    format!("key-{n}")
}

/// Three nodes that know each other by name only: nobody listens on the ports of the links.
fn start(nats: &NatsServer, variables: &[(&str, &str)]) -> Fleet {
    let (ports, url) = (free_ports(), nats.url());
    let nodes = format!("-nodes={}", ports.map(|port| format!("localhost:{port}")).join(","));
    let start = |port: u16| {
        let port = format!("-port={port}");
        let order = ["-mode=node", &port, &nodes, "--transport", &url];
        Process::start_in(variables, &order)
    };
    Fleet::of(ports.map(start))
}

fn put_all(fleet: &Fleet, number: u64) {
    for n in 0..KEYS {
        for server in fleet.servers() {
            put_at_last(server, &key(n), number);
        }
        for server in fleet.servers() {
            let found = read_at_last(server, &key(n));
            assert!(found.is_none() || found == Some(number), "{}: {found:?}", key(n));
        }
    }
}

#[test]
fn nodes_over_nats_serve_every_key_and_outlive_a_node_and_the_server_of_nats() {
    let users = "authorization { users: [ { user: cache, password: open-sesame } ] }";
    let Some(mut nats) = NatsServer::start_with(users) else { return };
    let file = nats.folder().join("password");
    std::fs::write(&file, "open-sesame\n").expect("written");
    let file = file.display().to_string();
    let variables = [("DISTCACHE_NATS_USER", "cache"), ("DISTCACHE_NATS_PASSWORD_FILE", &*file)];
    let mut fleet = start(&nats, &variables);
    put(fleet.server(0), "city", 7);
    for server in fleet.servers() {
        assert_eq!(server.ask("GET", &path("city"), "", b"").text(), "7");
        server.stdout.wait_for("over NATS, known to others as localhost:");
    }
    put_all(&fleet, 1);
    // One is killed: the others answer for its keys.
    fleet.server(0).signal("KILL");
    fleet.take(0).wait();
    put_all(&fleet, 2);
    fleet.settle();
    // The server of NATS is started anew: the nodes find each other again.
    nats.stop();
    for server in fleet.servers() {
        server.stderr.wait_for("nobody reaches localhost:");
    }
    nats.go_on();
    fleet.settle();
    put_all(&fleet, 3);
    assert_eq!(members(fleet.server(1))["members"].as_array().map(Vec::len), Some(2));
    let ended = fleet.take(1).end();
    assert!(!ended.stderr.contains("open-sesame") && !ended.stdout.contains("open-sesame"));
}

#[test]
fn what_is_wrong_with_a_transport_names_its_flag() {
    refused(&["-mode=node", "--transport", "udp"], &["--transport", "nats://HOST:PORT"]);
    refused(
        &["-mode=node", "--transport", "nats://192.0.2.7:4222"],
        &["--transport", "DC-151", "--insecure"],
    );
    refused(&["--transport", "nats://127.0.0.1:1"], &["--transport", "--mode node"]);
    // A server that is not there is told when the node starts, not later.
    refused(
        &["-mode=node", "-port=0", "--peer-listen=127.0.0.1:0", "--transport=nats://127.0.0.1:1"],
        &["no connection with NATS"],
    );
}
