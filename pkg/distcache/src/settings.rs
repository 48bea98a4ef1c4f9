//! The settings of a keyspace that are no code.

use std::time::Duration;

use distcache_manager::{Ack, EvictionPolicy, FLIGHTS_MAX, KeyspaceSpec, Lifetimes, ReadFrom};

use crate::KeyspaceConfig;
use crate::gate::{CircuitBreaker, RateLimit};

/// Everything of a [`KeyspaceConfig`] that can be written down: all but its name,
/// source, store, listener and warm keys. What each means says the method of the
/// same name there.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the methods of KeyspaceConfig say it")]
pub struct KeyspaceSettings {
    pub bytes_max: Option<u64>,
    pub entries_max: Option<u64>,
    pub value_bytes_max: Option<u64>,
    pub eviction: EvictionPolicy,
    pub ttl: Option<Duration>,
    pub ttl_jitter: f64,
    pub dated: bool,
    pub negative_ttl: Duration,
    pub idle_expiry: Option<Duration>,
    pub stale_while_revalidate: Duration,
    pub stale_if_error: Duration,
    pub refresh_ahead: Duration,
    pub read_timeout: Duration,
    pub write_timeout: Duration,
    pub load_timeout: Duration,
    pub loads_max: usize,
    pub loads_waiting_max: usize,
    pub loads_on_caller: bool,
    pub batch_max: usize,
    pub flights_max: usize,
    pub replicas: u8,
    pub read: ReadFrom,
    pub ack: Ack,
    pub rate_limit: Option<RateLimit>,
    pub circuit_breaker: Option<CircuitBreaker>,
}

impl Default for KeyspaceSettings {
    fn default() -> Self {
        KeyspaceConfig::new("").settings()
    }
}

impl KeyspaceConfig {
    /// Its settings.
    pub fn settings(&self) -> KeyspaceSettings {
        // Taken apart by name, so that a new setting cannot be forgotten.
        let Self {
            name: _,
            spec,
            ttl,
            ttl_jitter,
            is_dated,
            negative_ttl,
            read_timeout,
            write_timeout,
            load_timeout,
            loads_max,
            loads_waiting_max,
            loads_on_caller,
            batch_max,
            rate_limit,
            breaker,
            warm_keys: _,
            source: _,
            store: _,
        } = self;
        let KeyspaceSpec {
            bytes_max,
            entries_max,
            value_bytes_max,
            eviction,
            lifetimes,
            flights_max,
            listener: _,
            replicas,
            read,
            ack,
        } = spec;
        KeyspaceSettings {
            bytes_max: *bytes_max,
            entries_max: *entries_max,
            value_bytes_max: *value_bytes_max,
            eviction: eviction.clone(),
            ttl: *ttl,
            ttl_jitter: *ttl_jitter,
            dated: *is_dated,
            negative_ttl: *negative_ttl,
            idle_expiry: lifetimes.idle,
            stale_while_revalidate: lifetimes.stale_while_revalidate,
            stale_if_error: lifetimes.stale_if_error,
            refresh_ahead: lifetimes.refresh_ahead,
            read_timeout: *read_timeout,
            write_timeout: *write_timeout,
            load_timeout: *load_timeout,
            loads_max: *loads_max,
            loads_waiting_max: *loads_waiting_max,
            loads_on_caller: *loads_on_caller,
            batch_max: *batch_max,
            flights_max: *flights_max,
            replicas: *replicas,
            read: *read,
            ack: *ack,
            rate_limit: *rate_limit,
            circuit_breaker: *breaker,
        }
    }

    /// The same keyspace with these settings, whatever it had before; source,
    /// store, listener and warm keys stay.
    #[must_use]
    pub fn with_settings(self, settings: KeyspaceSettings) -> Self {
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
        let lifetimes =
            Lifetimes { stale_while_revalidate, stale_if_error, refresh_ahead, idle: idle_expiry };
        let flights_max = flights_max.clamp(1, FLIGHTS_MAX);
        let spec = KeyspaceSpec {
            bytes_max,
            entries_max,
            value_bytes_max,
            eviction,
            lifetimes,
            flights_max,
            replicas,
            read,
            ack,
            ..self.spec
        };
        let config = Self {
            spec,
            ttl,
            is_dated: dated,
            negative_ttl,
            read_timeout,
            write_timeout,
            load_timeout,
            loads_waiting_max,
            loads_on_caller,
            rate_limit,
            breaker: circuit_breaker,
            ..self
        };
        config.ttl_jitter(ttl_jitter).loads_max(loads_max).batch_max(batch_max)
    }

    /// Whether values come from a source.
    pub fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// Whether writes go to a store.
    pub fn has_store(&self) -> bool {
        self.store.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_make_the_round() {
        let full = KeyspaceConfig::new("a")
            .bytes_max(1)
            .entries_max(2)
            .value_bytes_max(3)
            .eviction(EvictionPolicy::Sieve)
            .ttl(Duration::from_secs(4))
            .ttl_jitter(0.5)
            .dated(false)
            .negative_ttl(Duration::from_secs(6))
            .idle_expiry(Duration::from_secs(7))
            .stale_while_revalidate(Duration::from_secs(8))
            .stale_if_error(Duration::from_secs(9))
            .refresh_ahead(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(11))
            .write_timeout(Duration::from_secs(12))
            .load_timeout(Duration::from_secs(13))
            .loads_max(14)
            .loads_waiting_max(15)
            .loads_on_caller()
            .batch_max(16)
            .flights_max(17)
            .rate_limit(RateLimit::per_second(18.0))
            .circuit_breaker(CircuitBreaker::new(19, Duration::from_secs(20)));
        let settings = full.settings();
        assert_eq!(KeyspaceConfig::new("b").with_settings(settings.clone()).settings(), settings);
        let plain = full.with_settings(KeyspaceSettings::default());
        assert_eq!(plain.settings(), KeyspaceConfig::new("a").settings());
    }

    #[test]
    fn new_settings_leave_the_source_where_it_is() {
        let config = KeyspaceConfig::new("a")
            .source_fn(|_: &[u8]| Ok::<Option<String>, std::io::Error>(None))
            .with_settings(KeyspaceSettings::default());
        assert!(config.has_source() && !config.has_store());
    }
}
