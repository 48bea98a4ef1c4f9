//! Counts what a frame will be in memory, before it is decoded.
//!
//! 1. A stranger sends 16 MiB: eight million items to be put, of two bytes each, since
//!    nothing is in them.
//! 2. Each becomes a struct of 144 bytes: more than a gibibyte, and half of that again while
//!    the list grows. They are refused then; but the process may be gone by that time.
//!
//! Hence the fields of a frame are counted first, those of its lists above all: that
//! takes no memory. Values are passed over by their length, so that a frame with a large
//! one costs no more than a small frame.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::frames::NotUnderstood;

/// The most fields of one frame, each element of a list being one. Members send fewer:
///
/// * 1,000 items that are put have 38,000, with as many tags as they may;
/// * a page of a mebibyte that is handed over has below 22,000 entries, which take at
///   least 48 bytes of it each;
/// * what a member is told that keeps copies has below 17,000 changes, of 64 bytes of the
///   owner's memory or more each;
/// * a step of a scan has 10,000 keys at most.
pub const FIELDS_MAX: usize = 1 << 16;

/// A field takes two bytes at least, so that there is no room for more in a frame of
/// fewer: it is not looked at.
const BYTES_A_FIELD_MIN: usize = 2;

/// A message, as far as it matters here.
#[derive(Debug, Clone, Copy)]
enum Message {
    Frame,
    Request,
    Reply,
    /// It has items.
    Put,
    /// Its fields have no lists in them.
    Flat,
}

impl Message {
    /// The message in a field, if there may be lists in it.
    fn part(self, field: u32) -> Option<Self> {
        match (self, field) {
            (Self::Frame, 3) => Some(Self::Request),
            (Self::Frame, 4) => Some(Self::Reply),
            (Self::Request, 12 | 19) => Some(Self::Put),
            // Field 10 is `agreement`, which is bytes.
            (Self::Request | Self::Reply, 11..) | (Self::Put, 2) => Some(Self::Flat),
            _ => None,
        }
    }
}

/// Refuses a frame that has too many fields.
pub(super) fn check(frame: &[u8]) -> Result<(), NotUnderstood> {
    if frame.len() < FIELDS_MAX * BYTES_A_FIELD_MIN {
        return Ok(());
    }
    let mut left = FIELDS_MAX;
    count(frame, Message::Frame, &mut left)
}

fn count(mut message: &[u8], kind: Message, left: &mut usize) -> Result<(), NotUnderstood> {
    while !message.is_empty() {
        let (field, wire_type) = decode_key(&mut message)?;
        *left = left.checked_sub(1).ok_or(NotUnderstood::TooManyFields)?;
        let mut part = message;
        skip_field(wire_type, field, &mut message, DecodeContext::default())?;
        if let (WireType::LengthDelimited, Some(kind)) = (wire_type, kind.part(field)) {
            decode_varint(&mut part)?;
            count(&part[..part.len() - message.len()], kind, left)?;
        }
    }
    Ok(())
}
