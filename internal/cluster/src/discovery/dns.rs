//! What a name resolves to.

use std::net::ToSocketAddrs;

use super::{Discovery, DiscoveryFailed};

/// Every address (A and AAAA) of a name, as the system's resolver tells them, with one
/// port: a headless service, or a round-robin name.
#[derive(Debug, Clone)]
pub struct Dns {
    /// The name.
    pub name: String,
    /// The port of the links of every member.
    pub port: u16,
}

impl Discovery for Dns {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        let found = (self.name.as_str(), self.port).to_socket_addrs();
        let found = found.map_err(|error| DiscoveryFailed::because(&self.name, &error))?;
        let mut addresses: Vec<String> = found.map(|one| one.to_string()).collect();
        // A resolver tells them in any order, and one more than once.
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_resolved_to_addresses_with_the_port() {
        let dns = Dns { name: "localhost".into(), port: 7 };
        let addresses = dns.addresses().unwrap();
        assert!(addresses.iter().any(|one| one == "127.0.0.1:7" || one == "[::1]:7"));
    }

    #[test]
    fn a_name_that_is_none_is_told_by_name() {
        let dns = Dns { name: "no name".into(), port: 7 };
        let failed = dns.addresses().unwrap_err().to_string();
        assert!(failed.starts_with("no name did not say where members are: "), "{failed}");
    }
}
