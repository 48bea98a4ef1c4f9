//! The parameters of a query or a form, decoded strictly.
//!
//! `serde_urlencoded` decodes with replacement characters: `%FF` and `%FE`
//! would become one key. So the escapes are checked before it sees them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use distcache::codes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::Problem;
use crate::escapes::check_escapes;

/// Ten years: longer is a mistake in the unit.
pub(crate) const TTL_SECONDS_MAX: u32 = 315_360_000;

/// The parameters that were given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters<'a> {
    pub(crate) key: Option<Cow<'a, str>>,
    pub(crate) value: Option<Cow<'a, str>>,
    pub(crate) ttl: Option<Duration>,
}

/// The parameters that a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// `key` only.
    Key,
    /// `key`, `value` and `ttl`.
    KeyValueTtl,
}

impl<'a> Parameters<'a> {
    /// Decodes `text`, the part of a URL behind the `?` or a form.
    ///
    /// # Errors
    ///
    /// 400, when an escape is malformed or not UTF-8, and when a parameter is
    /// unknown, is given twice or is a `ttl` out of range.
    pub(crate) fn parse(text: &'a str, takes: Takes) -> Result<Self, Problem> {
        check_escapes(text)?;
        let decoded: Decoded<'a> = serde_urlencoded::from_str(text).map_err(|error| {
            Problem::new(400, codes::ENCODING_INVALID).detail(error.to_string())
        })?;
        decoded.0?.limited_to(takes)
    }

    /// The key.
    ///
    /// # Errors
    ///
    /// 400, when it is missing or empty.
    pub(crate) fn into_key(self) -> Result<Cow<'a, str>, Problem> {
        required_key(self.key)
    }

    fn limited_to(self, takes: Takes) -> Result<Self, Problem> {
        match takes {
            Takes::Key if self.value.is_some() || self.ttl.is_some() => {
                Err(unknown("only `key` is known to this request"))
            }
            Takes::Key | Takes::KeyValueTtl => Ok(self),
        }
    }

    /// Stores one parameter.
    fn set(&mut self, name: &str, text: Text<'a>) -> Result<(), Problem> {
        let repeated = match name {
            "key" => self.key.replace(text.0).is_some(),
            "value" => self.value.replace(text.0).is_some(),
            "ttl" => self.ttl.replace(parse_ttl(&text.0)?).is_some(),
            // What it is called is not repeated: it may be a value without its name.
            _ => return Err(unknown("the known parameters are `key`, `value` and `ttl`")),
        };
        if repeated { Err(repeated_parameter(name)) } else { Ok(()) }
    }
}

/// A key that must be there and not empty.
pub(crate) fn required_key(key: Option<Cow<'_, str>>) -> Result<Cow<'_, str>, Problem> {
    let detail = match key {
        Some(key) if !key.is_empty() => return Ok(key),
        Some(_) => "the `key` is empty",
        None => "there is no `key`",
    };
    Err(Problem::new(400, codes::KEY_MISSING).detail(detail))
}

/// 400 for a parameter that is there twice.
pub(crate) fn repeated_parameter(name: &str) -> Problem {
    Problem::new(400, codes::PARAMETER_REPEATED).detail(format!("`{name}` is given more than once"))
}

fn unknown(detail: &'static str) -> Problem {
    Problem::new(400, codes::PARAMETER_UNKNOWN).detail(detail)
}

/// Digits only: `str::parse` would take a sign.
pub(crate) fn parse_ttl(text: &str) -> Result<Duration, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|seconds| digits && (1..=TTL_SECONDS_MAX).contains(seconds))
        .map(|seconds: u32| Duration::from_secs(seconds.into()))
        .ok_or_else(|| Problem::new(400, codes::TTL_INVALID))
}

/// A name or a text, borrowed from the query where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Parameters, or what is wrong with them, in our own words rather than serde's.
struct Decoded<'a>(Result<Parameters<'a>, Problem>);

impl<'de> Deserialize<'de> for Decoded<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParametersVisitor)
    }
}

