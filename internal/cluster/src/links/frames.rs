//! Frames as they are written and read.

use bytes::Bytes;
use prost::Message;

use super::fields;
pub use super::fields::FIELDS_MAX;
use crate::proto::frame::Kind;
use crate::proto::reply::Outcome;
use crate::proto::{Busy, Frame, Nothing, Reply, UnknownOutcome};

/// When it makes sense to ask a busy member again, in milliseconds: some rounds of
/// what it has to do.
const BUSY_RETRY_MS: u64 = 20;

/// What cannot be understood.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotUnderstood {
    /// It is no frame.
    #[error("this is no frame of ours: {0}")]
    NoFrame(#[from] prost::DecodeError),
    /// It is one, with nothing in it that we know.
    #[error("the frame is of no kind that we know")]
    NoKind,
    /// Its lists would take far more memory than it does.
    #[error("the frame has more than {FIELDS_MAX} fields")]
    TooManyFields,
}

/// Reads a frame. Keys and values are parts of it, not copies.
///
/// # Errors
/// When it is none, of no kind that we know, or has too many fields.
pub fn decode(frame: Bytes) -> Result<Kind, NotUnderstood> {
    fields::check(&frame)?;
    Frame::decode(frame)?.kind.ok_or(NotUnderstood::NoKind)
}

/// Writes a frame.
pub fn encode(kind: &Kind) -> Bytes {
    // As a `Frame` does that has it, which would have to own it.
    let mut frame = Vec::with_capacity(kind.encoded_len());
    kind.encode(&mut frame);
    frame.into()
}

pub(super) fn keep_alive() -> Bytes {
    encode(&Kind::KeepAlive(Nothing {}))
}

pub(super) fn leaving() -> Bytes {
    encode(&Kind::Leaving(Nothing {}))
}

pub(super) fn farewell() -> Bytes {
    encode(&Kind::Farewell(Nothing {}))
}

fn reply(number: u64, outcome: Outcome) -> Bytes {
    encode(&Kind::Reply(Reply { number, epoch: 0, outcome: Some(outcome) }))
}

pub(super) fn busy(number: u64) -> Bytes {
    reply(number, Outcome::Busy(Busy { retry_after_ms: BUSY_RETRY_MS }))
}

pub(super) fn unsupported(number: u64) -> Bytes {
    reply(number, Outcome::Unsupported(Nothing {}))
}

pub(super) fn unknown_outcome(number: u64, why: &str) -> Bytes {
    reply(number, Outcome::UnknownOutcome(UnknownOutcome { why: why.to_owned() }))
}

/// The reply to a request, or the word that it does not fit into a frame.
pub(super) fn answer(number: u64, reply: Reply, frame_bytes_max: usize) -> Bytes {
    let frame = encode(&Kind::Reply(Reply { number, ..reply }));
    if frame_bytes_max < frame.len() || fields::check(&frame).is_err() {
        return unknown_outcome(number, "the reply does not fit into a frame");
    }
    frame
}
