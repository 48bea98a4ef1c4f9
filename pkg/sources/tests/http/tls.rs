//! Connections that nobody else can read.

use std::sync::Arc;

use distcache_sources::{Http, HttpConfigError, HttpError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

use crate::server::{Reply, Server};
use crate::{builder, failure, fetch, found};

/// A server that speaks TLS, and its certificate.
fn server(name: &str) -> (Server, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a good certificate");
    (Server::start_tls(tls, Reply::ok("secret")), cert.pem())
}

#[test]
fn a_trusted_server_is_spoken_to_in_secret() {
    let (server, certificate) = server("127.0.0.1");
    let source = builder(&server).tls_roots(certificate).build().unwrap();
    assert_eq!(fetch(&source, "a"), found("secret"));
    assert_eq!(fetch(&source, "b"), found("secret"));
    assert_eq!(server.connections(), 1, "it is used again");
}

#[test]
fn a_server_that_cannot_be_trusted_is_told_nothing() {
    let (elsewhere, certificate) = server("elsewhere.example");
    let wrong_name = builder(&elsewhere).tls_roots(certificate).bearer("token");
    let stranger = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let wrong_root = builder(&elsewhere).tls_roots(stranger.cert.pem()).bearer("token");
    let no_root = builder(&elsewhere).bearer("token");
    for (builder, told) in [
        (wrong_name, "certificate not valid for name"),
        (wrong_root, "invalid peer certificate"),
        (no_root, "invalid peer certificate"),
    ] {
        let failed = failure(&builder.build().unwrap(), b"a");
        let HttpError::Connect { reason, .. } = &failed else { panic!("{failed:?}") };
        assert!(reason.contains(told), "{reason}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_server_of_clear_text_is_not_spoken_to_by_https() {
    let server = Server::answering(Reply::ok("1"));
    let url = server.url("/{key}").replace("http:", "https:");
    let failed = failure(&Http::builder(url).bearer("token").build().unwrap(), b"a");
    let is_refused = matches!(failed, HttpError::Connect { .. } | HttpError::Broken { .. });
    assert!(is_refused, "{failed:?}");
    assert!(server.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn certificates_that_make_no_sense_are_refused() {
    let refused = |url: &str, pem: &str| Http::builder(url).tls_roots(pem).build().unwrap_err();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "nonsense", broken] {
        assert_eq!(refused("https://h/{key}", pem), HttpConfigError::Certificates);
    }
    let pem = generate_simple_self_signed(["h".to_owned()]).unwrap().cert.pem();
    assert_eq!(refused("http://h/{key}", &pem), HttpConfigError::ClearText);
}
