//! What cannot be a load balancer is told in one line, which names the flag that mends it.

use std::net::TcpListener;

use crate::flags::refused;
use crate::support::{Process, Server, eventually};

#[test]
fn what_is_wrong_with_a_load_balancer_names_its_flag() {
    let refused = |more: &[&str], parts: &[&str]| {
        refused(&[&["-mode=load_balancer", "-port=0"], more].concat(), parts);
    };
    refused(&["-nodes="], &["DC-301 --nodes", "\"\" is no place of a node", "HOST:PORT"]);
    refused(&["-nodes=a:1,,b:2"], &["--nodes", "\"\" is no place"]);
    refused(&["-nodes=localhost"], &["--nodes", "\"localhost\" is no place"]);
    refused(&["-nodes=a:1,b:2,a:1"], &["--nodes", "a:1 is named twice"]);
    refused(&["--peers=a:1"], &["--peers", "the server is a load balancer"]);
    refused(&["--lease=3s"], &["--lease", "the server is a load balancer"]);
    refused(&["--http-server=tiny_http"], &["--http-server", "hyper"]);
    refused(&["--balance=random"], &["--balance", "round-robin", "ring"]);
    refused(&["--tries=0"], &["--tries", "from 1 to 100"]);
    let open = ["-mode=load_balancer", "--listen=0.0.0.0:0"];
    crate::flags::refused(&open, &["DC-304", "--insecure"]);
    crate::flags::refused(&["--balance=ring"], &["--balance", "--mode load_balancer"]);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = format!("-port={}", address.port());
    let ended = Process::start(&["-mode=load_balancer", &port]).wait();
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.contains("DC-302 cannot listen on"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&address.to_string()), "{}", ended.stderr);
}

#[test]
fn without_any_node_it_starts_says_so_and_ends_in_order() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let nodes = format!("-nodes={}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let process = Process::start(&["-mode=load_balancer", "-port=0", &nodes]);
    process.stdout.wait_for("ready when one of its nodes is");
    let balancer = Server::of(process);
    let refused = balancer.get("a");
    assert!(refused.is_problem(503, "DC-237"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(balancer.ask("GET", "/readyz", "", b"").status, 503);
    assert_eq!(balancer.ask("GET", "/livez", "", b"").status, 200);
    let ended = balancer.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

#[test]
fn its_tokens_are_read_again_by_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let write = |token: &str| std::fs::write(&file, token).unwrap();
    write("the-token-of-before\n");
    let tokens = format!("--token-file={}", file.display());
    let balancer = Server::of(Process::start(&["-mode=load_balancer", "-port=0", &tokens]));
    let status = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\n");
        balancer.ask("GET", "/v1/balancer", &header, b"").status
    };
    assert_eq!((status("the-token-of-before"), status("the-token-of-now-on")), (200, 401));
    write("the-token-of-now-on\n");
    balancer.signal("HUP");
    balancer.stderr.wait_for("settings were read again");
    eventually("the new token is known", || (status("the-token-of-now-on") == 200).then_some(()));
    assert_eq!(status("the-token-of-before"), 401);
    assert_eq!(balancer.end().status, Some(0));
}
