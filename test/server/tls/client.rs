//! A client that speaks TLS to the program.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::PATIENCE;

/// An answer, and who gave it.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) shown: CertificateDer<'static>,
}

/// Asks the server that is called `localhost`, and believes an authority.
pub(crate) fn ask(
    authority: &Path,
    address: SocketAddr,
    method: &str,
    target: &str,
) -> io::Result<Answer> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).expect("a certificate");
    roots.add(certificate).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("it is configured");
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(connection, socket);
    // Of version 1.0: the end is where the server closes.
    write!(stream, "{method} {target} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let shown = stream.conn.peer_certificates().expect("a handshake")[0].clone();
    let (_, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    Ok(Answer { text: body.to_owned(), shown })
}
