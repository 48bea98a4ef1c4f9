//! A keyspace that all members have agreed on, as it is written down.

use std::time::Duration;

use distcache_manager::{Ack, EvictionPolicy, ReadFrom};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words::ms;
use crate::gate::{CircuitBreaker, RateLimit};
use crate::{KeyspaceConfig, KeyspaceSettings};

/// A keyspace of the cluster: what it is made of at every member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SharedKeyspace {
    /// Tells it from one of the same name that was removed: whoever still has that one
    /// begins with an empty one.
    pub(crate) id: u64,
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
    #[serde(default = "one")]
    replicas: u8,
    #[serde(default)]
    reads_any: bool,
    #[serde(default = "all")]
    ack: String,
    /// Loads a second, loads at once, and how long one waits, in milliseconds.
    rate_limit: Option<(f64, u32, u64)>,
    /// Failures, and for how long it opens, in milliseconds.
    circuit_breaker: Option<(u32, u64)>,
}

/// What an older version means that says nothing of replicas.
fn one() -> u8 {
    1
}

/// What one means that says nothing of how many of them are waited for.
fn all() -> String {
    Ack::All.name().to_owned()
}

impl SharedKeyspace {
    /// With these settings.
    pub(crate) fn new(id: u64, settings: KeyspaceSettings) -> Self {
        // Taken apart by name, so that a new setting cannot be forgotten.
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
        let of_limit = |limit: RateLimit| {
            let (per_second, burst, wait_max) = limit.parts();
            (per_second, burst, ms(wait_max))
        };
        let of_breaker = |breaker: CircuitBreaker| {
            let (failures, reset_after) = breaker.parts();
            (failures, ms(reset_after))
        };
        Self {
            id,
            bytes_max,
            entries_max,
            value_bytes_max,
            eviction: eviction.name().to_owned(),
            ttl_ms: ttl.map(ms),
            ttl_jitter,
            dated,
            negative_ttl_ms: ms(negative_ttl),
            idle_expiry_ms: idle_expiry.map(ms),
            stale_while_revalidate_ms: ms(stale_while_revalidate),
            stale_if_error_ms: ms(stale_if_error),
            refresh_ahead_ms: ms(refresh_ahead),
            read_timeout_ms: ms(read_timeout),
            write_timeout_ms: ms(write_timeout),
            load_timeout_ms: ms(load_timeout),
            loads_max,
            loads_waiting_max,
            loads_on_caller,
            batch_max,
            flights_max,
            replicas,
            reads_any: read == ReadFrom::Any,
            ack: ack.name().to_owned(),
            rate_limit: rate_limit.map(of_limit),
            circuit_breaker: circuit_breaker.map(of_breaker),
        }
    }

    /// As the engine takes them; `None` if they name an eviction policy, or how many are
    /// waited for, that this version does not know.
    pub(crate) fn settings(&self) -> Option<KeyspaceSettings> {
        let time = Duration::from_millis;
        let eviction: EvictionPolicy = self.eviction.parse().ok()?;
        Some(KeyspaceSettings {
            bytes_max: self.bytes_max,
            entries_max: self.entries_max,
            value_bytes_max: self.value_bytes_max,
            eviction,
            ttl: self.ttl_ms.map(time),
            ttl_jitter: self.ttl_jitter,
            dated: self.dated,
            negative_ttl: time(self.negative_ttl_ms),
            idle_expiry: self.idle_expiry_ms.map(time),
            stale_while_revalidate: time(self.stale_while_revalidate_ms),
            stale_if_error: time(self.stale_if_error_ms),
            refresh_ahead: time(self.refresh_ahead_ms),
            read_timeout: time(self.read_timeout_ms),
            write_timeout: time(self.write_timeout_ms),
            load_timeout: time(self.load_timeout_ms),
            loads_max: self.loads_max,
            loads_waiting_max: self.loads_waiting_max,
            loads_on_caller: self.loads_on_caller,
            batch_max: self.batch_max,
            flights_max: self.flights_max,
            replicas: self.replicas,
            ack: self.ack.parse().ok()?,
            read: if self.reads_any { ReadFrom::Any } else { ReadFrom::Owner },
            rate_limit: self.limit(),
            circuit_breaker: self
                .circuit_breaker
                .map(|(failures, ms)| CircuitBreaker::new(failures, time(ms))),
        })
    }

    fn limit(&self) -> Option<RateLimit> {
        let (per_second, burst, wait_ms) = self.rate_limit?;
        let is_one = 0.0 < per_second && per_second.is_finite();
        let limit = || RateLimit::per_second(per_second).burst(burst);
        is_one.then(|| limit().wait_max(Duration::from_millis(wait_ms)))
    }

    /// What the members agree on.
    pub(crate) fn written(&self) -> Value {
        serde_json::to_value(self).expect("numbers, texts and lists of them are JSON")
    }

    /// What they have agreed on; `None` if this version does not understand it.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Whether a keyspace can be written down whole.
    pub(crate) fn can_be(config: &KeyspaceConfig) -> bool {
        let is_custom = matches!(config.spec.eviction, EvictionPolicy::Custom(_));
        let has_listener = config.spec.listener.is_some();
        let is_code = config.has_source() || config.has_store() || is_custom || has_listener;
        !is_code && config.warm_keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_make_the_round() {
        let settings = KeyspaceConfig::new("a")
            .bytes_max(1 << 20)
            .eviction(EvictionPolicy::Sieve)
            .ttl(Duration::from_millis(1_500))
            .ttl_jitter(0.25)
            .stale_if_error(Duration::from_secs(9))
            .replicas(2)
            .read(ReadFrom::Any)
            .rate_limit(RateLimit::per_second(2.5).burst(7).wait_max(Duration::from_secs(1)))
            .circuit_breaker(CircuitBreaker::new(19, Duration::from_secs(20)))
            .settings();
        let shared = SharedKeyspace::new(7, settings.clone());
        let read = SharedKeyspace::read(&shared.written()).expect("it is of this version");
        assert_eq!((read.id, read.settings()), (7, Some(settings.clone())));
        for ack in Ack::ALL {
            let settings = KeyspaceSettings { ack, read: ReadFrom::Owner, ..settings.clone() };
            let written = SharedKeyspace::new(7, settings.clone()).written();
            let read = SharedKeyspace::read(&written).expect("it is of this version");
            assert_eq!(read.settings(), Some(settings));
        }
        assert_eq!(SharedKeyspace::read(&Value::Null), None);
    }

    #[test]
    fn one_of_a_version_that_knows_of_no_replicas_has_one_and_one_of_a_later_is_not_understood() {
        let mut written = SharedKeyspace::new(7, KeyspaceSettings::default()).written();
        written["ack"] = "most".into();
        let later = SharedKeyspace::read(&written).expect("it is written so");
        assert_eq!(later.settings(), None);
        for name in ["replicas", "reads_any", "ack"] {
            written.as_object_mut().expect("an object").remove(name);
        }
        let earlier = SharedKeyspace::read(&written).expect("it is of an earlier version");
        assert_eq!(earlier.settings(), Some(KeyspaceSettings::default()));
    }
}
