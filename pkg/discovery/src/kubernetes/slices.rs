//! Where the endpoints are that slices tell of. No I/O.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

use super::names;
use crate::MEMBERS_MAX;

/// More slices than this are not kept. One has up to 100 endpoints as it is made, and may
/// be as good as empty after many came and went.
pub(super) const SLICES_MAX: usize = 64;

/// How members are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Addresses,
    /// As hosts of this service.
    Names(String),
}

/// The slices that there are now, by their names.
#[derive(Debug)]
pub(super) struct Slices {
    port: String,
    told: Told,
    namespace: String,
    by_name: BTreeMap<String, EndpointSlice>,
}

impl Slices {
    pub(super) fn new(port: &str, told: &Told, namespace: &str) -> Self {
        let (port, told, namespace) = (port.to_owned(), told.clone(), namespace.to_owned());
        Self { port, told, namespace, by_name: BTreeMap::new() }
    }

    /// There is this one, now or anew.
    pub(super) fn put(&mut self, slice: EndpointSlice) -> Result<(), String> {
        let name = slice.metadata.name.clone().filter(|name| !name.is_empty());
        let name = name.ok_or("a slice has no name")?;
        self.by_name.insert(name, slice);
        if SLICES_MAX < self.by_name.len() {
            return Err(format!("there are more than {SLICES_MAX} slices"));
        }
        Ok(())
    }

    /// There is none of this name any more.
    pub(super) fn remove(&mut self, slice: &EndpointSlice) {
        if let Some(name) = &slice.metadata.name {
            self.by_name.remove(name);
        }
    }

    /// All members, in an order that is the same for each answer; or why they cannot be
    /// told.
    pub(super) fn addresses(&self) -> Result<Vec<String>, String> {
        let family = self.family();
        let mut all = Vec::new();
        for slice in self.by_name.values().filter(|slice| slice.address_type == family) {
            if slice.endpoints.is_empty() {
                continue;
            }
            let port = self.port_of(slice)?;
            for endpoint in &slice.endpoints {
                all.push(format!("{}:{port}", self.host_of(endpoint, family)?));
            }
        }
        // An endpoint that passes from one slice to another may be in both for a while.
        all.sort();
        all.dedup();
        match all.len() {
            0 => Err("the service has no endpoints".to_owned()),
            1..=MEMBERS_MAX => Ok(all),
            more => Err(format!("there are {more} endpoints, and {MEMBERS_MAX} are the most")),
        }
    }

    /// A service of both families has slices of both, and each endpoint in both.
    fn family(&self) -> &'static str {
        let has_v4 = self.by_name.values().any(|slice| slice.address_type == "IPv4");
        if has_v4 { "IPv4" } else { "IPv6" }
    }

    fn port_of(&self, slice: &EndpointSlice) -> Result<u16, String> {
        let mut ports = slice.ports.iter().flatten();
        let named = ports.find(|port| port.name.as_deref() == Some(&*self.port));
        let number = named.and_then(|port| port.port);
        let number = number.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        number.ok_or_else(|| format!("not every endpoint has a port named {:?}", self.port))
    }

    fn host_of(&self, endpoint: &Endpoint, family: &str) -> Result<String, String> {
        if let Told::Names(service) = &self.told {
            let host = endpoint.hostname.as_deref().filter(|host| names::is_label(host));
            let host = host.ok_or("not every endpoint has a host name")?;
            return Ok(format!("{host}.{service}.{}.svc", self.namespace));
        }
        // All that one endpoint has lead to the same pod, and the first is to be used.
        let first = endpoint.addresses.first().map_or("", |address| &**address);
        match first.parse() {
            Ok(IpAddr::V4(v4)) if family == "IPv4" => Ok(v4.to_string()),
            Ok(IpAddr::V6(v6)) if family == "IPv6" => Ok(format!("[{v6}]")),
            _ => Err(format!("{first:?} is no address of {family}")),
        }
    }
}

#[cfg(test)]
mod tests;
