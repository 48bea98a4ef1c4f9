//! Frames over a server of NATS, for those whose network it is.
//!
//! ```text
//!  who dials                       the server                        who listens
//!     │── Dial ──────────────► PREFIX.at.ADDRESS ─────────────────────► │
//!     │ ◄───────────────────── PREFIX.end.ID.answer ◄────── Welcome ────│
//!     │                                                                 │
//!  Writing ── Data 0, 1, 2.. ► PREFIX.end.ID.data ──────────────────► Reading
//!     │ ◄───────────────────── PREFIX.end.ID.window ◄────── Credit ─────│
//! ```
//!
//! A pipe is a stream of bytes each way, so that no frame is too long for the server: each
//! message has as much of it as the server takes (`max_payload`), and 63.75 KiB at most.
//!
//! **NATS promises nothing.** It drops what does not fit, what comes while it reconnects,
//! and what somebody is not allowed to say, and tells nobody. So each message has a number
//! and the id of who says it; where one is missing or comes twice the pipe breaks at once,
//! and nothing behind the hole is read. What another end has said is not heard.
//!
//! **Who keeps up with whom** is told by credits: at most 256 KiB are under way to each
//! end ([`window`]), messages counted at 256 bytes and their data; a subscription's queue
//! holds as many messages as that can be.
//!
//! **Who sees that the other is gone:** an end that is dropped says so. Of one that has
//! vanished the server says that nobody is there, as soon as something is sent to it, for
//! which the keep-alives of the links see. A server that is lost breaks all pipes on it, at
//! both ends. Whatever is silent besides is found by the keep-alives, and a server that
//! hangs by its own pings, too.
//!
//! Somebody else who listens to all under the prefix, to watch it, is somebody to the
//! server: then nobody is told that nobody is there, and the time and the keep-alives end
//! what that would have ended.
//!
//! **Who is believed:** whoever the server lets in. It is its rights that keep others from
//! the subjects under the prefix; nothing of a pipe proves more (`Identity::Unproved`).
//! Who may speak there without being a member can do what a stranger can do over TCP in
//! the clear: break a pipe, or be taken for a member.

mod dialing;
mod fate;
mod listening;
mod message;
mod reading;
mod session;
mod subjects;
mod window;
mod writing;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::timely::in_time;
use super::{Address, ConnectFailed, FRAME_BYTES_MAX, ListenFailed, Listener, Pipe, Wire};
use crate::ConfigError;
use crate::nats::{NatsAccount, is_subject};
use session::Session;
use subjects::Subjects;

/// What the subjects of members begin with, if nobody says otherwise.
const PREFIX: &str = "distcache.wire";

/// How members reach each other over NATS. An address is a name there, and no more:
/// nobody listens on a port.
///
/// All members are to have the same prefix, and servers of one fleet. It connects when it
/// listens or is to connect with somebody, and anew when that connection was lost; what
/// stands in files is read anew then. Clones share the connection.
///
/// ```no_run
/// use distcache_cluster::nats::NatsAccount;
/// use distcache_cluster::wire::Nats;
///
/// let account = NatsAccount::at(["tls://nats.example:4222"]).credentials_file("cache.creds");
/// let wire = Nats::by(account)?.prefix("shop.cache")?;
/// # Ok::<(), distcache_cluster::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Nats {
    inner: Arc<Inner>,
}

/// What the pipes and listeners of one wire share.
struct Inner {
    account: NatsAccount,
    prefix: String,
    subjects: Subjects,
    frame_bytes_max: usize,
    /// The connection, as long as it is of use. Held while one is made: who waits for it
    /// has a time of its own.
    session: Mutex<Option<Arc<Session>>>,
}

impl Inner {
    fn new(account: NatsAccount, prefix: String, frame_bytes_max: usize) -> Arc<Self> {
        let subjects = Subjects::under(prefix.clone());
        Arc::new(Self { account, prefix, subjects, frame_bytes_max, session: Mutex::new(None) })
    }

