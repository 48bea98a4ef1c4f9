//! What the guard refuses, and what the client is told.

use distcache::codes::{self, Code};

use crate::problem::Problem;

/// A request that is not well-formed, or larger than the limits allow.
///
/// Where its message ends is in doubt from here on, so the connection is
/// answered once and closed. Displays as what was wrong in this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The first byte cannot begin a method: a TLS hello, or noise.
    #[error("the connection does not begin with an HTTP method; is the client speaking TLS?")]
    NotHttp,
    /// A line ends in a bare LF.
    #[error("a line does not end with CRLF")]
    BareLf,
    /// The request line is not `METHOD SP target SP HTTP/d.d`; HTTP/0.9 too.
    #[error("the request line is not a method, a target and a version with one space between them")]
    RequestLine,
    /// The target is neither a path, a URL nor `*`, or has a forbidden byte.
    #[error("the request target is not a path or URL whose other bytes are percent-encoded")]
    Target,
    /// The version is none of ours; the HTTP/2 preface lands here.
    #[error("the HTTP version is neither 1.0 nor 1.1")]
    Version,
    /// A header line is not `name: value`, is folded, or has a control byte.
    #[error("a header line is not a name, a colon and a value without control bytes")]
    Header,
    /// HTTP/1.1 without `Host`.
    #[error("there is no Host header")]
    HostMissing,
    /// More than one `Host`.
    #[error("there is more than one Host header")]
    HostRepeated,
    /// A `Host` that is no host.
    #[error("the Host header is not a host name or address with an optional port")]
    HostInvalid,
    /// A `Content-Length` that is not only digits, or is beyond 64 bits.
    #[error("the Content-Length is not a number of bytes in decimal digits")]
    LengthInvalid,
    /// More than one `Content-Length`, even when they agree.
    #[error("there is more than one Content-Length header")]
    LengthRepeated,
    /// `Content-Length` beside `Transfer-Encoding`: the classic smuggling pair.
    #[error("there is a Content-Length beside a Transfer-Encoding")]
    LengthWithCoding,
    /// A transfer coding that is not exactly `chunked`.
    #[error("the Transfer-Encoding is not exactly `chunked`")]
    CodingUnknown,
    /// More than one `Transfer-Encoding`.
    #[error("there is more than one Transfer-Encoding header")]
    CodingRepeated,
    /// `Transfer-Encoding` in HTTP/1.0, which has none.
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    CodingTooNew,
    /// An `Expect` other than `100-continue`.
    #[error("the Expect header is not `100-continue`")]
    Expectation,
    /// The chunked body's framing is broken.
    #[error("a chunk's size line, its end or the trailer is malformed")]
    Chunk,
    /// The request line is over its limit.
    #[error("the request line is longer than {max} bytes")]
    RequestLineTooLong {
        /// The limit.
        max: usize,
    },
    /// The header lines, or the trailer lines, are too many.
    #[error("there are more than {max} header lines")]
    TooManyHeaders {
        /// The limit.
        max: usize,
    },
    /// The header lines, or the trailer lines, are too long together.
    #[error("the headers are longer than {max} bytes")]
    HeadersTooLarge {
        /// The limit.
        max: usize,
    },
    /// The body is over its limit, as announced or as received.
    #[error("the body is larger than {max} bytes")]
    BodyTooLarge {
        /// The limit.
        max: usize,
    },
}

impl Violation {
    /// The status that answers it.
    pub fn status(self) -> u16 {
        match self {
            Self::BodyTooLarge { .. } => 413,
            Self::RequestLineTooLong { .. } => 414,
            Self::Expectation => 417,
            Self::TooManyHeaders { .. } | Self::HeadersTooLarge { .. } => 431,
            Self::CodingUnknown => 501,
            Self::Version => 505,
            Self::NotHttp
            | Self::BareLf
            | Self::RequestLine
            | Self::Target
            | Self::Header
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::LengthInvalid
            | Self::LengthRepeated
            | Self::LengthWithCoding
            | Self::CodingRepeated
            | Self::CodingTooNew
            | Self::Chunk => 400,
        }
    }

    /// Its stable code.
    pub fn code(self) -> Code {
        match self.status() {
            413 => codes::BODY_TOO_LARGE,
            414 => codes::REQUEST_LINE_TOO_LONG,
            417 => codes::EXPECTATION_FAILED,
            431 => codes::HEADERS_TOO_LARGE,
            501 => codes::TRANSFER_CODING_UNKNOWN,
            505 => codes::HTTP_VERSION_UNSUPPORTED,
            _ => codes::FRAMING_INVALID,
        }
    }

    /// The answer in full.
    pub fn problem(self) -> Problem {
        Problem::new(self.status(), self.code()).detail(self.to_string())
    }
}
