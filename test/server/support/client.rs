//! A client that sends any bytes, and reads answers strictly.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Asks for the bytes of a value.
pub(crate) const OCTETS: &str = "Accept: application/octet-stream\r\n";

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends a well-formed request. `headers` are whole lines.
    pub(crate) fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Reply {
        self.send(head(method, target, headers, body.len()));
        self.send(body);
        self.reply()
    }

    pub(crate) fn get(&mut self, key: &str) -> Reply {
        self.ask("GET", &format!("/?key={}", escaped(key)), "", b"")
    }

    /// The bytes of a value; none when the key is not there.
    pub(crate) fn get_octets(&mut self, key: &str) -> Option<Vec<u8>> {
        let reply = self.ask("GET", &format!("/?key={}", escaped(key)), OCTETS, b"");
        match reply.status {
            200 => Some(reply.body),
            404 => None,
            _ => panic!("{key:?}: {reply:?}"),
        }
    }

    /// Stores a value, and sees it stored.
    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        let reply = self.ask("POST", &format!("/?key={}", escaped(key)), "", value);
        assert_eq!(reply.status, 200, "{key:?}: {reply:?}");
    }

    /// Sends the head of a request whose body of `body_bytes` is still to come,
    /// and waits until the server wants it: from then on the request is in flight.
    pub(crate) fn begin(&mut self, method: &str, target: &str, body_bytes: usize) {
        self.send(head(method, target, "Expect: 100-continue\r\n", body_bytes));
        assert_eq!(self.line().as_deref(), Some("HTTP/1.1 100 Continue"));
        while self.line().is_some_and(|line| !line.is_empty()) {}
    }

    /// The next answer.
    pub(crate) fn reply(&mut self) -> Reply {
        self.try_reply().expect("an answer, not a close")
    }

    /// The next answer; none when the connection is closed instead.
    pub(crate) fn try_reply(&mut self) -> Option<Reply> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).expect("a status").parse().expect("digits");
        let mut reply = Reply { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line().expect("the head ends with an empty line");
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").expect("a header");
            reply.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = reply.header("content-length").map_or(0, |text| text.parse().expect("digits"));
        reply.body = vec![0; length];
        self.stream.read_exact(&mut reply.body).expect("as many bytes as announced");
        Some(reply)
    }

    /// Whether the server closes without saying anything more.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            // A reset is a close too, if a rude one. A silence is none.
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    /// Reads a stream until a line begins so; that line.
    #[cfg(feature = "cluster")]
    pub(crate) fn line_of(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            let bytes = self.stream.read_line(&mut line).expect("it comes in time");
            assert_ne!(bytes, 0, "the stream has ended before {beginning:?}");
            if line.starts_with(beginning) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        Some(line.strip_suffix("\r\n").expect("lines end with CRLF").to_owned())
    }
}

/// The head of a request.
pub(crate) fn head(method: &str, target: &str, headers: &str, body_bytes: usize) -> String {
    let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
    let length = match body_bytes {
        0 => String::new(),
        bytes => format!("Content-Length: {bytes}\r\n"),
    };
    format!("{method} {target} HTTP/1.1\r\n{host}{headers}{length}\r\n")
}

/// Text as part of a query: letters and digits as they are, the rest escaped.
pub(crate) fn escaped(text: impl AsRef<[u8]>) -> String {
    let mut escaped = String::new();
    for &byte in text.as_ref() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("a String takes all text");
        }
    }
    escaped
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The status and the stable code of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        (self.status, problem["code"].as_str().expect("a code").to_owned())
    }

    /// Whether this is the problem of that status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> bool {
        self.problem() == (status, code.to_owned())
    }
}
