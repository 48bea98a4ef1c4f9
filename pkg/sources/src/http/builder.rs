//! The settings of an HTTP source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::Agent;
use ureq::http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use ureq::http::{HeaderMap, HeaderName, HeaderValue};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::client::Client;
use super::dial::{Dial, Names, NotYet};
use super::template::Template;
use super::validator::Mark;
use super::{Http, HttpConfigError};

/// The whole of a load, by default: twice what a keyspace gives one, so that a
/// source by itself waits for nobody for ever.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A new connection, by default: longer than a server needs that is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A value, by default: a hundred of them at once are less than a gigabyte.
const BYTES_MAX: u64 = 8 << 20;

/// Redirects, by default: one to the right name, one to the right form of it,
/// and one to spare.
const REDIRECTS_MAX: u32 = 3;

/// Idle connections, by default: as many as a keyspace has loads at once.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// After so long an idle connection is not used any more: many servers close
/// theirs a minute after the last request, some after five seconds.
const IDLE_FOR: Duration = Duration::from_secs(15);

/// What an answer's status line and headers take at most.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Who asks, as the server's administrator reads it.
const USER_AGENT: &str = concat!("distcache/", env!("CARGO_PKG_VERSION"));

/// Headers that are the connection's, or that the source sends by itself.
const OWN_HEADERS: [HeaderName; 15] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// How an [`Http`] source works.
#[derive(Clone)]
pub struct HttpBuilder {
    /// May hold a secret in its query.
    url: String,
    /// Hold secrets.
    headers: Vec<(String, String)>,
    timeout: Duration,
    connect_timeout: Duration,
    bytes_max: u64,
    redirects_max: u32,
    idle_connections_max: usize,
    tls_roots: Option<Vec<u8>>,
}

