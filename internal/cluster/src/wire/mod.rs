//! Carries frames between two members, and knows nothing of what is in them.
//!
//! There are three: [`Memory`] within a process, with faults to order; [`Tcp`], with TLS
//! or without; and, with the feature `nats`, `Nats`. One suite, `tests/wire`, runs on each.

mod address;
mod error;
mod identity;
pub mod interface;
mod memory;
#[cfg(feature = "nats")]
mod nats;
mod stream;
mod tcp;
mod timely;
mod tls;

pub use address::{Address, NotAnAddress};
pub use error::{ConnectFailed, FrameTooLong, ListenFailed, PipeBroken};
pub use identity::Identity;
pub use memory::{Memory, Network, Weather};
#[cfg(feature = "nats")]
pub use nats::Nats;
pub use tcp::Tcp;
pub use tls::{Certificates, Tls, TlsError};

use std::fmt;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// The longest frame, in bytes, if nobody says otherwise: twice the largest value
/// that a keyspace takes by default. Both ends of a wire must agree on it.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Makes pipes between members.
pub trait Wire: fmt::Debug + Send + Sync + 'static {
    /// Begins to listen. With port 0 the system chooses one.
    fn listen<'a>(
        &'a self,
        at: &'a Address,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, ListenFailed>>;

    /// Connects to whoever listens at an address. It MUST end within that time,
    /// also if nobody is there.
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        within: Duration,
    ) -> BoxFuture<'a, Result<Pipe, ConnectFailed>>;

    /// The longest frame that its pipes carry.
    fn frame_bytes_max(&self) -> usize;
}

/// A pipe that is being opened, to be awaited where it delays nobody else.
pub type Opening = BoxFuture<'static, Result<Pipe, ConnectFailed>>;

/// Waits for others to connect. Dropping it ends that; pipes that are there stay.
pub trait Listener: Send {
    /// Where it listens.
    fn address(&self) -> &Address;

    /// Waits for the next one. What is left to be done is in the [`Opening`], so
    /// that a slow handshake delays no other. May be dropped at any time.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Opening>>;
}

/// Both directions of one connection. Each can be used, and dropped, without the
/// other; the connection is gone when both are.
pub struct Pipe {
    /// To the other.
    pub outgoing: Box<dyn Outgoing>,
    /// From the other.
    pub incoming: Box<dyn Incoming>,
    /// What is proved of the other.
    pub identity: Identity,
}

/// Frames to the other end.
///
/// It is driven by whoever has it: a task with its own waker, or a caller that
/// tries once and leaves the rest to a task.
pub trait Outgoing: Send {
    /// Takes a frame, to be sent by the next flush after those before. It MUST
    /// refuse one that is too long and be as it was.
    ///
    /// The caller flushes before what was pushed becomes much: there is no bound
    /// here.
    ///
    /// # Errors
    /// When the frame is longer than the wire's bound.
    fn push(&mut self, frame: Bytes) -> Result<(), FrameTooLong>;

    /// Sends what was pushed. While it is pending the other end does not keep up.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>>;

    /// Flushes, and tells the other end that no more will come.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>>;
}

/// Frames from the other end.
pub trait Incoming: Send {
    /// The next frame, in the order of sending; `None` when the other end has
    /// closed. After an error, or `None`, there is nothing more.
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PipeBroken>>>;

    /// Refuses longer frames from now on; no memory is set aside for one.
    fn limit(&mut self, frame_bytes_max: usize);
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("identity", &self.identity).finish_non_exhaustive()
    }
}
