//! An engine and the door over it, begun and ended as one.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::thread;
use std::time::Duration;

use distcache::codes::{self, Code};
use distcache::{Engine, EngineBuilder, ShutdownError, StartError, in_place};

use parking_lot::Mutex;

use crate::doors::{self, Door, Kind, OpenError, ShutdownIncomplete};
use crate::{Access, Exposed, History, Limits, OriginPolicy, Readiness, Routes, largest_value};

/// The server's own choice.
const KIND: Kind = if cfg!(feature = "hyper") { Kind::Hyper } else { Kind::TinyHttp };

/// How long the engine of a [`Served`] that is dropped may take to end.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// Where an engine is served, and for whom.
///
/// ```
/// use distcache_http::{DoorConfig, Right};
///
/// let for_all_on_this_machine = DoorConfig::new("127.0.0.1:8080");
///
/// let access = distcache_http::Access::default();
/// access.replace(vec![("a-token-of-the-service".to_owned(), Right::Write)])?;
/// let for_who_has_the_token = DoorConfig::new("0.0.0.0:8080").access(access);
/// # Ok::<(), distcache_http::TokenError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct DoorConfig {
    address: String,
    access: Access,
    is_insecure: bool,
}

impl DoorConfig {
    /// A door at `IP:PORT`; with port 0 the system chooses one.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), access: Access::default(), is_insecure: false }
    }

    /// Who is let in. Default: everybody, on loopback only. Its tokens may be replaced
    /// while the door is open.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Lets everybody in also where other machines reach it.
    pub fn insecure(mut self) -> Self {
        self.is_insecure = true;
        self
    }
}

impl From<&str> for DoorConfig {
    fn from(address: &str) -> Self {
        Self::new(address)
    }
}

impl From<SocketAddr> for DoorConfig {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.to_string())
    }
}

/// Starts an engine with a door.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use std::time::Duration;
///
/// use distcache::{Engine, KeyspaceConfig};
/// use distcache_http::Serve;
///
/// let served = Engine::builder().keyspace(KeyspaceConfig::new("users")).serve("127.0.0.1:0")?;
/// served.put("users", b"42", b"Ada")?;
///
/// let mut client = TcpStream::connect(served.local_addr())?;
/// client.write_all(
///     b"GET /v1/keyspaces/users/keys/42 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
/// )?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("\r\n\r\nAda"), "{answer}");
///
/// served.shutdown(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Serve {
    /// Starts the engine, and opens the default door to it: with the default limits, the
    /// paths of [`Routes`], and the rules that the server has for such an address. A body
    /// may be as large as the largest value of the keyspaces that there are now.
    ///
    /// The door has threads of its own. One of a cluster is asked about every key, whoever
    /// owns it; until it has found the others `/readyz` says that it is not ready.
    ///
    /// # Errors
    /// [`ServeError`]. Nothing is left then.
    fn serve(self, door: impl Into<DoorConfig>) -> Result<Served, ServeError>;
}

impl Serve for EngineBuilder {
    fn serve(self, door: impl Into<DoorConfig>) -> Result<Served, ServeError> {
        let DoorConfig { address, access, is_insecure } = door.into();
        let Ok(asked) = address.parse::<SocketAddr>() else {
            return Err(ServeError::NotAnAddress { address });
        };
        access.check_at(asked, is_insecure)?;
        let unavailable = |error| ServeError::Unavailable { address: asked, error };
        let listener = TcpListener::bind(asked).map_err(unavailable)?;
        let bound = listener.local_addr().map_err(unavailable)?;
        let engine = self.start()?;
        let readiness = Readiness::default();
        let routes = Routes::new(engine.clone(), OriginPolicy::listening_on(bound))
            .history(History::start(&engine).map_err(OpenError::Thread)?)
            .readiness(readiness.clone())
            .access(access);
        let limits = Limits::of_bodies(largest_value(&engine));
        let door = doors::open(KIND, listener, routes, &limits)?;
        Ok(Served { engine, local_addr: door.local_addr(), door: Some(door), readiness })
    }
}

/// An engine that is served over HTTP, and is used in this process as any other.
///
/// Dropping it ends both at once: requests in flight are cut off.
#[must_use]
pub struct Served {
    engine: Engine,
    local_addr: SocketAddr,
    /// Taken when it ends.
    door: Option<Door>,
    readiness: Readiness,
}

impl Served {
    /// The address of the door, with the port that was found for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The engine. Its handles may outlive this, and then say that it is closed.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Says at `/readyz` from now on that it is not ready: it is for a load balancer to
    /// send requests elsewhere. Those that come are answered.
    pub fn drain(&self) {
        self.readiness.drain();
    }

    /// Ends the door, then the engine, each within so long: the requests in flight are
    /// finished while there is an engine to answer them, and the other members of its
    /// cluster are handed its entries when nobody asks over HTTP any more.
    ///
    /// It waits. On a runtime of one thread that the requests need (for a source or a
    /// store of futures), have another thread do it.
    ///
    /// # Errors
    /// When one of the two did not end in order. Both have ended all the same.
    pub fn shutdown(mut self, grace: Duration) -> Result<(), EndError> {
        self.drain();
        let drained = self.close(grace);
        let ended = self.engine.shutdown(grace);
        drained?;
        Ok(ended?)
    }

    /// Ends the door on a thread of its own: on one of an async runtime it could not be
    /// waited for.
    fn close(&mut self, grace: Duration) -> Result<(), ShutdownIncomplete> {
        let Some(door) = self.door.take() else { return Ok(()) };
        let door = Mutex::new(Some(door));
        let end = || door.lock().take().map_or(Ok(()), |door| door.shutdown(grace));
        let ended = in_place(|| {
            thread::scope(|scope| {
                let elsewhere = thread::Builder::new().name("distcache-http-end".to_owned());
                let ending = elsewhere.spawn_scoped(scope, end).ok()?;
                ending.join().ok()
            })
        });
        // Without a thread for it, it is ended here, if that has not been done.
        ended.unwrap_or_else(end)
    }
}

impl Deref for Served {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Whoever wants to know how they ended calls shutdown, and nothing is left to do.
        let _ = self.close(Duration::ZERO);
        let _ = self.engine.shutdown(DROP_TIMEOUT);
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("engine", &self.engine)
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

/// An engine that is not served. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There can be no door.
    #[error("{address:?} is no address of a door: give IP:PORT, such as 127.0.0.1:8080")]
    NotAnAddress {
        /// What was given.
        address: String,
    },
    /// Everybody could change everything.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// Another program listens there, or it is no address of this machine.
    #[error("cannot listen on {address}: {error}")]
    Unavailable {
        /// Where the door was to be.
        address: SocketAddr,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The door did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl ServeError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::NotAnAddress { .. } | Self::Unavailable { .. } => codes::ADDRESS_UNAVAILABLE,
            Self::Exposed(error) => error.code(),
            Self::Start(error) => error.code(),
            Self::Open(error) => error.code(),
        }
    }
}

/// A door or its engine did not end in order. Both have ended all the same.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// Requests were still in flight.
    #[error(transparent)]
    Door(#[from] ShutdownIncomplete),
    /// Threads did not end, or writes were not made.
    #[error(transparent)]
    Engine(#[from] ShutdownError),
}

impl EndError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Door(error) => error.code(),
            Self::Engine(error) => error.code(),
        }
    }
}
