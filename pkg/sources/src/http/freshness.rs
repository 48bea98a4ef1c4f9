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

/// What an answer says of being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It must not be kept.
    NoStore,
    /// It must not be used without asking its server, neither as fresh nor as stale.
    NoCache,
    /// It is fresh for so long. Zero is stale at once.
    For(Duration),
    /// Nothing.
    Unsaid,
}

/// What is said by an answer that took so long to come.
pub(super) fn of(headers: &HeaderMap, took: Duration) -> Freshness {
    let control = Control::of(headers);
    if control.no_store || headers.get_all(VARY).iter().any(|vary| vary.as_bytes() == b"*") {
        return Freshness::NoStore;
    }
    if control.no_cache {
        return Freshness::NoCache;
    }
    let lifetime = control.shared_max_age.or(control.max_age);
    let Some(lifetime) = lifetime.or_else(|| until_expires(headers)) else {
        return Freshness::Unsaid;
    };
    let fresh = lifetime.saturating_sub(age(headers)).saturating_sub(took);
    // What is over at once, and must not be served then, is never served.
    let is_strict = control.must_revalidate || control.shared_max_age.is_some();
    if fresh.is_zero() && is_strict { Freshness::NoCache } else { Freshness::For(fresh) }
}

/// What `Cache-Control` says to a cache that many share.
#[derive(Debug, Default, PartialEq, Eq)]
struct Control {
    no_store: bool,
    no_cache: bool,
    /// It must not be served when it is stale (RFC 9111, 5.2.2.2 and 5.2.2.8).
    must_revalidate: bool,
    shared_max_age: Option<Duration>,
    max_age: Option<Duration>,
}

impl Control {
    fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            let Ok(line) = line.to_str() else {
                control.no_store = true;
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
            "no-store" | "private" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
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

    const MINUTE: Freshness = Freshness::For(Duration::from_mins(1));
    const NOTHING: Freshness = Freshness::For(Duration::ZERO);

    fn fresh(lines: &[(&str, &str)]) -> Freshness {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        of(&headers, Duration::ZERO)
    }

    fn control(value: &str) -> Freshness {
        fresh(&[("cache-control", value)])
    }

    #[test]
    fn an_answer_that_says_nothing_leaves_it_to_the_keyspace() {
        assert_eq!(fresh(&[]), Freshness::Unsaid);
        let silent = control("public, must-revalidate, immutable, x=\"max-age=60\"");
        assert_eq!(silent, Freshness::Unsaid);
        let silent = fresh(&[("vary", "accept"), ("age", "5"), ("pragma", "no-cache")]);
        assert_eq!(silent, Freshness::Unsaid);
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
            "no-cache, no-store",
            "private",
            "private=\"set-cookie, x\", max-age=60",
            "private, no-cache",
        ] {
            assert_eq!(control(value), Freshness::NoStore, "{value}");
        }
        let varies = fresh(&[("vary", "*"), ("cache-control", "max-age=60")]);
        assert_eq!(varies, Freshness::NoStore);
    }

    #[test]
    fn what_must_be_asked_for_is_told_from_what_is_only_stale_at_once() {
        for value in [
            "no-cache",
            "max-age=60, no-cache=\"a\"",
            "max-age=0, must-revalidate",
            "Proxy-Revalidate, max-age=0",
            "s-maxage=0, max-age=60",
        ] {
            assert_eq!(control(value), Freshness::NoCache, "{value}");
        }
        assert_eq!(control("max-age=0"), NOTHING);
        assert_eq!(control("max-age=60, must-revalidate"), MINUTE);
        let old = fresh(&[("cache-control", "max-age=60, must-revalidate"), ("age", "60")]);
        assert_eq!(old, Freshness::NoCache);
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
        assert_eq!(fresh(&[("cache-control", "max-age=60\u{e9}")]), Freshness::NoStore);
        let longest = Freshness::For(Duration::from_secs(SECONDS_MAX));
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
        assert_eq!(aged("soon"), Freshness::For(Duration::from_secs(65)), "no age is none");
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=65"));
        assert_eq!(of(&headers, Duration::from_secs(5)), MINUTE);
    }
}
