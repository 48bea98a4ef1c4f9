//! Why a call has no reply.

use std::time::Duration;

use crate::wire::{Address, ConnectFailed, FrameTooLong, PipeBroken};

use super::fields::FIELDS_MAX;
use super::hello::Refused;

/// A call has no reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallFailed {
    /// Nothing of it has reached the other: it can be made again, there or elsewhere.
    #[error("the call was not sent: {0}")]
    NotSent(#[from] NotSent),
    /// It was sent, and may have been carried out, be carried out yet, or never.
    #[error("the outcome of the call is unknown: {0}")]
    Unknown(#[from] Lost),
}

/// Why a call was not sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// Our links are closed.
    #[error("this member's links are closed")]
    Closed,
    /// The deadline came first.
    #[error("there was no connection before the deadline")]
    TimedOut,
    /// The last tries to connect have failed; the next is not yet due.
    #[error("{address} could not be reached just now; the next try is in {retry_in:?}")]
    Away {
        /// Who was to be reached.
        address: Address,
        /// When it makes sense to call again.
        retry_in: Duration,
    },
    /// There is no connection.
    #[error(transparent)]
    NoConnection(#[from] ConnectFailed),
    /// The other does not want to be connected, or we do not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// As many calls wait for their reply, or for the connection, as may.
    #[error("{max} calls wait for this member already")]
    CallsFull {
        /// How many may.
        max: usize,
    },
    /// As many bytes wait to be written as may.
    #[error("{max} bytes of calls wait to be written to this member already")]
    BytesFull {
        /// How many may.
        max: usize,
    },
    /// As many waits are kept as may be.
    #[error("as many calls wait in this process as may")]
    WaitsFull,
    /// As many addresses are known as may be.
    #[error("{max} members are known already")]
    PeersFull {
        /// How many may be.
        max: usize,
    },
    /// The request does not fit into a frame.
    #[error(transparent)]
    TooLong(#[from] FrameTooLong),
    /// The request has more in its lists than the other would read.
    #[error("a request has at most {FIELDS_MAX} fields")]
    TooManyFields,
    /// The connection was lost before the request's turn to be written.
    #[error("the connection ended before the call was written: {0}")]
    Lost(Ended),
}

/// Why the outcome of a call is unknown.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// There was no reply before the deadline.
    #[error("there was no reply before the deadline")]
    TimedOut,
    /// The connection was lost.
    #[error("the connection ended before the reply: {0}")]
    Link(Ended),
}

/// Why a link has ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// Our links were closed.
    #[error("this member's links were closed")]
    Closed,
    /// The other end has closed it.
    #[error("the other member has closed it")]
    Left,
    /// The connection is broken.
    #[error(transparent)]
    Broken(#[from] PipeBroken),
    /// Nothing was heard of the other.
    #[error("nothing was heard of the other member for {during:?}")]
    Silent {
        /// For so long.
        during: Duration,
    },
    /// The other has sent what is no frame of ours.
    #[error("the other member sent what cannot be understood")]
    NotUnderstood,
    /// The other has introduced itself again.
    #[error("the other member introduced itself twice")]
    SecondHello,
    /// The two have a newer connection.
    #[error("a newer connection has taken its place")]
    Replaced,
    /// The other asks and asks, and does not read the replies.
    #[error("the other member does not read its replies")]
    Overrun,
    /// The code that serves requests has panicked.
    #[error("the code that serves requests panicked")]
    Panicked,
}
