//! Whose a key is: told to who passes requests on, who asks its owner from then on.

use distcache_http::{MEMBER_HEADER, OWNER_HEADER};

use super::before;
use crate::cluster::Fleet;
use crate::cluster::fleet::{path, put};
use crate::support::Server;

const KEYS: u64 = 48;

fn key(n: u64) -> String {
    format!("key-{n}")
}

/// What a node says of the owner of a key, to who asks with these headers.
fn owner(node: &Server, key: &str, headers: &str) -> Option<String> {
    node.ask("GET", &path(key), headers, b"").header(OWNER_HEADER).map(str::to_owned)
}

/// Who owns a key, as all nodes say that do not.
fn owner_by_all(fleet: &Fleet, names: &[String], key: &str) -> usize {
    let told: Vec<_> =
        fleet.servers().map(|node| owner(node, key, "via: 1.1 somebody\r\n")).collect();
    let at = told.iter().position(Option::is_none).expect("it is somebody's");
    for (node, told) in told.iter().enumerate() {
        let ought = (node != at).then(|| names[at].clone());
        assert_eq!(*told, ought, "{key}: node {node}");
    }
    at
}

/// How many requests each node has answered to a balancer.
fn answered(balancer: &Server) -> Vec<u64> {
    let told = balancer.ask("GET", "/v1/balancer", "", b"").json();
    let members = told["members"].as_array().expect("a list");
    members.iter().map(|one| one["answered"].as_u64().expect("a count")).collect()
}

#[test]
fn nodes_tell_a_balancer_whose_a_key_is_and_its_owner_alone_is_asked_from_then_on() {
    let fleet = Fleet::start(&[]);
    let name = |node: &Server| {
        let reply = node.ask("GET", "/readyz", "", b"");
        reply.header(MEMBER_HEADER).expect("it says who it is").to_owned()
    };
    let names: Vec<_> = fleet.servers().map(name).collect();
    let balancer = before(&fleet, &["--balance=ring"]);
    let mut owned = vec![0; names.len()];
    for n in 0..KEYS {
        put(&balancer, &key(n), 1);
        owned[owner_by_all(&fleet, &names, &key(n))] += 1;
        for node in fleet.servers().chain([&balancer]) {
            assert_eq!(owner(node, &key(n), ""), None, "that is no matter of clients");
        }
    }
    let before = answered(&balancer);
    for n in 0..KEYS {
        assert_eq!(balancer.ask("GET", &path(&key(n)), "", b"").text(), "1");
    }
    let more: Vec<_> = before.iter().zip(answered(&balancer)).map(|(was, is)| is - was).collect();
    assert_eq!(more, owned);
}
