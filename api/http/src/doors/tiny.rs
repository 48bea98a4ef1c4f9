//! The door of threads: `tiny_http` 0.12.
//!
//! It needs no async runtime, and is all there is without default features. But
//! `tiny_http` is no longer maintained, and a hostile client can bring the process
//! down; so it listens on loopback addresses only, for programs on one machine
//! that trust each other.
//!
//! | a client that | finds |
//! |---|---|
//! | announces `Content-Length: 100000000000` | 413; but when the request is dropped, `tiny_http` allocates that much to drain it: **the process may abort** |
//! | sends its headers, or an idle connection, for ever | no timeout: one thread held |
//! | sends its body slowly | no timeout: one of 8 workers held; 8 such clients hold the door |
//! | never reads the answer | after the write timeout the rest is left out, but the connection stays open |
//! | opens connections without end | no limit: one thread each, and the end of the process's threads or files. When `accept` fails once, no connection is accepted again |
//! | sends a request line or headers without end | no limit: memory grows |
//! | pipelines requests without reading | no limit: they queue in memory |
//! | sends a bare LF, a NUL or raw UTF-8 in its head | a wait for CRLF; taken; a close without an answer |
//! | sends a header that is none, or an unknown version | 400 or a close, without a body |
//! | sends `Content-Length` twice, with a sign, or beside `Transfer-Encoding`; no `Host` or two | 400 as by the hyper door, but the connection stays open and what follows is read in `tiny_http`'s way |
//! | speaks HTTP/2 | no answer: one thread held for ever |
//! | speaks HTTP/0.9 | 400 |
//! | keeps its connection open when the door shuts | open until the process ends, and no answer |
//!
//! Of the [`Limits`] it keeps `body_bytes` and `write_timeout`. Of its workers two
//! may send streams at a time.

mod stream;

use std::io::{self, Cursor, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use distcache::{Stopwatch, codes};
use tiny_http::{Header, Server, StatusCode};

use super::{OpenError, panics};
use crate::guard::{Framing, Head, Violation};
use crate::observe::Kept;
use crate::{
    Body, Chunks, DoorWatch, HeaderName, Headers, Limits, Method, Problem, Request, Response,
    Service,
};
use distcache_bus::block_on;
use stream::{STREAMS_MAX, Stream};

/// More than cores, because each is held by one request at a time, however slow
/// its client is.
const WORKERS: usize = 8;

/// How long it may take until workers that have nothing to do have ended, and nobody
/// listens any more: `tiny_http` does not say when its thread has ended that accepts
/// connections.
const CLOSING_MAX: Duration = Duration::from_secs(1);
const CLOSING_LOOK_EVERY: Duration = Duration::from_millis(1);

/// A running `tiny_http` server.
pub(super) struct Door {
    address: SocketAddr,
    server: Option<Arc<Server>>,
    stopping: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
    /// Says nothing, and is disconnected when the last worker has ended.
    ended: Receiver<()>,
}

/// Starts `tiny_http` on `listener`.
pub(super) fn open(
    listener: TcpListener,
    address: SocketAddr,
    service: impl Service,
    limits: &Limits,
) -> Result<Door, OpenError> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(OpenError::LoopbackOnly { address });
    }
    // Accepted sockets inherit it. Without it, answers over 1 KiB take 44 ms.
    let socket = socket2::SockRef::from(&listener);
    socket.set_tcp_nodelay(true).map_err(OpenError::Listener)?;
    // So do they this. A timeout of reading would end the accept loop.
    socket.set_write_timeout(Some(limits.write_timeout)).map_err(OpenError::Listener)?;
    let server = Server::from_listener(listener, None)
        .map_err(|error| OpenError::Listener(io::Error::other(error)))?;
    let (alive, ended) = bounded(0);
    let mut door = Door {
        address,
        server: Some(Arc::new(server)),
        stopping: Arc::default(),
        workers: Vec::with_capacity(WORKERS),
        ended,
    };
    let watch = service.door_watch();
    watch.open(limits, Kept::Body { streams_max: STREAMS_MAX });
    let service = Arc::new(service);
    for number in 0..WORKERS {
        door.start_worker(number, &service, &watch, limits.body_bytes, &alive)?;
    }
    Ok(door)
}

