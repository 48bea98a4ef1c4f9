//! A small HTTP server that says what a test lets it say.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The path and the query, as they were sent.
    pub(crate) target: String,
    headers: HashMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What a connection is written to and read from.
pub(crate) trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

/// Answers a request; an error ends the connection.
type Handler = dyn Fn(&Request, &mut dyn Line) -> io::Result<()> + Send + Sync;

/// What the server has seen, and whether it goes on.
#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    is_over: AtomicBool,
}

pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that answers each request in the same way.
    pub(crate) fn answering(reply: Reply) -> Self {
        Self::start(move |_, line| line.write_all(&reply.bytes()))
    }

    /// A server that answers each request by its target.
    pub(crate) fn routing(route: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |request, line| line.write_all(&route(request).bytes()))
    }

    pub(crate) fn start(
        handler: impl Fn(&Request, &mut dyn Line) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, Arc::new(handler))
    }

    pub(crate) fn start_tls(tls: ServerConfig, reply: Reply) -> Self {
        let handler = move |_: &Request, line: &mut dyn Line| line.write_all(&reply.bytes());
        Self::start_with(Some(Arc::new(tls)), Arc::new(handler))
    }

    fn start_with(tls: Option<Arc<ServerConfig>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let seen = Arc::<Seen>::default();
        let of_thread = seen.clone();
        let accepting = named(move || accept(&listener, tls.as_ref(), &of_thread, &handler));
        Self { address, scheme, seen, accepting: Some(accepting) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a target here.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("{}://{}{target}", self.scheme, self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().expect("no panic").clone()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.target).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Ordering::SeqCst);
        // Wakes it up.
        let _woken = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.join();
        }
    }
}

fn named(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name("test-server".to_owned()).spawn(work).expect("a thread")
}

fn accept(
    listener: &TcpListener,
    tls: Option<&Arc<ServerConfig>>,
    seen: &Arc<Seen>,
    handler: &Arc<Handler>,
) {
    for stream in listener.incoming() {
        if seen.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let (seen, handler) = (seen.clone(), handler.clone());
        let tls = tls.map(|config| ServerConnection::new(config.clone()).expect("a session"));
        named(move || {
            // It ends with an error when the client has gone.
            let _ended = match tls {
                Some(session) => serve(StreamOwned::new(session, stream), &seen, &handler),
                None => serve(stream, &seen, &handler),
            };
        });
    }
}

fn serve(line: impl Line, seen: &Seen, handler: &Arc<Handler>) -> io::Result<()> {
    let mut line = BufReader::new(line);
    loop {
        let request = read(&mut line)?;
        seen.requests.lock().expect("no panic").push(request.clone());
        handler(&request, line.get_mut())?;
        line.get_mut().flush()?;
    }
}

fn read(line: &mut impl BufRead) -> io::Result<Request> {
    let mut request = Request::default();
    let mut text = String::new();
    line.read_line(&mut text)?;
    let target = text.split(' ').nth(1).ok_or(io::ErrorKind::UnexpectedEof)?;
    target.clone_into(&mut request.target);
    loop {
        text.clear();
        line.read_line(&mut text)?;
        let Some((name, value)) = text.trim_end().split_once(": ") else { return Ok(request) };
        request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

/// Waits until the client hangs up.
pub(crate) fn wait_for_the_end(line: &mut dyn Line) -> io::Result<()> {
    while line.read(&mut [0])? != 0 {}
    Ok(())
}

/// The end of a connection.
pub(crate) fn hang_up() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    excess: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), excess: Vec::new() }
    }

    /// 200, with a body.
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With bytes behind it that nobody has asked for.
    pub(crate) fn followed_by(self, excess: Vec<u8>) -> Self {
        Self { excess, ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Some Text\r\n", self.status);
        let length = ("Content-Length".to_owned(), self.body.len().to_string());
        let length = Some(&length).filter(|_| !matches!(self.status, 204 | 304));
        let lines = self.headers.iter().chain(length);
        head.extend(lines.map(|(name, value)| format!("{name}: {value}\r\n")));
        [head.as_bytes(), b"\r\n", &self.body, &self.excess].concat()
    }
}
