//! Keys and values in JSON: a text where they are UTF-8, else
//! `{"base64":"..."}`.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// Bytes as they come in JSON, borrowed from it where nothing was escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Octets<'a>(pub(crate) Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Octets<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OctetsVisitor).map(Octets)
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or {\"base64\":\"...\"}")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.as_bytes().into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.as_bytes().to_vec().into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let member = map.next_entry::<Text<'de>, Text<'de>>()?;
        let Some((_, text)) = member.filter(|(name, _)| name.0 == "base64") else {
            return Err(Error::custom("`base64` is missing"));
        };
        if map.next_key::<Text<'de>>()?.is_some() {
            return Err(Error::custom("`base64` stands alone"));
        }
        let decoded = STANDARD.decode(&*text.0).map_err(|_of_the_client| {
            Error::custom("`base64` is not the alphabet of RFC 4648, 4, with its padding")
        })?;
        Ok(decoded.into())
    }
}

/// Writes bytes as JSON, unless `out` would be longer than `bytes_max` then.
/// Whether they are written.
pub(crate) fn write(out: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) -> bool {
    let room = bytes_max.saturating_sub(out.len());
    if room < bytes.len() {
        return false;
    }
    let Ok(text) = str::from_utf8(bytes) else {
        let fits = bytes.len() / 3 * 4 + FRAME_BYTES <= room;
        if fits {
            write_base64(out, bytes);
        }
        return fits;
    };
    let fits = text.len() < room / ESCAPED_BYTES_MAX || escaped_bytes(text) <= room;
    if fits {
        serde_json::to_writer(out, text).expect("a Vec takes all bytes, and text is JSON");
    }
    fits
}

/// What one byte takes at most, `\u0000`, with room for the quotes.
const ESCAPED_BYTES_MAX: usize = 8;
/// `{"base64":""}` and four more for an incomplete group.
const FRAME_BYTES: usize = 17;

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"base64\":\"");
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("as long as it says");
    out.truncate(start + written);
    out.extend_from_slice(b"\"}");
}

/// How long a text is as JSON, with its quotes.
fn escaped_bytes(text: &str) -> usize {
    let one = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
        0..=0x1F => 6,
        _ => 1,
    };
    2 + text.bytes().map(one).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Option<Vec<u8>> {
        serde_json::from_str::<Octets<'_>>(json).ok().map(|octets| octets.0.into_owned())
    }

    fn written(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        assert!(write(&mut out, bytes, usize::MAX));
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn a_text_is_itself_and_other_bytes_are_base64() {
        assert_eq!(written(b"k\xC3\xB6ln"), "\"k\u{f6}ln\"");
        assert_eq!(written(b"\xFF\0"), "{\"base64\":\"/wA=\"}");
        assert_eq!(written(b""), "\"\"");
        assert_eq!(read("\"a\\u0000\""), Some(b"a\0".to_vec()));
        assert_eq!(read("{\"base64\":\"/wA=\"}"), Some(b"\xFF\0".to_vec()));
        assert_eq!(read("{\"base64\":\"aGk=\"}"), Some(b"hi".to_vec()));
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        let octets: Octets<'_> = serde_json::from_str("\"plain\"").unwrap();
        assert!(matches!(octets.0, Cow::Borrowed(b"plain")));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bad in [
            "7",
            "null",
            "[1]",
            "{}",
            "{\"base64\":7}",
            "{\"base64\":\"/w\"}",
            "{\"base64\":\"_w==\"}",
            "{\"base32\":\"AA==\"}",
            "{\"base64\":\"AA==\",\"base64\":\"AA==\"}",
            "\"\\ud800\"",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_begun() {
        for bytes in [&b"four"[..], b"\0\0\0\0", b"\xFF\xFF\xFF\xFF", b"\"\"\"\""] {
            let whole = written(bytes).len();
            for room in 0..whole {
                let mut out = b"before".to_vec();
                assert!(!write(&mut out, bytes, 6 + room) || out.len() <= 6 + room);
                assert!(out.len() <= 6 + room, "{bytes:?} in {room}");
            }
            let mut out = Vec::new();
            assert!(write(&mut out, bytes, whole + FRAME_BYTES), "{bytes:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn any_bytes_survive(bytes: Vec<u8>) {
            prop_assert_eq!(read(&written(&bytes)), Some(bytes));
        }

        #[test]
        fn the_length_of_a_text_is_foretold(text: String) {
            prop_assert_eq!(escaped_bytes(&text), written(text.as_bytes()).len());
        }
    }
}
