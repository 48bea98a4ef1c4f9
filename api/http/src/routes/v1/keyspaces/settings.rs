//! The settings of a keyspace as JSON.
//!
//! Names and units are those of [`KeyspaceConfig`](distcache::KeyspaceConfig);
//! times end in `_ms`.

use std::ops::RangeInclusive;
use std::time::Duration;

use distcache::{
    Ack, CircuitBreaker, EvictionPolicy, KeyspaceSettings, RateLimit, ReadFrom, codes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Problem, object};

/// Bytes of a body of settings: a dozen times what all of them take.
const SETTINGS_BYTES_MAX: usize = 16 << 10;

/// Ten years: longer is a mistake in the unit.
pub(crate) const TIME_MS_MAX: u64 = 315_360_000_000;
/// Loads at once that a client may ask for: each can be a thread.
pub(crate) const LOADS_MAX: usize = 1_024;
/// Loads that wait, and keys of one request to a source.
pub(crate) const WAITING_MAX: usize = 1_000_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    bytes_max: Option<u64>,
    entries_max: Option<u64>,
    value_bytes_max: Option<u64>,
    eviction: String,
    ttl_ms: Option<u64>,
    ttl_jitter: f64,
    dated: bool,
    negative_ttl_ms: u64,
    idle_expiry_ms: Option<u64>,
    stale_while_revalidate_ms: u64,
    stale_if_error_ms: u64,
    refresh_ahead_ms: u64,
    read_timeout_ms: u64,
    write_timeout_ms: u64,
    load_timeout_ms: u64,
    loads_max: usize,
    loads_waiting_max: usize,
    loads_on_caller: bool,
    batch_max: usize,
    flights_max: usize,
    replicas: u8,
    read: String,
    ack: String,
    #[serde(deserialize_with = "object::or_null")]
    rate_limit: Option<Rate>,
    #[serde(deserialize_with = "object::or_null")]
    circuit_breaker: Option<Circuit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    per_second: f64,
    burst: Option<u32>,
    #[serde(default)]
    wait_max_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Circuit {
    failures: u32,
    reset_after_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(&KeyspaceSettings::default())
    }
}

impl Settings {
    pub(super) fn of(settings: &KeyspaceSettings) -> Self {
        let KeyspaceSettings {
            bytes_max,
            entries_max,
            value_bytes_max,
            eviction,
            ttl,
            ttl_jitter,
            dated,
            negative_ttl,
            idle_expiry,
            stale_while_revalidate,
            stale_if_error,
            refresh_ahead,
            read_timeout,
            write_timeout,
            load_timeout,
            loads_max,
            loads_waiting_max,
            loads_on_caller,
            batch_max,
            flights_max,
            replicas,
            read,
            ack,
            rate_limit,
            circuit_breaker,
        } = settings;
        Self {
            bytes_max: *bytes_max,
            entries_max: *entries_max,
            value_bytes_max: *value_bytes_max,
            eviction: eviction.to_string(),
            ttl_ms: ttl.map(ms),
            ttl_jitter: *ttl_jitter,
            dated: *dated,
            negative_ttl_ms: ms(*negative_ttl),
            idle_expiry_ms: idle_expiry.map(ms),
            stale_while_revalidate_ms: ms(*stale_while_revalidate),
            stale_if_error_ms: ms(*stale_if_error),
            refresh_ahead_ms: ms(*refresh_ahead),
            read_timeout_ms: ms(*read_timeout),
            write_timeout_ms: ms(*write_timeout),
            load_timeout_ms: ms(*load_timeout),
            loads_max: *loads_max,
            loads_waiting_max: *loads_waiting_max,
            loads_on_caller: *loads_on_caller,
            batch_max: *batch_max,
            flights_max: *flights_max,
            replicas: *replicas,
            read: read.to_string(),
            ack: ack.to_string(),
            rate_limit: rate_limit.as_ref().map(Rate::of),
            circuit_breaker: circuit_breaker.as_ref().map(Circuit::of),
        }
    }

