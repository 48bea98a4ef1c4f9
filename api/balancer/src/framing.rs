//! Where the body of an answer ends.

use std::io;

use bytes::Bytes;

/// The longest line that tells the size of a chunk: 16 hex digits, and room for an extension
/// that nobody uses.
const SIZE_LINE_BYTES_MAX: usize = 256;

/// The longest line behind the last chunk, and how many of them there may be: no member
/// sends any.
const TRAILER_LINE_BYTES_MAX: usize = 8 << 10;
const TRAILER_LINES_MAX: usize = 100;

/// How a body is framed (RFC 9112, 6.3), and what of it is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, to the one of size zero and the trailer behind it.
    Chunked(Chunked),
    /// Everything until the connection is closed.
    UntilClosed,
}

/// Where in a chunked body the next byte belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Chunked {
    /// In a line that tells a size.
    #[default]
    Size,
    /// So many bytes before the end of a chunk.
    Data(u64),
    /// In the CRLF behind a chunk.
    DataEnd,
    /// Behind the last chunk, and so many lines.
    Trailer(usize),
}

/// What was at the front of the bytes that have come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A piece of the body.
    Piece(Bytes),
    /// Nothing as long as no more comes.
    More,
    /// The end of the body.
    End,
}

impl Chunked {
    /// Takes the next piece from the front of what has come.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn next(&mut self, held: &mut Vec<u8>) -> io::Result<Step> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = line_of(held, SIZE_LINE_BYTES_MAX)? else {
                        return Ok(Step::More);
                    };
                    let size = size_of(&line).ok_or_else(|| malformed("the size of a chunk"))?;
                    *self = if size == 0 { Self::Trailer(0) } else { Self::Data(size) };
                }
                Self::Data(_) if held.is_empty() => return Ok(Step::More),
                Self::Data(left) => {
                    let piece = take(held, *left);
                    *left -= piece.len() as u64;
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Step::Piece(piece));
                }
                Self::DataEnd => match line_of(held, "\r\n".len())? {
                    None => return Ok(Step::More),
                    Some(line) if line.is_empty() => *self = Self::Size,
                    Some(_) => return Err(malformed("the end of a chunk")),
                },
                Self::Trailer(lines) => match line_of(held, TRAILER_LINE_BYTES_MAX)? {
                    None => return Ok(Step::More),
                    Some(line) if line.is_empty() => return Ok(Step::End),
                    Some(_) if *lines == TRAILER_LINES_MAX => {
                        return Err(malformed("a trailer that does not end"));
                    }
                    Some(line) if !is_field(&line) => return Err(malformed("a trailer")),
                    Some(_) => *lines += 1,
                },
            }
        }
    }
}

/// Takes up to `bytes_max` bytes from the front. They are copied: what is held is used again.
pub(crate) fn take(held: &mut Vec<u8>, bytes_max: u64) -> Bytes {
    let count = held.len().min(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    let piece = Bytes::copy_from_slice(&held[..count]);
    held.drain(..count);
    piece
}

/// An answer that nobody understands.
pub(crate) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Takes a line, and leaves out its CRLF; none where it is not whole yet.
fn line_of(held: &mut Vec<u8>, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(end) = held.iter().take(bytes_max).position(|byte| *byte == b'\n') else {
        if held.len() < bytes_max {
            return Ok(None);
        }
        return Err(malformed("a line that does not end"));
    };
    let mut line: Vec<u8> = held.drain(..=end).collect();
    line.pop();
    match line.pop() {
        Some(b'\r') => Ok(Some(line)),
        _ => Err(malformed("a line that does not end in CRLF")),
    }
}

/// Whether a line is a header: nobody reads it, but what is none may be the next answer.
fn is_field(line: &[u8]) -> bool {
    let ended = [line, b"\r\n\r\n"].concat();
    httparse::parse_headers(&ended, &mut [httparse::EMPTY_HEADER; 1]).is_ok()
}

/// Reads `size [ BWS ";" extension ]`.
fn size_of(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, behind) = line.split_at(digits);
    let is_alone = matches!(behind.trim_ascii_start(), [] | [b';', ..]);
    // `from_str_radix` alone would take a sign, and refuses what does not fit.
    u64::from_str_radix(str::from_utf8(size).ok()?, 16).ok().filter(|_| is_alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, of bytes that come so many at a time, and what is left behind its end; none
    /// where it has no end.
    fn read(bytes: &[u8], at_a_time: usize) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let (mut chunked, mut held, mut body) = (Chunked::default(), Vec::new(), Vec::new());
        let mut coming = bytes.chunks(at_a_time);
        loop {
            match chunked.next(&mut held)? {
                Step::Piece(piece) => body.extend_from_slice(&piece),
                Step::End => {
                    held.extend(coming.flatten());
                    return Ok(Some((body, held)));
                }
                Step::More => match coming.next() {
                    Some(piece) => held.extend_from_slice(piece),
                    None => return Ok(None),
                },
            }
        }
    }

    #[test]
    fn chunks_are_a_body_however_they_come() {
        let bytes = b"5\r\nvalue\r\n00A ; x=\"y\"\r\n0123456789\r\n0\r\nExpires: 0\r\n\r\nmore";
        for at_a_time in 1..=bytes.len() {
            let (body, rest) = read(bytes, at_a_time).unwrap().unwrap();
            assert_eq!((&*body, &*rest), (&b"value0123456789"[..], &b"more"[..]), "{at_a_time}");
        }
        for end in 0..bytes.len() - "more".len() {
            assert!(read(&bytes[..end], 7).unwrap().is_none(), "{end} bytes are not the whole");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = format!("1;{}\r\n", "x".repeat(SIZE_LINE_BYTES_MAX));
        let endless = format!("0\r\n{}", "a: b\r\n".repeat(TRAILER_LINES_MAX + 1));
        for wrong in [
            "\r\n",
            "-1\r\n",
            "+1\r\nx\r\n",
            "1\nx\r\n",
            "1 1\r\nx\r\n",
            "g\r\n",
            "1\r\nxx\r\n",
            "1\r\nx\n\n",
            "0\r\nno field\r\n\r\n",
            "0\r\n\0: 1\r\n\r\n",
            "0\r\na: b\r\n c\r\n\r\n",
            "10000000000000000\r\n",
            &long,
            &endless,
        ] {
            let error = read(wrong.as_bytes(), wrong.len()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wrong:?}");
        }
    }
}
