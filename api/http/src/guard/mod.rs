//! A checker that sees the bytes of a connection before the HTTP library does.
//!
//! hyper answers 200 to lines that end in a bare LF, to a missing `Host` and to
//! `Content-Length` beside `Transfer-Encoding`, and gives its parse errors no
//! body. The guard is stricter and says what is wrong. It does no I/O and reads
//! no clock: it is told the bytes, and tells how many of them are good.
//!
//! ```text
//!             +------ length = 0 -------+
//!             v                         |
//!   idle -> head ---- length = n ---> body --+
//!    ^        |                              |
//!    |        +------ chunked -----> chunks -+-> trailer
//!    +---------------------------------------------+
//! ```
//!
//! Whole pieces only are released: a head, a chunk-size line, a trailer. So what
//! hyper reads is a well-formed prefix of the connection, whatever came behind
//! it. Bytes of bodies are released as they come.

mod bytes;
mod chunks;
mod head;
mod lines;
mod violation;

pub use violation::Violation;

pub(crate) use head::{Framing, Head};

use crate::Limits;
use bytes::is_token_byte;
use chunks::Chunks;
use lines::Lines;

/// Checks the framing of one connection; see the [module](self).
///
/// ```
/// use distcache_http::{Limits, guard::Guard};
///
/// let mut guard = Guard::new(&Limits::default());
/// let pipelined = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT";
/// assert_eq!(guard.advance(pipelined).released, 27);
///
/// // The rest comes back with more behind it.
/// let progress = guard.advance(b"GET / HTTP/1.1\n");
/// assert_eq!(progress.released, 0);
/// assert_eq!(progress.violation.map(|violation| violation.status()), Some(400));
/// ```
#[derive(Debug, Clone)]
pub struct Guard {
    bounds: Bounds,
    place: Place,
    /// Heads released so far.
    heads: u64,
    /// Whether bytes of a head are held back.
    mid_head: bool,
}

/// What of the [`Limits`] the guard keeps.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    request_line: usize,
    header_bytes: usize,
    headers: usize,
    body: usize,
}

/// Where the next byte belongs.
#[derive(Debug, Clone)]
enum Place {
    Head(HeadScan),
    Body { left: u64 },
    Chunks(Chunks),
    Refused(Violation),
}

/// What came of the bytes handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes at the front are whole and good. The caller keeps the
    /// others, and hands them in again with more behind them.
    pub released: usize,
    /// What is wrong right behind those, if anything is. Nothing more will be
    /// released then.
    pub violation: Option<Violation>,
}

/// What the connection is waiting for, and so which timeout runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first byte of a request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
}

impl Guard {
    /// A guard for a connection that has sent nothing yet.
    pub fn new(limits: &Limits) -> Self {
        let bounds = Bounds {
            request_line: limits.request_line_bytes,
            header_bytes: limits.header_bytes,
            headers: limits.headers,
            body: limits.body_bytes,
        };
        Self { bounds, place: Place::Head(HeadScan::default()), heads: 0, mid_head: false }
    }

    /// Checks `bytes`: those that were not released before, then the new ones.
    #[inline]
    pub fn advance(&mut self, bytes: &[u8]) -> Progress {
        let mut released = 0;
        loop {
            let next = self.advance_once(&bytes[released..]);
            if next.released == 0 {
                return Progress { released, ..next };
            }
            released += next.released;
        }
    }

    /// As [`advance`](Self::advance), but takes one piece at most: a whole head, or as much
    /// of a body as has come.
    #[inline]
    pub(crate) fn advance_once(&mut self, bytes: &[u8]) -> Progress {
        match self.step(bytes) {
            Ok(released) => {
                let is_kept = released == 0 && !bytes.is_empty();
                self.mid_head = is_kept && matches!(self.place, Place::Head(_));
                Progress { released, violation: None }
            }
            Err(violation) => {
                self.place = Place::Refused(violation);
                Progress { released: 0, violation: Some(violation) }
            }
        }
    }

    /// What the connection is waiting for.
    pub fn phase(&self) -> Phase {
        match self.place {
            Place::Head(_) if self.mid_head => Phase::Head,
            Place::Head(_) | Place::Refused(_) => Phase::Idle,
            Place::Body { .. } | Place::Chunks(_) => Phase::Body,
        }
    }

    /// The number of heads released so far. With the phase it names one wait.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Takes one piece from the front of `bytes`; none where it is not whole.
    #[inline]
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        match &mut self.place {
            Place::Refused(violation) => Err(*violation),
            _ if bytes.is_empty() => Ok(0),
            Place::Head(scan) => {
                let Some(framing) = scan.advance(bytes, &self.bounds)? else { return Ok(0) };
                let taken = scan.lines.start();
                self.heads += 1;
                self.place = Place::behind_head(framing);
                Ok(taken)
            }
            Place::Body { left } => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                if *left == 0 {
                    self.place = Place::Head(HeadScan::default());
                }
                Ok(taken)
            }
            Place::Chunks(chunks) => {
                let taken = chunks.step(bytes, &self.bounds)?;
                if chunks.ended() {
                    self.place = Place::Head(HeadScan::default());
                }
                Ok(taken)
            }
        }
    }
}

impl Place {
    fn behind_head(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Head(HeadScan::default()),
            Framing::Length(left) => Self::Body { left },
            Framing::Chunked => Self::Chunks(Chunks::default()),
        }
    }
}

/// A head that is still arriving.
#[derive(Debug, Clone, Default)]
struct HeadScan {
    lines: Lines,
    head: Head,
    part: Part,
    headers: usize,
}

/// Which line of a head comes next.
#[derive(Debug, Clone, Default)]
enum Part {
    /// The request line, or the one empty line that RFC 9112, 2.2 allows before it.
    #[default]
    Start,
    /// The request line.
    RequestLine,
    /// Header lines; the first began at this offset.
    Headers { start: usize },
}

impl HeadScan {
    /// Reads the lines that have arrived; after the last, says how the body is framed.
    #[inline]
    fn advance(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<Framing>, Violation> {
        // A TLS hello may hold no line end for a long time: tell at once.
        if !is_token_byte(bytes[0]) && !matches!(bytes[0], b'\r' | b'\n') {
            return Err(Violation::NotHttp);
        }
        loop {
            let (max, too_long) = self.line_bound(bounds);
            let Some(line) = self.lines.next(bytes, max, too_long)? else { return Ok(None) };
            match self.part {
                Part::Start if line.is_empty() => self.part = Part::RequestLine,
                Part::Start | Part::RequestLine => {
                    self.head.request_line(line)?;
                    self.part = Part::Headers { start: self.lines.start() };
                }
                Part::Headers { .. } if line.is_empty() => {
                    return self.head.finish(bounds.body).map(Some);
                }
                Part::Headers { .. } => {
                    self.headers += 1;
                    if bounds.headers < self.headers {
                        return Err(Violation::TooManyHeaders { max: bounds.headers });
                    }
                    self.head.header_line(line)?;
                }
            }
        }
    }

    /// How long the next line may be with its CRLF, and what it is when longer.
    fn line_bound(&self, bounds: &Bounds) -> (usize, Violation) {
        match self.part {
            Part::Start | Part::RequestLine => {
                let max = bounds.request_line;
                (max + 2, Violation::RequestLineTooLong { max })
            }
            Part::Headers { start } => {
                let max = bounds.header_bytes;
                // The empty line at the end is not a header.
                (max + 2 - (self.lines.start() - start), Violation::HeadersTooLarge { max })
            }
        }
    }
}