    /// The same, with the members that a body names; `null` stands for the
    /// default. An empty body changes nothing.
    ///
    /// # Errors
    /// 400, and which member is not known or not what it ought to be.
    pub(super) fn changed_by(&self, body: &[u8]) -> Result<Self, Problem> {
        if SETTINGS_BYTES_MAX < body.len() {
            let detail = format!("settings have at most {SETTINGS_BYTES_MAX} bytes");
            return Err(invalid(detail));
        }
        if body.is_empty() {
            return Ok(self.clone());
        }
        let given: Map<String, Value> = crate::body::read(body, "an object of settings")?;
        let (defaults, mut document) = (document_of(&Self::default()), document_of(self));
        let mut changed = self.clone();
        for (name, value) in given {
            let Some(default) = defaults.get(&name) else {
                return Err(unknown(&name, defaults.keys()));
            };
            let value = if value.is_null() { default.clone() } else { whole(value) };
            document.insert(name.clone(), value);
            // One at a time, to know which of them is wrong.
            changed = serde_json::from_value(Value::Object(document.clone()))
                .map_err(|error| invalid(format!("`{name}`: {error}")))?;
        }
        Ok(changed)
    }

    /// The settings as the engine takes them, if each is in its range. A policy of
    /// somebody's own stays if its name does.
    pub(super) fn to_engine(&self, before: &KeyspaceSettings) -> Result<KeyspaceSettings, Problem> {
        self.check()?;
        let eviction = if self.eviction == before.eviction.to_string() {
            before.eviction.clone()
        } else {
            let named: Result<EvictionPolicy, _> = self.eviction.parse();
            named.map_err(|error| invalid(format!("`eviction`: {error}")))?
        };
        let read: Result<ReadFrom, _> = self.read.parse();
        let read = read.map_err(|error| invalid(format!("`read`: {error}")))?;
        let ack: Result<Ack, _> = self.ack.parse();
        let ack = ack.map_err(|error| invalid(format!("`ack`: {error}")))?;
        Ok(KeyspaceSettings {
            bytes_max: self.bytes_max,
            entries_max: self.entries_max,
            value_bytes_max: self.value_bytes_max,
            eviction,
            ttl: self.ttl_ms.map(Duration::from_millis),
            ttl_jitter: self.ttl_jitter,
            dated: self.dated,
            negative_ttl: Duration::from_millis(self.negative_ttl_ms),
            idle_expiry: self.idle_expiry_ms.map(Duration::from_millis),
            stale_while_revalidate: Duration::from_millis(self.stale_while_revalidate_ms),
            stale_if_error: Duration::from_millis(self.stale_if_error_ms),
            refresh_ahead: Duration::from_millis(self.refresh_ahead_ms),
            read_timeout: Duration::from_millis(self.read_timeout_ms),
            write_timeout: Duration::from_millis(self.write_timeout_ms),
            load_timeout: Duration::from_millis(self.load_timeout_ms),
            loads_max: self.loads_max,
            loads_waiting_max: self.loads_waiting_max,
            loads_on_caller: self.loads_on_caller,
            batch_max: self.batch_max,
            flights_max: self.flights_max,
            replicas: self.replicas,
            read,
            ack,
            rate_limit: self.rate_limit.map(Rate::to_engine),
            circuit_breaker: self.circuit_breaker.map(Circuit::to_engine),
        })
    }

