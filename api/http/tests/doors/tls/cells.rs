//! What is left of the ways to be none of the door's clients: each hears nothing of what is
//! in the cache, and the others are served as before.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use distcache_http::Limits;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ConnectionTrafficSecrets, ContentType, ProtocolVersion, StreamOwned,
    SupportedCipherSuite,
};

use super::client::{connection, socket};
use super::hostile::{hello, old_hello, rest};
use super::{Authority, HOST, SHORT, SecureClient, Secured};
use crate::support::until;

/// The kinds of a record (RFC 8446, 5.1).
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

const SECRET: &[u8] = b"nobody else's business";
const ASK: &[u8] = b"GET /v1/keyspaces/default/keys/a HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A door with something in its cache.
fn filled(limits: &Limits) -> Secured {
    let door = Secured::within(limits);
    let target = "/v1/keyspaces/default/keys/a";
    assert_eq!(door.connect().ask("PUT", target, SECRET).0, 204);
    assert_eq!(door.connect().ask("GET", target, b""), (200, SECRET.to_vec()));
    door
}

/// What is heard of one who sends this, and then nothing more.
fn heard_after(door: &Secured, sent: &[u8]) -> Vec<u8> {
    let mut socket = socket(door.address());
    // It may be cut off anywhere.
    let _cut_off = socket.write_all(sent).and_then(|()| socket.shutdown(Shutdown::Write));
    rest(&mut socket)
}

/// A name, what is sent, and whether what is heard is right.
type Cell<'a> = (String, Vec<u8>, &'a dyn Fn(&[u8]) -> bool);

#[test]
fn who_speaks_something_else_hears_an_alert_or_a_refusal_and_nothing_of_the_cache() {
    let door = filled(&Limits::default());
    let greeting = hello(&door);
    let alert = |heard: &[u8]| heard.first().is_none_or(|kind| *kind == ALERT);
    let refusal = |heard: &[u8]| heard.starts_with(b"HTTP/1.1 400 ");
    let mut cells: Vec<Cell<'_>> = vec![
        ("TLS 1.0".to_owned(), old_hello(1), &alert),
        ("TLS 1.1".to_owned(), old_hello(2), &alert),
        ("in the clear".to_owned(), ASK.to_vec(), &refusal),
        ("of a member".to_owned(), [&[0, 0, 0, 9], &[7; 9][..]].concat(), &refusal),
        ("nothing".to_owned(), Vec::new(), &alert),
        ("in the clear behind a greeting".to_owned(), [&greeting, ASK].concat(), &|heard| {
            // The door's own greeting is public, and in records of TLS like all that follows.
            heard[0] == 22
        }),
        ("greeted twice".to_owned(), [&greeting[..40], &greeting].concat(), &alert),
    ];
    for end in (1..greeting.len()).step_by(29) {
        cells.push((format!("cut off after {end} bytes"), greeting[..end].to_vec(), &alert));
    }
    for (cell, sent, is_right) in cells {
        let heard = heard_after(&door, &sent);
        assert!(is_right(&heard), "{cell}: {heard:?}");
        assert!(!heard.windows(SECRET.len()).any(|part| part == SECRET), "{cell}");
        door.assert_serves();
    }
}

