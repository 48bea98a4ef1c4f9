//! What a name resolves to.

use std::net::{SocketAddr, ToSocketAddrs};

use super::{Discovery, DiscoveryFailed};

/// Every address of a name, as the system's resolver tells them, with one port: a headless
/// service, or a round-robin name.
///
/// If it tells addresses of both families (A and AAAA), only those of one are listed: of
/// the one that has more, and of IPv4 if both have as many.
///
/// 1. Three hosts have two addresses each. Six are listed.
/// 2. Each counts as one of the electorate. A majority of six is four, and there are three
///    processes: no cluster is ever founded.
///
/// Every host SHOULD have an address of that family; one that has none is no part of the
/// electorate, though it can join. [`Srv`](super::Srv) names each host once, whatever
/// addresses it has.
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
        Ok(of_one_family(found).iter().map(SocketAddr::to_string).collect())
    }
}

/// Those of the larger family, in an order that is the same for each answer.
fn of_one_family(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found: Vec<_> = found.collect();
    // A resolver tells them in any order, and one more than once.
    found.sort();
    found.dedup();
    let (v4, v6): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv4);
    if v4.len() < v6.len() { v6 } else { v4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_resolved_to_addresses_with_the_port() {
        let dns = Dns { name: "localhost".into(), port: 7 };
        let addresses = dns.addresses().unwrap();
        assert!(addresses == ["127.0.0.1:7"] || addresses == ["[::1]:7"], "{addresses:?}");
    }

    /// What is listed of what a resolver tells.
    fn listed<const N: usize>(found: [&str; N]) -> Vec<String> {
        let found = found.into_iter().map(|one| one.parse().expect("an address"));
        of_one_family(found).iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn a_host_with_addresses_of_both_families_is_listed_once() {
        let both = ["[fd::2]:7", "10.0.0.2:7", "10.0.0.1:7", "[fd::1]:7", "10.0.0.1:7"];
        assert_eq!(listed(both), ["10.0.0.1:7", "10.0.0.2:7"]);
        let some = ["10.0.0.1:7", "[fd::2]:7", "[fd::1]:7"];
        assert_eq!(listed(some), ["[fd::1]:7", "[fd::2]:7"]);
        assert_eq!(listed(["[fd::1]:7"]), ["[fd::1]:7"]);
        assert_eq!(listed(["10.0.0.1:7", "10.0.0.2:7"]).len(), 2);
    }

    #[test]
    fn a_name_that_is_none_is_told_by_name() {
        let dns = Dns { name: "no name".into(), port: 7 };
        let failed = dns.addresses().unwrap_err().to_string();
        assert!(failed.starts_with("no name did not say where members are: "), "{failed}");
    }
}
