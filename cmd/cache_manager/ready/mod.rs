//! Whether the server is ready, or alive, asked as any client would ask.

#[cfg_attr(feature = "hyper", path = "caller.rs")]
#[cfg_attr(not(feature = "hyper"), path = "absent.rs")]
mod caller;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use caller::Caller;

/// How long the door may take for each step of its answer: ten thousand times
/// what it needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Longer than any answer of `/readyz`.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// A server, and how it is asked. Displays as the beginning of its URLs.
#[derive(Clone)]
pub(crate) struct Place {
    address: SocketAddr,
    /// None for a server in the clear.
    caller: Option<Caller>,
}

impl Place {
    /// A server in the clear.
    pub(crate) fn clear(address: SocketAddr) -> Self {
        Self { address, caller: None }
    }

    /// The server that we are, or that has our settings, which listens on `address`.
    ///
    /// # Errors
    /// When this program speaks no TLS, and the server does.
    pub(crate) fn own(address: SocketAddr, is_secured: bool) -> Result<Self, String> {
        let caller = is_secured.then(Caller::of_our_own).transpose()?;
        Ok(Self { address: from_here(address), caller })
    }

    /// A server that is called `host`, and shows a certificate of an authority.
    ///
    /// # Errors
    /// When this program speaks no TLS, or there is no such name or authority.
    pub(crate) fn of(address: SocketAddr, host: &str, authority: &[u8]) -> Result<Self, String> {
        Ok(Self { address, caller: Some(Caller::of(host, authority)?) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.caller.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.address)
    }
}

/// Asks `/readyz`, over the network.
///
/// # Errors
/// When the answer is not 200, or does not come.
pub(crate) fn ask(place: &Place) -> io::Result<()> {
    match status(&get(place, "/readyz", PATIENCE)?) {
        Some("200") => Ok(()),
        Some(status) => Err(io::Error::other(format!("the answer was {status}"))),
        None => Err(not_http()),
    }
}

/// Asks `/livez`, over the network.
///
/// # Errors
/// When no answer comes, whatever it says.
pub(crate) fn answers(place: &Place, patience: Duration) -> io::Result<()> {
    status(&get(place, "/livez", patience)?).map(drop).ok_or_else(not_http)
}

fn get(place: &Place, path: &str, patience: Duration) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect_timeout(&place.address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let answer = match &place.caller {
        None => exchange(stream, path),
        Some(caller) => exchange(caller.over(stream)?, path),
    };
    answer.map_err(|error| in_words(error, patience))
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Vec<u8>> {
    // Of version 1.0: the door closes when it has said all, and there is no
    // header that a low limit could refuse.
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

fn not_http() -> io::Error {
    io::Error::other("the answer was not HTTP")
}

/// What the system calls "temporarily unavailable" is an answer that is late.
fn in_words(error: io::Error, patience: Duration) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(format!("no answer within {patience:?}")),
        _ => error,
    }
}

fn status(answer: &[u8]) -> Option<&str> {
    let line = answer.split(|&byte| byte == b'\r').next()?;
    let mut words = str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()
}

/// Where a client on this machine finds a server that listens on `address`.
pub(crate) fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Asks a server that answers with `answer`, whatever it is asked.
    fn ask_one_that_says(answer: &'static [u8]) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 24];
            stream.read_exact(&mut head).unwrap();
            stream.write_all(answer).unwrap();
        };
        let server = thread::Builder::new().spawn(serve).unwrap();
        let answer = ask(&Place::clear(address)).map_err(|error| error.to_string());
        server.join().unwrap();
        answer
    }

    #[test]
    fn only_200_is_ready() {
        assert_eq!(ask_one_that_says(b"HTTP/1.1 200 OK\r\n\r\nready\n"), Ok(()));
        let draining = ask_one_that_says(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert_eq!(draining, Err("the answer was 503".to_owned()));
        for strange in [b"".as_slice(), b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1\r\n", b"\xFF 200"] {
            assert_eq!(ask_one_that_says(strange), Err("the answer was not HTTP".to_owned()));
        }
    }

    #[test]
    fn nobody_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(ask(&Place::clear(address)).is_err());
    }

    #[test]
    fn a_place_is_the_beginning_of_a_url() {
        let address = "0.0.0.0:81".parse().unwrap();
        assert_eq!(Place::clear(address).to_string(), "http://0.0.0.0:81");
        assert_eq!(Place::own(address, false).unwrap().to_string(), "http://127.0.0.1:81");
        #[cfg(feature = "hyper")]
        assert_eq!(Place::own(address, true).unwrap().to_string(), "https://127.0.0.1:81");
        #[cfg(not(feature = "hyper"))]
        assert!(Place::own(address, true).is_err());
    }

    #[test]
    fn every_address_of_the_machine_is_reached_over_loopback() {
        let from_here = |text: &str| from_here(text.parse().unwrap()).to_string();
        assert_eq!(from_here("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(from_here("[::]:80"), "[::1]:80");
        assert_eq!(from_here("192.0.2.7:80"), "192.0.2.7:80");
    }
}
