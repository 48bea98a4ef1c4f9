//! Kubernetes, by an API server on loopback that speaks its lists and watches.

#[expect(dead_code, reason = "those of the whole program look at tokens")]
#[path = "../support/api_server.rs"]
mod api_server;
mod hostile;
#[path = "../support/mod.rs"]
mod support;
mod watching;

use std::time::Duration;

use api_server::{ApiServer, endpoint};
use distcache_discovery::{Kubernetes, KubernetesBuilder};

/// The port of every member's links.
const PORT: u16 = 18_081;

/// Asks this server for the service `cache`.
fn asking(server: &ApiServer) -> KubernetesBuilder {
    Kubernetes::service("cache", "links").namespace("shop").server(server.url())
}

fn of(server: &ApiServer) -> Kubernetes {
    asking(server).build().expect("good settings")
}

/// A slice called `name` with pods at these addresses, none of them ready.
fn put(server: &ApiServer, name: &str, addresses: &[&str]) {
    let pods = addresses.iter().enumerate();
    let pods = pods.map(|(n, at)| endpoint(at, &format!("cache-{n}"), false, false));
    server.put("cache", name, PORT, &pods.collect::<Vec<_>>());
}

/// A watch is given up so soon in tests of one that says nothing.
const SOON: Duration = Duration::from_secs(1);
