//! NATS, by a real server on loopback.

mod announcing;
mod credentials;
mod hostile;
#[path = "../support/nats_certificates.rs"]
mod nats_certificates;
#[path = "../support/nats_server.rs"]
mod nats_server;
mod outages;
mod proofs;
mod speaker;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use distcache::Discovery;
use distcache_discovery::{Nats, NatsBuilder};
use nats_server::NatsServer;

/// How often members announce themselves here. After so many announcements a silent one is
/// gone: 10 s, which is longer than any is about connecting again.
const EVERY: Duration = Duration::from_millis(100);
const SILENT_FOR: u32 = 100;

/// A member that is reached at this address.
fn announcing(server: &NatsServer, address: &str) -> NatsBuilder {
    Nats::at([server.url()], address).announce_every(EVERY).silent_for(SILENT_FOR)
}

fn member(server: &NatsServer, address: &str) -> Nats {
    announcing(server, address).build().expect("good settings")
}

/// A member that has begun to announce itself.
fn started(server: &NatsServer, address: &str) -> Nats {
    let member = member(server, address);
    drop(member.addresses());
    member
}
