//! Who is at the other end, as far as the wire can prove it.

use std::fmt;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

use super::Address;

/// What a wire has proved of the other end.
#[derive(Clone)]
pub enum Identity {
    /// Nothing: it is believed what it says.
    Unproved,
    /// It has the key of this certificate, which our CA has signed.
    Certified(CertificateDer<'static>),
}

impl Identity {
    /// Whether the other end may say that it is reached at an address.
    pub fn may_be_at(&self, address: &Address) -> bool {
        let Self::Certified(certificate) = self else { return true };
        let Ok(certificate) = ParsedCertificate::try_from(certificate) else { return false };
        let Ok(name) = ServerName::try_from(address.host()) else { return false };
        verify_server_name(&certificate, &name).is_ok()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unproved => "Unproved",
            Self::Certified(_) => "Certified",
        })
    }
}
