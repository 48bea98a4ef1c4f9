//! A curl command, as documents and the program itself print them.

use super::client::Reply;
use super::server::Server;

/// What it would send.
#[derive(Debug)]
pub(crate) struct Curl {
    method: String,
    host: String,
    target: String,
}

impl Curl {
    /// Reads `curl -X METHOD 'http://host:port/target'`.
    pub(crate) fn parse(command: &str) -> Self {
        let words: Vec<_> =
            command.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
        let ["curl", "-X", method, url] = words[..] else {
            panic!("a curl command of another kind: {command}")
        };
        let (host, target) = url
            .strip_prefix("http://")
            .and_then(|url| url.split_once('/'))
            .expect("a URL with host and path");
        Self { method: method.to_owned(), host: host.to_owned(), target: format!("/{target}") }
    }

    /// The host and port in its URL.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends it to `server`, whatever the port in its URL.
    pub(crate) fn send_to(&self, server: &Server) -> Reply {
        let (name, _) = self.host.rsplit_once(':').expect("a port");
        let host = format!("Host: {name}:{}\r\n", server.address().port());
        server.ask(&self.method, &self.target, &host, b"")
    }
}
