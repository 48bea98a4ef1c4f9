//! A value with its key, as a line of JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::error::Category;

/// The longest key that a cache takes, in bytes.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Ten years, in milliseconds: the longest that a cache takes.
pub const TTL_MS_MAX: u64 = 315_360_000_000;

/// What a line looks like, for who has written another one.
pub const ITEM_LIKE: &str = "{\"key\":\"text\",\"value\":\"text\"}, or `key_base64` and \
    `value_base64`; and if wanted `keyspace`, `ttl_ms`, `content_type`, `tags`";

/// One value, and what is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The keyspace; `None` where the line says nothing.
    pub keyspace: Option<String>,
    /// Any bytes, at least one, at most [`KEY_BYTES_MAX`].
    pub key: Vec<u8>,
    /// Any bytes.
    pub value: Vec<u8>,
    /// How long it is to be kept.
    pub life: Life,
    /// What the bytes are, if somebody has said so.
    pub content_type: Option<String>,
    /// The tags by which it can be invalidated. An export has none: a cache keeps
    /// only their hashes.
    pub tags: Vec<String>,
}

/// How long a value is to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Life {
    /// As long as its keyspace says: no `ttl_ms` in the line.
    #[default]
    OfKeyspace,
    /// Until room is needed: `"ttl_ms":null`.
    UntilEvicted,
    /// For so many milliseconds from its import on, 1 to [`TTL_MS_MAX`].
    Millis(u64),
}

/// Why a line is no item. Nothing of what stands in it is repeated: it may be
/// a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// No JSON, or cut off.
    #[error("column {column}: {what}")]
    Json {
        /// Where, in bytes from 1.
        column: usize,
        /// What is the matter there.
        what: &'static str,
    },
    /// JSON that says too much, too little, or what cannot be.
    #[error("{0}")]
    Wrong(&'static str),
    /// The line goes on for longer than any item.
    #[error("it is longer than {bytes_max} bytes")]
    TooLong {
        /// How long a line may be.
        bytes_max: usize,
    },
}

/// A line as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    keyspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(skip_serializing_if = "Life::is_of_keyspace")]
    ttl_ms: Life,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

impl Life {
    fn is_of_keyspace(&self) -> bool {
        *self == Self::OfKeyspace
    }
}

/// The member `ttl_ms`, which is not there for the time of the keyspace.
impl Serialize for Life {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Millis(ms) => serializer.serialize_u64(*ms),
            Self::OfKeyspace | Self::UntilEvicted => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::UntilEvicted, Self::Millis))
    }
}

impl Item {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        // What is derived for a struct takes a list of its members without their names.
        if line.trim_ascii_start().starts_with(b"[") {
            return Err(LineError::Wrong("a line is an object, and this is a list"));
        }
        let line: Line = serde_json::from_slice(line).map_err(|error| not_a_line(&error))?;
        let key = octets(line.key, line.key_base64, &OF_KEY)?;
        if key.is_empty() {
            return Err(LineError::Wrong("the key is empty"));
        }
        if KEY_BYTES_MAX < key.len() {
            return Err(LineError::Wrong("the key is longer than 65,535 bytes"));
        }
        let value = octets(line.value, line.value_base64, &OF_VALUE)?;
        let life = line.ttl_ms;
        if let Life::Millis(ms) = life
            && !(1..=TTL_MS_MAX).contains(&ms)
        {
            return Err(LineError::Wrong("`ttl_ms` is not 1 to 315360000000 (ten years)"));
        }
        let Line { keyspace, content_type, tags, .. } = line;
        Ok(Self { keyspace, key, value, life, content_type, tags })
    }

    /// Writes the item as a line, its end included. Bytes that are no UTF-8 are
    /// written in base64, and so are those that would be longer as a text.
    ///
    /// # Panics
    /// Never: a `Vec` takes all bytes, and there is nothing in an item that is no JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (key, key_base64) = texts(&self.key);
        let (value, value_base64) = texts(&self.value);
        let ttl_ms = self.life;
        let (keyspace, content_type) = (self.keyspace.clone(), self.content_type.clone());
        let tags = self.tags.clone();
        let line =
            Line { keyspace, key, key_base64, value, value_base64, ttl_ms, content_type, tags };
        serde_json::to_writer(&mut *out, &line).expect("a Vec takes all bytes, and texts are JSON");
        out.push(b'\n');
    }
}

/// What is said of a member that is given in none of its two forms, in both, or
/// not well.
struct Names {
    missing: &'static str,
    twice: &'static str,
    no_base64: &'static str,
}

const OF_KEY: Names = Names {
    missing: "there is neither `key` nor `key_base64`",
    twice: "there are both `key` and `key_base64`",
    no_base64: "`key_base64` is not the alphabet of RFC 4648, 4, with its padding",
};

const OF_VALUE: Names = Names {
    missing: "there is neither `value` nor `value_base64`",
    twice: "there are both `value` and `value_base64`",
    no_base64: "`value_base64` is not the alphabet of RFC 4648, 4, with its padding",
};

