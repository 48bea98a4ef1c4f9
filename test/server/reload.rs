//! SIGHUP: what can change holds at once, and what cannot is said.

use crate::config::Folder;
use crate::support::{Server, eventually};

impl Folder {
    /// Writes the file anew, and has the server read it.
    fn reload(&self, server: &Server, text: &str, until: &str) {
        self.write("users.toml", text.as_bytes());
        server.signal("HUP");
        server.stderr.wait_for(until);
    }
}

/// The status of a GET in a keyspace.
fn status(server: &Server, keyspace: &str, key: &str) -> u16 {
    server.ask("GET", &format!("/v1/keyspaces/{keyspace}/keys/{key}"), "", b"").status
}

fn put(server: &Server, keyspace: &str, key: &str) {
    let reply = server.ask("PUT", &format!("/v1/keyspaces/{keyspace}/keys/{key}"), "", b"v");
    assert!((200..300).contains(&reply.status), "{}", reply.text());
}

#[test]
fn a_ttl_that_was_changed_holds_for_what_is_put_from_then_on() {
    let folder = Folder::with("[keyspaces.a]\nttl = '1h'\n");
    let server = folder.serve();
    put(&server, "a", "before");
    folder.reload(&server, "[keyspaces.a]\nttl = '1ms'\n", "changed: keyspace \"a\": ttl");
    put(&server, "a", "after");
    eventually("the value expires", || (status(&server, "a", "after") == 404).then_some(()));
    assert_eq!(status(&server, "a", "before"), 200);
}

#[test]
fn keyspaces_come_and_go_with_the_file() {
    let folder = Folder::with("[keyspaces.a]\n[keyspaces.b]\n");
    let server = folder.serve();
    put(&server, "a", "k");
    put(&server, "b", "k");
    folder.reload(&server, "[keyspaces.b]\n[keyspaces.c]\n", "changed: keyspace \"a\": removed");
    server.stderr.wait_for("changed: keyspace \"c\": added");
    put(&server, "c", "k");
    assert_eq!(status(&server, "b", "k"), 200);
    let gone = server.ask("GET", "/v1/keyspaces/a/keys/k", "", b"");
    assert!(gone.text().contains("DC-120"), "{}", gone.text());
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_is_told() {
    let folder = Folder::with("[keyspaces.a]\n");
    let server = folder.serve();
    put(&server, "a", "k");
    folder.reload(&server, "[keyspaces.b]\ntll = 5\n", "DC-329");
    let told = server.stderr.wait_for("DC-322");
    assert!(told.contains("users.toml:2:1: DC-322 there is no \"tll\""), "{told}");
    assert_eq!(status(&server, "a", "k"), 200);
    let unknown = server.ask("GET", "/v1/keyspaces/b/keys/k", "", b"");
    assert!(unknown.text().contains("DC-120"), "{}", unknown.text());
    // And the next one that is right holds.
    folder.reload(&server, "[keyspaces.a]\n[keyspaces.b]\n", "keyspace \"b\": added");
    put(&server, "b", "k");
    assert_eq!(server.end().status, Some(0));
}

#[test]
fn what_needs_a_restart_is_named_and_stays() {
    let folder = Folder::with("[engine]\ndata_nodes = 2\n");
    let server = folder.serve();
    let until = "settings were read again; changed: 0, for the next start: 1";
    folder.reload(&server, "[engine]\ndata_nodes = 3\n", until);
    let told = server.stderr.wait_for("DC-328");
    assert!(told.contains("DC-328 [engine] data_nodes: "), "{told}");
    assert_eq!(server.nodes().len(), 2);
}

#[test]
fn the_log_says_as_much_as_the_new_file_asks_for() {
    let folder = Folder::with("[log]\nfilter = 'error'\n");
    let server = folder.serve();
    folder.reload(&server, "[log]\nfilter = 'info'\n", "changed: [log] filter");
    assert!(server.end().stderr.contains("draining"));
}

#[test]
fn without_a_file_a_signal_to_read_again_ends_the_server_as_ever() {
    let server = Server::start(&[]);
    server.signal("HUP");
    assert_eq!(server.wait().status, None, "it was ended by the signal");
}

#[test]
fn tokens_are_read_again() {
    let folder = Folder::with("[server]\ntoken_file = 'tokens'\n");
    folder.write("tokens", b"first-token-of-this-test\n");
    let server = folder.serve();
    let status = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\n");
        server.ask("GET", "/?key=a", &header, b"").status
    };
    assert_eq!(
        (status("first-token-of-this-test"), status("other-token-of-this-test")),
        (404, 401)
    );
    folder.write("tokens", b"other-token-of-this-test\n");
    server.signal("HUP");
    server.stderr.wait_for("settings were read again");
    assert_eq!(
        (status("first-token-of-this-test"), status("other-token-of-this-test")),
        (401, 404)
    );
}
