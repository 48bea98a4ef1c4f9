//! The certificate that the server shows, and whom this program's commands believe.

use std::fmt;
use std::path::PathBuf;

use distcache::codes;
#[cfg(feature = "hyper")]
use distcache_http::doors::Certificate;

use crate::config::Config;
use crate::fault::Fault;
use crate::file::read_within;
use crate::recipe::unreadable;
use crate::setting::Section;

/// The longest of these files: all authorities that a system trusts have 250 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// How a certificate begins in PEM.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// A certificate and its key, as their files have them.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those between it and its authority, in PEM.
    pub chain: Vec<u8>,
    /// The private key, in PEM.
    pub key: Vec<u8>,
}

impl fmt::Debug for TlsSettings {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings").finish_non_exhaustive()
    }
}

impl Config {
    /// Whether the server speaks HTTPS.
    pub fn is_secured(&self) -> bool {
        self.common(Section::Server).path("tls_cert").is_some()
    }

    /// The file of the authority that our own commands believe, and other nodes prove
    /// themselves by.
    pub fn tls_ca(&self) -> Option<PathBuf> {
        self.common(Section::Server).path("tls_ca")
    }

    /// The certificate of the server and its key; none for a server in the clear.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn tls(&self) -> Result<Option<TlsSettings>, Fault> {
        let (chain, key) = (self.pem("tls_cert")?, self.pem("tls_key")?);
        Ok(chain.zip(key).map(|(chain, key)| TlsSettings { chain, key }))
    }

    /// The same, ready for use.
    ///
    /// # Errors
    /// When a file cannot be read, or is not what it is to be, or the two do not go
    /// together.
    #[cfg(feature = "hyper")]
    pub fn certificate(&self) -> Result<Option<Certificate>, Fault> {
        let Some(TlsSettings { chain, key }) = self.tls()? else { return Ok(None) };
        let certificate = Certificate::from_pem(&chain, &key);
        certificate.map(Some).map_err(|error| self.unusable("tls_cert", &error))
    }

    /// The certificates of the authority that our own commands believe, in PEM; none
    /// for those that everybody knows.
    ///
    /// # Errors
    /// When the file cannot be read, or there is no certificate in it.
    pub fn tls_authority(&self) -> Result<Option<Vec<u8>>, Fault> {
        let authority = self.pem("tls_ca")?;
        let has_one = |pem: &[u8]| pem.windows(BEGIN.len()).any(|part| part == BEGIN);
        if authority.as_ref().is_some_and(|pem| !has_one(pem)) {
            return Err(self.unusable("tls_ca", &"there is no certificate in PEM"));
        }
        Ok(authority)
    }

    fn pem(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let view = self.common(Section::Server);
        let Some(path) = view.path(name) else { return Ok(None) };
        let bytes = read_within(&path, FILE_BYTES_MAX);
        bytes.map(Some).map_err(|what| {
            unreadable(&view.origin(name), name, &format!("{}: {what}", path.display()))
        })
    }

    /// Names the files, and nothing of what is in them.
    pub(crate) fn unusable(&self, name: &str, why: &dyn fmt::Display) -> Fault {
        let view = self.common(Section::Server);
        let named = if name == "tls_cert" { &["tls_cert", "tls_key"][..] } else { &[name] };
        let paths = named.iter().filter_map(|name| view.path(name));
        let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
        let code = codes::CERTIFICATE_INVALID;
        let what = format!("{}: {why}", paths.join(" and "));
        Fault::new(&view.origin(name), code, what, code.remedy())
    }
}
