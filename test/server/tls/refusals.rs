//! What the program does not start with, and whom it does not serve.

use std::fs;
use std::path::Path;

use super::{Certs, ask};
use crate::flags::refusal;
use crate::support::Client;

#[test]
fn a_certificate_without_its_key_is_no_reason_to_speak_in_the_clear() {
    let certs = Certs::new();
    let (cert, key) = (certs.path("localhost.pem"), certs.path("localhost-key.pem"));
    let line = refusal(&["--tls-cert", &cert]);
    assert!(line.starts_with("DC-301 --tls-cert: tls_cert is given, and tls_key is not"), "{line}");
    let line = refusal(&["--tls-key", &key]);
    assert!(line.starts_with("DC-301 --tls-key: tls_key is given, and tls_cert is not"), "{line}");
    let both = ["--tls-cert", &cert, "--tls-key", &key, "--http-server", "tiny_http"];
    let line = refusal(&both);
    assert!(line.starts_with("DC-301 --tls-cert: tiny_http speaks no TLS"), "{line}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let certs = Certs::new();
    let (cert, key) = (certs.path("localhost.pem"), certs.path("localhost-key.pem"));
    let line = refusal(&["--tls-cert", &cert, "--tls-key", "/nowhere/key.pem"]);
    assert!(line.starts_with("DC-325 --tls-key: ") && line.contains("/nowhere/key.pem"), "{line}");
    let line = refusal(&["--tls-cert", &cert, "--tls-key", &certs.path("ca-key.pem")]);
    let why = "ca-key.pem: the private key is not that of the certificate";
    assert!(line.starts_with("DC-309 --tls-cert: ") && line.contains(why), "{line}");
    let line = refusal(&["--tls-cert", &key, "--tls-key", &key]);
    assert!(line.contains("there is no certificate in PEM"), "{line}");
    assert!(!line.contains("BEGIN"), "nothing of a key is told: {line}");
    let line = refusal(&["--tls-ca", &key]);
    assert!(line.starts_with("DC-309 --tls-ca: "), "{line}");
}

#[test]
fn who_speaks_in_the_clear_or_believes_another_authority_is_refused_and_others_are_served() {
    let (certs, others) = (Certs::new(), Certs::new());
    let server = certs.serve(&[]);
    let reply = Client::connect(server.address()).ask("GET", "/readyz", "", b"");
    assert!(reply.is_problem(400, "DC-212"), "{reply:?}");
    let ca = others.path("ca.pem");
    assert!(ask(Path::new(&ca), server.address(), "GET", "/readyz").is_err());
    assert_eq!(certs.ask(&server, "GET", "/readyz"), "ready\n");
}

#[test]
fn certificates_that_are_there_are_not_overwritten() {
    let certs = Certs::new();
    let before = fs::read(certs.path("localhost-key.pem")).unwrap();
    let directory = certs.path("");
    let line = refusal(&["certs", "--dir", &directory, "--member", "localhost"]);
    assert!(line.starts_with("DC-341 ") && line.contains("there already"), "{line}");
    assert_eq!(fs::read(certs.path("localhost-key.pem")).unwrap(), before);
    for (wrong, why) in [
        (&["--member", "a", "--days", "4000"][..], "DC-341 certificates last from 1 to 3650 days"),
        (&["--member", "../a"], "DC-301 "),
        (&["--member", "a", "--ca-cert", "ca.pem"], "DC-301 "),
        (&[], "DC-301 "),
    ] {
        let line = refusal(&[&["certs", "--dir", &directory], wrong].concat());
        assert!(line.starts_with(why), "{line}");
    }
}