impl Door {
    fn start_worker<S: Service>(
        &mut self,
        number: usize,
        service: &Arc<S>,
        watch: &Arc<DoorWatch>,
        body_max: usize,
        alive: &Sender<()>,
    ) -> Result<(), OpenError> {
        let server = Arc::clone(self.server.as_ref().expect("only the end takes it"));
        let worker = Worker {
            server,
            stopping: Arc::clone(&self.stopping),
            service: Arc::clone(service),
            watch: Arc::clone(watch),
            body_max,
            _alive: alive.clone(),
        };
        let thread = thread::Builder::new().name(format!("http-{number}"));
        let handle = thread.spawn(move || worker.run()).map_err(OpenError::Thread)?;
        self.workers.push(handle);
        Ok(())
    }

    /// Whether all requests in flight were finished within `grace`.
    pub(super) fn shutdown(mut self, grace: Duration) -> bool {
        self.stop(grace)
    }

    fn stop(&mut self, grace: Duration) -> bool {
        let Some(server) = self.server.take() else { return true };
        self.stopping.store(true, Ordering::Release);
        // One for each: they queue behind the requests that are already there.
        self.workers.iter().for_each(|_| server.unblock());
        // Who waits for the next piece of a stream looks whether it is over.
        self.workers.iter().for_each(|worker| worker.thread().unpark());
        // Also without any grace the door closes, if nobody is being answered.
        if self.ended.recv_timeout(grace.max(CLOSING_MAX)) == Err(RecvTimeoutError::Timeout) {
            return false;
        }
        // A worker catches the panics of handlers; one of its own is worth no second.
        let is_in_order = self.workers.drain(..).all(|worker| worker.join().is_ok());
        // It ends with the last who has it.
        drop(server);
        self.wait_until_closed();
        is_in_order
    }

    /// 1. The server has ended; its thread that accepts connections is about to.
    /// 2. Who has ended it connects once more, and is accepted; nobody will answer.
    fn wait_until_closed(&self) {
        let since = Stopwatch::start();
        while since.elapsed() < CLOSING_MAX
            && TcpStream::connect_timeout(&self.address, CLOSING_MAX).is_ok()
        {
            thread::sleep(CLOSING_LOOK_EVERY);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

struct Worker<S> {
    server: Arc<Server>,
    stopping: Arc<AtomicBool>,
    service: Arc<S>,
    watch: Arc<DoorWatch>,
    body_max: usize,
    /// Dropped when the worker ends.
    _alive: Sender<()>,
}

impl<S: Service> Worker<S> {
    fn run(&self) {
        loop {
            match self.server.recv() {
                Ok(request) => self.serve(request),
                Err(_) if self.stopping.load(Ordering::Acquire) => return,
                Err(error) => {
                    let code = codes::ACCEPT_FAILED;
                    log::error!("{code}: {error}; tiny_http accepts no more connections");
                }
            }
        }
    }

    fn serve(&self, mut request: tiny_http::Request) {
        let response = match self.read_admitted(&mut request) {
            Ok(body) => self.answer(&request, body),
            Err(problem) => problem.into_response(),
        };
        // Whatever goes wrong here: the client has left, and nobody is to be told.
        let _ = match response.take_chunks() {
            (response, None) => request.respond(to_tiny(response)),
            (response, Some(chunks)) => self.send_chunks(request, &response, chunks),
        };
    }

    /// Sends a body as it comes, unless as many workers do so as may.
    fn send_chunks(
        &self,
        request: tiny_http::Request,
        response: &Response,
        chunks: Box<dyn Chunks>,
    ) -> io::Result<()> {
        let Some(_stream) = Stream::enter(&self.watch.streams) else {
            drop(chunks);
            let problem = Problem::new(503, codes::STREAMS_FULL).retry_after(1);
            return request.respond(to_tiny(problem.into_response()));
        };
        stream::send(request, response, chunks, &self.stopping)
    }

    /// The whole body, if the service takes the request.
    fn read_admitted(&self, request: &mut tiny_http::Request) -> Result<Bytes, Problem> {
        self.service.admit(&in_ours(request, &TinyHeaders(request.headers()), Bytes::new()))?;
        self.read_body(request)
    }

    /// The whole body, unless the head is refused; a refused body is not read.
    fn read_body(&self, request: &mut tiny_http::Request) -> Result<Bytes, Problem> {
        let framing =
            check_head(request, self.body_max).map_err(|violation| self.refused(violation))?;
        if framing == Framing::Length(0) {
            return Ok(Bytes::new());
        }
        let mut body = Vec::new();
        let one_too_many = self.body_max as u64 + 1;
        match request.as_reader().take(one_too_many).read_to_end(&mut body) {
            Ok(_) if body.len() <= self.body_max => Ok(body.into()),
            Ok(_) => Err(self.refused(Violation::BodyTooLarge { max: self.body_max })),
            Err(_) => Err(Violation::Chunk.problem()),
        }
    }

    fn refused(&self, violation: Violation) -> Problem {
        self.watch.refused(violation);
        violation.problem()
    }

    fn answer(&self, request: &tiny_http::Request, body: Bytes) -> Response {
        let headers = TinyHeaders(request.headers());
        let request = in_ours(request, &headers, body);
        catch_unwind(AssertUnwindSafe(|| block_on(self.service.call(request))))
            .unwrap_or_else(panics::answer)
    }
}

/// Looks at `tiny_http`'s request as at ours.
fn in_ours<'a>(
    request: &'a tiny_http::Request,
    headers: &'a TinyHeaders<'a>,
    body: Bytes,
) -> Request<'a> {
    let (authority, path, query) = split_target(request.url());
    let method = Method::of(request.method().as_str());
    Request { method, authority, path, query, headers, body }
}

/// The checks of the guard that are still possible when `tiny_http` has read the head.
fn check_head(request: &tiny_http::Request, body_max: usize) -> Result<Framing, Violation> {
    let mut head = Head::of_version(request.http_version().1);
    for header in request.headers() {
        let name = header.field.as_str().as_str();
        head.header(name.as_bytes(), header.value.as_str().as_bytes())?;
    }
    head.finish(body_max)
}

/// Splits `[http://authority]/path[?query]`.
fn split_target(target: &str) -> (Option<&str>, &str, Option<&str>) {
    let (authority, rest) = match target.split_once("://") {
        Some((_, url)) if !target.starts_with('/') => {
            let end = url.find(['/', '?']).unwrap_or(url.len());
            (Some(&url[..end]), &url[end..])
        }
        _ => (None, target),
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    (authority, if path.is_empty() { "/" } else { path }, query)
}

struct TinyHeaders<'a>(&'a [Header]);

impl Headers for TinyHeaders<'_> {
    fn value_of(&self, name: HeaderName) -> Option<&[u8]> {
        let found = self.0.iter().find(|header| header.field.equiv(name.as_str()))?;
        Some(found.value.as_str().as_bytes())
    }

