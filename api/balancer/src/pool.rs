//! The connections to one member.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use distcache::{Bound, Watermark};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::Address;
use crate::line::Line;
use crate::secure::Secure;

/// How long a connection may be idle and still be used: shorter than the 75 s after which
/// a member closes it, so that a write seldom meets a connection that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Connections of one member: those that are idle, and a permit for each that is not.
///
/// Sockets are never more than permits. A new one is made only by who has a permit and
/// finds none idle; and who gives one back puts it among the idle before the permit is
/// free:
///
/// 1. All permits are out, each with its socket. One is given back, and then its socket.
/// 2. Between the two another takes the permit, finds nothing idle, and opens a socket.
/// 3. Now there is one more than there may be.
pub(crate) struct Pool {
    address: Address,
    secure: Option<Secure>,
    connect_timeout: Duration,
    connections_max: usize,
    permits: Arc<Semaphore>,
    /// The last is the one that was used last. Nothing is awaited under it.
    idle: Mutex<Vec<Idle>>,
    mark: Watermark,
}

struct Idle {
    line: Line,
    since: Instant,
}

/// A connection that one request has for itself. Dropped, it is closed: whatever was
/// under way on it ends.
pub(crate) struct Connection {
    pub(crate) line: Line,
    /// Whether nothing was sent on it before: one that was idle the member may just be
    /// closing.
    pub(crate) is_fresh: bool,
    pool: Arc<Pool>,
    permit: OwnedSemaphorePermit,
}

/// Why there is no connection: nothing has been sent.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// As many are in use as may be.
    Full,
    /// Nobody is there.
    Refused(io::Error),
    /// It took too long.
    Late,
}

impl Pool {
    pub(crate) fn new(
        address: Address,
        secure: Option<Secure>,
        connections_max: usize,
        connect_timeout: Duration,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(connections_max));
        let (idle, mark) = (Mutex::default(), Watermark::default());
        Self { address, secure, connect_timeout, connections_max, permits, idle, mark }
    }

    /// Where the member is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection: one that is idle, or a new one.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Connection, NoConnection> {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.mark.reach();
            return Err(NoConnection::Full);
        };
        self.mark.note(self.in_use() as u64);
        let pool = Arc::clone(self);
        while let Some(mut line) = self.pop() {
            // The member may have closed it meanwhile.
            if line.is_usable().await {
                return Ok(Connection { line, is_fresh: false, pool, permit });
            }
        }
        let line = self.connect().await?;
        Ok(Connection { line, is_fresh: true, pool, permit })
    }

    /// A new connection, beside those that are counted.
    pub(crate) async fn connect(&self) -> Result<Line, NoConnection> {
        match timeout(self.connect_timeout, self.open()).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => Err(NoConnection::Refused(error)),
            Err(_late) => Err(NoConnection::Late),
        }
    }

    async fn open(&self) -> io::Result<Line> {
        let stream = TcpStream::connect((self.address.host(), self.address.port())).await?;
        // A request is one write: waiting for more to send with it only delays it.
        stream.set_nodelay(true)?;
        Ok(match &self.secure {
            None => Line::over(stream),
            Some(secure) => Line::secured(secure.over(stream).await?),
        })
    }

    /// Closes what is idle: of a member that died, all of it is dead.
    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// How many requests are under way.
    pub(crate) fn in_use(&self) -> usize {
        self.connections_max - self.permits.available_permits()
    }

    /// How far it was ever filled.
    pub(crate) fn bound(&self) -> Bound {
        let bound = Bound::new("member_connections", "connections", self.connections_max as u64);
        bound.marked(self.in_use() as u64, &self.mark)
    }

    /// The one that was used last, unless that is long ago.
    fn pop(&self) -> Option<Line> {
        let mut idle = self.idle.lock();
        let Idle { line, since } = idle.pop()?;
        if since.elapsed() < IDLE_MAX {
            return Some(line);
        }
        // The others are idle for longer.
        let others = std::mem::take(&mut *idle);
        drop(idle);
        drop(others);
        None
    }
}

impl Connection {
    /// Gives it back. It is closed if its answer has not come to its end, or was the last.
    pub(crate) fn keep(self) {
        let Self { line, is_fresh: _, pool, permit } = self;
        if line.is_idle() {
            pool.idle.lock().push(Idle { line, since: Instant::now() });
        }
        drop(permit);
    }
}
