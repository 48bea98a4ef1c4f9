//! What a load balancer is told.

use distcache::codes;
use distcache_balancer::{Address, Balance, BalancerConfig};

use crate::config::{Config, saturating};
use crate::fault::Fault;
use crate::loaded::Loaded;
use crate::recipe::saturated;
use crate::setting::Section;
use crate::table;

impl Config {
    /// How a load balancer with these settings works, but for whom it believes.
    pub(crate) fn balancer(&self) -> Result<BalancerConfig, Fault> {
        let view = self.common(Section::Balancer);
        let members =
            self.nodes().iter().map(|node| self.member(node)).collect::<Result<_, _>>()?;
        let is_ring = view.text("balance").is_some_and(|balance| balance == table::RING);
        let config = BalancerConfig {
            balance: if is_ring { Balance::Ring } else { Balance::RoundRobin },
            request_timeout: view.fixed_time("request_timeout"),
            tries: saturated(view.fixed_count("tries")),
            hedge_after: view.time("hedge_after"),
            look_every: view.fixed_time("health_every"),
            look_timeout: view.fixed_time("health_timeout"),
            connections: saturating(view.fixed_count("node_connections")),
            ..BalancerConfig::new(members)
        };
        config.validate().map_err(|error| self.no_nodes(error.to_string()))?;
        Ok(config)
    }

    fn member(&self, node: &str) -> Result<Address, Fault> {
        node.parse().map_err(|_no_address| self.no_nodes(format!("{node:?} is no place of a node")))
    }

    fn no_nodes(&self, what: String) -> Fault {
        let origin = self.common(Section::Cluster).origin("nodes");
        Fault::new(&origin, codes::SETTING_INVALID, what, "give HOST:PORT of each node, once")
    }
}

impl Loaded {
    /// How the load balancer works; none of a server that is none. With the authority of
    /// `tls_ca` it calls nodes over TLS.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn balancer(&self) -> Result<Option<BalancerConfig>, Fault> {
        if !self.config.is_balancer() {
            return Ok(None);
        }
        let authority = self.config.tls_authority()?;
        Ok(Some(BalancerConfig { authority, ..self.config.balancer()? }))
    }
}
