//! The default door: hyper on a tokio runtime of its own.
//!
//! ```text
//! accept task -- limit of connections --> one task a connection
//!                                          |  handshake, where TLS is spoken
//!                                          |  GuardedIo: guard, timeouts
//!                                          |  direct, or hyper: HTTP/1.1
//!                                          |  answer: body, requests in flight, panics
//!                                          v  Service
//! ```
//!
//! The threads are the runtime's workers, `http-0` and on, as many as cores. A
//! service never blocks them.

mod accept;
mod answer;
mod budget;
mod connection;
mod deadline;
mod direct;
mod drain;
mod farewell;
mod handshake;
mod incoming;
mod io;
mod outgoing;
mod shared;
mod stream;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{OpenError, Tls};
use crate::observe::Kept;
use crate::{Limits, Service};
use drain::Drain;
use shared::Shared;

/// How long the end waits for a worker that is running a task: far longer than
/// any task of ours runs at a time.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);

/// A running hyper server.
pub(super) struct Door {
    /// Taken by the end.
    runtime: Option<Runtime>,
    drain: Arc<Drain>,
    /// Ends when the door takes no more connections and all of them have ended.
    accepting: Option<JoinHandle<()>>,
}

/// Starts hyper on `listener`, over TLS if that is given.
pub(super) fn open(
    listener: TcpListener,
    service: impl Service,
    limits: &Limits,
    tls: Option<Tls>,
) -> Result<Door, OpenError> {
    let runtime = runtime().map_err(OpenError::Thread)?;
    listener.set_nonblocking(true).map_err(OpenError::Listener)?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(OpenError::Listener)?
    };
    let drain = Arc::new(Drain::default());
    let watch = service.door_watch();
    watch.open(limits, if tls.is_some() { Kept::Secured } else { Kept::All });
    let shared = Shared::new(service, limits.clone(), Arc::clone(&drain), tls, watch);
    let accepting = runtime.spawn(accept::until_drained(listener, Arc::new(shared)));
    Ok(Door { runtime: Some(runtime), drain, accepting: Some(accepting) })
}

fn runtime() -> std::io::Result<Runtime> {
    let started = AtomicUsize::new(0);
    let name = move || format!("http-{}", started.fetch_add(1, Ordering::Relaxed));
    Builder::new_multi_thread().thread_name_fn(name).enable_all().build()
}

impl Door {
    /// Whether all requests in flight were finished within `grace`.
    pub(super) fn shutdown(mut self, grace: Duration) -> bool {
        self.stop(grace)
    }

    fn stop(&mut self, grace: Duration) -> bool {
        let (Some(runtime), Some(accepting)) = (self.runtime.take(), self.accepting.take()) else {
            return true;
        };
        self.drain.start();
        let ended = runtime.block_on(async { timeout(grace, accepting).await });
        // Tasks that are left are dropped where they wait, and the workers joined;
        // one that a service blocks against its promise is left behind.
        runtime.shutdown_timeout(JOIN_PATIENCE);
        matches!(ended, Ok(Ok(())))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