fn octets(
    text: Option<String>,
    base64: Option<String>,
    names: &Names,
) -> Result<Vec<u8>, LineError> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(base64)) => {
            let decoded = STANDARD.decode(base64);
            decoded.map_err(|_what_it_holds| LineError::Wrong(names.no_base64))
        }
        (None, None) => Err(LineError::Wrong(names.missing)),
        (Some(_), Some(_)) => Err(LineError::Wrong(names.twice)),
    }
}

/// The bytes as a text or as base64, whichever is shorter.
fn texts(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let base64_bytes = bytes.len().div_ceil(3) * 4;
    match str::from_utf8(bytes) {
        // At least as much as the frame of the longer name.
        Ok(text) if escaped_bytes(text) <= base64_bytes + 8 => (Some(text.to_owned()), None),
        _ => (None, Some(STANDARD.encode(bytes))),
    }
}

/// How long a text is as JSON.
fn escaped_bytes(text: &str) -> usize {
    let one = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
        0..=0x1F => 6,
        _ => 1,
    };
    text.bytes().map(one).sum()
}

fn not_a_line(error: &serde_json::Error) -> LineError {
    let what = match error.classify() {
        Category::Eof => "the line ends too early",
        Category::Syntax | Category::Io => "this is no JSON",
        Category::Data => "this member is unknown, given twice, or not of its type",
    };
    LineError::Json { column: error.column(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(line: &str) -> String {
        Item::parse(line.as_bytes()).unwrap_err().to_string()
    }

    fn written(item: &Item) -> String {
        let mut out = Vec::new();
        item.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn plain(key: &[u8], value: &[u8]) -> Item {
        Item {
            keyspace: None,
            key: key.to_vec(),
            value: value.to_vec(),
            life: Life::OfKeyspace,
            content_type: None,
            tags: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_a_key_and_a_value_and_what_is_told_of_it() {
        assert_eq!(Item::parse(br#"{"key":"a","value":"b"}"#), Ok(plain(b"a", b"b")));
        let all = br#" {"keyspace":"k","key_base64":"/w==","value_base64":"AA==",
            "ttl_ms":7,"content_type":"text/html","tags":["t","u"]} "#;
        let expected = Item {
            keyspace: Some("k".to_owned()),
            life: Life::Millis(7),
            content_type: Some("text/html".to_owned()),
            tags: vec!["t".to_owned(), "u".to_owned()],
            ..plain(b"\xFF", b"\0")
        };
        assert_eq!(Item::parse(all), Ok(expected));
    }

    #[test]
    fn no_time_is_that_of_the_keyspace_and_null_is_until_evicted() {
        let life = |ttl: &str| {
            let line = format!(r#"{{"key":"a","value":"b"{ttl}}}"#);
            Item::parse(line.as_bytes()).unwrap().life
        };
        assert_eq!(life(""), Life::OfKeyspace);
        assert_eq!(life(r#","ttl_ms":null"#), Life::UntilEvicted);
        assert_eq!(life(r#","ttl_ms":315360000000"#), Life::Millis(TTL_MS_MAX));
    }

    #[test]
    fn bytes_that_are_no_text_and_texts_of_escapes_are_written_in_base64() {
        let text = written(&plain("k\u{f6}ln".as_bytes(), b"\xFF\0"));
        assert_eq!(text, "{\"key\":\"k\u{f6}ln\",\"value_base64\":\"/wA=\"}\n");
        let escapes = written(&plain(b"a", &[0; 30]));
        assert!(escapes.contains("value_base64"), "{escapes}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_what_stands_there() {
        assert_eq!(wrong(r#"{"key":"a""#), "column 10: the line ends too early");
        assert_eq!(wrong("secret"), "column 1: this is no JSON");
        for line in [
            r#"{"key":"a","value":"b","secret":1}"#,
            r#"{"key":"a","key":"secret","value":"b"}"#,
            r#"{"key":"a","value":"b","ttl_ms":"secret"}"#,
            r#"{"key":"a","value":"b","ttl_ms":-1}"#,
            r#"{"key":"a","value":{"base64":"secret"}}"#,
            r#""secret""#,
        ] {
            let text = wrong(line);
            assert!(text.ends_with("not of its type") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_json_and_no_item_says_what_it_lacks_or_has_too_much() {
        let cases = [
            (r#"{"value":"b"}"#, "there is neither `key` nor `key_base64`"),
            (r#"{"key":"a"}"#, "there is neither `value` nor `value_base64`"),
            (r#"{"key":"a","key_base64":"YQ==","value":""}"#, OF_KEY.twice),
            (r#"{"key":"a","value":"","value_base64":""}"#, OF_VALUE.twice),
            (r#"{"key_base64":"_w==","value":""}"#, OF_KEY.no_base64),
            (r#"{"key":"a","value_base64":"YQ"}"#, OF_VALUE.no_base64),
            (r#"{"key":"","value":""}"#, "the key is empty"),
            (r#" [null,"a",null,"b"]"#, "a line is an object, and this is a list"),
            (
                r#"{"key":"a","value":"","ttl_ms":0}"#,
                "`ttl_ms` is not 1 to 315360000000 (ten years)",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(wrong(line), expected, "{line}");
        }
        let key = "k".repeat(KEY_BYTES_MAX + 1);
        let long = format!(r#"{{"key":"{key}","value":""}}"#);
        assert_eq!(wrong(&long), "the key is longer than 65,535 bytes");
    }
}