struct ParametersVisitor;

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = Decoded<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Parameters::default();
        let mut outcome = Ok(());
        // All are read, even behind a bad one: serde_urlencoded wants it so.
        while let Some((name, text)) = map.next_entry::<Text<'de>, Text<'de>>()? {
            outcome = outcome.and_then(|()| parameters.set(&name.0, text));
        }
        Ok(Decoded(outcome.map(|()| parameters)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use distcache::codes::Code;

    fn parse(text: &str) -> Result<Parameters<'_>, Code> {
        Parameters::parse(text, Takes::KeyValueTtl).map_err(|problem| problem.code())
    }

    fn key(text: &str) -> String {
        parse(text).expect("a good query").into_key().expect("a key").into_owned()
    }

    #[test]
    fn keys_decode_to_exactly_what_was_escaped() {
        let cases = [
            ("key=a", "a"),
            ("key=a+b", "a b"),
            ("key=a%2Bb", "a+b"),
            ("key=%00", "\0"),
            ("key=%2F", "/"),
            ("key=%2f", "/"),
            ("key=%25", "%"),
            ("key=%2541", "%41"),
            ("key=..", ".."),
            ("key=a%3Db%26c", "a=b&c"),
            ("key=a=b", "a=b"),
            ("key=k%C3%B6ln", "k\u{f6}ln"),
            ("key=k\u{f6}ln", "k\u{f6}ln"),
            ("key=k\u{f6}%C3%B6", "k\u{f6}\u{f6}"),
            ("key=%F0%9F%98%80", "\u{1f600}"),
            ("%6Bey=a", "a"),
            ("&&key=a&", "a"),
        ];
        for (text, expected) in cases {
            assert_eq!(key(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_that_are_malformed_or_not_utf_8_are_refused() {
        for bad in ["%", "%2", "%zz", "%C0%AF", "%FF", "%ED%A0%80", "%C3&value=%B6", "a%C3"] {
            let text = format!("key={bad}");
            assert_eq!(parse(&text), Err(codes::ENCODING_INVALID), "{bad}");
        }
    }

    #[test]
    fn a_key_without_escapes_is_not_copied() {
        assert!(matches!(parse("key=plain").unwrap().key, Some(Cow::Borrowed("plain"))));
    }

    #[test]
    fn a_parameter_is_given_once_and_known() {
        assert_eq!(parse("key=a&key=a"), Err(codes::PARAMETER_REPEATED));
        assert_eq!(parse("key=a&value=1&value=2"), Err(codes::PARAMETER_REPEATED));
        assert_eq!(parse("key=a&colour=red"), Err(codes::PARAMETER_UNKNOWN));
        assert_eq!(parse("Key=a"), Err(codes::PARAMETER_UNKNOWN));
        let get = Parameters::parse("key=a&ttl=1", Takes::Key).map_err(|problem| problem.code());
        assert_eq!(get, Err(codes::PARAMETER_UNKNOWN));
    }

    #[test]
    fn a_key_is_required_and_a_value_may_be_empty() {
        for missing in ["", "value=a", "key=", "key"] {
            let problem = parse(missing).unwrap().into_key().expect_err("no key");
            assert_eq!(problem.code(), codes::KEY_MISSING, "{missing}");
        }
        assert_eq!(parse("key=a&value=").unwrap().value.as_deref(), Some(""));
        assert_eq!(parse("key=a").unwrap().value, None);
    }

    #[test]
    fn a_ttl_is_whole_seconds_up_to_ten_years() {
        assert_eq!(parse("ttl=1").unwrap().ttl, Some(Duration::from_secs(1)));
        let ten_years = Duration::from_hours(10 * 365 * 24);
        assert_eq!(parse("ttl=315360000").unwrap().ttl, Some(ten_years));
        for bad in ["", "0", "-1", "%2B1", "1.5", "1s", "315360001", "99999999999999999999", " 1"] {
            let text = format!("ttl={bad}");
            assert_eq!(parse(&text), Err(codes::TTL_INVALID), "{bad}");
        }
    }
}
