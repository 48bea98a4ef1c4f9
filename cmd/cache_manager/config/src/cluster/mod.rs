//! This server's part in a cluster, as `[cluster]` says.

#[cfg(feature = "nats")]
mod account;
#[cfg(feature = "cluster")]
mod balancer;
#[cfg(feature = "cluster")]
mod membership;
#[cfg(feature = "cluster")]
pub use membership::{Membership, Proofs};
mod place;
pub(crate) use place::Place;
mod told;
mod transport;
#[cfg(any(feature = "kubernetes", feature = "nats"))]
use told::Teller;

use std::net::SocketAddr;

use distcache::codes;

use crate::config::{Config, conflict};
use crate::fault::Fault;
use crate::setting::Section;
use crate::table;

/// The settings by which another program tells.
const TELLERS: [&str; 2] = ["kubernetes", "nats"];

/// Who the other nodes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Others {
    /// At these places, this server included.
    Listed(Vec<Place>),
    /// Wherever a name leads.
    Named(Place),
    /// Where the SRV records of a name say.
    Recorded(String),
    /// Where Kubernetes, or NATS, tells.
    Told,
}

impl Config {
    /// Whether the server is one of a cluster.
    pub fn is_node(&self) -> bool {
        self.common(Section::Cluster).text("mode").is_some_and(|mode| mode == table::NODE)
    }

    /// Whether the server is a load balancer before nodes.
    pub fn is_balancer(&self) -> bool {
        self.common(Section::Cluster).text("mode").is_some_and(|mode| mode == table::BALANCER)
    }

    /// Whom a load balancer asks, and how, for the operator.
    pub fn balanced(&self) -> String {
        let how = self.common(Section::Balancer).fixed_text("balance");
        let scheme = if self.tls_ca().is_some() { "https" } else { "http" };
        format!("{how}, over {scheme}, to {}", self.nodes().join(", "))
    }

    /// Whether a load balancer asks nodes of other machines without TLS.
    pub fn sends_in_the_clear(&self) -> bool {
        let is_here = |node: &String| Place::of(node).is_some_and(|place| place.is_loopback());
        self.is_balancer() && self.tls_ca().is_none() && !self.nodes().iter().all(is_here)
    }

    /// Whether nodes prove to each other who they are.
    pub(crate) fn has_proofs(&self) -> bool {
        let server = self.common(Section::Server);
        ["tls_cert", "tls_key", "tls_ca"].iter().all(|name| server.is_given(name))
    }

    /// Where to listen for other nodes, of a server whose HTTP door is at `http`.
    pub(crate) fn peer_listen(&self, http: SocketAddr) -> Result<SocketAddr, Fault> {
        if let Some(address) = self.common(Section::Cluster).address("peer_listen") {
            return Ok(address);
        }
        let port = http.port().checked_add(place::PORTS_APART).ok_or_else(|| {
            let server = self.common(Section::Server);
            let given = if server.is_given("listen") { "listen" } else { "port" };
            let (port, apart) = (http.port(), place::PORTS_APART);
            let what = format!("the port is {port}, and that with {apart} added is none");
            let right = "give another, or say by --peer-listen where to listen for other nodes";
            Fault::new(&server.origin(given), codes::CLUSTER_REFUSED, what, right)
        })?;
        Ok(SocketAddr::new(http.ip(), port))
    }

    /// Where the other nodes are.
    pub(crate) fn others(&self) -> Result<Others, Fault> {
        let view = self.common(Section::Cluster);
        if let Some(name) = view.text("dns") {
            return self.place("dns", &name).map(Others::Named);
        }
        if let Some(name) = view.text("srv") {
            return self.name_of_records(&name).map(Others::Recorded);
        }
        if TELLERS.iter().any(|name| view.is_given(name)) {
            return Ok(Others::Told);
        }
        if let Some(peers) = view.list("peers") {
            let places = peers.iter().map(|peer| self.place("peers", peer));
            return places.collect::<Result<_, _>>().map(Others::Listed);
        }
        let nodes = self.nodes();
        let places = nodes.iter().map(|node| self.peer_of(node));
        places.collect::<Result<_, _>>().map(Others::Listed)
    }

    /// Where the HTTP servers of the nodes are, as they were given.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let default = || table::NODES.split(',').map(str::to_owned).collect();
        self.common(Section::Cluster).list("nodes").unwrap_or_else(default)
    }

    /// Where others reach this server, if that is not where it listens.
    pub(crate) fn advertised(&self, listen: SocketAddr) -> Result<Option<Place>, Fault> {
        let view = self.common(Section::Cluster);
        if let Some(said) = view.text("advertise") {
            return self.place("advertise", &self.on_interface(&said)?).map(Some);
        }
        let listed = match self.others()? {
            Others::Listed(places) => places.into_iter().find(|place| place.is_at(listen)),
            Others::Named(_) | Others::Recorded(_) | Others::Told => None,
        };
        if listed.is_none() && listen.ip().is_unspecified() {
            let what = format!("{listen} is every address of this machine, and none for others");
            let right = "say by --advertise where they reach it";
            return Err(conflict(&view.origin("peer_listen"), what, right));
        }
        Ok(listed)
    }

    /// What names an interface, with the address that this has.
    #[cfg(feature = "cluster")]
    fn on_interface(&self, said: &str) -> Result<String, Fault> {
        match distcache::address_of_interface(said) {
            Ok(address) => Ok(address.into_owned()),
            Err(error) => {
                let origin = self.common(Section::Cluster).origin("advertise");
                let right = "give HOST:PORT, or an interface that has one address";
                Err(Fault::new(&origin, codes::CLUSTER_REFUSED, error.to_string(), right))
            }
        }
    }

    /// There is nobody to reach it.
    #[cfg(not(feature = "cluster"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "where there is a cluster it may fail"
    )]
    fn on_interface(&self, said: &str) -> Result<String, Fault> {
        Ok(said.to_owned())
    }

    fn place(&self, name: &str, text: &str) -> Result<Place, Fault> {
        Place::of(text).ok_or_else(|| {
            let what = format!("{text:?} is no place of a node");
            let origin = self.common(Section::Cluster).origin(name);
            Fault::new(&origin, codes::SETTING_INVALID, what, "give HOST:PORT")
        })
    }

    fn name_of_records(&self, text: &str) -> Result<String, Fault> {
        place::name_of(text).map(str::to_owned).ok_or_else(|| {
            let what = format!("{text:?} is no name of SRV records");
            let origin = self.common(Section::Cluster).origin("srv");
            let right = "give a name without a port, such as _distcache._tcp.example.com";
            Fault::new(&origin, codes::SETTING_INVALID, what, right)
        })
    }

    /// Where the node with an HTTP server there listens for others.
    fn peer_of(&self, node: &str) -> Result<Place, Fault> {
        self.place("nodes", node)?.of_peers().ok_or_else(|| {
            let what = format!("the port of {node:?} with {} added is none", place::PORTS_APART);
            let origin = self.common(Section::Cluster).origin("nodes");
            let right = "name by --peers where all nodes listen for each other";
            Fault::new(&origin, codes::SETTING_INVALID, what, right)
        })
    }
}
