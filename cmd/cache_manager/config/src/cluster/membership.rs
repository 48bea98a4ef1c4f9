//! What the engine is told of the cluster.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use distcache::{Certificates, ClusterConfig, Dns, OnMinority, Srv, Tls, TlsError};

use super::Others;
#[cfg(any(feature = "kubernetes", feature = "nats"))]
use super::Teller;
use crate::config::{Config, saturating};
use crate::fault::Fault;
use crate::loaded::Loaded;
use crate::recipe::saturated;
use crate::setting::Section;
use crate::table;
use crate::tls::TlsSettings;

/// A server's part in a cluster.
#[derive(Debug)]
pub struct Membership {
    /// Where it listens for other nodes.
    pub listen: SocketAddr,
    /// The cluster's name.
    pub name: String,
    /// How the nodes prove who they are; none for links in the clear.
    pub tls: Option<Arc<Tls>>,
    /// Whether nodes reach each other over NATS: it listens at no port then.
    pub is_over_nats: bool,
    /// All of it, for the engine.
    pub config: ClusterConfig,
}

/// How a node proves who it is: its certificate, and the authority that it and all
/// others have theirs from.
#[derive(Clone, PartialEq, Eq)]
pub struct Proofs {
    authority: Vec<u8>,
    own: TlsSettings,
}

impl Proofs {
    /// The same, ready for use.
    ///
    /// # Errors
    /// When they are not what they are to be.
    pub fn certificates(&self) -> Result<Certificates, TlsError> {
        Certificates::from_pem(&self.authority, &self.own.chain, &self.own.key)
    }
}

impl fmt::Debug for Proofs {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").finish_non_exhaustive()
    }
}

impl Config {
    /// How this node proves who it is; none for links in the clear.
    pub(crate) fn proofs(&self) -> Result<Option<Proofs>, Fault> {
        if !self.is_node() || !self.has_proofs() {
            return Ok(None);
        }
        let (authority, own) = (self.tls_authority()?, self.tls()?);
        let proofs = authority.zip(own).map(|(authority, own)| Proofs { authority, own });
        if let Some(proofs) = &proofs {
            proofs.tls().map_err(|error| self.unusable("tls_ca", &error))?;
        }
        Ok(proofs)
    }
}

impl Proofs {
    fn tls(&self) -> Result<Tls, TlsError> {
        Tls::new(self.certificates()?)
    }
}

impl Loaded {
    /// The server's part in a cluster, when its HTTP door is at `http`; none of one that
    /// is alone.
    ///
    /// # Errors
    /// When there is no address at which other nodes could reach it.
    pub fn membership(&self, http: SocketAddr) -> Result<Option<Membership>, Fault> {
        let config = &self.config;
        if !config.is_node() {
            return Ok(None);
        }
        let listen = config.peer_listen(http)?;
        let view = config.common(Section::Cluster);
        let name = view.fixed_text("name");
        let mut cluster = ClusterConfig::new(listen.to_string())
            .name(name.clone())
            .lease(view.fixed_time("lease"))
            .weight(
                NonZeroU32::new(saturated(view.fixed_count("weight"))).unwrap_or(NonZeroU32::MIN),
            );
        let mut expected = view.count("expect").map(saturating);
        cluster = match config.others()? {
            Others::Listed(places) => {
                // 1. A node starts, and looks around before its list has been read.
                // 2. It is the majority of the one process that it knows of, and serves.
                // 3. So does another.
                expected = expected.or(Some(places.len()));
                cluster.members(places.iter().map(ToString::to_string))
            }
            Others::Named(place) => cluster.discovery(Dns { name: place.host, port: place.port }),
            Others::Recorded(name) => cluster.discovery(Srv::new(name)),
            Others::Told => match config.teller(listen)? {
                #[cfg(feature = "kubernetes")]
                Some(Teller::Kubernetes(endpoints)) => cluster.discovery(endpoints),
                #[cfg(feature = "nats")]
                Some(Teller::Nats(announced)) => {
                    config.nats_files()?;
                    cluster.discovery(announced)
                }
                None => cluster,
            },
        };
        if let Some(expected) = expected {
            cluster = cluster.expect(expected);
        }
        if let Some(place) = config.advertised(listen)? {
            cluster = cluster.advertise(place.to_string());
        }
        if view.text("on_minority").is_some_and(|what| what == table::SERVE) {
            cluster = cluster.on_minority(OnMinority::Serve);
        }
        if let Some(zone) = view.text("zone") {
            cluster = cluster.zone(zone);
        }
        if let Some(bytes) = view.size("near_bytes") {
            cluster = cluster.near_bytes(bytes);
        }
        if config.is_insecure() {
            cluster = cluster.insecure();
        }
        #[cfg(feature = "nats")]
        if config.is_over_nats() {
            config.nats_files()?;
            cluster = cluster.nats(config.wire()?);
        }
        let tls = self.proofs.as_ref().map(Proofs::tls).transpose();
        let tls = tls.map_err(|error| config.unusable("tls_ca", &error))?.map(Arc::new);
        if let Some(tls) = &tls {
            cluster = cluster.tls(tls.clone());
        }
        let is_over_nats = config.is_over_nats();
        Ok(Some(Membership { listen, name, tls, is_over_nats, config: cluster }))
    }

    /// How this node proves who it is; none for links in the clear.
    pub fn proofs(&self) -> Option<&Proofs> {
        self.proofs.as_ref()
    }
}
