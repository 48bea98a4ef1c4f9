//! The values of settings: read by their kind, and written so that they are read
//! back.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::secret::Secret;
use crate::setting::Kind;
use crate::units::{self, Size, Time};

/// The longest list that a setting takes: warm keys are the longest, and more of
/// them belong in a file.
const LIST_MAX: usize = 100_000;

/// The largest number that a file can have.
pub(crate) const COUNT_MAX: u64 = i64::MAX as u64;

/// The shortest time that is one.
pub(crate) const INSTANT: Duration = Duration::from_nanos(1);

/// What a setting has been given.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Bytes.
    Size(u64),
    /// A time.
    Time(Duration),
    /// A whole number.
    Count(u64),
    /// Any number.
    Number(f64),
    /// Yes or no.
    Switch(bool),
    /// Text.
    Text(String),
    /// Where to listen.
    Address(SocketAddr),
    /// A file or directory.
    Path(PathBuf),
    /// Several texts.
    List(Vec<String>),
    /// What is not shown.
    Secret(Secret),
    /// Names, and what is not shown.
    Headers(Vec<(String, Secret)>),
}

/// What was written, before it is known what it should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw<'a> {
    /// A text of the file.
    Text(Cow<'a, str>),
    /// A word of the command line or the environment, where all is text.
    Word(Cow<'a, str>),
    /// A number of the file, in digits.
    Number(String),
    Switch(bool),
    List(Vec<Self>),
    /// Something that no setting is: a table, a date.
    Other(&'static str),
}

impl Raw<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Word(_) => "a text",
            Self::Number(_) => "a number",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }

    /// What a number, a size or a time is read from.
    fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            Self::Number(digits) => Some(digits),
            Self::Switch(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            Self::Number(_) | Self::Switch(_) | Self::List(_) | Self::Other(_) => None,
        }
    }
}

/// Why something is no value of a kind: what is wrong, and what would be right.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) right: String,
}

impl Kind {
    /// Reads a value; a relative path begins at `folder`.
    pub(crate) fn read(self, raw: &Raw<'_>, folder: &Path) -> Result<Value, Wrong> {
        let value = match self {
            Self::Secret
            | Self::Text
            | Self::Choice(_)
            | Self::Address
            | Self::LogFilter
            | Self::Path => raw.text().map(|text| self.read_text(text, folder)),
            Self::Size(..) | Self::Time(_) | Self::Count(..) | Self::Part | Self::Rate => {
                raw.scalar().map(|text| self.read_number(text))
            }
            Self::Switch => switch(raw),
            Self::List => list(raw),
            Self::Headers => list(raw).map(|list| list.and_then(headers)),
        };
        let of_another_kind = || self.wrong(format!("{} is given", raw.name()));
        value.ok_or_else(of_another_kind)?.map_err(|what| self.wrong(what))
    }

    fn wrong(self, what: String) -> Wrong {
        Wrong { what, right: self.right() }
    }

