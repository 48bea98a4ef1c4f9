//! A chunked body, followed to its end without being decoded.

use super::bytes::is_field_value;
use super::head::split_field;
use super::lines::Lines;
use super::{Bounds, Violation};

/// The longest chunk-size line, its CRLF included: 16 hex digits and room for
/// an extension that nobody uses.
const SIZE_LINE_BYTES: usize = 256;

/// Chunk extensions of one body together, in bytes. They carry nothing for us,
/// and hyper gives up at twice as many.
const EXTENSION_BYTES: usize = 8 << 10;

/// Where in a chunked body the next byte belongs.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunks {
    place: Place,
    /// The lines of what has not been released.
    lines: Lines,
    /// Bytes of all chunks so far, as announced.
    body_bytes: u64,
    extension_bytes: usize,
    trailer_lines: usize,
}

#[derive(Debug, Clone, Default)]
enum Place {
    /// In a chunk-size line.
    #[default]
    Size,
    /// So many bytes before the end of a chunk.
    Data(u64),
    /// In the CRLF behind a chunk.
    DataEnd,
    /// Behind the last chunk.
    Trailer,
    /// Behind the message.
    End,
}

impl Chunks {
    /// Whether the message has ended.
    pub(super) fn ended(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Takes the next piece from the front of `bytes`; none where it is not
    /// whole yet.
    pub(super) fn step(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<usize, Violation> {
        match self.place {
            Place::Size => self.size_line(bytes, bounds),
            Place::Data(left) => Ok(self.data(left, bytes)),
            Place::DataEnd => self.data_end(bytes),
            Place::Trailer => self.trailer(bytes, bounds),
            Place::End => Ok(0),
        }
    }

    fn size_line(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<usize, Violation> {
        let Some(line) = self.lines.next(bytes, SIZE_LINE_BYTES, Violation::Chunk)? else {
            return Ok(0);
        };
        let (size, extension) = split_size(line).ok_or(Violation::Chunk)?;
        self.extension_bytes += extension.len();
        if EXTENSION_BYTES < self.extension_bytes {
            return Err(Violation::Chunk);
        }
        self.body_bytes = self.body_bytes.saturating_add(size);
        if (bounds.body as u64) < self.body_bytes {
            return Err(Violation::BodyTooLarge { max: bounds.body });
        }
        self.place = if size == 0 { Place::Trailer } else { Place::Data(size) };
        Ok(self.lines_taken())
    }

    fn data(&mut self, left: u64, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let left = left - taken as u64;
        self.place = if left == 0 { Place::DataEnd } else { Place::Data(left) };
        taken
    }

    fn data_end(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        match bytes {
            [b'\r', b'\n', ..] => {
                self.place = Place::Size;
                Ok(2)
            }
            [] | [b'\r'] => Ok(0),
            _ => Err(Violation::Chunk),
        }
    }

    /// The trailer is held back as one piece, as a head is.
    fn trailer(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<usize, Violation> {
        let too_large = Violation::HeadersTooLarge { max: bounds.header_bytes };
        loop {
            let left = bounds.header_bytes - self.lines.start();
            let Some(line) = self.lines.next(bytes, left, too_large)? else { return Ok(0) };
            if line.is_empty() {
                self.place = Place::End;
                return Ok(self.lines_taken());
            }
            self.trailer_lines += 1;
            // Strictly fewer than a head may have: hyper stops one earlier here.
            if bounds.headers <= self.trailer_lines {
                return Err(Violation::TooManyHeaders { max: bounds.headers });
            }
            split_field(line)?;
        }
    }

    /// Forgets the lines that are released now.
    fn lines_taken(&mut self) -> usize {
        std::mem::take(&mut self.lines).start()
    }
}

/// Splits `size [ BWS ";" extension ]`.
fn split_size(line: &[u8]) -> Option<(u64, &[u8])> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, extension) = line.split_at(digits);
    // Seventeen digits do not fit into 64 bits, and need not: no body is that large.
    if digits == 0 || 16 < digits {
        return None;
    }
    let size = u64::from_str_radix(str::from_utf8(size).ok()?, 16).ok()?;
    let opens = extension.trim_ascii_start();
    let well_formed = (opens.is_empty() || opens[0] == b';') && is_field_value(extension);
    well_formed.then_some((size, extension))
}
