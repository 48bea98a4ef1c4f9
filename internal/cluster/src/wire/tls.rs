//! Mutual TLS between members: each proves by a certificate of a shared CA that it
//! is who it says.

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{Address, Identity};

/// What a member needs to prove itself and to check others.
pub struct Certificates {
    authority: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Certificates cannot be used. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A text is no PEM of what it is to be.
    #[error("the {what} cannot be read: {source}")]
    Unreadable {
        /// What it is to be.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// A text has no certificate in it.
    #[error("the {what} has no certificate in it")]
    Empty {
        /// What it is to be.
        what: &'static str,
    },
    /// Certificates and key do not go together, or a CA is none.
    #[error("the certificates cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// Nobody could be checked by this CA.
    #[error("the certificate of the authority cannot be used: {0}")]
    Authority(#[from] VerifierBuilderError),
}

impl Certificates {
    /// From PEM: the certificates of the CA (several while it changes), the
    /// member's own with those between it and the CA, and its private key.
    ///
    /// # Errors
    /// When a text is not what it is to be.
    pub fn from_pem(authority: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let unreadable = |source| TlsError::Unreadable { what: "private key", source };
        Ok(Self {
            authority: certificates("certificate of the authority", authority)?,
            chain: certificates("certificate of the member", chain)?,
            key: PrivateKeyDer::from_pem_slice(key).map_err(unreadable)?,
        })
    }
}

fn certificates(what: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|source| TlsError::Unreadable { what, source })?;
    if found.is_empty() {
        return Err(TlsError::Empty { what });
    }
    Ok(found)
}

impl fmt::Debug for Certificates {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

/// TLS for a [`Tcp`](super::Tcp): version 1.3 only, since all who speak it are ours.
///
/// Nothing of a connection is kept for the next one: a ticket would outlive the
/// certificate that it was given for.
#[derive(Debug)]
pub struct Tls {
    configs: ArcSwap<Configs>,
}

#[derive(Debug)]
struct Configs {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Tls {
    /// With these certificates.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn new(certificates: Certificates) -> Result<Self, TlsError> {
        Ok(Self { configs: ArcSwap::from_pointee(Configs::of(certificates)?) })
    }

    /// Uses other certificates for connections that begin from now on.
    ///
    /// # Errors
    /// When they cannot be used: those before stay.
    pub fn swap(&self, certificates: Certificates) -> Result<(), TlsError> {
        self.configs.store(Arc::new(Configs::of(certificates)?));
        Ok(())
    }

    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Identity)> {
        let acceptor = TlsAcceptor::from(self.configs.load().server.clone());
        let stream = acceptor.accept(stream).await?;
        let identity = identity(stream.get_ref().1.peer_certificates());
        Ok((stream.into(), identity))
    }

    pub(super) async fn connect(
        &self,
        to: &Address,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Identity)> {
        let name = ServerName::try_from(to.host().to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.configs.load().client.clone());
        let stream = connector.connect(name, stream).await?;
        let identity = identity(stream.get_ref().1.peer_certificates());
        Ok((stream.into(), identity))
    }
}

/// That of the other end, which both sides demand.
fn identity(chain: Option<&[CertificateDer<'static>]>) -> Identity {
    let first = chain.and_then(<[_]>::first).expect("a handshake without a certificate fails");
    Identity::Certified(first.clone())
}

impl Configs {
    fn of(certificates: Certificates) -> Result<Self, TlsError> {
        let Certificates { authority, chain, key } = certificates;
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in authority {
            roots.add(certificate)?;
        }
        let roots = Arc::new(roots);
        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots.clone())
            .with_client_auth_cert(chain.clone(), key.clone_key())?;
        client.resumption = Resumption::disabled();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build()?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        server.send_tls13_tickets = 0;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }
}
