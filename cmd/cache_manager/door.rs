//! The door of the server, in the clear or over TLS.

use std::net::TcpListener;

use distcache_config::Loaded;
use distcache_http::doors::{self, Door, OpenError};
use distcache_http::{Limits, Service};

/// The certificate that the door shows, which may be another one after a reload.
#[cfg(feature = "hyper")]
pub(crate) struct Shown(Option<doors::Tls>);

/// The certificate that the door shows: none.
#[cfg(not(feature = "hyper"))]
pub(crate) struct Shown;

/// Opens the door that the settings ask for.
#[cfg(feature = "hyper")]
pub(crate) fn open(
    loaded: &Loaded,
    listener: TcpListener,
    service: impl Service,
    limits: &Limits,
) -> Result<(Door, Shown), OpenError> {
    let tls = loaded.certificate().cloned().map(doors::Tls::new);
    let door = match &tls {
        Some(tls) => doors::open_secured(listener, service, limits, tls)?,
        None => doors::open(loaded.config().http_server(), listener, service, limits)?,
    };
    Ok((door, Shown(tls)))
}

/// Opens the door that the settings ask for.
#[cfg(not(feature = "hyper"))]
pub(crate) fn open(
    loaded: &Loaded,
    listener: TcpListener,
    service: impl Service,
    limits: &Limits,
) -> Result<(Door, Shown), OpenError> {
    let door = doors::open(loaded.config().http_server(), listener, service, limits)?;
    Ok((door, Shown))
}

impl Shown {
    /// Shows the certificate of these settings from now on. Returns whether it is
    /// another one.
    #[cfg(feature = "hyper")]
    pub(crate) fn follow(&self, loaded: &Loaded) -> bool {
        let next = self.0.as_ref().zip(loaded.certificate());
        next.is_some_and(|(tls, certificate)| tls.swap(certificate.clone()))
    }

    /// There is none to follow.
    #[cfg(not(feature = "hyper"))]
    pub(crate) fn follow(&self, _: &Loaded) -> bool {
        let Self = self;
        false
    }
}
