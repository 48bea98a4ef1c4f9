//! TLS to the members.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Address, StartError};

/// Whom we believe, and by which name.
#[derive(Clone)]
pub(crate) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// What is the same for all members.
pub(crate) fn config(authority: &[u8]) -> Result<Arc<ClientConfig>, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        let certificate = certificate.map_err(|error| refused(&error))?;
        roots.add(certificate).map_err(|error| refused(&error))?;
    }
    if roots.is_empty() {
        return Err(refused(&"there is no certificate in PEM"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn refused(why: &dyn std::fmt::Display) -> StartError {
    StartError::Tls { why: why.to_string() }
}

impl Secure {
    pub(crate) fn of(address: &Address, config: &Arc<ClientConfig>) -> Result<Self, StartError> {
        let name = ServerName::try_from(address.host().to_owned());
        let name = name.map_err(|error| refused(&format_args!("{address}: {error}")))?;
        Ok(Self { connector: TlsConnector::from(Arc::clone(config)), name })
    }

    /// Shakes hands.
    pub(crate) async fn over(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}
