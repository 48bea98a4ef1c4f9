//! A server of NATS over TLS, whose clients prove who they are.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// Makes an authority, and files of what it vouches for: `ca.pem`, and `NAME.pem` with
/// `NAME-key.pem` of `server` and of `member`. The settings of a server that uses them.
pub(crate) fn certified(folder: &TempDir) -> String {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("written");
        folder.path().join(name).display().to_string()
    };
    let ca = file("ca.pem", &authority);
    let pair = |name: &str| {
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a good name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
        (
            file(&format!("{name}.pem"), &certificate),
            file(&format!("{name}-key.pem"), &key.serialize_pem()),
        )
    };
    let (cert, key) = pair("server");
    pair("member");
    format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", verify: true }}")
}
