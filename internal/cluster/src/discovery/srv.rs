//! What the SRV records of a name say.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{RData, Record};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::{Discovery, DiscoveryFailed};
use crate::agreement::LISTED_MAX;
use crate::wire::Address;

/// The most members that a name may have: of more, not all would be asked.
const MEMBERS_MAX: usize = LISTED_MAX;

/// All of an asking takes no longer: the tries, the domains that are searched, and TCP
/// after an answer that UDP has no room for. Less than what a
/// [`Pace`](super::Pace) allows, so that the log says what is wrong with the name.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// A question that is lost is asked again within that time.
const TRIES: u32 = 2;

/// The target and port of every SRV record of a name, as the system's resolver tells them
/// (the servers and domains in `/etc/resolv.conf`): a headless service with a named port,
/// or records that a registry of services keeps. Nothing is kept between two askings.
///
/// * A target stays a name, in lower case, and is resolved when a member is connected to.
///   That name is what a member's certificate is for, and what it ought to advertise; it
///   is one address though the host has several of both families, and it stays the same
///   when the host gets another one.
/// * Every target is a member, whatever its priority and weight: those tell clients whom
///   to prefer, and members need all.
/// * A record that is no address (no target, or port 0), and more than 256 members, fail
///   the whole answer. What is left of it would be taken for the whole electorate, and a
///   majority of a part is none.
/// * So does an answer without records: the last one holds.
///
/// ```no_run
/// use distcache_cluster::Discovery;
/// use distcache_cluster::discovery::Srv;
///
/// // _distcache._tcp.example.com. 5 IN SRV 0 0 7001 a.example.com.
/// // _distcache._tcp.example.com. 5 IN SRV 0 0 7001 b.example.com.
/// let members = Srv::new("_distcache._tcp.example.com").addresses()?;
/// assert_eq!(members, ["a.example.com:7001", "b.example.com:7001"]);
/// # Ok::<(), distcache_cluster::DiscoveryFailed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Srv {
    name: String,
    server: Option<SocketAddr>,
    within: Duration,
}

impl Srv {
    /// The records of a name, such as `_distcache._tcp.example.com`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), server: None, within: ANSWER_WITHIN }
    }

    /// Asks this name server, and none of the system's. The name is then a full one.
    #[must_use]
    pub fn server(mut self, server: SocketAddr) -> Self {
        self.server = Some(server);
        self
    }

    async fn ask(&self) -> Result<Lookup, NetError> {
        let mut resolver = match self.server {
            Some(server) => TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), vec![reached_at(server)]),
                TokioRuntimeProvider::default(),
            ),
            None => TokioResolver::builder_tokio()?,
        };
        let options = resolver.options_mut();
        options.timeout = options.timeout.min(self.within / TRIES);
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        resolver.build()?.srv_lookup(self.name.as_str()).await
    }
}

impl Discovery for Srv {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        let failed = |why: &dyn fmt::Display| DiscoveryFailed::because(&self.name, why);
        // Its own, and so at an end with it are the sockets and tasks of the resolver.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        match runtime.block_on(async { timeout(self.within, self.ask()).await }) {
            Ok(Ok(answer)) => members(answer.answers()).map_err(|why| failed(&why)),
            Ok(Err(error)) if error.is_nx_domain() => Err(failed(&"there is no such name")),
            Ok(Err(error)) if error.is_no_records_found() => Err(failed(&NO_RECORDS)),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_elapsed) => Err(failed(&format!("no answer within {:?}", self.within))),
        }
    }
}

const NO_RECORDS: &str = "it has no SRV record";

fn reached_at(server: SocketAddr) -> NameServerConfig {
    let mut reached = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut reached.connections {
        connection.port = server.port();
    }
    reached
}

/// Where the members are, in an order that is the same for each answer; or why nobody
/// can tell.
fn members(answer: &[Record]) -> Result<Vec<String>, String> {
    let records = answer.iter().filter_map(|record| match &record.data {
        RData::SRV(record) => Some(address(record)),
        _ => None,
    });
    let mut members = records.collect::<Result<Vec<_>, _>>()?;
    members.sort();
    members.dedup();
    match members.len() {
        0 => Err(NO_RECORDS.to_owned()),
        1..=MEMBERS_MAX => Ok(members),
        more => Err(format!("it has {more} members, and {MEMBERS_MAX} are the most")),
    }
}

fn address(record: &SRV) -> Result<String, String> {
    let target = record.target.to_ascii().to_ascii_lowercase();
    let target = target.strip_suffix('.').unwrap_or(&target);
    let address = format!("{target}:{}", record.port);
    let is_reached = record.port != 0 && address.parse::<Address>().is_ok();
    if is_reached { Ok(address) } else { Err(format!("{address:?} is no address of a member")) }
}

#[cfg(test)]
mod tests;