/// A door asks for no certificate, and so believes none: who has one is like who has not.
#[test]
fn a_client_that_has_a_certificate_of_whatever_kind_is_not_asked_for_it() {
    let door = filled(&Limits::default());
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["member-7.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let shown = params.self_signed(&key).unwrap().der().clone();
    for version in [&TLS13, &TLS12] {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = door.authority.trusted_over(&[version]);
        let resolver = rustls::sign::CertifiedKey::from_der(
            vec![shown.clone()],
            key,
            &ring::default_provider(),
        );
        let resolver = rustls::sign::SingleCertAndKey::from(resolver.unwrap());
        config.client_auth_cert_resolver = Arc::new(resolver);
        let mut client = SecureClient::connect(door.address(), Arc::new(config), HOST).unwrap();
        assert_eq!(client.ask("GET", "/livez", b"").0, 200);
    }
}

#[test]
fn after_another_authority_has_come_who_believes_the_old_one_goes_and_the_new_one_is_served() {
    let door = filled(&Limits::default());
    let mut before = door.connect();
    let new = Authority::new();
    assert!(door.tls.swap(new.certify(HOST)));
    let error = door.try_connect().err().expect("the old one counts no more").to_string();
    assert!(error.contains("BadSignature") || error.contains("UnknownIssuer"), "{error}");
    let mut after = SecureClient::connect(door.address(), new.trusted(), HOST).unwrap();
    assert_eq!(after.ask("GET", "/v1/keyspaces/default/keys/a", b"").1, SECRET);
    assert_eq!(before.ask("GET", "/livez", b"").0, 200, "its connection goes on");
}

/// A client of TLS 1.2 that makes its records by itself: what it says is not what a
/// library would.
struct ByHand {
    socket: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    number: u64,
}

impl ByHand {
    fn connect(door: &Secured) -> Self {
        let suite = TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        let roots = door.authority.roots();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS12])
            .expect("a version of the provider")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        let (mut connection, mut socket) =
            (connection(Arc::new(config), HOST), socket(door.address()));
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).expect("a handshake");
        }
        let (number, secrets) = connection.dangerous_extract_secrets().expect("as set").tx;
        let SupportedCipherSuite::Tls12(suite) = suite else { panic!("it is of TLS 1.2") };
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("it is that of the suite")
        };
        let encrypter = suite.aead_alg.encrypter(key, iv.as_ref(), &[]);
        Self { socket, encrypter, number }
    }

    /// Whether it could be sent.
    fn say(&mut self, typ: ContentType, content: &[u8]) -> bool {
        let payload = OutboundChunks::Single(content);
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        let record = self.encrypter.encrypt(message, self.number).expect("it is encrypted");
        self.number += 1;
        self.socket.write_all(&record.encode()).is_ok()
    }
}

/// The kinds of the records in what was heard.
fn kinds(mut heard: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = heard {
        kinds.push(*kind);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        heard = rest.get(length..).unwrap_or_default();
    }
    kinds
}

#[test]
fn who_wants_to_renegotiate_is_told_no_and_is_cut_off_when_it_insists() {
    let door = filled(&Limits::default());
    // Without the head of its record.
    let greeting = &hello(&door)[5..];
    let mut client = ByHand::connect(&door);
    assert!(client.say(ContentType::Handshake, greeting));
    let ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(client.say(ContentType::ApplicationData, ask));
    let heard = kinds(&rest(&mut client.socket));
    assert_eq!(heard[..2], [ALERT, APPLICATION_DATA], "no handshake: {heard:?}");
    let mut client = ByHand::connect(&door);
    // It may be cut off before it has said everything.
    let said = (0..40).take_while(|_| client.say(ContentType::Handshake, greeting)).count();
    let heard = kinds(&rest(&mut client.socket));
    assert!(heard.iter().all(|kind| *kind == ALERT), "{said}: {heard:?}");
    assert!(heard.len() < 40, "{heard:?}");
    door.assert_serves();
}

/// A socket that remembers what was sent.
struct Tap {
    socket: TcpStream,
    sent: Vec<u8>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.socket.write(bytes)?;
        self.sent.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.socket.flush()
    }
}

#[test]
fn a_session_that_was_recorded_and_is_played_again_is_refused() {
    let door = filled(&Limits::default());
    for (number, version) in (1..).zip([&TLS13, &TLS12]) {
        let tap = Tap { socket: socket(door.address()), sent: Vec::new() };
        let config = Arc::new(door.authority.trusted_over(&[version]));
        let mut stream = StreamOwned::new(connection(config, HOST), tap);
        let delete = b"DELETE /v1/keyspaces/default/keys/b HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(delete).unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
        let target = "/v1/keyspaces/default/keys/b";
        assert_eq!(door.connect().ask("PUT", target, b"of later").0, 204);
        heard_after(&door, &stream.sock.sent);
        until("it is counted", || door.refused("handshake") == number);
        assert_eq!(door.connect().ask("GET", target, b"").1, b"of later", "nothing is done again");
    }
}

#[test]
fn who_is_half_gone_or_says_nothing_behind_the_handshake_is_let_go() {
    let limits = Limits { idle_timeout: SHORT, header_timeout: SHORT, ..Limits::default() };
    let door = filled(&limits);
    for (cell, is_half_gone) in [("half gone", true), ("silent", false)] {
        let (mut socket, mut connection) = (socket(door.address()), connection(door.trust(), HOST));
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).unwrap();
        }
        if is_half_gone {
            socket.shutdown(Shutdown::Write).unwrap();
        }
        let mut heard = Vec::new();
        let mut stream = StreamOwned::new(connection, socket);
        // An end without the word of TLS is one, too.
        let _end = stream.read_to_end(&mut heard);
        assert_eq!(heard, b"", "{cell}");
        assert_eq!(rest(&mut stream.sock), b"", "{cell}: it is closed");
        door.assert_serves();
    }
}