    fn check(&self) -> Result<(), Problem> {
        let some_time = 1..=TIME_MS_MAX;
        let any_time = 0..=TIME_MS_MAX;
        within("ttl_ms", self.ttl_ms.unwrap_or(1), &some_time)?;
        within("ttl_jitter", self.ttl_jitter, &(0.0..=1.0))?;
        within("negative_ttl_ms", self.negative_ttl_ms, &any_time)?;
        within("idle_expiry_ms", self.idle_expiry_ms.unwrap_or(1), &some_time)?;
        within("stale_while_revalidate_ms", self.stale_while_revalidate_ms, &any_time)?;
        within("stale_if_error_ms", self.stale_if_error_ms, &any_time)?;
        within("refresh_ahead_ms", self.refresh_ahead_ms, &any_time)?;
        within("read_timeout_ms", self.read_timeout_ms, &some_time)?;
        within("write_timeout_ms", self.write_timeout_ms, &some_time)?;
        within("load_timeout_ms", self.load_timeout_ms, &some_time)?;
        within("loads_max", self.loads_max, &(1..=LOADS_MAX))?;
        within("loads_waiting_max", self.loads_waiting_max, &(0..=WAITING_MAX))?;
        within("batch_max", self.batch_max, &(1..=WAITING_MAX))?;
        within("flights_max", self.flights_max, &(1..=distcache::FLIGHTS_MAX))?;
        within("replicas", self.replicas, &(1..=distcache::REPLICAS_MAX))?;
        if let Some(Rate { per_second, burst, wait_max_ms }) = self.rate_limit {
            within("rate_limit.per_second", per_second, &(1e-6..=1e9))?;
            within("rate_limit.burst", burst.unwrap_or(1), &(1..=u32::MAX))?;
            within("rate_limit.wait_max_ms", wait_max_ms, &any_time)?;
        }
        if let Some(Circuit { failures, reset_after_ms }) = self.circuit_breaker {
            within("circuit_breaker.failures", failures, &(1..=u32::MAX))?;
            within("circuit_breaker.reset_after_ms", reset_after_ms, &some_time)?;
        }
        Ok(())
    }
}

impl Rate {
    fn of(limit: &RateLimit) -> Self {
        let (per_second, burst, wait_max) = limit.parts();
        Self { per_second, burst: Some(burst), wait_max_ms: ms(wait_max) }
    }

    fn to_engine(self) -> RateLimit {
        let limit = RateLimit::per_second(self.per_second);
        let limit = self.burst.into_iter().fold(limit, RateLimit::burst);
        limit.wait_max(Duration::from_millis(self.wait_max_ms))
    }
}

impl Circuit {
    fn of(breaker: &CircuitBreaker) -> Self {
        let (failures, reset_after) = breaker.parts();
        Self { failures, reset_after_ms: ms(reset_after) }
    }

    fn to_engine(self) -> CircuitBreaker {
        CircuitBreaker::new(self.failures, Duration::from_millis(self.reset_after_ms))
    }
}

/// Milliseconds, rounded up: a time is not made none.
fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// What JSON means by `1.0` is the whole number 1 (RFC 8259, 6): some clients write
/// each number so.
fn whole(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, whole(value))).collect()
        }
        Value::Number(number) => match number.as_f64().map(|number| number.to_string().parse()) {
            Some(Ok(whole)) if number.is_f64() => Value::Number(u64::into(whole)),
            _ => Value::Number(number),
        },
        other => other,
    }
}

fn document_of(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(document)) => document,
        _ => unreachable!("a struct of numbers and texts is an object"),
    }
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), Problem> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    Err(invalid(format!("`{name}` is {value}, and can be {low} to {high}")))
}

fn invalid(detail: String) -> Problem {
    Problem::new(400, codes::SETTING_INVALID).detail(detail)
}

