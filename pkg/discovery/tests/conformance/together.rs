//! Engines that start in the same second.

use std::net::TcpListener;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use distcache::{ClusterConfig, Discovery, Engine, KeyspaceConfig, MemberState, Members};

use crate::providers::Provider;
use crate::support::until;

const COUNT: usize = 5;

/// Five ports that are free now.
pub(crate) fn addresses() -> Vec<String> {
    let listeners: Vec<_> =
        (0..COUNT).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let of = |one: &TcpListener| one.local_addr().expect("it is bound").to_string();
    listeners.iter().map(of).collect()
}

/// A member at this address; `None` if somebody has taken its port meanwhile.
pub(crate) fn engine(address: &str, expect: Option<usize>, discovery: impl Discovery) -> Engine {
    let cluster = ClusterConfig::new(address)
        .discovery(discovery)
        .discover_every(Duration::from_millis(50))
        .lease(Duration::from_secs(2));
    let cluster = match expect {
        Some(count) => cluster.expect(count),
        None => cluster,
    };
    let builder = Engine::builder().capacity_bytes(32 << 20).data_nodes(1).cluster(cluster);
    builder.keyspace(KeyspaceConfig::new("plain")).start().expect("its port is free")
}

pub(crate) fn members(engine: &Engine) -> Members {
    engine.members().expect("it is one of a cluster")
}

/// Whether all serve by one view of all.
pub(crate) fn are_one(engines: &[Engine]) -> bool {
    let told: Vec<_> = engines.iter().map(members).collect();
    // Whoever serves has a majority behind it: there is never a second cluster.
    for one in told.iter().filter(|one| one.has_lease) {
        assert!(COUNT / 2 < one.members.len(), "{} of five serve", one.members.len());
    }
    told.iter().all(|one| {
        one.has_lease
            && one.epoch == told[0].epoch
            && one.members.len() == engines.len()
            && one.members.iter().all(|member| member.state == MemberState::Active)
    })
}

/// Starts five engines at once, whose provider hears of them one after the other.
pub(crate) fn become_one(provider: &mut impl Provider) {
    let addresses = addresses();
    let all_at_once = Barrier::new(COUNT);
    let discoveries: Vec<_> = addresses.iter().map(|one| provider.discovery(one)).collect();
    let engines: Vec<Engine> = thread::scope(|scope| {
        let mut starting = Vec::new();
        for (address, discovery) in addresses.iter().zip(discoveries) {
            let all_at_once = &all_at_once;
            let start = move || {
                all_at_once.wait();
                engine(address, Some(COUNT), discovery)
            };
            starting.push(thread::Builder::new().spawn_scoped(scope, start).expect("a thread"));
        }
        starting.into_iter().map(|one| one.join().expect("it starts")).collect()
    });
    for address in &addresses {
        provider.come(address);
    }
    until("five are one cluster", || are_one(&engines));
    until("one is asked for what another was told", || {
        engines[0].put("plain", b"city", b"Oslo").is_ok()
            && engines.iter().all(|one| {
                one.get("plain", b"city").is_ok_and(|found| found.as_deref() == Some(&b"Oslo"[..]))
            })
    });
    // The provider goes, and the cluster does not.
    provider.stop();
    until("they know", || provider.discovery(&addresses[0]).addresses().is_err());
    assert!(are_one(&engines));
}
