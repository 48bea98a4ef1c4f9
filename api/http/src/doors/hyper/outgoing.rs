//! An answer's body on its way out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::budget::Reservation;
use super::drain::Drain;
use crate::Chunks;

/// What hyper sends.
pub(super) enum Outgoing {
    /// One piece, handed over whole; none when it was.
    Whole(Option<Piece>),
    /// Pieces as they come, until the door closes.
    Chunks(Box<dyn Chunks>, Arc<Drain>),
}

/// Bytes that keep their share of the budget until the last is written.
pub(super) struct Piece {
    bytes: Bytes,
    _reservation: Option<Reservation>,
}

impl Outgoing {
    pub(super) fn new(
        body: crate::Body,
        reservation: Option<Reservation>,
        drain: &Arc<Drain>,
    ) -> Self {
        match body {
            crate::Body::Whole(bytes) => {
                let piece = Piece { bytes, _reservation: reservation };
                Self::Whole(Some(piece).filter(Buf::has_remaining))
            }
            crate::Body::Chunks(chunks) => Self::Chunks(chunks, Arc::clone(drain)),
        }
    }
}

impl Body for Outgoing {
    type Data = Piece;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Infallible>>> {
        let data = |bytes| Ok(Frame::data(bytes));
        match self.get_mut() {
            Self::Whole(piece) => Poll::Ready(piece.take().map(data)),
            // The connection's task is woken when the door closes, and asks here.
            Self::Chunks(_, drain) if drain.is_started() => Poll::Ready(None),
            Self::Chunks(chunks, _) => {
                let next = ready!(chunks.poll_next(cx));
                Poll::Ready(next.map(|bytes| data(Piece { bytes, _reservation: None })))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(piece) => {
                SizeHint::with_exact(piece.as_ref().map_or(0, |piece| piece.bytes.len() as u64))
            }
            Self::Chunks(..) => SizeHint::default(),
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}
