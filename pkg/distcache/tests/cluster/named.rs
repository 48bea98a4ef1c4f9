//! Engines that find each other by the SRV records of a name.

#[expect(dead_code, reason = "that of the tests of SRV records says more")]
#[path = "../../../../internal/cluster/tests/support/name_server.rs"]
mod name_server;

use std::net::TcpListener;
use std::time::Duration;

use distcache::{ClusterConfig, Engine, KeyspaceConfig, MemberState, Srv};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::rr::rdata::SRV;
use name_server::{NameServer, Says};

use crate::fleet::{members, until};

const NAME: &str = "_distcache._tcp.example.com";

/// One that knows nobody but a name server, and is reached by a name.
fn start(server: &NameServer) -> Engine {
    let mut tries = (0..100).filter_map(|_| {
        // One that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("it listens").port();
        drop(free);
        let cluster = ClusterConfig::new(format!("127.0.0.1:{port}"))
            .name("named")
            .advertise(format!("localhost:{port}"))
            .discovery(Srv::new(NAME).server(server.address))
            .discover_every(Duration::from_millis(50))
            .lease(Duration::from_secs(2));
        let builder = Engine::builder().capacity_bytes(32 << 20).data_nodes(2).cluster(cluster);
        builder.keyspace(KeyspaceConfig::new("plain")).start().ok()
    });
    tries.next().expect("of a hundred ports one stays free")
}

/// A record of where each of them is reached.
fn records(engines: &[Engine]) -> Says {
    let record = |engine: &Engine| {
        let address = members(engine).address;
        let (host, port) = address.rsplit_once(':').expect("an address");
        let target = Name::from_ascii(format!("{host}.")).expect("a name");
        SRV::new(0, 0, port.parse().expect("a port"), target)
    };
    Says::Records(engines.iter().map(record).collect())
}

fn are_one(engines: &[Engine]) -> bool {
    let told: Vec<_> = engines.iter().map(members).collect();
    told.iter().all(|one| {
        let mut all = one.members.iter();
        one.has_lease
            && one.epoch == told[0].epoch
            && one.members.len() == engines.len()
            && all.all(|member| member.state == MemberState::Active)
    })
}

#[test]
fn three_engines_that_find_each_other_by_the_srv_records_of_a_name_are_one_cluster() {
    let server = NameServer::start(Says::Code(ResponseCode::NXDomain));
    let engines: Vec<_> = (0..3).map(|_| start(&server)).collect();
    let asked = || server.questions().0 + server.questions().1;
    until("each has asked", || 3 <= asked());
    assert!(engines.iter().all(|engine| members(engine).members.is_empty()), "of nobody");
    server.say(records(&engines));
    until("they are one", || are_one(&engines));
    for (n, writer) in engines.iter().cycle().take(30).enumerate() {
        let key = format!("key-{n}");
        until("it is put", || writer.put("plain", key.as_bytes(), b"1").is_ok());
        for reader in &engines {
            until("it is read", || {
                reader.get("plain", key.as_bytes()).is_ok_and(|found| found.is_some())
            });
        }
    }
    // While it cannot tell, its last answer holds.
    server.say(Says::Code(ResponseCode::ServFail));
    let before = asked();
    until("it was asked again", || before + 6 <= asked());
    assert!(are_one(&engines));
}
