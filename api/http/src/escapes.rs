//! Percent escapes, decoded strictly.

use std::borrow::Cow;

use distcache::codes;

use crate::Problem;

/// Checks that each `%` has two hex digits behind it, and that what they stand
/// for is UTF-8. The separators `&` and `=` are ASCII, which never is part of a
/// longer character: the whole is UTF-8 exactly when each part is.
pub(crate) fn check_escapes(text: &str) -> Result<(), Problem> {
    str::from_utf8(&decode(text)?).map(|_| ()).map_err(|error| {
        let detail = format!("the escapes do not decode to UTF-8: {error}");
        Problem::new(400, codes::ENCODING_INVALID).detail(detail)
    })
}

/// The bytes that a segment of a path stands for: any at all. A `+` is a plus.
///
/// # Errors
///
/// 400, when a `%` is not followed by two hex digits.
pub(crate) fn decode(segment: &str) -> Result<Cow<'_, [u8]>, Problem> {
    let Some(first) = memchr::memchr(b'%', segment.as_bytes()) else {
        return Ok(segment.as_bytes().into());
    };
    let (plain, mut rest) = segment.as_bytes().split_at(first);
    let mut decoded = Vec::with_capacity(segment.len());
    decoded.extend_from_slice(plain);
    while let [byte, behind @ ..] = rest {
        let (byte, behind) = if *byte == b'%' { escape(behind)? } else { (*byte, behind) };
        decoded.push(byte);
        rest = behind;
    }
    Ok(decoded.into())
}

/// The byte that two hex digits stand for, and what follows them.
fn escape(text: &[u8]) -> Result<(u8, &[u8]), Problem> {
    let [high, low, behind @ ..] = text else { return Err(malformed_escape()) };
    let (high, low) = hex(*high).zip(hex(*low)).ok_or_else(malformed_escape)?;
    Ok((high << 4 | low, behind))
}

fn malformed_escape() -> Problem {
    Problem::new(400, codes::ENCODING_INVALID).detail("a `%` is not followed by two hex digits")
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stands_for_any_bytes() {
        let cases: [(&str, &[u8]); 9] = [
            ("plain", b"plain"),
            ("a+b", b"a+b"),
            ("a%2Bb", b"a+b"),
            ("%00", b"\0"),
            ("%2F%2f", b"//"),
            ("..", b".."),
            ("%2541", b"%41"),
            ("%FF%C3", b"\xFF\xC3"),
            ("", b""),
        ];
        for (segment, bytes) in cases {
            assert_eq!(*decode(segment).unwrap(), *bytes, "{segment}");
        }
    }

    #[test]
    fn a_malformed_escape_is_refused() {
        for bad in ["%", "%2", "%zz", "a%", "%%20", "%+1"] {
            let problem = decode(bad).expect_err(bad);
            assert_eq!((problem.status(), problem.code()), (400, codes::ENCODING_INVALID), "{bad}");
        }
    }

    #[test]
    fn a_segment_without_escapes_is_not_copied() {
        assert!(matches!(decode("plain"), Ok(Cow::Borrowed(b"plain"))));
    }
}
