//! A client that sends any bytes, and reads answers strictly.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::contract::CONTRACT;

/// No test waits longer for one byte; none is meant to come near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Client {
    pub(super) stream: BufReader<TcpStream>,
    /// Whether answers must be as `/openapi.json` says.
    pub(super) is_under_contract: bool,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the door listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream: BufReader::new(stream), is_under_contract: false }
    }

    /// From now on, what is asked by `ask` must be answered as `/openapi.json` says.
    pub(crate) fn under_contract(self) -> Self {
        Self { is_under_contract: true, ..self }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).expect("the door reads");
    }

    /// Sends bytes to a door that may have closed already.
    pub(crate) fn send_in_vain(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Sends a well-formed request. `headers` are whole lines.
    pub(crate) fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Reply {
        let length = if body.is_empty() { String::new() } else { content_length(body) };
        let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        self.send(format!("{method} {target} HTTP/1.1\r\n{host}{headers}{length}\r\n"));
        self.send(body);
        let reply = if method == "HEAD" { self.reply_without_body() } else { self.reply() };
        if self.is_under_contract {
            CONTRACT.hold(method, target, &reply);
        }
        reply
    }

    /// The next answer.
    pub(crate) fn reply(&mut self) -> Reply {
        self.try_reply().expect("an answer, not a close")
    }

    /// The next answer; none when the connection is closed instead.
    pub(crate) fn try_reply(&mut self) -> Option<Reply> {
        let mut reply = self.read_head()?;
        let length = reply.header("content-length").map_or(0, |text| text.parse().expect("digits"));
        reply.body = vec![0; length];
        self.stream.read_exact(&mut reply.body).expect("as many bytes as announced");
        Some(reply)
    }

    /// The answer to a HEAD.
    pub(crate) fn reply_without_body(&mut self) -> Reply {
        self.read_head().expect("an answer, not a close")
    }

    /// The next piece of a body that comes in chunks; none at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.line().expect("a chunk, not a close");
        let size = usize::from_str_radix(&size, 16).expect("a size");
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).expect("as many bytes as announced");
        assert!(chunk.ends_with(b"\r\n"), "a chunk ends with CRLF");
        chunk.truncate(size);
        Some(chunk).filter(|chunk| !chunk.is_empty())
    }

    /// The first piece, behind the head of an answer that comes in chunks.
    pub(crate) fn chunk_after_head(&mut self) -> Option<Vec<u8>> {
        let head = self.reply_without_body();
        assert_eq!(head.header("transfer-encoding"), Some("chunked"), "{head:?}");
        self.chunk()
    }

    /// Everything up to the close.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("a close");
        rest
    }

    /// Whether the door closes without saying anything more.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            // A reset is a close too, if a rude one. A silence is none.
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    fn read_head(&mut self) -> Option<Reply> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).expect("a status").parse().expect("digits");
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("the head ends with an empty line");
            if line.is_empty() {
                return Some(Reply { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(": ").expect("a header");
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
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

fn content_length(body: &[u8]) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The stable code of a problem; checks the rest of it.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let code = problem["code"].as_str().expect("a code");
        assert_eq!(problem["type"], format!("/errors#{code}"));
        assert!(problem["title"].is_string() && problem["remedy"].is_string(), "{problem}");
        code.to_owned()
    }
}