    fn read_text(self, text: &str, folder: &Path) -> Result<Value, String> {
        if text.contains('\0') {
            return Err("it has a NUL in it".to_owned());
        }
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        match self {
            Self::Secret => Ok(Value::Secret(Secret::new(text))),
            Self::Path => Ok(Value::Path(from_folder(text, folder))),
            Self::Choice(words) if !words.contains(&text) => Err(said(text, "is none of them")),
            Self::Address => {
                let address = text.parse().map(Value::Address);
                address.map_err(|_no_address| said(text, "is no address with a port"))
            }
            Self::LogFilter => log_filter(text).map(|()| Value::Text(text.to_owned())),
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    fn read_number(self, text: &str) -> Result<Value, String> {
        let value = match self {
            Self::Size(min, max) => {
                let bytes = units::size(text).map_err(|what| said(text, &what))?;
                (min..=max).contains(&bytes).then_some(Value::Size(bytes))
            }
            Self::Time(min) => {
                let time = units::time(text).map_err(|what| said(text, &what))?;
                (min <= time).then_some(Value::Time(time))
            }
            Self::Count(min, max) => {
                let count = text.parse().map_err(|_none| said(text, "is no whole number"))?;
                (min..=max).contains(&count).then_some(Value::Count(count))
            }
            _ => {
                let number: f64 = text.parse().map_err(|_none| said(text, "is no number"))?;
                self.has(number).then_some(Value::Number(number))
            }
        };
        value.ok_or_else(|| said(text, "is out of range"))
    }

    fn has(self, number: f64) -> bool {
        match self {
            Self::Part => (0.0..=1.0).contains(&number),
            _ => 0.0 < number && number.is_finite(),
        }
    }

    /// What would be right.
    pub fn right(self) -> String {
        match self {
            Self::Size(min, u64::MAX) => format!("a size of at least {}", Size(min)),
            Self::Size(min, max) => format!("a size from {} to {}", Size(min), Size(max)),
            Self::Time(Duration::ZERO) => "a time, or 0".to_owned(),
            Self::Time(INSTANT) => "a time greater than 0".to_owned(),
            Self::Time(min) => format!("a time of at least {}", Time(min)),
            Self::Count(min, COUNT_MAX) => format!("a whole number of at least {min}"),
            Self::Count(min, max) => format!("a whole number from {min} to {max}"),
            Self::Part => "a number from 0 to 1".to_owned(),
            Self::Rate => "a number greater than 0".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Text | Self::Secret => "a text".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Address => "an IP address and a port, such as 127.0.0.1:8080".to_owned(),
            Self::LogFilter => {
                "off, error, warn, info, debug, trace, or target=level,...".to_owned()
            }
            Self::Path => "a path".to_owned(),
            Self::List => "a list of texts".to_owned(),
            Self::Headers => "a list of texts, such as \"Accept: application/json\"".to_owned(),
        }
    }
}

/// The longest part of a value that an error repeats, in characters.
const SHOWN_MAX: usize = 40;

/// What was given, and what is to say of it.
fn said(text: &str, what: &str) -> String {
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("{shown:?}{more} {what}")
}

fn switch(raw: &Raw<'_>) -> Option<Result<Value, String>> {
    match raw {
        Raw::Switch(on) => Some(Ok(Value::Switch(*on))),
        Raw::Word(word) => {
            let on = match word.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Switch(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Switch(false)),
                _ => Err(said(word, "is neither")),
            };
            Some(on)
        }
        Raw::Text(_) | Raw::Number(_) | Raw::List(_) | Raw::Other(_) => None,
    }
}

/// Of what is no header nothing is repeated: it may be a part of a secret.
fn headers(list: Value) -> Result<Value, String> {
    let Value::List(list) = list else { return Err("it is no list".to_owned()) };
    list.iter().map(|text| header(text)).collect::<Result<_, _>>().map(Value::Headers)
}

pub(crate) fn header(text: &str) -> Result<(String, Secret), String> {
    let (name, value) = text.split_once(':').ok_or("a header has no colon")?;
    Ok((name.trim().to_owned(), Secret::new(value.trim())))
}

/// A list of the file, or words with commas between them.
fn list(raw: &Raw<'_>) -> Option<Result<Value, String>> {
    let items: Option<Vec<String>> = match raw {
        Raw::List(items) => items.iter().map(|item| item.scalar().map(str::to_owned)).collect(),
        Raw::Word(words) => Some(words.split(',').map(str::to_owned).collect()),
        Raw::Text(_) | Raw::Number(_) | Raw::Switch(_) | Raw::Other(_) => None,
    };
    items.map(|items| match items.len() {
        0..=LIST_MAX => Ok(Value::List(items)),
        _ => Err(format!("it has more than {LIST_MAX} items")),
    })
}

/// SQLite takes addresses, which begin with `file:`, as it does paths.
fn from_folder(text: &str, folder: &Path) -> PathBuf {
    if text.starts_with("file:") { PathBuf::from(text) } else { folder.join(text) }
}

/// What `env_logger` reads. It would take a level with a typing error for the
/// name of a module, and say nothing from then on.
fn log_filter(text: &str) -> Result<(), String> {
    let is_level = |level: &str| level.trim().parse::<log::LevelFilter>().is_ok();
    let known = |part: &str| is_level(part.split_once('=').map_or(part, |(_, level)| level));
    match text.split(',').find(|part| !known(part)) {
        None => Ok(()),
        Some(part) => Err(said(part, "names no level")),
    }
}

impl fmt::Display for Value {
    /// As the file has it; a secret is hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(bytes) => quoted(f, &Size(*bytes).to_string()),
            Self::Time(time) => quoted(f, &Time(*time).to_string()),
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Switch(on) => write!(f, "{on}"),
            Self::Text(text) => quoted(f, text),
            Self::Address(address) => quoted(f, &address.to_string()),
            Self::Path(path) => quoted(f, &path.to_string_lossy()),
            Self::List(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    quoted(f, item)?;
                }
                f.write_str("]")
            }
            Self::Secret(_) => quoted(f, Secret::HIDDEN),
            Self::Headers(headers) => {
                let shown = headers.iter().map(|(name, value)| format!("{name}: {value}"));
                write!(f, "{}", Self::List(shown.collect()))
            }
        }
    }
}

/// A text as TOML has it.
pub(crate) fn quoted(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, word: &str) -> Result<Value, Wrong> {
        kind.read(&Raw::Word(word.into()), Path::new("/etc/cache"))
    }

    #[test]
    fn a_value_out_of_its_range_is_told_the_range() {
        let wrong = read(Kind::Count(1, 1_000), "0").unwrap_err();
        assert_eq!(wrong.what, "\"0\" is out of range");
        assert_eq!(wrong.right, "a whole number from 1 to 1000");
        assert!(read(Kind::Part, "1.5").is_err() && read(Kind::Part, "NaN").is_err());
        assert!(read(Kind::Rate, "0").is_err() && read(Kind::Rate, "inf").is_err());
        assert!(read(Kind::Time(Duration::from_nanos(1)), "0").is_err());
        assert!(read(Kind::Size(64, 128), "129").is_err());
    }

    #[test]
    fn a_log_filter_is_a_level_or_levels_of_targets() {
        for good in ["off", "INFO", "warn,distcache_http=trace", "a=off, b=debug"] {
            assert!(read(Kind::LogFilter, good).is_ok(), "{good}");
        }
        for wrong in ["", "loud", "info,a=loud", "a="] {
            assert!(read(Kind::LogFilter, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_relative_path_begins_at_the_folder() {
        let path = |text| read(Kind::Path, text).unwrap();
        assert_eq!(path("users.db"), Value::Path("/etc/cache/users.db".into()));
        assert_eq!(path("/srv/users.db"), Value::Path("/srv/users.db".into()));
        assert_eq!(path("file:users.db?mode=ro"), Value::Path("file:users.db?mode=ro".into()));
    }

    #[test]
    fn a_long_value_is_not_repeated_at_length() {
        let wrong = read(Kind::Count(0, 1), &"9".repeat(1_000)).unwrap_err();
        assert!(wrong.what.len() < 100, "{}", wrong.what);
    }

    #[test]
    fn a_wrong_secret_is_not_repeated() {
        let wrong = read(Kind::Secret, "open\0sesame").unwrap_err();
        assert!(!format!("{wrong:?}").contains("sesame"));
    }
}
