//! Lines that may arrive in pieces.

use super::Violation;

/// Finds the lines at the front of bytes that grow, looking at no byte twice.
///
/// The caller hands in the same bytes each time, with more behind them.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    /// Where the line in progress begins.
    start: usize,
    /// How far that line has been searched for its end.
    searched: usize,
}

impl Lines {
    /// Where the line in progress begins: the number of bytes in whole lines.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The next whole line without its CRLF, if it has arrived.
    ///
    /// A line of more than `max` bytes, its CRLF included, is `too_long`; that
    /// is said as soon as it is certain, and whichever way the bytes were cut.
    #[inline]
    pub(super) fn next<'a>(
        &mut self,
        bytes: &'a [u8],
        max: usize,
        too_long: Violation,
    ) -> Result<Option<&'a [u8]>, Violation> {
        let Some(found) = memchr::memchr(b'\n', &bytes[self.searched..]) else {
            self.searched = bytes.len();
            let certain = max <= bytes.len() - self.start;
            return if certain { Err(too_long) } else { Ok(None) };
        };
        let line = &bytes[self.start..self.searched + found];
        if max <= line.len() {
            return Err(too_long);
        }
        self.searched += found + 1;
        self.start = self.searched;
        line.strip_suffix(b"\r").map(Some).ok_or(Violation::BareLf)
    }
}
