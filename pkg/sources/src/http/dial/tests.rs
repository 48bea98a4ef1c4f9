//! Who is asked for an address, and when.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use distcache::{Answer, Context, DataSource};
use parking_lot::{Mutex, MutexGuard};

use super::Names;
use crate::http::{Http, HttpBuilder, HttpError, HttpWait};

const LONG: Duration = Duration::from_mins(1);
const BRIEF: Duration = Duration::from_millis(50);

/// A server that answers each request with its name, and then keeps the connection or
/// closes it.
struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    fn start(name: &'static str, keeps: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let is_over = Arc::<AtomicBool>::default();
        let of_thread = is_over.clone();
        let accepting = named(move || {
            for stream in listener.incoming() {
                if of_thread.load(Ordering::SeqCst) {
                    return;
                }
                // It ends with an error when the client has gone.
                named(move || drop(stream.and_then(|stream| serve(&stream, name, keeps))));
            }
        });
        Self { address, is_over, accepting: Some(accepting) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.join();
        }
    }
}

fn named(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name("test-server".to_owned()).spawn(work).expect("a thread")
}

fn serve(mut stream: &TcpStream, name: &str, keeps: bool) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    loop {
        while !lines.next().ok_or(io::ErrorKind::UnexpectedEof)??.is_empty() {}
        let connection = if keeps { "keep-alive" } else { "close" };
        let bytes = name.len();
        let head = "HTTP/1.1 200 OK\r\nConnection";
        write!(stream, "{head}: {connection}\r\nContent-Length: {bytes}\r\n\r\n{name}")?;
        if !keeps {
            return Ok(());
        }
    }
}

/// A resolver that tells what a test lets it tell, when the test lets it.
#[derive(Clone, Default)]
struct Resolver {
    asked: Arc<AtomicUsize>,
    tells: Arc<Mutex<Vec<SocketAddr>>>,
    /// Held by a test for as long as no look-up shall end.
    line: Arc<Mutex<()>>,
}

impl Resolver {
    fn telling(servers: &[&Server]) -> Self {
        let resolver = Self::default();
        resolver.tell(servers);
        resolver
    }

    fn tell(&self, servers: &[&Server]) {
        *self.tells.lock() = servers.iter().map(|server| server.address).collect();
    }

    fn hang(&self) -> MutexGuard<'_, ()> {
        self.line.lock()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn names(&self) -> Names {
        let own = self.clone();
        Names::told_by(move |host, _port| {
            assert_eq!(host, "origin.test");
            own.asked.fetch_add(1, Ordering::SeqCst);
            let _may_go_on = own.line.lock();
            Ok(own.tells.lock().clone())
        })
    }
}

fn builder() -> HttpBuilder {
    Http::builder("http://origin.test/{key}").timeout(LONG).connect_timeout(LONG)
}

fn source(resolver: &Resolver) -> Http {
    builder().build_with(resolver.names()).expect("good settings")
}

fn fetch(source: &Http) -> String {
    let answer = source.fetch(b"a", &Context::within(LONG)).expect("an answer");
    let Answer::Found(loaded) = answer else { panic!("a value") };
    String::from_utf8(loaded.value().to_vec()).expect("a name")
}

fn failure(source: &Http, context: &Context) -> HttpError {
    let failed = source.fetch(b"a", context).expect_err("a failure");
    failed.downcast_ref::<HttpError>().expect("a source's own error").clone()
}

fn waited_for(failed: &HttpError) -> HttpWait {
    let HttpError::TimedOut { waited_for, .. } = failed else { panic!("{failed:?}") };
    *waited_for
}

#[test]
fn a_connection_that_is_used_again_needs_no_address() {
    let server = Server::start("one", true);
    let resolver = Resolver::telling(&[&server]);
    let source = source(&resolver);
    assert_eq!(fetch(&source), "one");
    let _hangs = resolver.hang();
    for _ in 0..3 {
        assert_eq!(fetch(&source), "one", "though the resolver hangs");
    }
    assert_eq!(resolver.asked(), 1);
}

#[test]
fn a_new_connection_is_made_to_where_the_name_leads_now() {
    let (one, two) = (Server::start("one", false), Server::start("two", false));
    let resolver = Resolver::telling(&[&one]);
    let source = source(&resolver);
    assert_eq!(fetch(&source), "one");
    resolver.tell(&[&two]);
    assert_eq!(fetch(&source), "two");
    assert_eq!(resolver.asked(), 2);
}

#[test]
fn an_address_where_nobody_is_makes_room_for_the_next() {
    let gone = Server::start("gone", false);
    let there = Server::start("there", false);
    let resolver = Resolver::telling(&[&gone, &there]);
    drop(gone);
    assert_eq!(fetch(&source(&resolver)), "there");
}

#[test]
fn a_resolver_that_hangs_holds_no_load_beyond_its_time_and_one_thread_in_all() {
    let server = Server::start("one", false);
    let resolver = Resolver::telling(&[&server]);
    let hangs = resolver.hang();
    let brief = builder().connect_timeout(BRIEF).build_with(resolver.names()).unwrap();
    for _ in 0..3 {
        let failed = failure(&brief, &Context::within(LONG));
        assert_eq!(waited_for(&failed), HttpWait::Address, "by the time of a connection");
    }
    assert_eq!(resolver.asked(), 1, "all have waited for one look-up");
    let patient = source(&resolver);
    let failed = failure(&patient, &Context::within(BRIEF));
    assert_eq!(waited_for(&failed), HttpWait::Address, "by the time of the load");
    drop(hangs);
    assert_eq!(fetch(&patient), "one");
}

#[test]
fn a_host_that_is_an_address_is_looked_up_by_nobody() {
    let server = Server::start("one", false);
    let resolver = Resolver::default();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/{{key}}", server.address.port());
        let source = Http::builder(url).timeout(LONG).build_with(resolver.names()).unwrap();
        assert_eq!(fetch(&source), "one", "{host}");
    }
    assert_eq!(resolver.asked(), 0);
}

#[test]
fn a_name_that_nobody_knows_and_a_resolver_that_fails_are_told_and_tried_again() {
    let resolver = Resolver::default();
    let told = |failed: HttpError| matches!(failed, HttpError::Connect { .. });
    let unknown = source(&resolver);
    assert!(told(failure(&unknown, &Context::within(LONG))));
    let server = Server::start("one", false);
    resolver.tell(&[&server]);
    assert_eq!(fetch(&unknown), "one");
    let panics = builder().build_with(Names::told_by(|_, _| panic!("on purpose"))).unwrap();
    for _ in 0..2 {
        assert!(told(failure(&panics, &Context::within(LONG))));
    }
}
