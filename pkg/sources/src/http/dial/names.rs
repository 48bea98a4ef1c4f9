//! The addresses of a host, looked up by one thread for all who wait for them.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use distcache::Context;
use parking_lot::{Condvar, Mutex};

/// Tells the addresses of a host, with a port.
type LookUp = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The addresses of one host.
///
/// The system's resolver cannot be told to give up: a thread that asks it is held for
/// as long as a name server that has gone away takes to be given up, half a minute say.
/// So there is one such thread for a source at most, for which those wait who need a
/// connection, each for its own time.
pub(in crate::http) struct Names {
    look_up: Arc<LookUp>,
    shared: Arc<Shared>,
}

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAddress {
    /// Nobody told it in time.
    TimedOut,
    /// The resolver knows none, or does not work.
    Failed { kind: io::ErrorKind, reason: String },
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    has_ended: Condvar,
}

/// One look-up is under way while more have begun than have ended.
struct State {
    begun: u64,
    ended: u64,
    /// What the last one told that has ended.
    told: Result<Vec<SocketAddr>, NoAddress>,
}

impl Default for State {
    fn default() -> Self {
        Self { begun: 0, ended: 0, told: Ok(Vec::new()) }
    }
}

impl Names {
    /// As the system's resolver tells them.
    pub(in crate::http) fn of_the_system() -> Self {
        Self::told_by(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }

    pub(in crate::http) fn told_by(
        look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { look_up: Arc::new(look_up), shared: Arc::default() }
    }

    /// The addresses of a host of a URL; at once if it is an address itself.
    pub(super) fn addresses(
        &self,
        host: &str,
        port: u16,
        left: Duration,
    ) -> Result<Vec<SocketAddr>, NoAddress> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let number = self.begin(host, port)?;
        self.wait_for(number, left)
    }

    /// The number of the look-up that is under way from now on.
    fn begin(&self, host: &str, port: u16) -> Result<u64, NoAddress> {
        let mut state = self.shared.state.lock();
        if state.ended == state.begun {
            let (look_up, shared) = (self.look_up.clone(), self.shared.clone());
            let host = host.to_owned();
            let ask = move || {
                // Who waits is told whatever becomes of it.
                let told = catch_unwind(AssertUnwindSafe(|| look_up(&host, port)));
                shared.end(told.unwrap_or_else(|_panic| Err(io::Error::other("lookup panicked"))));
            };
            thread::Builder::new().name("distcache-resolve".to_owned()).spawn(ask)?;
            state.begun += 1;
        }
        Ok(state.begun)
    }

    fn wait_for(&self, number: u64, left: Duration) -> Result<Vec<SocketAddr>, NoAddress> {
        let time = Context::within(left);
        let mut state = self.shared.state.lock();
        while state.ended < number {
            let left = time.remaining();
            if left.is_zero() {
                return Err(NoAddress::TimedOut);
            }
            self.shared.has_ended.wait_for(&mut state, left);
        }
        state.told.clone()
    }
}

impl Shared {
    fn end(&self, told: io::Result<Vec<SocketAddr>>) {
        let mut state = self.state.lock();
        state.ended += 1;
        state.told = told.map_err(NoAddress::from);
        self.has_ended.notify_all();
    }
}

impl From<io::Error> for NoAddress {
    fn from(error: io::Error) -> Self {
        Self::Failed { kind: error.kind(), reason: error.to_string() }
    }
}
