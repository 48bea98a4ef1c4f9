//! Who vouches for the members: made anew, or read.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;

use crate::order::AuthorityFiles;
use crate::{CertsError, Member};

/// How long an authority of ours lasts: as long as the longest certificate.
const DAYS: u32 = crate::DAYS_MAX;

/// How far back a certificate is valid: the clocks of two machines differ.
const BEFORE: Duration = Duration::from_hours(1);

/// More than any certificate or key has.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The longest common name (RFC 5280, ub-common-name).
const COMMON_NAME_BYTES_MAX: usize = 64;

/// A certificate and its key, as files have them.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    fn of(certificate: &Certificate, key: &KeyPair) -> Self {
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, and what to write of it.
    pub(crate) fn make(now: SystemTime) -> Result<(Self, Pair), rcgen::Error> {
        let mut params = lasting(Vec::new(), now, DAYS)?;
        params.distinguished_name = called("distcache test authority");
        // Whoever it vouches for vouches for nobody else.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pair = Pair::of(&params.self_signed(&key)?, &key);
        Ok((Self { issuer: Issuer::new(params, key) }, pair))
    }

    /// One that there is, for certificates of so many days.
    pub(crate) fn read(
        files: &AuthorityFiles,
        now: SystemTime,
        days: u32,
    ) -> Result<Self, CertsError> {
        let AuthorityFiles { certificate, key } = files;
        let refused = |path: &Path, why: String| CertsError::Authority { path: path.into(), why };
        let pair = KeyPair::from_pem(&text(key)?)
            .map_err(|error| refused(key, format!("has no private key in PEM: {error}")))?;
        let pem = text(certificate)?;
        let no_certificate = |error: &dyn std::fmt::Display| {
            refused(certificate, format!("has no certificate in PEM: {error}"))
        };
        let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|error| no_certificate(&error))?;
        let found = block.parse_x509().map_err(|error| no_certificate(&error))?;
        if !found.is_ca() {
            let why = "is the certificate of no authority: it may not vouch for others".to_owned();
            return Err(refused(certificate, why));
        }
        if found.public_key().raw != pair.subject_public_key_info() {
            let why = format!("is not the key of {}", certificate.display());
            return Err(refused(key, why));
        }
        let left = days_left(&found, now);
        if left < days {
            return Err(CertsError::Outlives { path: certificate.clone(), days, left });
        }
        let issuer = Issuer::from_ca_cert_der(&block.contents.as_slice().into(), pair);
        let issuer = issuer.map_err(|error| no_certificate(&error))?;
        Ok(Self { issuer })
    }

    /// Vouches for a member.
    pub(crate) fn certify(
        &self,
        member: &Member,
        now: SystemTime,
        days: u32,
    ) -> Result<Pair, rcgen::Error> {
        let mut params = lasting(member.names().to_vec(), now, days)?;
        let first = Some(member.names()[0].as_str());
        let short = first.filter(|name| name.len() <= COMMON_NAME_BYTES_MAX);
        params.distinguished_name = called(short.unwrap_or("distcache member"));
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Members call each other: each is a server, and a client.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        Ok(Pair::of(&params.signed_by(&key, &self.issuer)?, &key))
    }
}

fn lasting(
    names: Vec<String>,
    now: SystemTime,
    days: u32,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + Duration::from_hours(24 * u64::from(days))).into();
    Ok(params)
}

fn called(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Whole days until a certificate ends; none when it has.
fn days_left(certificate: &X509Certificate<'_>, now: SystemTime) -> u32 {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let end = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    u32::try_from(end.saturating_sub(now) / 86_400).unwrap_or(u32::MAX)
}

fn text(path: &Path) -> Result<String, CertsError> {
    let refused = |why| CertsError::Authority { path: path.into(), why };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| refused(format!("cannot be read: {error}")))?;
    if FILE_BYTES_MAX < text.len() as u64 {
        return Err(refused(format!("has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}
