//! How long an answer may be kept, by what it says (RFC 9111).
//!
//! Read here and not by a library: `http-cache-semantics` does not tell an
//! answer that says nothing, which lives as long as the keyspace says, from one
//! that is over at once; and `headers` drops a `Cache-Control` with one mistake
//! in it, which is to be taken for the strictest.

use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName, VARY};

/// The longest time that a header can say (RFC 9111, 1.2.2).
const SECONDS_MAX: u64 = 1 << 31;

/// How long an answer is fresh that took so long to come; zero if it must not
/// be kept at all, and `None` if it says nothing of it.
pub(super) fn of(headers: &HeaderMap, took: Duration) -> Option<Duration> {
    let control = Control::of(headers);
    if control.forbids || headers.get_all(VARY).iter().any(|vary| vary.as_bytes() == b"*") {
        return Some(Duration::ZERO);
    }
    let lifetime = control.shared_max_age.or(control.max_age);
    let lifetime = lifetime.or_else(|| until_expires(headers))?;
    Some(lifetime.saturating_sub(age(headers)).saturating_sub(took))
}

/// What `Cache-Control` says to a cache that many share.
#[derive(Debug, Default, PartialEq, Eq)]
struct Control {
    /// It must not be kept, or not be used without asking again.
    forbids: bool,
    shared_max_age: Option<Duration>,
    max_age: Option<Duration>,
}

impl Control {
    fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            let Ok(line) = line.to_str() else {
                control.forbids = true;
                continue;
            };
            for directive in directives(line) {
                control.add(directive);
            }
        }
        control
    }

    fn add(&mut self, directive: &str) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match &*name.trim().to_ascii_lowercase() {
            "no-store" | "no-cache" | "private" => self.forbids = true,
            "s-maxage" => shorten(&mut self.shared_max_age, value),
            "max-age" => shorten(&mut self.max_age, value),
            _ => {}
        }
    }
}

/// Of several times the shortest holds; what is no time is none.
fn shorten(held: &mut Option<Duration>, value: &str) {
    let said = seconds(value.trim().trim_matches('"')).unwrap_or(Duration::ZERO);
    *held = Some(held.map_or(said, |held| held.min(said)));
}

/// The parts between commas, except those within quotes.
fn directives(line: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    line.split(|c: char| {
        let ends = c == ',' && !is_quoted;
        if c == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = is_quoted && c == '\\' && !is_escaped;
        ends
    })
    .collect()
}

/// Digits and nothing else. More than a header can say is that.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().unwrap_or(SECONDS_MAX);
    is_number.then(|| Duration::from_secs(number.min(SECONDS_MAX)))
}

/// From the time at which it was sent, by the server's own clock: this machine's
/// may be another, and leap. What is no date, or has none to count from, is over.
fn until_expires(headers: &HeaderMap) -> Option<Duration> {
    headers.get(EXPIRES)?;
    Some(until(headers, EXPIRES).unwrap_or(Duration::ZERO))
}

/// From the time at which an answer was sent until the date of another header; zero if
/// that is over. `None` if one of the two is no date.
pub(super) fn until(headers: &HeaderMap, name: HeaderName) -> Option<Duration> {
    let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let (then, sent) = (date(name)?, date(DATE)?);
    Some(then.duration_since(sent).unwrap_or(Duration::ZERO))
}

/// How long it has been under way, or in other caches.
fn age(headers: &HeaderMap) -> Duration {
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    age.and_then(|age| seconds(age.trim())).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    const MINUTE: Option<Duration> = Some(Duration::from_mins(1));
    const NOTHING: Option<Duration> = Some(Duration::ZERO);

    fn fresh(lines: &[(&str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        of(&headers, Duration::ZERO)
    }

    fn control(value: &str) -> Option<Duration> {
        fresh(&[("cache-control", value)])
    }

    #[test]
    fn an_answer_that_says_nothing_leaves_it_to_the_keyspace() {
        assert_eq!(fresh(&[]), None);
        assert_eq!(control("public, must-revalidate, immutable, x=\"max-age=60\""), None);
        assert_eq!(fresh(&[("vary", "accept"), ("age", "5"), ("pragma", "no-cache")]), None);
    }

    #[test]
    fn an_age_is_as_long_as_it_is_said_for_caches_that_many_share() {
        assert_eq!(control("max-age=60"), MINUTE);
        assert_eq!(control("Public , MAX-AGE=60"), MINUTE);
        assert_eq!(control("max-age=\"60\""), MINUTE);
        assert_eq!(control("max-age=5, s-maxage=60"), MINUTE);
        assert_eq!(
            fresh(&[("cache-control", "s-maxage=60"), ("cache-control", "max-age=5")]),
            MINUTE
        );
    }

    #[test]
    fn what_must_not_be_kept_is_not() {
        for value in [
            "no-store",
            "no-cache",
            "private",
            "private=\"set-cookie, x\", max-age=60",
            "max-age=60, no-cache=\"a\"",
            "max-age=0",
        ] {
            assert_eq!(control(value), NOTHING, "{value}");
        }
        assert_eq!(fresh(&[("vary", "*"), ("cache-control", "max-age=60")]), NOTHING);
    }

    #[test]
    fn a_mistake_is_taken_for_the_strictest() {
        for value in
            ["max-age=", "max-age", "max-age=-1", "max-age=6 0", "max-age=1.5", "max-age=+1"]
        {
            assert_eq!(control(value), NOTHING, "{value}");
        }
        assert_eq!(control("max-age=99, max-age=60"), MINUTE, "the shortest of several");
        assert_eq!(control("x=\"a, max-age=5\\\", b\", max-age=60"), MINUTE, "quotes hide commas");
        assert_eq!(fresh(&[("cache-control", "max-age=60\u{e9}")]), NOTHING);
        let longest = Some(Duration::from_secs(SECONDS_MAX));
        assert_eq!(control("max-age=99999999999999999999999"), longest);
    }

    #[test]
    fn a_date_says_it_where_no_age_does() {
        const SENT: (&str, &str) = ("date", "Wed, 21 Oct 2015 07:27:00 GMT");
        const EXPIRES: (&str, &str) = ("expires", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(fresh(&[EXPIRES, SENT]), MINUTE);
        assert_eq!(fresh(&[EXPIRES]), NOTHING, "it is not told since when");
        assert_eq!(fresh(&[("expires", "0"), SENT]), NOTHING);
        assert_eq!(fresh(&[EXPIRES, SENT, ("cache-control", "max-age=0")]), NOTHING);
    }

    #[test]
    fn time_in_other_caches_and_on_the_way_counts() {
        let aged = |age| fresh(&[("cache-control", "max-age=65"), ("age", age)]);
        assert_eq!((aged("5"), aged("65"), aged("99")), (MINUTE, NOTHING, NOTHING));
        assert_eq!(aged("soon"), Some(Duration::from_secs(65)), "no age is none");
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=65"));
        assert_eq!(of(&headers, Duration::from_secs(5)), MINUTE);
    }
}
