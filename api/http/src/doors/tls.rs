//! What a door needs to speak TLS: a certificate, and one that may follow it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, InconsistentKeys, ServerConfig};

/// Clients that were there lately and shake hands in fewer steps: some hundred bytes
/// each. One that is forgotten shakes hands in full.
const SESSIONS_MAX: usize = 1_024;

/// What is spoken under TLS (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// A certificate with the key that proves it, ready for use.
#[derive(Debug, Clone)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    config: Arc<ServerConfig>,
}

/// A certificate or its key cannot be used. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A text is no PEM of what it is to be.
    #[error("the {what} cannot be read: {source}")]
    Unreadable {
        /// What it is to be.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// There is no certificate in a text.
    #[error("there is no certificate in PEM")]
    Empty,
    /// Certificate and key are of two pairs.
    #[error("the private key is not that of the certificate")]
    Mismatch,
    /// They are of a kind that cannot be used.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(Error),
}

impl Certificate {
    /// From PEM: the server's own certificate with those between it and its
    /// authority, and its private key (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// ```
    /// use distcache_http::doors::Certificate;
    ///
    /// let error = Certificate::from_pem(b"no certificate", b"no key").unwrap_err();
    /// assert_eq!(error.to_string(), "there is no certificate in PEM");
    /// ```
    ///
    /// # Errors
    /// When a text is not what it is to be, or the two do not go together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let unreadable = |what| move |source| CertificateError::Unreadable { what, source };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(unreadable("certificate"))?;
        if chain.is_empty() {
            return Err(CertificateError::Empty);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(unreadable("private key"))?;
        let config = config(chain.clone(), key).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch,
            other => CertificateError::Unusable(other),
        })?;
        Ok(Self { chain, config: Arc::new(config) })
    }

    /// What a door goes by that shows this certificate: for another server that is to
    /// speak TLS as the doors do.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

/// TLS 1.2 and 1.3. A client is not asked for a certificate: it has a token.
fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    // Of this certificate only: who has seen another one shakes hands in full.
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    Ok(config)
}

/// TLS for a door, by a certificate that can be changed while it is open. A clone
/// means the same.
#[derive(Debug, Clone)]
pub struct Tls {
    current: Arc<ArcSwap<Certificate>>,
}

impl Tls {
    /// With this certificate.
    pub fn new(certificate: Certificate) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(certificate)) }
    }

    /// Shows this certificate from now on. Connections that are there go on. Returns
    /// whether it is another one than before.
    pub fn swap(&self, certificate: Certificate) -> bool {
        if self.current.load().chain == certificate.chain {
            // The sessions that clients have stay good.
            return false;
        }
        self.current.store(Arc::new(certificate));
        true
    }

    /// What a handshake that begins now goes by.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }
}
