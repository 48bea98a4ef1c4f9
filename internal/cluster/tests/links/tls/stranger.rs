//! One who connects with a member, byte by byte if need be.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use distcache_cluster::links::frames;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::{Hello, Request};
use distcache_cluster::wire::Address;
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion,
    RootCertStore, StreamOwned, SupportedCipherSuite, SupportedProtocolVersion,
};

use super::HOST;
use crate::authority::{Authority, Pair};
use crate::hostile::hello;
use crate::support::{PATIENCE, get};

/// A socket that waits for nothing longer than a test may.
pub(super) fn socket(to: &Address) -> TcpStream {
    let socket = TcpStream::connect(to.as_str()).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    socket.set_write_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    socket.set_nodelay(true).expect("a TCP socket");
    socket
}

/// All that comes before the end. A reset is an end too, if a rude one; a silence is none.
pub(super) fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        let is_late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!is_late, "it was not closed");
    }
    rest
}

/// What is heard of one who sends this, and then nothing more.
pub(super) fn heard_after(to: &Address, sent: &[u8]) -> Vec<u8> {
    let mut socket = socket(to);
    // It may be cut off anywhere.
    let _cut_off = socket.write_all(sent).and_then(|()| socket.shutdown(Shutdown::Write));
    rest(&mut socket)
}

fn framed(kind: &Kind) -> Vec<u8> {
    let frame = frames::encode(kind);
    let length = u32::try_from(frame.len()).expect("it is short");
    [&length.to_be_bytes(), &frame[..]].concat()
}

/// What a member begins its first connection with: a hello, and a question.
pub(super) fn words() -> Vec<u8> {
    words_of(1)
}

/// The same of its next ones.
pub(super) fn words_of(dial: u64) -> Vec<u8> {
    let hello = Hello { address: format!("{HOST}:7"), dial, ..hello(7) };
    let request = Request { number: 1, ..get(b"secret") };
    [framed(&Kind::Hello(hello)), framed(&Kind::Request(request))].concat()
}

/// The whole frames of what was heard.
pub(super) fn frames_in(mut heard: &[u8]) -> Vec<Kind> {
    let mut kinds = Vec::new();
    while let Some((length, rest)) = heard.split_at_checked(4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        let Some((frame, rest)) = rest.split_at_checked(length as usize) else { break };
        kinds.push(frames::decode(frame.to_vec().into()).expect("a member sends frames only"));
        heard = rest;
    }
    kinds
}

/// One who believes an authority, and shows this.
pub(super) fn showing(
    trusted: &Authority,
    shown: Option<&Pair>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.pem().as_bytes()).expect("a certificate");
    roots.add(root).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version of the provider")
        .with_root_certificates(roots);
    let Some(Pair { certificate, key }) = shown else { return config.with_no_client_auth() };
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    config.with_client_auth_cert(vec![certificate.der().clone()], key).expect("they fit")
}

pub(super) fn connection(config: ClientConfig) -> ClientConnection {
    let name = ServerName::try_from(HOST).expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("it is configured")
}

/// What a member's client begins with.
pub(super) fn greeting(trusted: &Authority) -> Vec<u8> {
    let mut greeting = Vec::new();
    let mut connection = connection(showing(trusted, None, &TLS13));
    connection.write_tls(&mut greeting).expect("into memory");
    greeting
}

/// What is heard, under TLS, of one who says what a member says.
pub(super) fn heard_of(to: &Address, config: ClientConfig) -> Vec<u8> {
    let mut stream = StreamOwned::new(connection(config), socket(to));
    let _cut_off = stream.write_all(&words()).and_then(|()| stream.flush());
    let heard = rest(&mut stream);
    rest(&mut stream.sock);
    heard
}

/// One that has shaken hands.
pub(super) fn shaken(to: &Address, config: ClientConfig) -> (ClientConnection, TcpStream) {
    let (mut connection, mut socket) = (connection(config), socket(to));
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).expect("a handshake");
    }
    (connection, socket)
}

/// Greets again, under the keys of a connection that is there. Returns the records that
/// come back.
pub(super) fn heard_of_second_greeting(
    to: &Address,
    mut config: ClientConfig,
    greeting: &[u8],
) -> Vec<u8> {
    config.enable_secret_extraction = true;
    let (connection, mut socket) = shaken(to, config);
    let suite = connection.negotiated_cipher_suite();
    let Some(SupportedCipherSuite::Tls13(suite)) = suite else { panic!("{suite:?}") };
    let (number, secrets) = connection.dangerous_extract_secrets().expect("they may be had").tx;
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        panic!("keys of a kind that is not known here")
    };
    // Without the head of its record, which is made anew.
    let payload = OutboundChunks::Single(&greeting[5..]);
    let (typ, version) = (ContentType::Handshake, ProtocolVersion::TLSv1_2);
    let message = OutboundPlainMessage { typ, version, payload };
    let record = suite.aead_alg.encrypter(key, iv).encrypt(message, number);
    socket.write_all(&record.expect("it is encrypted").encode()).expect("it is read");
    rest(&mut socket)
}

/// A socket that remembers what was sent.
pub(super) struct Tap {
    pub(super) socket: TcpStream,
    pub(super) sent: Vec<u8>,
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
