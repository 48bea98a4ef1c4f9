//! Many values, in and out, by the real program at the real server.

mod export;
mod import;
mod restart;
mod round_trip;

use std::path::{Path, PathBuf};

use distcache_bulk::{Item, Life};
use serde_json::Value;

use crate::support::{Ended, Process, Server, eventually, text_of};

/// Files of one test.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with these lines.
    fn file(&self, name: &str, lines: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, lines).expect("room for it");
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of UTF-8")
}

/// The program, asked to do something at a server.
fn start(server: &Server, arguments: &[&str]) -> Process {
    let url = format!("http://{}", server.address());
    Process::start(&[arguments, &["--url", &url]].concat())
}

fn run(server: &Server, arguments: &[&str]) -> Ended {
    start(server, arguments).wait()
}

/// Imports all of it.
fn import(server: &Server, file: &Path) {
    let ended = run(server, &["import", text(file)]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

/// What a server has, a document each.
fn exported(server: &Server) -> Vec<Value> {
    let ended = run(server, &["export"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    documents(&ended.stdout)
}

fn documents(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

/// `{"key":"0","value":"v0"}` and so on.
fn numbered(lines: usize) -> String {
    let line = |n| {
        [
            serde_json::json!({"key": format!("{n}"), "value": format!("v{n}")}).to_string(),
            "\n".to_owned(),
        ]
    };
    (0..lines).flat_map(line).collect()
}

/// Whether a server has each of `numbered`. A scan may give a key twice.
fn assert_has_numbered(server: &Server, lines: usize) {
    let mut found: Vec<_> = exported(server)
        .iter()
        .map(|one| {
            let key: usize = one["key"].as_str().and_then(|key| key.parse().ok()).expect("a key");
            assert_eq!(one["value"], format!("v{key}"));
            key
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    assert!(found.iter().copied().eq(0..lines), "{} of {lines} are there", found.len());
}

/// Waits until the state of an import names a line behind `line`.
fn wait_for_line(state: &Path, line: u64) -> u64 {
    eventually("the import gets on", || next_line(state).filter(|&next| line < next))
}

/// The line that a state names. It is whole whenever it is read.
fn next_line(state: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(state).ok()?;
    let state: Value = serde_json::from_str(&text).expect("a whole state");
    Some(state["next_line"].as_u64().expect("a line"))
}

/// An item of which nothing is said.
fn plain(key: &[u8], value: &[u8]) -> Item {
    let (key, value) = (key.to_vec(), value.to_vec());
    let (keyspace, content_type) = (None, None);
    Item { keyspace, key, value, life: Life::OfKeyspace, content_type, tags: Vec::new() }
}

#[test]
fn every_flag_of_the_page_is_one_of_the_commands_and_every_flag_of_theirs_is_told() {
    let page = text_of("cmd/cache_manager/BULK.md");
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let help: String =
        ["import", "export"].map(|of| Process::start(&[of, "--help"]).wait().stdout).concat();
    for piece in page.split("--").skip(1) {
        let name = &piece[..piece.find(|c| !is_name(c)).unwrap_or(piece.len())];
        if name.starts_with(|c: char| c.is_ascii_lowercase()) {
            // That of the server's, which is a client's of nothing.
            let is_known =
                help.contains(&format!("--{name} ")) || help.contains(&format!("--{name}\n"));
            assert!(is_known, "--{name}");
        }
    }
    for flag in [
        "--url",
        "--keyspace",
        "--batch",
        "--from-line",
        "--continue-on-error",
        "--pattern",
        "--output",
        "--state",
        "--rate",
        "--retries",
        "--progress",
    ] {
        assert!(help.contains(flag) && page.contains(flag), "{flag}");
    }
}
