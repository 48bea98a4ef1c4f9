//! Who vouches for a door, in a test.

use std::sync::Arc;

use distcache_http::doors::Certificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::certificate;

pub(super) struct Authority {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate").der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(super) fn certify(&self, name: &str) -> Certificate {
        self.certify_with(name, |_| {})
    }

    pub(super) fn certify_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a good name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        certificate(&params.signed_by(&key, &self.issuer).expect("a certificate"), &key)
    }

    /// A client that believes this authority.
    pub(super) fn trusted(&self) -> Arc<ClientConfig> {
        Arc::new(self.trusted_over(&[&TLS13, &TLS12]))
    }

    pub(super) fn trusted_over(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions of the provider")
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// What a client believes that believes this authority.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("an authority");
        roots
    }
}
