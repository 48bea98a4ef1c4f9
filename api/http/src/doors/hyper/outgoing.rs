//! An answer's body on its way out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::budget::Reservation;
use super::drain::Drain;
use crate::Chunks;

/// What hyper sends.
pub(super) struct Outgoing {
    pieces: Pieces,
    _ended: Option<Ended>,
}

enum Pieces {
    /// One piece, handed over whole; none when it was.
    Whole(Option<Piece>),
    /// Pieces as they come; until the door closes, if nobody knows how many.
    Chunks(Box<dyn Chunks>, Arc<Drain>),
}

/// Counts an answer on drop: hyper drops the body when the last of it is in its buffer,
/// or when nobody takes it any more.
struct Ended(Arc<AtomicU64>);

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
        let pieces = match body {
            crate::Body::Whole(bytes) => {
                let piece = Piece { bytes, _reservation: reservation };
                Pieces::Whole(Some(piece).filter(Buf::has_remaining))
            }
            crate::Body::Chunks(chunks) => Pieces::Chunks(chunks, Arc::clone(drain)),
        };
        Self { pieces, _ended: None }
    }

    /// The same; it is added to `ended` when it has come to its end.
    pub(super) fn counted(self, ended: &Arc<AtomicU64>) -> Self {
        Self { _ended: Some(Ended(Arc::clone(ended))), ..self }
    }

    /// Whether it is made while it is sent, and has no end that is known.
    pub(super) fn is_stream(&self) -> bool {
        matches!(&self.pieces, Pieces::Chunks(chunks, _) if chunks.bytes_left().is_none())
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
        match &mut self.get_mut().pieces {
            Pieces::Whole(piece) => Poll::Ready(piece.take().map(data)),
            // The connection's task is woken when the door closes, and asks here.
            Pieces::Chunks(chunks, drain)
                if drain.is_started() && chunks.bytes_left().is_none() =>
            {
                Poll::Ready(None)
            }
            Pieces::Chunks(chunks, _) => {
                let next = ready!(chunks.poll_next(cx));
                Poll::Ready(next.map(|bytes| data(Piece { bytes, _reservation: None })))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.pieces, Pieces::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.pieces {
            Pieces::Whole(piece) => {
                SizeHint::with_exact(piece.as_ref().map_or(0, |piece| piece.bytes.len() as u64))
            }
            Pieces::Chunks(chunks, _) => {
                chunks.bytes_left().map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // Relaxed: a connection has one task.
        self.0.fetch_add(1, Ordering::Relaxed);
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
