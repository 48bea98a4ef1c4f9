//! A member that does as a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};

use distcache_http::{AT_ONCE_HEADER, MEMBER_HEADER};

use super::PATIENCE;

/// What a member does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Answers 200 with a text.
    Says(&'static str),
    /// Answers 200 with the line of the request.
    Echoes,
    /// Does the first to who asks for an answer at once, and the second to others.
    AtOnce(Box<Self>, Box<Self>),
    /// Sends these bytes, and keeps the connection.
    Sends(String),
    /// Sends these bytes, and closes the connection.
    Breaks(String),
    /// Sends these bytes when it has read a head, reads no body, and closes the connection.
    Refuses(String),
    /// Says nothing until the other closes the connection, or it is told to.
    Waits,
}

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A server that is made up; it ends when dropped.
pub(crate) struct Member {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    does: Mutex<Does>,
    readyz: Mutex<String>,
    asked: Mutex<Vec<Asked>>,
    changed: Condvar,
    /// Requests that waited for an answer until the other closed the connection.
    given_up: AtomicUsize,
    /// Connections on which something was asked beside `/readyz`.
    connections: AtomicUsize,
    /// How many of those it has closed.
    closed: Mutex<usize>,
    closing: Condvar,
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

/// What `/readyz` of a member says.
const READY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n";

fn not_ready(code: &str) -> String {
    let body = format!("{{\"code\":\"{code}\"}}");
    format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics under it")
}

impl Member {
    /// A member that is ready, and does this.
    pub(crate) fn that(does: Does) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").expect("a port"), does)
    }

    /// The same at an address.
    pub(crate) fn at(listener: TcpListener, does: Does) -> Self {
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            does: Mutex::new(does),
            readyz: Mutex::new(READY.to_owned()),
            asked: Mutex::default(),
            changed: Condvar::new(),
            given_up: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            closed: Mutex::default(),
            closing: Condvar::new(),
            is_over: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let ours = Arc::clone(&shared);
        let accept = move || accept(&listener, &ours);
        let accepting = Builder::new().name("member".to_owned()).spawn(accept).expect("a thread");
        Self { address, shared, accepting: Some(accepting) }
    }

    /// An address where nobody is, nor comes: all others listen at 127.0.0.1.
    pub(crate) fn nowhere() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").expect("a port");
        let mut member = Self::at(listener, Does::Says("never"));
        member.end();
        member
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it does this.
    pub(crate) fn does(&self, does: Does) {
        *lock(&self.shared.does) = does;
    }

    /// From now on `/readyz` says also how its cluster calls it.
    pub(crate) fn is_called(&self, name: &str) {
        let head = format!("HTTP/1.1 200 OK\r\n{MEMBER_HEADER}: {name}\r\n");
        *lock(&self.shared.readyz) = format!("{head}Content-Length: 6\r\n\r\nready\n");
    }

    /// From now on `/readyz` says that it drains.
    pub(crate) fn drains(&self) {
        *lock(&self.shared.readyz) = not_ready("DC-114");
    }

    /// From now on `/readyz` says that it has no lease.
    pub(crate) fn loses_its_lease(&self) {
        *lock(&self.shared.readyz) = not_ready("DC-148");
    }

    /// From now on `/readyz` says nothing.
    pub(crate) fn falls_silent(&self) {
        lock(&self.shared.readyz).clear();
    }

    /// What it was asked, beside `/readyz`.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// Waits until so much was asked.
    pub(crate) fn until_asked(&self, count: usize) {
        let asked = lock(&self.shared.asked);
        let too_few = |asked: &mut Vec<Asked>| asked.len() < count;
        let (asked, _) = self
            .shared
            .changed
            .wait_timeout_while(asked, PATIENCE, too_few)
            .expect("nobody panics");
        assert!(count <= asked.len(), "{} were asked", asked.len());
    }

    /// How many requests the other side gave up while it said nothing.
    pub(crate) fn given_up(&self) -> usize {
        self.shared.given_up.load(Ordering::SeqCst)
    }

