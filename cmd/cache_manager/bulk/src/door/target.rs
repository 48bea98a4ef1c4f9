//! The path and the query of a request, escaped.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Bytes of a target that every server takes with its default limit of a request
/// line (8 KiB), and a path of a proxy before it.
pub(crate) const TARGET_BYTES_MAX: usize = 7 << 10;

/// Also the dot: what stands between us and the server may fold `..`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A target that grows.
pub(crate) struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// What is under a keyspace; `rest` is a path, already escaped.
    pub(crate) fn keyspace(name: &str, rest: &str) -> Self {
        let name = percent_encode(name.as_bytes(), ESCAPED);
        Self { text: format!("/v1/keyspaces/{name}/{rest}"), has_query: false }
    }

    pub(crate) fn key(keyspace: &str, key: &[u8]) -> Self {
        let mut target = Self::keyspace(keyspace, "keys/");
        write!(target.text, "{}", percent_encode(key, ESCAPED)).expect("a String takes all text");
        target
    }

    /// Adds a parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let sign = if self.has_query { '&' } else { '?' };
        let value = percent_encode(value.as_bytes(), ESCAPED);
        write!(self.text, "{sign}{name}={value}").expect("a String takes all text");
        Self { has_query: true, ..self }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is short enough for every server.
    pub(crate) fn is_short(&self) -> bool {
        self.text.len() <= TARGET_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_stand_in_a_path_and_any_text_in_a_query() {
        let target = Target::key("a/b", b"..\xFF+ \0k").with("tag", "x&y").with("ttl", "1.5");
        let expected = "/v1/keyspaces/a%2Fb/keys/%2E%2E%FF%2B%20%00k?tag=x%26y&ttl=1%2E5";
        assert_eq!(target.as_str(), expected);
    }
}