/// Closer than this, a name is taken for a typing error.
const LIKENESS_MIN: f64 = 0.7;

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Problem {
    // A long name is not like any: and to compare takes time in proportion.
    let name: String = name.chars().take(64).collect();
    let likeness = |known: &'a String| (strsim::jaro_winkler(&name, known), known);
    let nearest = known.map(likeness).max_by(|one, other| one.0.total_cmp(&other.0));
    let detail = match nearest.filter(|(likeness, _)| LIKENESS_MIN < *likeness) {
        Some((_, nearest)) => format!("there is no setting `{name}`; the nearest is `{nearest}`"),
        None if name == "source" || name == "store" => {
            format!("a `{name}` is set by the server's configuration only")
        }
        None => format!("there is no setting `{name}`; GET the keyspace to see all of them"),
    };
    Problem::new(400, codes::SETTING_UNKNOWN).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(body: &str) -> Result<Settings, String> {
        let refused = |problem: Problem| String::from_utf8_lossy(&problem.to_json()).into_owned();
        let changed = Settings::default().changed_by(body.as_bytes()).map_err(refused)?;
        changed.check().map_err(refused)?;
        Ok(changed)
    }

    #[test]
    fn settings_make_the_round_through_the_engines_own() {
        let body = r#"{"ttl_ms":1500,"rate_limit":{"per_second":2.5,"burst":7},
            "circuit_breaker":{"failures":3,"reset_after_ms":9},"eviction":"sieve"}"#;
        let settings = changed(body).unwrap();
        let engines = settings.to_engine(&KeyspaceSettings::default()).unwrap();
        assert_eq!(engines.ttl, Some(Duration::from_millis(1500)));
        assert_eq!(Settings::of(&engines), settings);
    }

    #[test]
    fn null_is_the_default_and_what_is_not_named_stays() {
        let short = changed(r#"{"read_timeout_ms":7,"loads_max":2}"#).unwrap();
        let again = short.changed_by(br#"{"read_timeout_ms":null}"#).unwrap();
        assert_eq!(again, changed(r#"{"loads_max":2}"#).unwrap());
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_fraction() {
        let body =
            r#"{"ttl_ms":1500.0,"ttl_jitter":0.5,"rate_limit":{"per_second":2.5,"burst":7.0}}"#;
        let plain = r#"{"ttl_ms":1500,"ttl_jitter":0.5,"rate_limit":{"per_second":2.5,"burst":7}}"#;
        assert_eq!(changed(body), changed(plain));
        assert_eq!(changed(body).map(|settings| settings.ttl_ms), Ok(Some(1500)));
    }

    #[test]
    fn an_unknown_name_is_told_the_nearest_right_one() {
        for (wrong, right) in [
            ("ttl", "ttl_ms"),
            ("byte_max", "bytes_max"),
            ("load_timeout", "load_timeout_ms"),
            ("evictoin", "eviction"),
            ("qqq", "GET the keyspace"),
            ("source", "configuration"),
        ] {
            let problem = changed(&format!("{{\"{wrong}\":1}}")).unwrap_err();
            assert!(problem.contains("DC-322") && problem.contains(right), "{problem}");
        }
    }

    #[test]
    fn a_setting_out_of_its_range_is_named_with_it() {
        for (body, name) in [
            (r#"{"ttl_ms":0}"#, "`ttl_ms` is 0"),
            (r#"{"ttl_ms":60.5}"#, "`ttl_ms`"),
            (r#"{"ttl_ms":"60"}"#, "`ttl_ms`"),
            (r#"{"ttl_ms":315360000001}"#, "315360000000"),
            (r#"{"ttl_jitter":1.5}"#, "0 to 1"),
            (r#"{"loads_max":1000000}"#, "1 to 1024"),
            (r#"{"loads_max":-1}"#, "`loads_max`"),
            (r#"{"rate_limit":{"per_second":0}}"#, "rate_limit.per_second"),
            (r#"{"rate_limit":{"per_minute":1}}"#, "per_minute"),
            (r#"{"circuit_breaker":{"failures":0,"reset_after_ms":1}}"#, "failures"),
            (r#"{"rate_limit":[2.5,7,0]}"#, "`rate_limit`"),
            (r#"{"circuit_breaker":[3,9]}"#, "`circuit_breaker`"),
        ] {
            let problem = changed(body).unwrap_err();
            assert!(problem.contains("DC-323") && problem.contains(name), "{problem}");
        }
        let long = format!("{{\"eviction\":\"{}\"}}", "x".repeat(SETTINGS_BYTES_MAX));
        assert!(changed(&long).unwrap_err().contains("16384"));
    }
}