    /// How many connections it was asked on.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until it has closed so many of them.
    pub(crate) fn until_closed(&self, count: usize) {
        let closed = lock(&self.shared.closed);
        let too_few = |closed: &mut usize| *closed < count;
        let waited = self.shared.closing.wait_timeout_while(closed, PATIENCE, too_few);
        let (closed, _) = waited.expect("nobody panics");
        assert!(count <= *closed, "{closed} were closed");
    }

    /// Closes everything, as a process does that was killed.
    pub(crate) fn end(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.shared.is_over.store(true, Ordering::SeqCst);
        // It wakes up, and sees that it is over.
        drop(TcpStream::connect(self.address));
        accepting.join().expect("it accepts without panic");
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.is_over.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let Ok(ours) = stream.try_clone() else { continue };
        lock(&shared.streams).push(ours);
        let shared = Arc::clone(shared);
        let serve = move || serve(stream, &shared);
        threads.push(Builder::new().spawn(serve).expect("a thread"));
    }
    for stream in lock(&shared.streams).drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
    for thread in threads {
        thread.join().expect("it serves without panic");
    }
}

/// Answers on one connection until it is closed. A failure of it is the other's doing.
fn serve(stream: TcpStream, shared: &Shared) {
    let mut writer = stream.try_clone().expect("a socket can be cloned");
    let mut reader = BufReader::new(stream);
    let mut is_counted = false;
    while let Some(mut asked) = read_head(&mut reader) {
        let reads_on = !matches!(*lock(&shared.does), Does::Refuses(_));
        if reads_on && read_body(&mut reader, &mut asked).is_none() {
            return;
        }
        let does = if asked.line.starts_with("GET /readyz ") {
            let readyz = lock(&shared.readyz).clone();
            if readyz.is_empty() { Does::Waits } else { Does::Breaks(readyz) }
        } else {
            if !is_counted {
                is_counted = true;
                shared.connections.fetch_add(1, Ordering::SeqCst);
            }
            let does = match lock(&shared.does).clone() {
                Does::AtOnce(first, _) if asked.header(AT_ONCE_HEADER).is_some() => *first,
                Does::AtOnce(_, second) => *second,
                does => does,
            };
            let does = match does {
                Does::Echoes => Does::Sends(whole(&asked.line)),
                Does::Says(text) => Does::Sends(whole(text)),
                does => does,
            };
            lock(&shared.asked).push(asked);
            shared.changed.notify_all();
            does
        };
        let stays = match does {
            Does::Sends(bytes) => writer.write_all(bytes.as_bytes()).is_ok(),
            Does::Breaks(bytes) | Does::Refuses(bytes) => {
                let _ = writer.write_all(bytes.as_bytes());
                false
            }
            Does::Waits | Does::Says(_) | Does::Echoes | Does::AtOnce(..) => {
                // Nothing more is asked on it: this is its end.
                let ended = reader.fill_buf().map(<[u8]>::is_empty);
                if !shared.is_over.load(Ordering::SeqCst) && ended.unwrap_or(true) {
                    shared.given_up.fetch_add(1, Ordering::SeqCst);
                }
                false
            }
        };
        if !stays {
            let _ = writer.shutdown(Shutdown::Both);
            *lock(&shared.closed) += usize::from(is_counted);
            shared.closing.notify_all();
            return;
        }
    }
}

/// 200 with a text.
pub(crate) fn whole(text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}")
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let line = line_of(reader)?;
    let mut asked = Asked { line, headers: Vec::new(), body: Vec::new() };
    loop {
        let line = line_of(reader)?;
        if line.is_empty() {
            return Some(asked);
        }
        let (name, value) = line.split_once(": ").expect("a header");
        asked.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
}

fn read_body(reader: &mut BufReader<TcpStream>, asked: &mut Asked) -> Option<()> {
    let length = asked.header("content-length").map_or(0, |length| length.parse().expect("digits"));
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()
}

fn line_of(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let count = reader.read_line(&mut line).ok()?;
    (0 < count).then(|| line.trim_end().to_owned())
}