    /// The connection, or a new one if there is none of use.
    async fn session(&self) -> io::Result<Arc<Session>> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref().filter(|one| !one.over().is_cancelled()) {
            return Ok(session.clone());
        }
        // Whatever happens, nobody takes the one before.
        *session = None;
        let new = Arc::new(Session::open(&self.account).await?);
        *session = Some(new.clone());
        Ok(new)
    }
}

impl Nats {
    /// At these servers, let in there so.
    ///
    /// # Errors
    /// What cannot be a server.
    pub fn by(account: NatsAccount) -> Result<Self, ConfigError> {
        account.servers()?;
        Ok(Self { inner: Inner::new(account, PREFIX.to_owned(), FRAME_BYTES_MAX) })
    }

    /// What the subjects of all members begin with. Default `distcache.wire`. Members with
    /// another one are not there.
    ///
    /// # Errors
    /// When it is no beginning of a subject.
    pub fn prefix(self, prefix: impl Into<String>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        if !is_subject(&prefix) {
            let right = "give words with dots between, and no wildcard";
            return Err(ConfigError::of(&prefix, "prefix of subjects", right));
        }
        let Inner { account, frame_bytes_max, .. } = &*self.inner;
        Ok(Self { inner: Inner::new(account.clone(), prefix, *frame_bytes_max) })
    }

    /// Carries frames of at most so many bytes.
    #[must_use]
    pub fn frame_bytes_max(self, frame_bytes_max: usize) -> Self {
        let Inner { account, prefix, .. } = &*self.inner;
        Self { inner: Inner::new(account.clone(), prefix.clone(), frame_bytes_max) }
    }

    /// Whether nobody between here and a server can read or change what members say, or be
    /// let in as one: see [`NatsAccount::is_guarded`].
    pub fn is_guarded(&self) -> bool {
        self.inner.account.is_guarded()
    }

    async fn connected(&self, to: &Address) -> io::Result<Pipe> {
        let Inner { subjects, frame_bytes_max, .. } = &*self.inner;
        let session = self.inner.session().await?;
        dialing::dial(&session, subjects, to, *frame_bytes_max).await
    }
}

impl Wire for Nats {
    fn listen<'a>(
        &'a self,
        at: &'a Address,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, ListenFailed>> {
        Box::pin(async move {
            let door = listening::listen(&self.inner, at).await;
            let door = door.map_err(|source| ListenFailed { address: at.clone(), source })?;
            Ok(Box::new(door) as Box<dyn Listener>)
        })
    }

    fn connect<'a>(
        &'a self,
        to: &'a Address,
        within: Duration,
    ) -> BoxFuture<'a, Result<Pipe, ConnectFailed>> {
        Box::pin(in_time(to.clone(), within, self.connected(to)))
    }

    fn frame_bytes_max(&self) -> usize {
        self.inner.frame_bytes_max
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { account, prefix, .. } = &*self.inner;
        f.debug_struct("Nats").field("account", account).field("prefix", prefix).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_name_and_without_a_password() {
        let by = |url: &str| Nats::by(NatsAccount::at([url]));
        for wrong in ["", "127.0.0.1:4222", "http://a", "nats://"] {
            let told = by(wrong).unwrap_err().to_string();
            assert!(told.contains("give nats://HOST:PORT"), "{wrong}: {told}");
        }
        let secret = by("nats://me:sesame@a:4222").unwrap_err().to_string();
        assert!(!secret.contains("sesame") && secret.contains("stands in a file"), "{secret}");
        let good = by("nats://a:4222").unwrap();
        for wrong in ["", "a.", "a..b", "a.*", "a.>", "a b", "a\r\n"] {
            let told = good.clone().prefix(wrong).unwrap_err().to_string();
            assert!(told.contains("prefix of subjects"), "{wrong:?}: {told}");
        }
        let shown = format!("{:?}", good.prefix("shop.cache").unwrap());
        assert!(shown.contains("shop.cache"), "{shown}");
    }
}