    fn each_value_of(&self, name: HeaderName, show: &mut dyn FnMut(&[u8])) {
        let same = self.0.iter().filter(|header| header.field.equiv(name.as_str()));
        same.for_each(|header| show(header.value.as_str().as_bytes()));
    }
}

fn to_tiny(response: Response) -> tiny_http::Response<Cursor<Bytes>> {
    let content_type = response.content_type().map(|kind| ("content-type", kind.as_ref()));
    let others = response.headers().iter().map(|(name, value)| (*name, value.as_ref()));
    let headers = content_type
        .into_iter()
        .chain(others)
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok())
        .collect();
    let status = StatusCode(response.status());
    let body = match response.into_body() {
        Body::Whole(bytes) => bytes,
        Body::Chunks(_) => Bytes::new(),
    };
    let length = body.len();
    tiny_http::Response::new(status, headers, Cursor::new(body), Some(length), None)
        // The length is known: no chunks, however long it is.
        .with_chunked_threshold(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_split_into_authority_path_and_query() {
        let cases = [
            ("/", (None, "/", None)),
            ("/?key=a?b", (None, "/", Some("key=a?b"))),
            ("/v1/nodes", (None, "/v1/nodes", None)),
            ("/?key=http://a/b", (None, "/", Some("key=http://a/b"))),
            ("http://a:1/x?y", (Some("a:1"), "/x", Some("y"))),
            ("http://a?y", (Some("a"), "/", Some("y"))),
            ("http://a", (Some("a"), "/", None)),
            ("*", (None, "*", None)),
        ];
        for (target, parts) in cases {
            assert_eq!(split_target(target), parts, "{target}");
        }
    }

    #[test]
    fn it_listens_on_loopback_addresses_only() {
        struct Nobody;
        impl Service for Nobody {
            async fn call(&self, _: Request<'_>) -> Response {
                Response::empty(200)
            }
        }
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let opened = open(listener, address, Nobody, &Limits::default());
        let error = opened.err().expect("other machines could reach it");
        assert_eq!(error.code(), codes::LOOPBACK_ONLY);
    }
}
