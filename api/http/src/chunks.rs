//! Bodies of answers: whole, or made while they are sent.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;

/// The body of an answer.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Made piece by piece, for as long as the client reads and the door is open.
    Chunks(Box<dyn Chunks>),
}

/// The pieces of a body, one after the other.
///
/// A door drops it when the client has gone, does not read for as long as the
/// write timeout, or when the door closes. An implementation MUST NOT block.
pub trait Chunks: Send + 'static {
    /// The next piece, which is not empty; none at the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// How many bytes are still to come, where that is known: the hyper door announces
    /// them, and pieces that end before are an answer that was cut off. One that has an
    /// end is sent to that end also when that door closes. By default nobody knows; the
    /// `tiny_http` door never asks.
    fn bytes_left(&self) -> Option<u64> {
        None
    }
}

impl Body {
    /// Its length, if that is known.
    pub fn whole_bytes(&self) -> Option<usize> {
        match self {
            Self::Whole(bytes) => Some(bytes.len()),
            Self::Chunks(_) => None,
        }
    }
}

impl fmt::Debug for Body {
    /// Tells the size only: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("whole_bytes", &self.whole_bytes()).finish()
    }
}
