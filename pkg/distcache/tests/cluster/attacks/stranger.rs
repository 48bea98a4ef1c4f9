//! One who connects with a member in the clear, and says what it likes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::links::frames;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Delete, Get, Hello, Item, Put, Reply, Request};

use super::KEYSPACE;

/// Longer than anything takes here, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The number of the member that it says it is, and where.
pub(super) const MEMBER: u64 = 7;
pub(super) const ADDRESS: &str = "127.0.0.1:7";

pub(super) struct Stranger {
    socket: TcpStream,
}

impl Stranger {
    /// One that has connected and said nothing.
    pub(super) fn connect(to: &str) -> Self {
        let socket = TcpStream::connect(to).expect("it listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        socket.set_write_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        socket.set_nodelay(true).expect("a TCP socket");
        Self { socket }
    }

    /// One that is linked as any other member, by its next connection.
    pub(super) fn linked(to: &str) -> Self {
        let mut stranger = Self::connect(to);
        assert!(stranger.say(&Kind::Hello(hello())));
        let heard = stranger.hears();
        assert!(matches!(heard, Some(Kind::Hello(_))), "{heard:?}");
        stranger
    }

    /// Whether it could be sent.
    pub(super) fn say(&mut self, kind: &Kind) -> bool {
        self.send(&framed(&frames::encode(kind)))
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// What comes next, but for the word that the other is there; `None` at the end.
    pub(super) fn hears(&mut self) -> Option<Kind> {
        loop {
            let mut length = [0; 4];
            self.read(&mut length)?;
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            self.read(&mut frame)?;
            match frames::decode(frame.into()).expect("a member sends frames only") {
                Kind::KeepAlive(_) => {}
                heard => return Some(heard),
            }
        }
    }

    fn read(&mut self, into: &mut [u8]) -> Option<()> {
        let Err(error) = self.socket.read_exact(into) else { return Some(()) };
        let is_late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!is_late, "neither a word nor an end");
        None
    }

    /// Whether nothing comes but the end.
    pub(super) fn is_cut_off(&mut self) -> bool {
        self.hears().is_none()
    }

    /// What is answered to a request.
    pub(super) fn asks(&mut self, request: Request) -> Reply {
        let number = request.number;
        assert!(self.say(&Kind::Request(request)), "it is linked");
        match self.hears() {
            Some(Kind::Reply(reply)) if reply.number == number => reply,
            heard => panic!("no reply: {heard:?}"),
        }
    }
}

/// A frame as it travels.
pub(super) fn framed(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("it is short");
    [&length.to_be_bytes(), frame].concat()
}

/// What an honest member of the fleet says on its next connection.
pub(super) fn hello() -> Hello {
    static DIALS: AtomicU64 = AtomicU64::new(1);
    Hello {
        cluster: "fleet".to_owned(),
        member: MEMBER,
        version_lowest: 1,
        version_highest: 1,
        address: ADDRESS.to_owned(),
        dial: DIALS.fetch_add(1, Ordering::Relaxed),
        ..Hello::default()
    }
}

pub(super) fn request(operation: Operation) -> Request {
    let operation = Some(operation);
    Request { number: 1, epoch: 1, time_left_ms: 60_000, operation, ..Request::default() }
}

pub(super) fn get(key: &[u8]) -> Operation {
    let (keyspace, key) = (KEYSPACE.to_owned(), Bytes::copy_from_slice(key));
    Operation::Get(Get { keyspace, key, ..Get::default() })
}

pub(super) fn put(key: &[u8], value: &'static [u8]) -> Operation {
    let (key, value) = (Bytes::copy_from_slice(key), Bytes::from_static(value));
    let item = Some(Item { key, value, ..Item::default() });
    Operation::Put(Put { keyspace: KEYSPACE.to_owned(), item })
}

pub(super) fn delete(key: &[u8]) -> Operation {
    let (keyspace, key) = (KEYSPACE.to_owned(), Bytes::copy_from_slice(key));
    Operation::Delete(Delete { keyspace, key, ..Delete::default() })
}

/// The value that a read has found.
pub(super) fn found(reply: &Reply) -> Option<Bytes> {
    let Some(Outcome::Get(read)) = &reply.outcome else { panic!("no read: {reply:?}") };
    Some(read.found.as_ref()?.value.clone())
}
