//! The page about running it for real begins with a walk: a dump, a configuration,
//! and curl. Its commands are run in a folder with those two files.

use rusqlite::Connection;

use crate::readme::{Example, examples, with_node_0};
use crate::support::{Curl, Process, Server, text_of};

const PAGE: &str = "cmd/cache_manager/deploy/README.md";

/// A folder, and the server that was started in it.
struct Walk {
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl Walk {
    fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["users.sql", "users.toml"] {
            let text = text_of(format!("cmd/cache_manager/deploy/{name}"));
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        Self { folder, server: None }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path of ASCII").to_owned()
    }

    /// Does what a command of the page does. Returns what it prints.
    fn follow(&mut self, command: &str) -> String {
        let words: Vec<_> = command.split(' ').collect();
        match words[..] {
            ["sqlite3", database, "<", dump] => {
                let sql = std::fs::read_to_string(self.path(dump)).expect("a dump");
                self.change(database, &sql)
            }
            ["sqlite3", database, ..] => {
                self.change(database, command.split('"').nth(1).expect("a statement"))
            }
            ["cache_manager", "config", "check", file, "--connect"] => {
                let file = self.path(file);
                let ended = Process::start(&["config", "check", &file, "--connect"]).wait();
                assert_eq!(ended.status, Some(0), "{}", ended.stderr);
                ended.stdout.replace(&self.path(""), "")
            }
            ["cache_manager", "--config", file] => {
                // The file's own port may be taken.
                let flags = ["--config", &self.path(file), "--listen", "127.0.0.1:0"];
                self.server = Some(Server::of(Process::start(&flags)));
                String::new()
            }
            ["curl", ..] => {
                let server = self.server.as_ref().expect("it was started before");
                with_node_0(Curl::parse(command).send_to(server).text())
            }
            _ => panic!("{PAGE}: what is {command:?}?"),
        }
    }

    fn change(&self, database: &str, sql: &str) -> String {
        let connection = Connection::open(self.path(database)).expect("a database");
        connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        String::new()
    }
}

#[test]
fn a_dump_a_configuration_and_curl_are_a_cache_over_a_database() {
    let page = text_of(PAGE);
    let (_, rest) = page.split_once("## A database, a file, and curl").expect("the walk");
    let (walk, _) = rest.split_once("\n## ").expect("it ends");
    let mut at = Walk::begin();
    let examples = examples(walk);
    assert!(8 < examples.len(), "the walk was longer");
    for Example { command, output } in examples {
        let answer = at.follow(command);
        assert_eq!(answer.lines().collect::<Vec<_>>(), output, "{command}");
    }
    let server = at.server.expect("it was started");
    let stats = server.ask("GET", "/v1/keyspaces/default/stats", "", b"").json();
    // Row 42, once more after it has changed, and that there is no row 99.
    assert_eq!(stats["loads"], 3, "{stats}");
}
