//! The parameters of a query under `/v1`: names and texts, each handler's own.

use std::borrow::Cow;
use std::time::Duration;

use distcache::{Until, codes};

use crate::Problem;
use crate::escapes::check_escapes;
use crate::query::repeated_parameter;

/// Parameters that one query may have; tags are the only ones to come in number.
const PAIRS_MAX: usize = 64;
/// The clock of values counts milliseconds.
pub(crate) const TTL_SECONDS_MIN: f64 = 0.001;
/// Ten years: longer is a mistake in the unit.
pub(crate) const TTL_SECONDS_MAX: f64 = 315_360_000.0;

/// What a query says and no handler has taken yet.
#[derive(Debug)]
pub(crate) struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Pairs<'a> {
    /// Decodes a query, as a form does: a `+` is a blank.
    ///
    /// # Errors
    ///
    /// 400, when an escape is malformed or not UTF-8, and for too many.
    pub(crate) fn of(query: Option<&'a str>) -> Result<Self, Problem> {
        let Some(text) = query.filter(|text| !text.is_empty()) else {
            return Ok(Self(Vec::new()));
        };
        check_escapes(text)?;
        // What is empty between two `&` is no parameter, and is passed over.
        if PAIRS_MAX < text.split('&').filter(|pair| !pair.is_empty()).count() {
            let detail = format!("the query has more than {PAIRS_MAX} parameters");
            return Err(Problem::new(400, codes::PARAMETER_INVALID).detail(detail));
        }
        serde_urlencoded::from_str(text)
            .map(Self)
            .map_err(|error| Problem::new(400, codes::ENCODING_INVALID).detail(error.to_string()))
    }

    /// Takes a parameter that may be there once.
    ///
    /// # Errors
    ///
    /// 400, when it is there twice.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        let mut all = self.take_all(name);
        let last = all.pop();
        if all.is_empty() { Ok(last) } else { Err(repeated_parameter(name)) }
    }

    /// Takes every parameter of a name, in their order.
    pub(crate) fn take_all(&mut self, name: &str) -> Vec<Cow<'a, str>> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(n, _)| n == name);
        self.0 = left;
        let taken: Vec<(Cow<'a, str>, Cow<'a, str>)> = taken;
        taken.into_iter().map(|(_, text)| text).collect()
    }

    /// Takes `ttl`: seconds, with a fraction if wanted, or `none` for a value
    /// that stays until it is evicted. Not given: what the keyspace says.
    ///
    /// # Errors
    ///
    /// 400, when it is there twice, or neither.
    pub(crate) fn take_ttl(&mut self) -> Result<Until, Problem> {
        match self.take("ttl")?.as_deref() {
            None => Ok(Until::Default),
            Some("none") => Ok(Until::Evicted),
            Some(text) => seconds(text).map(Until::For).ok_or_else(|| {
                let detail = "`ttl` is seconds from 0.001 to 315360000 (ten years), or `none`";
                Problem::new(400, codes::TTL_INVALID).detail(detail)
            }),
        }
    }

    /// Nothing is left; else says what there could have been.
    ///
    /// # Errors
    ///
    /// 400, when a parameter was not taken.
    pub(crate) fn finish(self, known: &'static str) -> Result<(), Problem> {
        // What it is called is not repeated: it may be a value without its name.
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::new(400, codes::PARAMETER_UNKNOWN).detail(known))
    }
}

/// Digits with a fraction if wanted: `f64::from_str` would take signs, `inf` and
/// exponents.
fn seconds(text: &str) -> Option<Duration> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = text.parse().ok().filter(|_| is_plain)?;
    (TTL_SECONDS_MIN..=TTL_SECONDS_MAX).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use distcache::codes::Code;

    use super::*;

    fn of(query: &str) -> Result<Pairs<'_>, Code> {
        Pairs::of(Some(query)).map_err(|problem| problem.code())
    }

    #[test]
    fn each_is_taken_once_and_what_is_left_is_an_error() {
        let mut pairs = of("tag=a&ttl=1&tag=b%26c+d").unwrap();
        assert_eq!(pairs.take_all("tag"), ["a", "b&c d"]);
        assert_eq!(pairs.take("by"), Ok(None));
        let problem = pairs.finish("`tag` is known").expect_err("`ttl` is left");
        assert_eq!(problem.code(), codes::PARAMETER_UNKNOWN);
        let twice = of("a=1&a=2").unwrap().take("a").expect_err("twice");
        assert_eq!(twice.code(), codes::PARAMETER_REPEATED);
    }

    #[test]
    fn a_ttl_is_seconds_or_none_at_all() {
        let ttl = |text: &str| of(&format!("ttl={text}")).unwrap().take_ttl().map_err(|p| p.code());
        assert_eq!(of("").unwrap().take_ttl(), Ok(Until::Default));
        assert_eq!(ttl("none"), Ok(Until::Evicted));
        assert_eq!(ttl("0.25"), Ok(Until::For(Duration::from_millis(250))));
        assert_eq!(ttl("315360000"), Ok(Until::For(Duration::from_hours(10 * 365 * 24))));
        for bad in ["", "0", "-1", "%2B1", "1e3", "inf", "NaN", "1s", "1.2.3", ".", "315360001"] {
            assert_eq!(ttl(bad), Err(codes::TTL_INVALID), "{bad}");
        }
    }

    #[test]
    fn too_many_parameters_are_refused() {
        assert!(of(&"a&".repeat(PAIRS_MAX)).is_ok());
        assert_eq!(of(&"a&".repeat(PAIRS_MAX + 1)).err(), Some(codes::PARAMETER_INVALID));
    }

    #[test]
    fn what_is_empty_between_two_is_no_parameter_however_often_it_comes() {
        let text = format!("{0}tag=a{0}tag=b{0}", "&".repeat(1_000));
        let mut pairs = of(&text).unwrap();
        assert_eq!(pairs.take_all("tag"), ["a", "b"]);
        assert_eq!(pairs.finish("`tag` is known"), Ok(()));
    }
}