impl HttpBuilder {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            headers: Vec::new(),
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            bytes_max: BYTES_MAX,
            redirects_max: REDIRECTS_MAX,
            idle_connections_max: IDLE_CONNECTIONS_MAX,
            tls_roots: None,
        }
    }

    /// A header that is sent with each request, such as `Accept`. Its value is
    /// taken for a secret: neither logs nor errors show it. Default: none but
    /// those that HTTP needs, `User-Agent: distcache/VERSION`, `Accept: */*` and
    /// `Accept-Encoding: identity`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The token by which the server knows this source: the header
    /// `Authorization: Bearer TOKEN`. Default: none. What the server says to this
    /// token is what everybody is told who reads from the cache.
    #[must_use]
    pub fn bearer(self, token: impl fmt::Display) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// How long a load may take, with its redirects and to the last byte, if it has
    /// that much time: of this and the keyspace's
    /// [`load_timeout`](distcache::KeyspaceConfig::load_timeout), which is 5 s by
    /// default, the shorter one holds. Default 10 s, so that a source by itself
    /// waits for nobody for ever.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long a load waits for a new connection, if it has that much time: for the
    /// server's address, until it is connected, and with TLS until the certificate is
    /// checked. Default 3 s: longer than a server needs that is there.
    ///
    /// A name is looked up for each new connection, and for nothing else; so a change of
    /// its addresses is seen when a connection is made anew. By its resolver a load is
    /// held no longer than that, and one thread of the source at most.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: timeout, ..self }
    }

    /// The largest value, in bytes. Default 8 MiB: a value is held whole while it
    /// is loaded, beside those of the other loads. Of a larger one no more is
    /// read, and its connection is closed.
    #[must_use]
    pub fn bytes_max(self, bytes: u64) -> Self {
        Self { bytes_max: bytes, ..self }
    }

    /// How many redirects of one load are followed, within the same scheme, host
    /// and port. Default 3; with 0, a redirect is an error.
    #[must_use]
    pub fn redirects_max(self, max: u32) -> Self {
        Self { redirects_max: max, ..self }
    }

    /// How many connections stay open for the next loads, for 15 s each. Default
    /// 16, as many as a keyspace has loads at once; how many are in use is bounded
    /// by [`KeyspaceConfig::loads_max`](distcache::KeyspaceConfig::loads_max).
    #[must_use]
    pub fn idle_connections_max(self, max: usize) -> Self {
        Self { idle_connections_max: max, ..self }
    }

    /// Whom to trust: the server's certificate is signed by one of these, and by
    /// no other. Certificates in PEM, one behind the other. Default: those of
    /// Mozilla's list, which is compiled in.
    #[must_use]
    pub fn tls_roots(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { tls_roots: Some(pem.into()), ..self }
    }

    /// Makes the source. Connects to nothing yet.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn build(self) -> Result<Http, HttpConfigError> {
        self.build_with(Names::of_the_system())
    }

    /// The same, whose host has the addresses that these are.
    pub(super) fn build_with(self, names: Names) -> Result<Http, HttpConfigError> {
        if self.timeout.is_zero() || self.connect_timeout.is_zero() {
            return Err(HttpConfigError::Timeout);
        }
        let template = Template::parse(&self.url)?;
        let headers = headers(&self.headers)?;
        if self.tls_roots.is_some() && !template.origin().is_https() {
            return Err(HttpConfigError::ClearText);
        }
        let client = Client {
            agent: self.agent(names)?,
            origin: template.origin().clone(),
            connect_timeout: self.connect_timeout,
            redirects_max: self.redirects_max,
            bytes_max: self.bytes_max,
            headers,
        };
        let mark = Mark::new(&self.url, &client.headers);
        Ok(Http { template, client, mark, timeout: self.timeout })
    }

    fn agent(&self, names: Names) -> Result<Agent, HttpConfigError> {
        let roots = match &self.tls_roots {
            Some(pem) => roots(pem)?,
            None => RootCerts::WebPki,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Followed by the client, which looks where they lead.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // An environment variable must not lead a source elsewhere.
            .proxy(None)
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .max_response_header_size(HEADER_BYTES_MAX)
            .max_idle_connections(self.idle_connections_max)
            .max_idle_connections_per_host(self.idle_connections_max)
            .max_idle_age(IDLE_FOR)
            // Each request has shorter ones, by what time its load has left.
            .timeout_global(Some(self.timeout))
            .build();
        Ok(Agent::with_parts(config, Dial::new(names), NotYet))
    }
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, HttpConfigError> {
    let mut headers = HeaderMap::new();
    for (given, value) in given {
        let refused = |reason| HttpConfigError::Header { name: given.clone(), reason };
        let name: HeaderName =
            given.parse().map_err(|_no_name| refused("this is no name of a header"))?;
        if OWN_HEADERS.contains(&name) {
            return Err(refused("the source sends it by itself"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_no_value| refused("its value has other characters than visible ASCII"))?;
        value.set_sensitive(true);
        if headers.insert(name, value).is_some() {
            return Err(refused("it is given twice"));
        }
    }
    Ok(headers)
}

fn roots(pem: &[u8]) -> Result<RootCerts, HttpConfigError> {
    let none = || HttpConfigError::Certificates;
    let mut roots = Vec::new();
    let mut sound = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_no_pem| none())?;
        roots.push(Certificate::from_der(&certificate).to_owned());
        sound.add(certificate).map_err(|_no_certificate| none())?;
    }
    if roots.is_empty() { Err(none()) } else { Ok(RootCerts::Specific(Arc::new(roots))) }
}

impl fmt::Debug for HttpBuilder {
    /// Without the URL and the headers' values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _secret)| name).collect();
        f.debug_struct("HttpBuilder")
            .field("headers", &headers)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("bytes_max", &self.bytes_max)
            .field("redirects_max", &self.redirects_max)
            .field("idle_connections_max", &self.idle_connections_max)
            .finish_non_exhaustive()
    }
}
