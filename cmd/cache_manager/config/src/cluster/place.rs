//! Where a node is.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Between the port of a node's HTTP server and the one where it listens for others.
pub(super) const PORTS_APART: u16 = 10_000;

/// The longest name that DNS has, and the longest part of one between two dots.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A host and a port. Displays as `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// A name, or an IP address; one of version 6 in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// Reads `HOST:PORT`.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let is_bracketed = host.starts_with('[') && host.ends_with(']') && 2 < host.len();
        let is_plain = !host.is_empty() && !host.contains([':', '[', ']']);
        let is_host =
            (is_plain || is_bracketed) && host.bytes().all(|byte| byte.is_ascii_graphic());
        let port = port.parse().ok().filter(|port| *port != 0 && is_number)?;
        is_host.then(|| Self { host: host.to_owned(), port })
    }

    /// Where the node whose HTTP server is here listens for others.
    pub(super) fn of_peers(self) -> Option<Self> {
        self.port.checked_add(PORTS_APART).map(|port| Self { port, ..self })
    }

    /// Whether this is where a process of this machine is that listens there.
    pub(super) fn is_at(&self, listen: SocketAddr) -> bool {
        let listens_here = listen.ip().is_loopback() || listen.ip().is_unspecified();
        let is_the_host = self.ip() == Some(listen.ip()) || self.is_loopback() && listens_here;
        self.port == listen.port() && is_the_host
    }

    /// Whether this is on this machine, whatever listens there. A name is that of this
    /// machine, or of another one: only `localhost` says which.
    pub(super) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

/// Reads a name of which DNS may have records: labels with dots between, and perhaps one
/// at the end.
pub(super) fn name_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_plain)
    };
    (name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label)).then_some(text)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_host_and_a_port() {
        for right in ["localhost:8081", "10.0.0.7:1", "[::1]:65535", " a.example:80 "] {
            assert_eq!(Place::of(right).unwrap().to_string(), right.trim());
        }
        for wrong in ["", "localhost", ":80", "a:0", "a:65536", "a:+1", "::1:80", "[]:80", "a b:1"]
        {
            assert_eq!(Place::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_of_records_has_no_port() {
        for right in ["_distcache._tcp.example.com", "a", "a-1.b.", " _a._tcp.b "] {
            assert_eq!(name_of(right), Some(right.trim()));
        }
        let (label, long) = ("a".repeat(64), "a.".repeat(127));
        for wrong in ["", ".", "a..b", ".a", "a.b:7", "a b", "a/b", "[::1]", "ä.b", &label] {
            assert_eq!(name_of(wrong), None, "{wrong}");
        }
        assert_eq!(name_of(&long), Some(&*long));
        assert_eq!(name_of(&format!("{long}a")), None);
    }

    #[test]
    fn a_process_knows_its_own_place_by_its_address_or_as_localhost() {
        let is_at =
            |place: &str, listen: &str| Place::of(place).unwrap().is_at(listen.parse().unwrap());
        assert!(is_at("localhost:18081", "127.0.0.1:18081"));
        assert!(is_at("[::1]:18081", "0.0.0.0:18081"));
        assert!(is_at("192.0.2.7:18081", "192.0.2.7:18081"));
        assert!(!is_at("localhost:18082", "127.0.0.1:18081"));
        assert!(!is_at("localhost:18081", "192.0.2.7:18081"));
        assert!(!is_at("a.example:18081", "0.0.0.0:18081"));
    }
}
