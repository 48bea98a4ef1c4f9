//! Nodes that know nothing of each other but a subject of NATS.

use super::fleet::{Fleet, free_ports, path, put};
use super::nats_server::NatsServer;
use crate::support::Process;

#[test]
fn nodes_that_announce_themselves_are_one_cluster_also_while_the_server_is_away() {
    let users = "authorization { users: [ { user: cache, password: open-sesame } ] }";
    let Some(mut nats) = NatsServer::start_with(users) else { return };
    let file = nats.folder().join("password");
    std::fs::write(&file, "open-sesame\n").expect("written");
    let file = file.display().to_string();
    let variables = [("DISTCACHE_NATS_USER", "cache"), ("DISTCACHE_NATS_PASSWORD_FILE", &*file)];
    let start = |port: u16| {
        let (port, url) = (format!("-port={port}"), nats.url());
        let order = ["-mode=node", &port, "--peers-nats", &url, "--expect", "3"];
        Process::start_in(&variables, &order)
    };
    let fleet = Fleet::of(free_ports().map(start));
    nats.stop();
    put(fleet.server(0), "city", 7);
    for server in fleet.servers() {
        assert_eq!(server.ask("GET", &path("city"), "", b"").text(), "7");
    }
    // Each has noticed, holds to what it heard, and says nothing of what nobody is to read.
    for server in fleet.servers() {
        server.stderr.wait_for("the last answer holds");
    }
    fleet.settle();
    let ended = { fleet }.take(0).end();
    assert!(!ended.stderr.contains("open-sesame") && !ended.stdout.contains("open-sesame"));
}
