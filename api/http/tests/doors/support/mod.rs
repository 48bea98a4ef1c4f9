//! A door to test, a client to test it with, and services to put behind it.

mod client;
mod contract;
#[cfg(feature = "hyper")]
mod rude;
mod service;

pub(crate) use client::{Client, PATIENCE, Reply};
pub(crate) use contract::{CONTRACT, Contract, Operation, members};
pub(crate) use service::{Echo, Gate};

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};

use distcache::{Config, Engine, EngineBuilder, KeyspaceConfig};
use distcache_http::doors::{self, Door, Kind};
use distcache_http::{Access, Limits, OriginPolicy, ROOT_KEYSPACE, Readiness, Routes, Service};

/// Declares each function as a test of its own for every door.
macro_rules! on_each_door {
    ($($name:ident,)+) => {
        #[cfg(feature = "hyper")]
        mod hyper_door {
            use crate::support::TestDoor;
            use distcache_http::doors::Kind;
            $(#[test] fn $name() { super::$name(&TestDoor::routes(Kind::Hyper)) })+
        }
        mod tiny_http_door {
            use crate::support::TestDoor;
            use distcache_http::doors::Kind;
            $(#[test] fn $name() { super::$name(&TestDoor::routes(Kind::TinyHttp)) })+
        }
    };
}
pub(crate) use on_each_door;

/// Every kind of door that is built in.
pub(crate) fn kinds() -> impl Iterator<Item = Kind> {
    let is_built = |kind: &Kind| cfg!(feature = "hyper") || *kind == Kind::TinyHttp;
    [Kind::Hyper, Kind::TinyHttp].into_iter().filter(is_built)
}

/// A door on a port of its own, closed when dropped.
pub(crate) struct TestDoor {
    pub(crate) kind: Kind,
    pub(crate) readiness: Readiness,
    pub(crate) access: Access,
    engine: Option<Engine>,
    door: Door,
}

impl TestDoor {
    /// The cache's routes.
    pub(crate) fn routes(kind: Kind) -> Self {
        Self::routes_within(kind, &Limits::default())
    }

    /// The cache's routes, within other limits.
    pub(crate) fn routes_within(kind: Kind, limits: &Limits) -> Self {
        Self::routes_for(kind, limits, Access::default())
    }

    /// The cache's routes, for whom `access` lets in.
    pub(crate) fn routes_for(kind: Kind, limits: &Limits, access: Access) -> Self {
        Self::routes_over(kind, limits, access, engine(), |routes| routes)
    }

    /// The cache's routes to an engine, and what else is to be said of them.
    pub(crate) fn routes_over(
        kind: Kind,
        limits: &Limits,
        access: Access,
        engine: Engine,
        finish: impl FnOnce(Routes) -> Routes,
    ) -> Self {
        let listener = listener();
        let address = listener.local_addr().expect("a bound socket has an address");
        let origins = OriginPolicy::listening_on(address).allow_origin("https://friend.example");
        let readiness = Readiness::default();
        let routes = Routes::new(engine.clone(), origins).readiness(readiness.clone());
        let routes = finish(routes.access(access.clone()));
        let door = doors::open(kind, listener, routes, limits).expect("the door opens");
        Self { kind, readiness, access, engine: Some(engine), door }
    }

    /// Any service.
    pub(crate) fn serving(kind: Kind, service: impl Service, limits: &Limits) -> Self {
        let door = doors::open(kind, listener(), service, limits).expect("the door opens");
        let (readiness, access) = (Readiness::default(), Access::default());
        Self { kind, readiness, access, engine: None, door }
    }

    /// The engine behind the routes.
    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the door serves routes")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.door.local_addr()
    }

    pub(crate) fn connect(&self) -> Client {
        let client = Client::connect(self.address());
        if self.engine.is_some() { client.under_contract() } else { client }
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Reply {
        self.connect().ask(method, target, headers, body)
    }

    pub(crate) fn get(&self, key: &str) -> Reply {
        self.ask("GET", &format!("/?key={}", escaped(key.as_bytes())), "", b"")
    }

    pub(crate) fn into_door(self) -> Door {
        self.door
    }
}

pub(crate) fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

/// The cache's routes, to an engine of their own, for a door that is to be opened.
#[cfg(feature = "hyper")]
pub(crate) fn routes_on(listener: &TcpListener) -> Routes {
    let address = listener.local_addr().expect("a bound socket has an address");
    Routes::new(engine(), OriginPolicy::listening_on(address))
}

/// An engine with room for values of 64 MiB.
fn engine() -> Engine {
    builder().start().expect("the engine starts")
}

/// The same, before it starts.
pub(crate) fn builder() -> EngineBuilder {
    let config = Config { data_nodes: 2, capacity_bytes: 1 << 30, ..Config::default() };
    let root = KeyspaceConfig::new(ROOT_KEYSPACE).value_bytes_max(64 << 20);
    let users = KeyspaceConfig::new("users").source_fn(user);
    Engine::builder().config(config).keyspace(root).keyspace(users)
}

/// The source of the keyspace `users`: it has those whose key begins with `user`,
/// and fails for others that begin with `broken`.
fn user(key: &[u8]) -> Result<Option<Vec<u8>>, std::io::Error> {
    if key.starts_with(b"broken") {
        return Err(std::io::Error::other("the table is gone"));
    }
    Ok(key.starts_with(b"user").then(|| [b"loaded ", key].concat()))
}

/// Every byte as an escape.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(3 * bytes.len()), |mut text, byte| {
        write!(text, "%{byte:02X}").expect("a String takes all text");
        text
    })
}

/// Waits for something that other threads bring about.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = distcache::Stopwatch::start();
    while !is_so() {
        assert!(waited.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::yield_now();
    }
}
