//! Another certificate, while the door is open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use distcache_http::doors::{Certificate, CertificateError};

use super::{HOST, SecureClient, Secured};

#[test]
fn another_certificate_is_shown_from_then_on_and_connections_go_on() {
    let door = Secured::open();
    let mut before = door.connect();
    assert!(door.tls.swap(door.authority.certify(HOST)));
    let after = door.connect();
    assert_ne!(before.shown(), after.shown());
    assert_eq!(before.ask("GET", "/livez", b"").0, 200, "it goes on");
}

/// A session would outlive the certificate that it began with.
#[test]
fn who_has_seen_another_certificate_shakes_hands_in_full() {
    let door = Secured::open();
    let config = door.trust();
    let connect = || {
        let mut client = SecureClient::connect(door.address(), config.clone(), HOST).unwrap();
        assert_eq!(client.ask("GET", "/livez", b"").0, 200);
        client
    };
    let before = connect().shown();
    assert!(door.tls.swap(door.authority.certify(HOST)));
    assert_ne!(connect().shown(), before);
}

#[test]
fn the_same_certificate_again_is_no_change() {
    let door = Secured::open();
    let other = door.authority.certify(HOST);
    assert!(door.tls.swap(other.clone()));
    assert!(!door.tls.swap(other));
}

#[test]
fn no_request_fails_while_certificates_change() {
    const CLIENTS: usize = 4;
    const CONNECTIONS: usize = 40;
    let door = Secured::open();
    let pair = [door.authority.certify(HOST), door.authority.certify(HOST)];
    let done = AtomicBool::new(false);
    let load = |client: usize| {
        for number in 0..CONNECTIONS {
            let mut client_of = door.connect();
            let (target, value) =
                (format!("/v1/keyspaces/default/keys/{client}"), number.to_string());
            assert_eq!(client_of.ask("PUT", &target, value.as_bytes()).0, 204);
            assert_eq!(client_of.ask("GET", &target, b""), (200, value.into_bytes()));
        }
    };
    let swaps = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || load(client))).collect();
        let swapping = scope.spawn(|| {
            let swap = |certificate: &Certificate| u64::from(door.tls.swap(certificate.clone()));
            let mut swaps = 0;
            while !done.load(Ordering::Relaxed) {
                swaps += pair.iter().map(swap).sum::<u64>();
            }
            swaps
        });
        let outcomes: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok), "a request failed");
        swapping.join().expect("it swaps")
    });
    assert!(CONNECTIONS as u64 <= swaps, "{swaps} changes meanwhile");
}

#[test]
fn certificates_that_cannot_be_used_are_told_by_what_is_wrong() {
    let made = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([HOST.to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let ((chain, key), (_, other_key)) = (made(), made());
    let of = |chain: &str, key: &str| Certificate::from_pem(chain.as_bytes(), key.as_bytes());
    let told = |chain: &str, key: &str| of(chain, key).unwrap_err().to_string();
    assert!(of(&chain, &key).is_ok());
    assert!(matches!(of(&chain, &other_key), Err(CertificateError::Mismatch)));
    assert_eq!(told(&chain, &other_key), "the private key is not that of the certificate");
    assert_eq!(told("", &key), "there is no certificate in PEM");
    assert_eq!(told(&key, &key), "there is no certificate in PEM");
    assert!(told(&chain, "").starts_with("the private key cannot be read: "));
    assert!(told(&chain, &chain).starts_with("the private key cannot be read: "));
    let cut = &chain[..chain.len() / 2];
    assert!(told(cut, &key).starts_with("the certificate cannot be read: "), "{}", told(cut, &key));
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(told(rubbish, &key).starts_with("certificate and key cannot be used: "));
}
