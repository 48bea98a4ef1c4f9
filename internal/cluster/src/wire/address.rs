//! Where a member is reached.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest address, in bytes: the longest name of a host, and a port.
const ADDRESS_BYTES_MAX: usize = 253 + ":65535".len();

/// `HOST:PORT`, where the host is a name or an IP address; one of version 6 is in
/// brackets. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(Arc<str>);

/// A text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address: it must be HOST:PORT, of at most {ADDRESS_BYTES_MAX} bytes")]
pub struct NotAnAddress {
    text: String,
}

impl Address {
    /// Its host, without brackets.
    pub fn host(&self) -> &str {
        let (host, _) = self.split();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.split().1
    }

    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn split(&self) -> (&str, u16) {
        parts(&self.0).expect("it was looked at when it was made")
    }
}

fn parts(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']') && 2 < host.len();
    let is_plain = !host.is_empty() && !host.contains([':', '[', ']']);
    let is_printable = host.bytes().all(|byte| byte.is_ascii_graphic());
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let is_good = (is_bracketed || is_plain) && is_printable && is_number;
    Some((host, port.parse().ok().filter(|_| is_good)?))
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if text.len() <= ADDRESS_BYTES_MAX && parts(text).is_some() {
            return Ok(Self(text.into()));
        }
        // A long one may come from another member; the beginning tells enough.
        let text = text.chars().take(ADDRESS_BYTES_MAX).collect();
        Err(NotAnAddress { text })
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Self {
        Self(address.to_string().into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (text, host, port) in [
            ("localhost:8081", "localhost", 8081),
            ("[::1]:0", "::1", 0),
            ("10.0.0.1:1", "10.0.0.1", 1),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port));
        }
    }

    #[test]
    fn what_is_no_address_is_told_so() {
        let long = format!("{}:1", "a".repeat(ADDRESS_BYTES_MAX));
        for text in ["", "a", ":1", "a:", "a:b", "a:65536", "::1:1", "[]:1", "a b:1", "a:+1", &long]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        let told = "a".parse::<Address>().unwrap_err().to_string();
        assert_eq!(told, "\"a\" is no address: it must be HOST:PORT, of at most 259 bytes");
    }
}
