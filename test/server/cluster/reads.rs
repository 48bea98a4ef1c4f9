//! What is put through one is read through all.

use super::Fleet;
use super::fleet::{members, path};
use crate::support::Server;

/// Enough that each of three owns some.
const KEYS: usize = 24;

#[test]
fn a_value_is_read_and_changed_through_any_node() {
    let fleet = Fleet::start(&[]);
    each_tells_of_three(&fleet);
    for n in 0..KEYS {
        let key = format!("key-{n}");
        fleet.server(n % 3).put(&key, b"first");
        let tags: Vec<_> = fleet.servers().map(|server| first_of(server, &key)).collect();
        assert_eq!(tags, [tags[0].as_str(); 3], "a tag of one is a tag of all");
        let if_match = format!("If-Match: {}\r\n", tags[0]);
        let change = |server: &Server| server.ask("PUT", &path(&key), &if_match, b"second");
        assert_eq!(change(fleet.server((n + 1) % 3)).status, 204, "{key}");
        let refused = change(fleet.server((n + 2) % 3));
        assert!(refused.is_problem(412, "DC-117"), "{key}: {refused:?}");
        assert_eq!(fleet.server(n % 3).delete(&key).status, 200);
        for server in fleet.servers() {
            assert_eq!(server.get(&key).status, 404, "{key}");
            assert_eq!(server.ask("GET", &path(&key), "", b"").status, 404, "{key}");
        }
    }
}

/// Reads the first value through `/` and `/v1`; its tag.
fn first_of(server: &Server, key: &str) -> String {
    let reply = server.get(key);
    assert_eq!(reply.json()["value"], "first", "{key}");
    let reply = server.ask("GET", &path(key), "", b"");
    assert_eq!((reply.status, reply.text()), (200, "first"), "{key}");
    reply.header("etag").expect("a tag").to_owned()
}

fn each_tells_of_three(fleet: &Fleet) {
    let told: Vec<_> = fleet.servers().map(members).collect();
    for (one, server) in told.iter().zip(fleet.servers()) {
        assert_eq!((&one["mode"], &one["has_lease"]), (&"node".into(), &true.into()));
        let address = format!("localhost:{}", server.address().port() + 10_000);
        assert_eq!(one["address"], address.as_str());
        for shared in ["cluster", "epoch", "members"] {
            assert_eq!(one[shared], told[0][shared], "{shared}");
        }
        let all = one["members"].as_array().expect("a list");
        let is_there = all.iter().any(|member| member["id"] == one["me"]);
        assert!(is_there && all.len() == 3, "{one}");
        let peers = server.ask("GET", "/_distcache/admin/peers", "", b"").json();
        let peers = peers.as_array().expect("a list").iter();
        let (this, others): (Vec<_>, Vec<_>) = peers.partition(|peer| peer["is_self"] == true);
        assert_eq!((this.len(), others.len()), (1, 2), "{this:?} {others:?}");
        assert_eq!(address, format!("localhost:{}", this[0]["bind_port"]));
        let page = server.ask("GET", "/metrics", "", b"");
        for line in ["distcache_cluster_members 3.0", "distcache_cluster_has_lease 1.0"] {
            assert!(page.text().contains(line), "no {line} in\n{}", page.text());
        }
        let status = server.ask("GET", "/v1/status", "", b"").json();
        assert_eq!(
            (&status["cluster"]["members"], &status["cluster"]["id"]),
            (&3.into(), &one["cluster"])
        );
    }
}

#[test]
fn a_node_that_has_not_found_the_others_is_not_ready_and_says_why() {
    let server = Server::start(&["--mode", "node", "--peer-listen", "127.0.0.1:0"]);
    let reply = server.ask("GET", "/readyz", "", b"");
    assert!(
        reply.is_problem(503, "DC-148") && reply.text().contains("in no cluster yet"),
        "{reply:?}"
    );
    let reply = server.get("a");
    assert!(reply.is_problem(503, "DC-148"), "{reply:?}");
    assert!(reply.header("retry-after").is_some());
    let told = members(&server);
    assert_eq!((&told["mode"], &told["has_lease"]), (&"node".into(), &false.into()));
    assert_eq!(told["members"], serde_json::json!([]));
    assert_eq!(server.ask("GET", "/livez", "", b"").status, 200);
}

#[test]
fn a_server_that_is_alone_says_so() {
    let server = Server::start(&[]);
    let told = members(&server);
    assert_eq!((&told["mode"], &told["members"]), (&"alone".into(), &serde_json::json!([])));
    assert_eq!(server.ask("GET", "/readyz", "", b"").status, 200);
    assert!(!server.ask("GET", "/metrics", "", b"").text().contains("distcache_cluster"));
}
