//! Frames over a stream of bytes: four bytes of length, the highest first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Encoder, FramedRead, LengthDelimitedCodec, LengthDelimitedCodecError};
use tokio_util::io::poll_write_buf;

use super::{FrameTooLong, Identity, Incoming, Outgoing, Pipe, PipeBroken};

/// What is read at once: a hundred small frames. A stranger makes us hold no more
/// before it has said who it is.
const READ_BYTES: usize = 16 << 10;

/// A sent buffer that has grown beyond this is given back.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A pipe over the two halves of a stream.
pub(super) fn pipe<R, W>(read: R, write: W, identity: Identity, frame_bytes_max: usize) -> Pipe
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let codec = LengthDelimitedCodec::builder().max_frame_length(frame_bytes_max).new_codec();
    let frames = FramedRead::with_capacity(read, codec.clone(), READ_BYTES);
    let outgoing = Box::new(Writing { codec, unsent: BytesMut::new(), write });
    Pipe { outgoing, incoming: Box::new(Reading { frames }), identity }
}

struct Writing<W> {
    codec: LengthDelimitedCodec,
    unsent: BytesMut,
    write: W,
}

impl<W: AsyncWrite + Send + Unpin> Outgoing for Writing<W> {
    fn push(&mut self, frame: Bytes) -> Result<(), FrameTooLong> {
        let (bytes, max) = (frame.len(), self.codec.max_frame_length());
        self.codec.encode(frame, &mut self.unsent).map_err(|_too_long| FrameTooLong { bytes, max })
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        while !self.unsent.is_empty() {
            let write = Pin::new(&mut self.write);
            if ready!(poll_write_buf(write, context, &mut self.unsent))? == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
        }
        if KEPT_BYTES_MAX < self.unsent.capacity() {
            self.unsent = BytesMut::new();
        }
        Pin::new(&mut self.write).poll_flush(context).map_err(PipeBroken::from)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        ready!(self.poll_flush(context))?;
        Pin::new(&mut self.write).poll_shutdown(context).map_err(PipeBroken::from)
    }
}

struct Reading<R> {
    frames: FramedRead<R, LengthDelimitedCodec>,
}

impl<R: AsyncRead + Send + Unpin> Incoming for Reading<R> {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PipeBroken>>> {
        let frame = ready!(Pin::new(&mut self.frames).poll_next(context));
        let max = self.frames.decoder().max_frame_length();
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.freeze()),
            Err(error) if is_too_long(&error) => Err(PipeBroken::FrameTooLong { max }),
            Err(error) => Err(error.into()),
        }))
    }

    fn limit(&mut self, frame_bytes_max: usize) {
        self.frames.decoder_mut().set_max_frame_length(frame_bytes_max);
    }
}

fn is_too_long(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(LengthDelimitedCodecError { .. }))
}
