//! Members that speak to each other, and what they say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::links::{CallFailed, Links, MemberId, Serve, Serving, Settings};
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Found, Get, Read, Reply, Request, reply::Outcome};
use distcache_cluster::wire::{Address, Memory, Network, Tcp, Wire};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Long enough for any machine; what is right comes sooner.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn patient() -> Instant {
    Instant::now() + PATIENCE
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

pub(crate) fn member(number: u64) -> MemberId {
    MemberId::new(number).expect("it is not zero")
}

pub(crate) fn get(key: &[u8]) -> Request {
    let key = Bytes::copy_from_slice(key);
    let get = Get { keyspace: "default".to_owned(), key, ..Get::default() };
    Request { operation: Some(Operation::Get(get)), ..Request::default() }
}

pub(crate) fn found(value: Bytes) -> Reply {
    let read = Read { found: Some(Found { value, ..Found::default() }), ..Read::default() };
    Reply { outcome: Some(Outcome::Get(read)), ..Reply::default() }
}

/// The value of a reply; anything else is a panic.
pub(crate) fn value(reply: Reply) -> Bytes {
    let Some(Outcome::Get(Read { found: Some(found), .. })) = reply.outcome else {
        panic!("no value: {reply:?}")
    };
    found.value
}

/// Answers a get by its key: one that begins with `later` when it may, one that begins
/// with `long` by a value of a mebibyte, `panic` never, every other at once.
#[derive(Debug)]
pub(crate) struct Echo {
    /// Requests that were served.
    pub(crate) served: AtomicUsize,
    /// What each `later` needs one of.
    pub(crate) may: Semaphore,
}

impl Echo {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { served: AtomicUsize::new(0), may: Semaphore::new(0) })
    }

    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }
}

pub(crate) const LONG: usize = 1 << 20;

/// What is handed to the links.
#[derive(Debug, Clone)]
pub(crate) struct Served(pub(crate) Arc<Echo>);

impl Serve for Served {
    fn serve(&self, _from: &Address, request: Request) -> Serving {
        let Some(Operation::Get(Get { key, .. })) = request.operation else {
            return Serving::Now(Reply::default());
        };
        self.0.served.fetch_add(1, Ordering::Relaxed);
        if key.starts_with(b"later") {
            let echo = self.0.clone();
            return Serving::Later(Box::pin(async move {
                echo.may.acquire().await.expect("it is never closed").forget();
                found(key)
            }));
        }
        if key.starts_with(b"long") {
            return Serving::Now(found(vec![7; LONG].into()));
        }
        assert!(!key.starts_with(b"panic"), "as it was asked to");
        Serving::Now(found(key))
    }
}

/// A member, its links and what it answers.
pub(crate) struct Member {
    pub(crate) links: Arc<Links>,
    pub(crate) address: Address,
    pub(crate) echo: Arc<Echo>,
}

impl Member {
    /// One that listens at an address, or at a port of its own if that is 0.
    pub(crate) async fn start(
        wire: Arc<dyn Wire>,
        number: u64,
        at: &Address,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let listener = wire.listen(at).await.expect("a free address");
        let address = listener.address().clone();
        let mut settings = Settings::new("test", member(number), address.clone());
        change(&mut settings);
        let echo = Echo::new();
        let serve = Arc::new(Served(echo.clone()));
        let links = Arc::new(Links::start(wire, listener, settings, serve));
        Self { links, address, echo }
    }

    pub(crate) async fn in_memory(network: &Arc<Network>, number: u64) -> Self {
        Self::in_memory_with(network, number, |_| {}).await
    }

    pub(crate) async fn in_memory_with(
        network: &Arc<Network>,
        number: u64,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let at = place(number);
        Self::start(Arc::new(wire(network, number)), number, &at, change).await
    }

    pub(crate) async fn over_tcp(number: u64) -> Self {
        Self::start(Arc::new(Tcp::clear()), number, &address("127.0.0.1:0"), |_| {}).await
    }

    pub(crate) async fn get(&self, from: &Self, key: &[u8]) -> Result<Bytes, CallFailed> {
        self.links.call(&from.address, get(key), patient()).await.map(value)
    }
}

/// Where a member is in a network.
pub(crate) fn place(number: u64) -> Address {
    address(&format!("member-{number}:7000"))
}

pub(crate) fn wire(network: &Arc<Network>, number: u64) -> Memory {
    network.member(&place(number))
}

/// Looks again and again until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not so after {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
