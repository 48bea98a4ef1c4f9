//! A load balancer before the nodes.

use distcache::codes;
use distcache_balancer::{Balancer, StartError};
use distcache_config::{Faults, Loaded};
use distcache_http::{Front, Readiness};

use crate::failure::{Failure, with_causes};

/// Begins to look at the nodes.
pub(crate) fn start(
    loaded: &Loaded,
    front: Front,
    readiness: Readiness,
) -> Result<Balancer, Failure> {
    let config = loaded.balancer().map_err(Faults::from)?;
    let config = config.expect("a server that is none has an engine");
    Balancer::start(&config, front, readiness).map_err(|error| {
        let code = match &error {
            StartError::Tls { .. } => codes::CERTIFICATE_INVALID,
            StartError::Thread(_) => codes::SPAWN_FAILED,
            _ => codes::SETTING_INVALID,
        };
        Failure::to_start(code, with_causes(&error))
    })
}
