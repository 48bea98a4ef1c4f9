//! Keys, which are bytes, as values of SQLite.

use rusqlite::types::Value;

/// Of which type the keys are. SQLite converts where it compares, so that a
/// text `'007'` would find the number 7; here one row has one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Text. Bytes that are not UTF-8 are no key: not found.
    Text,
    /// Numbers of 64 bits, as SQLite writes them. Anything else (`007`, `+7`,
    /// `7.0`, `seven`) is no key: not found.
    ///
    /// It is no error, because everybody who may ask the cache for any key
    /// could else make the source look ill.
    Integer,
    /// Bytes as they are.
    Blob,
}

impl Keys {
    /// A key to bind; `None` for bytes that are no such key.
    pub(super) fn bind(self, key: &[u8]) -> Option<Value> {
        match self {
            Self::Text => String::from_utf8(key.to_vec()).ok().map(Value::Text),
            Self::Integer => {
                let text = std::str::from_utf8(key).ok()?;
                let number: i64 = text.parse().ok()?;
                (number.to_string() == text).then_some(Value::Integer(number))
            }
            Self::Blob => Some(Value::Blob(key.to_vec())),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Blob => "blob",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_key() {
        for key in ["0", "7", "-7", "9223372036854775807", "-9223372036854775808"] {
            let number = key.parse().expect("a number");
            assert_eq!(Keys::Integer.bind(key.as_bytes()), Some(Value::Integer(number)));
        }
        for key in ["", "007", "+7", "-0", " 7", "7 ", "7.0", "seven", "9223372036854775808"] {
            assert_eq!(Keys::Integer.bind(key.as_bytes()), None, "{key}");
        }
        assert_eq!(Keys::Integer.bind(b"\xff"), None);
    }

    #[test]
    fn text_is_utf8_and_a_blob_is_anything() {
        assert_eq!(Keys::Text.bind("Ä\0'".as_bytes()), Some(Value::Text("Ä\0'".into())));
        assert_eq!(Keys::Text.bind(b"\xff"), None);
        assert_eq!(Keys::Blob.bind(b"\xff"), Some(Value::Blob(vec![0xff])));
    }
}
