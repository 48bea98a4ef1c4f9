//! The servers: each takes requests from sockets and gives them to a [`Service`].
//!
//! | | [`Kind::Hyper`] | [`Kind::TinyHttp`] |
//! |---|---|---|
//! | built | with the feature `hyper`, the default | always |
//! | threads | as many as cores, `http-0`..., for all connections | 8 workers, and one a connection |
//! | addresses | any | loopback only |
//! | hostile clients | each answered or cut off, see [`guard`](crate::guard) | see the module's table |
//!
//! The same test suite runs on both. hyper speaks HTTPS as well: [`open_secured`].

#[cfg(feature = "hyper")]
mod hyper;
mod panics;
mod tiny;

#[cfg(feature = "hyper")]
mod tls;
#[cfg(feature = "hyper")]
pub use tls::{Certificate, CertificateError, Tls};

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use distcache::codes::{self, Code};

use crate::{LimitError, Limits, Service};

/// Which server stands in the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// hyper, on a tokio runtime of its own.
    #[default]
    Hyper,
    /// `tiny_http`, on threads only.
    TinyHttp,
}

/// Connections that the kernel may keep waiting to be accepted. The standard
/// library asks for 128: in a burst of more, a client is dropped and tries again
/// only a second later.
const BACKLOG: i32 = 1_024;

/// Opens a door: `service` answers what comes to `listener`, from now on.
///
/// ```
/// use std::{net::TcpListener, time::Duration};
/// use distcache_http::{Limits, Request, Response, Service, doors};
///
/// struct Hello;
/// impl Service for Hello {
///     async fn call(&self, _: Request<'_>) -> Response {
///         Response::text("hello\n")
///     }
/// }
///
/// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
/// let door = doors::open(doors::Kind::TinyHttp, listener, Hello, &Limits::default()).unwrap();
/// println!("http://{}/", door.local_addr());
/// door.shutdown(Duration::from_secs(1)).unwrap();
/// ```
///
/// # Errors
///
/// When a limit is out of range, the kind is not built in or not fit for the
/// address, or a thread cannot be started.
pub fn open(
    kind: Kind,
    listener: TcpListener,
    service: impl Service,
    limits: &Limits,
) -> Result<Door, OpenError> {
    let local_addr = ready(&listener, limits)?;
    let server = match kind {
        Kind::TinyHttp => Server::TinyHttp(tiny::open(listener, local_addr, service, limits)?),
        #[cfg(feature = "hyper")]
        Kind::Hyper => Server::Hyper(hyper::open(listener, service, limits, None)?),
        #[cfg(not(feature = "hyper"))]
        Kind::Hyper => return Err(OpenError::NotBuilt),
    };
    Ok(Door { local_addr, server })
}

/// Opens a hyper door that speaks HTTPS: TLS 1.2 and 1.3. Whoever has the [`Tls`] can
/// change its certificate while the door is open.
///
/// A client that shakes hands is a connection among those that
/// [`Limits::connections`] counts, and has [`Limits::handshake_timeout`] for it.
///
/// # Errors
///
/// As of [`open`].
#[cfg(feature = "hyper")]
pub fn open_secured(
    listener: TcpListener,
    service: impl Service,
    limits: &Limits,
    tls: &Tls,
) -> Result<Door, OpenError> {
    let local_addr = ready(&listener, limits)?;
    let door = hyper::open(listener, service, limits, Some(tls.clone()))?;
    Ok(Door { local_addr, server: Server::Hyper(door) })
}

/// Makes a listener as a door wants it, and says where it is.
fn ready(listener: &TcpListener, limits: &Limits) -> Result<SocketAddr, OpenError> {
    limits.validate()?;
    socket2::SockRef::from(listener).listen(BACKLOG).map_err(OpenError::Listener)?;
    listener.local_addr().map_err(OpenError::Listener)
}

/// A server that is running. Dropping it is [`shutdown`](Self::shutdown) without grace.
pub struct Door {
    local_addr: SocketAddr,
    server: Server,
}

enum Server {
    #[cfg(feature = "hyper")]
    Hyper(hyper::Door),
    TinyHttp(tiny::Door),
}

impl Door {
    /// The address it listens on, with the port that was found for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes no new connection, finishes the requests in flight, closes the idle
    /// connections and joins the door's threads; gives up after `grace`.
    ///
    /// # Errors
    ///
    /// Some requests were not finished within `grace`. The hyper door has cut
    /// them off; a thread of `tiny_http` cannot be, and stays.
    ///
    /// # Panics
    ///
    /// When called on a thread of an async runtime: it waits.
    pub fn shutdown(self, grace: Duration) -> Result<(), ShutdownIncomplete> {
        let finished = match self.server {
            #[cfg(feature = "hyper")]
            Server::Hyper(door) => door.shutdown(grace),
            Server::TinyHttp(door) => door.shutdown(grace),
        };
        if finished { Ok(()) } else { Err(ShutdownIncomplete { grace }) }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

/// Requests in flight were not finished in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("requests were still in flight after {grace:?}")]
pub struct ShutdownIncomplete {
    grace: Duration,
}

impl ShutdownIncomplete {
    /// Its stable code.
    pub fn code(&self) -> Code {
        codes::SHUTDOWN_INCOMPLETE
    }
}

/// A door that did not open. Nothing runs, and the listener is closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A limit is out of its range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// `tiny_http` was asked to listen where other machines can reach it.
    #[error("tiny_http listens on loopback addresses only, and {address} is none")]
    LoopbackOnly {
        /// The address of the listener.
        address: SocketAddr,
    },
    /// The feature `hyper` is not built in.
    #[error("this program was built without the hyper server")]
    NotBuilt,
    /// The listener cannot be used.
    #[error("the listening socket cannot be used")]
    Listener(#[source] io::Error),
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// Its stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Limit(_) => codes::FLAG_INVALID,
            Self::LoopbackOnly { .. } => codes::LOOPBACK_ONLY,
            Self::NotBuilt => codes::DOOR_NOT_BUILT,
            Self::Listener(_) => codes::ADDRESS_UNAVAILABLE,
            Self::Thread(_) => codes::SPAWN_FAILED,
        }
    }
}
