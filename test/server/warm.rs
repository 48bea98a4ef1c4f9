//! Keys that are loaded before anybody asks for them, over a source that takes long.

use std::io::Write;
use std::net::TcpListener;

use serde_json::json;

use crate::config::Folder;
use crate::support::{Process, Server, eventually};

#[test]
fn a_server_that_waits_for_its_warm_keys_answers_and_is_not_ready_before_they_are_loaded() {
    let origin = TcpListener::bind("127.0.0.1:0").expect("a port");
    let folder = Folder::with(&format!(
        "[server]\nport = 0\nready_when_warm = true\n\n\
         [keyspaces.users]\nwarm_keys = ['42']\n\n\
         [keyspaces.users.source]\nkind = 'http'\nurl = 'http://{}/{{key}}'\n",
        origin.local_addr().expect("an address")
    ));
    let server = Server::of(Process::start(&["--config", &folder.file()]));
    let (mut load, _) = origin.accept().expect("the load of the warm key");
    let ready = server.ask("GET", "/readyz", "", b"");
    assert_eq!((ready.status, &ready.json()["code"]), (503, &json!("DC-231")));
    assert_eq!(server.ask("GET", "/livez", "", b"").status, 200);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nAda";
    load.write_all(answer).expect("it listens");
    eventually("the server is ready", || {
        (server.ask("GET", "/readyz", "", b"").status == 200).then_some(())
    });
    let only_if_cached = "Cache-Control: only-if-cached\r\n";
    let value = server.ask("GET", "/v1/keyspaces/users/keys/42", only_if_cached, b"");
    assert_eq!((value.status, value.body), (200, b"Ada".to_vec()));
}
