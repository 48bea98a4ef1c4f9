//! One request head: what its lines say about where the message ends.
//!
//! The rules are those of [RFC 9112](https://www.rfc-editor.org/rfc/rfc9112),
//! read strictly wherever two readers might disagree: that is how requests are
//! smuggled past a proxy.

use super::Violation;
use super::bytes::{is_authority, is_field_value, is_path_and_query, is_token, trim};

/// How the body of a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes; none when zero.
    Length(u64),
    /// Chunks, to the one of size zero and its trailer.
    Chunked,
}

/// What the lines of one head have said so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    minor_version: u8,
    host_seen: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    /// A head whose request line somebody else has read.
    pub(crate) fn of_version(minor_version: u8) -> Self {
        Self { minor_version, ..Self::default() }
    }

    /// Reads the request line, without its CRLF.
    pub(crate) fn request_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let method_end = memchr::memchr(b' ', line).ok_or(Violation::RequestLine)?;
        let target_end = memchr::memrchr(b' ', line).ok_or(Violation::RequestLine)?;
        if target_end == method_end || !is_token(&line[..method_end]) {
            return Err(Violation::RequestLine);
        }
        self.minor_version = match &line[target_end + 1..] {
            b"HTTP/1.1" => 1,
            b"HTTP/1.0" => 0,
            other => return Err(version_violation(other)),
        };
        if is_target(&line[method_end + 1..target_end]) { Ok(()) } else { Err(Violation::Target) }
    }

    /// Reads one header line, without its CRLF.
    pub(crate) fn header_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let (name, value) = split_field(line)?;
        self.header(name, value)
    }

    /// Reads one header.
    pub(crate) fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Violation> {
        // The length of the name tells nearly all others apart at once.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            6 if name.eq_ignore_ascii_case(b"expect") => expectation(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_coding(value),
            _ => Ok(()),
        }
    }

    /// Closes the head: how its body is framed, which is at most `body_max`
    /// bytes as far as it is announced.
    pub(crate) fn finish(&self, body_max: usize) -> Result<Framing, Violation> {
        if self.minor_version == 1 && !self.host_seen {
            return Err(Violation::HostMissing);
        }
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Violation::LengthWithCoding),
            (None, true) if self.minor_version == 0 => Err(Violation::CodingTooNew),
            (None, true) => Ok(Framing::Chunked),
            (Some(length), false) if (body_max as u64) < length => {
                Err(Violation::BodyTooLarge { max: body_max })
            }
            (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Violation> {
        if self.host_seen {
            return Err(Violation::HostRepeated);
        }
        self.host_seen = true;
        // RFC 9112, 3.2: a client whose URL has no authority sends it empty.
        if value.is_empty() || is_authority(value) { Ok(()) } else { Err(Violation::HostInvalid) }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        if self.length.is_some() {
            return Err(Violation::LengthRepeated);
        }
        self.length = Some(decimal(value).ok_or(Violation::LengthInvalid)?);
        Ok(())
    }

    fn transfer_coding(&mut self, value: &[u8]) -> Result<(), Violation> {
        if self.chunked {
            return Err(Violation::CodingRepeated);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Violation::CodingUnknown);
        }
        self.chunked = true;
        Ok(())
    }
}

/// Splits `name: value`; the value comes without the blanks around it.
pub(super) fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Violation> {
    let colon = memchr::memchr(b':', line).ok_or(Violation::Header)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A folded line begins with a blank, and a blank before the colon is the
    // other known trick: neither is in a token.
    if is_token(name) && is_field_value(value) {
        Ok((name, trim(value)))
    } else {
        Err(Violation::Header)
    }
}

/// Any other version of HTTP is refused as such; anything else is no HTTP.
fn version_violation(token: &[u8]) -> Violation {
    match token {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Violation::Version
        }
        _ => Violation::RequestLine,
    }
}

/// Whether `target` is a path, an absolute URL or `*`. The `host:port` of
/// CONNECT is not: this is no proxy.
fn is_target(target: &[u8]) -> bool {
    match target {
        [b'/', ..] => is_path_and_query(target),
        b"*" => true,
        _ => is_absolute_url(target),
    }
}

fn is_absolute_url(target: &[u8]) -> bool {
    let Some(scheme_end) = memchr::memmem::find(target, b"://") else { return false };
    let (scheme, rest) = (&target[..scheme_end], &target[scheme_end + 3..]);
    if !(scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")) {
        return false;
    }
    let authority_end = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    is_authority(&rest[..authority_end]) && is_path_and_query(&rest[authority_end..])
}

fn expectation(value: &[u8]) -> Result<(), Violation> {
    if value.eq_ignore_ascii_case(b"100-continue") { Ok(()) } else { Err(Violation::Expectation) }
}

/// Digits only: `str::parse` would take a sign.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
