//! Over what the members speak, and where this one listens.

use std::net::IpAddr;
use std::sync::Arc;

use distcache_cluster::wire::{Address, Tcp, Wire};

use super::{ClusterConfig, ClusterError};

/// A wire, and where to listen on it.
pub(super) struct Carrier {
    pub(super) wire: Arc<dyn Wire>,
    pub(super) listen: Address,
}

impl Carrier {
    /// # Errors
    /// When others could read and change what members say, and nobody has agreed to that.
    pub(super) fn of(config: &ClusterConfig) -> Result<Self, ClusterError> {
        if let Some(world) = &config.world {
            return Ok(Self { wire: world.wire.clone(), listen: config.listen.parse()? });
        }
        #[cfg(feature = "nats")]
        if let Some(nats) = &config.nats {
            return Self::over_nats(config, nats);
        }
        let listen: Address = config.listen.parse()?;
        if config.tls.is_none() && !config.is_insecure && !is_loopback(&listen) {
            return Err(ClusterError::Insecure { address: config.listen.clone() });
        }
        let wire = Arc::new(config.tls.clone().map_or_else(Tcp::clear, Tcp::secured));
        Ok(Self { wire, listen })
    }

    #[cfg(feature = "nats")]
    fn over_nats(
        config: &ClusterConfig,
        nats: &distcache_cluster::wire::Nats,
    ) -> Result<Self, ClusterError> {
        // 1. A member listens by the name that is its own on the network: 0.0.0.0:18081.
        // 2. Others know it by what it advertises, and nobody listens by that name.
        // Hence it listens by the name by which it is known.
        let listen = config.advertise.as_ref().unwrap_or(&config.listen).parse()?;
        if config.tls.is_some() {
            return Err(ClusterError::TlsOverNats);
        }
        if !nats.is_guarded() && !config.is_insecure {
            return Err(ClusterError::InsecureNats);
        }
        Ok(Self { wire: Arc::new(nats.clone()), listen })
    }
}

/// A name is that of this machine, or of another one: only `localhost` says which.
fn is_loopback(address: &Address) -> bool {
    let host = address.host();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
