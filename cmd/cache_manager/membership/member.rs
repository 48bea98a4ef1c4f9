//! One of a cluster, or alone.

use std::net::SocketAddr;

use distcache::{Engine, EngineBuilder, codes};
use distcache_config::{Faults, Loaded, Proofs};

/// What the engine is told, and how this node proves who it is; nothing of a server that
/// is alone.
pub(crate) struct Membership {
    member: Option<distcache_config::Membership>,
    /// Which may be others after a reload.
    proofs: Option<Proofs>,
}

impl Membership {
    /// Of a server whose HTTP door is at `http`.
    ///
    /// # Errors
    /// When other nodes could not reach it.
    pub(crate) fn of(loaded: &Loaded, http: SocketAddr) -> Result<Self, Faults> {
        let member = loaded.membership(http).map_err(Faults::from)?;
        Ok(Self { member, proofs: loaded.proofs().cloned() })
    }

    /// The engine is to be one of the cluster, if there is one.
    pub(crate) fn join(&self, builder: EngineBuilder) -> EngineBuilder {
        match &self.member {
            Some(member) => builder.cluster(member.config.clone()),
            None => builder,
        }
    }

    /// What the operator reads of it.
    pub(crate) fn told(&self, engine: &Engine) -> Option<String> {
        let member = self.member.as_ref()?;
        let address = engine.members()?.address;
        let how = if member.tls.is_some() { "over TLS" } else { "in the clear" };
        let (listen, name) = (member.listen, &member.name);
        if member.is_over_nats {
            return Some(format!("{name}: over NATS, known to others as {address}"));
        }
        Some(format!("{name}: listening on {listen} {how}, reached by others at {address}"))
    }

    /// Proves itself as these settings say from now on. Returns whether that is
    /// otherwise than before.
    pub(crate) fn follow(&mut self, loaded: &Loaded) -> bool {
        let tls = self.member.as_ref().and_then(|member| member.tls.as_ref());
        let (Some(tls), Some(next)) = (tls, loaded.proofs()) else { return false };
        if self.proofs.as_ref() == Some(next) {
            return false;
        }
        // They were tried when they were read: what is refused here is told, and those
        // before stay.
        if let Err(error) = next.certificates().and_then(|certificates| tls.swap(certificates)) {
            log::error!("{} {error}", codes::CERTIFICATE_INVALID);
            return false;
        }
        self.proofs = Some(next.clone());
        true
    }
}
