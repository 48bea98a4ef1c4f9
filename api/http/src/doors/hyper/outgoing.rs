//! An answer's body on its way out.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::budget::Reservation;

/// One piece, handed to hyper whole.
pub(super) struct Outgoing {
    piece: Option<Piece>,
}

/// Bytes that keep their share of the budget until the last is written.
pub(super) struct Piece {
    bytes: Bytes,
    _reservation: Option<Reservation>,
}

impl Outgoing {
    pub(super) fn new(bytes: Bytes, reservation: Option<Reservation>) -> Self {
        let piece = Piece { bytes, _reservation: reservation };
        Self { piece: Some(piece).filter(Buf::has_remaining) }
    }
}

impl Body for Outgoing {
    type Data = Piece;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Infallible>>> {
        Poll::Ready(self.piece.take().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.piece.as_ref().map_or(0, |piece| piece.bytes.len() as u64))
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
