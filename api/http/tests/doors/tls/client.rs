//! A client that speaks TLS, and reads answers strictly.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::support::PATIENCE;

pub(super) struct SecureClient {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

/// A socket that waits for nothing longer than a test may.
pub(super) fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the door listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    socket.set_write_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    socket.set_nodelay(true).expect("a TCP socket");
    socket
}

pub(super) fn connection(config: Arc<ClientConfig>, name: &str) -> ClientConnection {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    ClientConnection::new(config, name).expect("a good configuration")
}

impl SecureClient {
    /// Connects and shakes hands, or says why not.
    pub(super) fn connect(
        address: SocketAddr,
        config: Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<Self> {
        let (mut socket, mut connection) = (socket(address), connection(config, name));
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::over(connection, socket))
    }

    /// One that has shaken hands.
    pub(super) fn over(connection: ClientConnection, socket: TcpStream) -> Self {
        Self { stream: BufReader::new(StreamOwned::new(connection, socket)) }
    }

    pub(super) fn connection(&self) -> &ClientConnection {
        &self.stream.get_ref().conn
    }

    /// The certificate that the door has shown.
    pub(super) fn shown(&self) -> CertificateDer<'static> {
        self.connection().peer_certificates().expect("a handshake")[0].clone()
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).and_then(|()| stream.flush()).expect("the door reads");
    }

    /// Sends a request, and reads its answer.
    pub(super) fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.begin(method, target, body);
        self.answer().expect("an answer, not a close")
    }

    /// Sends a request.
    pub(super) fn begin(&mut self, method: &str, target: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        );
        self.send(head.as_bytes());
        self.send(body);
    }

    /// The status and the body of the next answer; none when the connection is over.
    pub(super) fn answer(&mut self) -> Option<(u16, Vec<u8>)> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).expect("a status").parse().expect("digits");
        let mut length = 0;
        loop {
            let line = self.line().expect("the head ends with an empty line");
            let Some((name, value)) = line.split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().expect("digits");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("as many bytes as announced");
        Some((status, body))
    }

    /// Whether the door has said that this is all, and not been cut off.
    pub(super) fn ends_in_order(&mut self) -> bool {
        self.stream.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        Some(line.strip_suffix("\r\n").expect("lines end with CRLF").to_owned())
    }
}
