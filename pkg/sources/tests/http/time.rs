//! Loads that run out of time, or are called off.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use distcache::{Cancelled, Context, DataSource};
use distcache_sources::{Http, HttpError, HttpWait};

use crate::server::{Server, wait_for_the_end};
use crate::{builder, cancellable, error, failure, source};

const BRIEF: Duration = Duration::from_millis(50);

/// A server that says this much and then nothing.
fn silent_after(said: &'static [u8]) -> Server {
    Server::start(move |_, line| {
        line.write_all(said)?;
        line.flush()?;
        wait_for_the_end(line)
    })
}

fn waited_for(failed: &HttpError) -> HttpWait {
    let HttpError::TimedOut { waited_for, .. } = failed else { panic!("{failed:?}") };
    *waited_for
}

#[test]
fn a_silent_server_is_waited_for_as_long_as_the_source_says() {
    for said in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = silent_after(said);
        let source = builder(&server).timeout(BRIEF).build().unwrap();
        let failed = failure(&source, b"a");
        assert_eq!(waited_for(&failed), HttpWait::Answer);
        assert!(failed.to_string().contains("within 50ms"), "{failed}");
    }
}

#[test]
fn a_silent_server_is_waited_for_as_long_as_the_load_has() {
    let server = silent_after(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123");
    let source = source(&server);
    let failed = source.fetch(b"a", &Context::within(BRIEF)).unwrap_err();
    assert_eq!(waited_for(&error(&failed)), HttpWait::Value);
}

#[test]
fn a_server_that_sends_a_byte_now_and_then_gains_no_time() {
    let server = Server::start(|_, line| {
        line.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
        loop {
            line.write_all(b"x")?;
            line.flush()?;
            std::thread::yield_now();
        }
    });
    let source = builder(&server).bytes_max(1 << 30).timeout(BRIEF).build().unwrap();
    assert_eq!(waited_for(&failure(&source, b"a")), HttpWait::Value);
}

#[test]
fn a_connection_that_is_not_accepted_is_told_apart() {
    let full = Full::new();
    let source = Http::builder(format!("http://{}/{{key}}", full.address))
        .connect_timeout(BRIEF)
        .build()
        .unwrap();
    let failed = failure(&source, b"a");
    assert_eq!(waited_for(&failed), HttpWait::Connection);
}

/// A port where nobody accepts, and where as many connections wait as it takes.
struct Full {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, BRIEF * 10) {
            waiting.push(stream);
        }
        Self { address, _listener: listener, _waiting: waiting }
    }
}

#[test]
fn a_load_without_time_asks_nobody() {
    let server = silent_after(b"");
    let failed = source(&server).fetch(b"a", &Context::within(Duration::ZERO)).unwrap_err();
    assert_eq!(waited_for(&error(&failed)), HttpWait::Start);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_load_that_is_called_off_ends_between_two_pieces() {
    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = has_begun.clone();
    let server = Server::start(move |_, line| {
        line.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
        loop {
            line.write_all(b"x")?;
            line.flush()?;
            begun.store(true, Ordering::SeqCst);
            std::thread::yield_now();
        }
    });
    let source = builder(&server).bytes_max(1 << 30).build().unwrap();
    let (context, cancel) = cancellable();
    let failed = std::thread::scope(|scope| {
        let load = scope.spawn(|| source.fetch(b"a", &context));
        while !has_begun.load(Ordering::SeqCst) {
            assert!(!context.is_over(), "the server is never asked");
            std::thread::yield_now();
        }
        cancel();
        load.join().unwrap().unwrap_err()
    });
    assert!(failed.is::<Cancelled>(), "{failed}");
    assert!(!context.is_over(), "it was not its time that ended it");
}

#[test]
fn a_load_that_was_called_off_before_asks_nobody() {
    let server = silent_after(b"");
    let (context, cancel) = cancellable();
    cancel();
    let failed = source(&server).fetch(b"a", &context).unwrap_err();
    assert!(failed.is::<Cancelled>(), "{failed}");
    assert_eq!(server.connections(), 0);
}
