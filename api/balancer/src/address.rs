//! Where the HTTP server of a member is.

use std::fmt;
use std::str::FromStr;

/// A host and a port. Displays as `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name, or an IP address; one of version 6 without its brackets.
    host: String,
    port: u16,
}

/// A text that is no `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no HOST:PORT")]
pub struct NoAddress {
    text: String,
}

impl Address {
    /// A name that is resolved, or an IP address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        read(text.trim()).ok_or_else(|| NoAddress { text: text.to_owned() })
    }
}

fn read(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| *port != 0 && is_number)?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().ok().map(|_| inner)?,
        None => host,
    };
    let is_bare = text.starts_with('[') || !host.contains([':', '[', ']']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let is_host = is_bare && !host.is_empty() && host.bytes().all(is_plain);
    is_host.then(|| Address { host: host.to_owned(), port })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for right in ["localhost:8081", "10.0.0.7:1", "[::1]:65535", " a-b.example:80 "] {
            assert_eq!(right.parse::<Address>().unwrap().to_string(), right.trim());
        }
        for wrong in
            ["", "localhost", ":80", "a:0", "a:65536", "a:+1", "::1:80", "[]:80", "a b:1", "[a]:1"]
        {
            let error = wrong.parse::<Address>().unwrap_err();
            assert_eq!(error.to_string(), format!("{wrong:?} is no HOST:PORT"));
        }
    }
}
