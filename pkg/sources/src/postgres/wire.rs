//! How a connection is made: in clear text, or by TLS.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, Error, NoTls, Socket};

use crate::ConfigError;

/// Opens connections, and talks to the server beside them.
pub(super) enum Wire {
    Clear,
    #[cfg(feature = "postgres-tls")]
    Tls(tokio_postgres_rustls::MakeRustlsConnect),
}

/// What moves a connection's bytes.
pub(super) type Moving = Pin<Box<dyn Messages + Send>>;

/// A connection, whatever its stream.
pub(super) trait Messages {
    /// Moves bytes both ways, and gives what the server says by the way.
    fn poll(self: Pin<&mut Self>, waker: &mut Context<'_>) -> Poll<Option<Result<(), Error>>>;
}

impl<S, T> Messages for Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    fn poll(mut self: Pin<&mut Self>, waker: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        // It may show data (`RAISE NOTICE`), and is dropped.
        let dropped = |message: Result<AsyncMessage, Error>| message.map(drop);
        self.poll_message(waker).map(|message| message.map(dropped))
    }
}

impl Wire {
    /// Clear text, where nobody asks for more.
    pub(super) fn clear(config: &Config) -> Result<Self, ConfigError> {
        let asks_for_tls = config.get_ssl_mode() == SslMode::Require
            || config.get_ssl_negotiation() == SslNegotiation::Direct
            || config.get_channel_binding() == ChannelBinding::Require;
        if asks_for_tls { Err(ConfigError::Tls) } else { Ok(Self::Clear) }
    }

    pub(super) async fn connect(&self, config: &Config) -> Result<(Client, Moving), Error> {
        match self {
            Self::Clear => boxed(config.connect(NoTls).await),
            #[cfg(feature = "postgres-tls")]
            Self::Tls(tls) => boxed(config.connect(tls.clone()).await),
        }
    }

    pub(super) async fn cancel(&self, token: CancelToken) -> Result<(), Error> {
        match self {
            Self::Clear => token.cancel_query(NoTls).await,
            #[cfg(feature = "postgres-tls")]
            Self::Tls(tls) => token.cancel_query(tls.clone()).await,
        }
    }
}

fn boxed<T>(
    connected: Result<(Client, Connection<Socket, T>), Error>,
) -> Result<(Client, Moving), Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    connected.map(|(client, connection)| (client, Box::pin(connection) as Moving))
}

#[cfg(feature = "postgres-tls")]
mod tls {
    use std::sync::Arc;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, RootCertStore, crypto};
    use tokio_postgres_rustls::MakeRustlsConnect;

    use super::{Config, ConfigError, SslMode, Wire};

    impl Wire {
        /// TLS, to a server whose certificate one of these has signed, and
        /// nothing else.
        pub(in super::super) fn tls(config: &mut Config, pem: &[u8]) -> Result<Self, ConfigError> {
            if config.get_ssl_mode() == SslMode::Disable {
                return Err(ConfigError::TlsDisabled);
            }
            // By itself, it would do without if the server has none.
            config.ssl_mode(SslMode::Require);
            let tls = client(roots(pem)?).ok_or(ConfigError::Certificates)?;
            Ok(Self::Tls(MakeRustlsConnect::new(tls)))
        }
    }

    fn roots(pem: &[u8]) -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or(ConfigError::Certificates)?;
        }
        if roots.is_empty() { Err(ConfigError::Certificates) } else { Ok(roots) }
    }

    fn client(roots: RootCertStore) -> Option<ClientConfig> {
        // Ours, not the one of the process: it may have none.
        let provider = Arc::new(crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider);
        let versions = versions.with_safe_default_protocol_versions().ok()?;
        Some(versions.with_root_certificates(roots).with_no_client_auth())
    }
}
