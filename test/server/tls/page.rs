//! The page about TLS begins with a walk: its commands are run in a folder, and print
//! what it shows.

use std::path::Path;

use super::ask;
use crate::readme::{Example, examples, with_node_0};
use crate::support::{Process, Server, text_of};

const PAGE: &str = "cmd/cache_manager/TLS.md";

/// The port in the page.
const PORT: &str = ":8080";

/// A folder, and the server that was started in it.
struct Walk {
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl Walk {
    /// What the page calls a file, where it is.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path of ASCII").to_owned()
    }

    fn port(&self) -> String {
        format!(":{}", self.server.as_ref().expect("it was started before").address().port())
    }

    /// Does what a command of the page does. Returns what it prints.
    fn follow(&mut self, command: &str) -> String {
        let words: Vec<_> = command.split(' ').map(|word| self.in_the_folder(word)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["cache_manager", first, ..] if first.starts_with("--") => {
                self.server = Some(Server::start(&words[1..]));
                String::new()
            }
            ["cache_manager", ..] => {
                let words: Vec<_> = words.iter().map(|word| self.here(word)).collect();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let ended = Process::start(&words[1..]).wait();
                assert_eq!(ended.status, Some(0), "{}", ended.stderr);
                self.there(&ended.stdout)
            }
            ["curl", "--cacert", authority, "-X", method, url] => {
                let server = self.server.as_ref().expect("it was started before");
                let target = url.trim_matches('"').strip_prefix("https://localhost:8080");
                let target = target.expect("a URL of the server");
                let answer = ask(Path::new(authority), server.address(), method, target);
                with_node_0(&answer.expect("an answer").text)
            }
            _ => panic!("{PAGE}: what is {command:?}?"),
        }
    }

    fn in_the_folder(&self, word: &str) -> String {
        if word.starts_with("certs/") { self.path(word) } else { word.to_owned() }
    }

    /// With the port of the server that there is.
    fn here(&self, word: &str) -> String {
        match (word, &self.server) {
            ("certs", _) => word.to_owned(),
            (word, Some(_)) => word.replace(PORT, &self.port()),
            (word, None) => word.to_owned(),
        }
    }

    fn there(&self, text: &str) -> String {
        let text = text.replace(&self.path(""), "");
        if self.server.is_some() { text.replace(&self.port(), PORT) } else { text }
    }
}

#[test]
fn the_commands_of_the_page_lead_to_https() {
    let page = text_of(PAGE);
    let mut at = Walk { folder: tempfile::tempdir().expect("a folder"), server: None };
    let examples = examples(&page);
    assert!(5 <= examples.len(), "the walk was longer");
    for Example { command, output } in examples {
        let answer = at.follow(command);
        assert_eq!(answer.lines().collect::<Vec<_>>(), output, "{command}");
    }
    assert_eq!(at.server.expect("it was started").end().status, Some(0));
}
