//! A CA of the tests, and what it vouches for.

use distcache_cluster::wire::Certificates;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate, and the key that it is for.
pub(crate) struct Pair {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// What a member of this name needs.
    pub(crate) fn certify(&self, name: &str) -> Certificates {
        self.certify_with(name, &self.pem, |_| {})
    }

    /// The same, trusting other authorities, with other parameters.
    pub(crate) fn certify_with(
        &self,
        name: &str,
        trusted: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificates {
        self.pair(name, change).trusting(trusted)
    }

    pub(crate) fn pair(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a good name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { certificate, key }
    }
}

impl Pair {
    pub(crate) fn trusting(&self, trusted: &str) -> Certificates {
        let (chain, key) = (self.certificate.pem(), self.key.serialize_pem());
        Certificates::from_pem(trusted.as_bytes(), chain.as_bytes(), key.as_bytes())
            .expect("what was just made can be read")
    }
}
