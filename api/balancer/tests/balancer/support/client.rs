//! A client that sends any bytes, and sees whether an answer is whole.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// One answer, and whether it came to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether as many bytes came as were announced.
    pub(crate) is_whole: bool,
}

/// Sends a well-formed request on a connection of its own. `headers` are whole lines.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let connection = if headers.contains("Connection:") { "" } else { "Connection: close\r\n" };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}{connection}\r\n"
    );
    read(send(address, &(head + body)), method == "HEAD")
}

/// Sends bytes as they are.
pub(crate) fn send(address: SocketAddr, bytes: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    stream.write_all(bytes.as_bytes()).expect("it reads");
    BufReader::new(stream)
}

fn read(mut stream: BufReader<TcpStream>, is_head: bool) -> Answer {
    let line = line_of(&mut stream);
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("a status: {line:?}"));
    let mut answer = Answer { status, headers: Vec::new(), body: Vec::new(), is_whole: true };
    loop {
        let line = line_of(&mut stream);
        let Some((name, value)) = line.split_once(": ") else { break };
        answer.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    if is_head || matches!(status, 204 | 304) {
        return answer;
    }
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    let length: usize = length.expect("a length: events are read by other tests");
    // It may be reset.
    let _ = stream.take(length as u64).read_to_end(&mut answer.body);
    answer.is_whole = answer.body.len() == length;
    answer
}

pub(crate) fn line_of(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).expect("it comes in time");
    line.trim_end().to_owned()
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether this is the problem of that status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> bool {
        self.status == status && self.text().contains(&format!("\"code\":\"{code}\""))
    }
}
