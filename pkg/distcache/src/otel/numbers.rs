//! The instruments of an engine.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

/// The upper ends of the times' buckets, in milliseconds: those that are usual for
/// requests, and finer ones below, for hits.
const BOUNDS_MS: [f64; 16] = [
    0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0,
    5_000.0,
];

/// What is counted and timed.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    requests: Counter<u64>,
    errors: Counter<u64>,
    duration_ms: Histogram<f64>,
    misses: Counter<u64>,
    fetch_duration_ms: Histogram<f64>,
}

impl Numbers {
    pub(super) fn new(meter: &Meter) -> Self {
        let counter = |name, unit, meaning| {
            meter.u64_counter(name).with_unit(unit).with_description(meaning).build()
        };
        let times = |name, meaning| {
            let times = meter.f64_histogram(name).with_unit("ms").with_description(meaning);
            times.with_boundaries(BOUNDS_MS.to_vec()).build()
        };
        Self {
            requests: counter("distcache.engine.requests", "{call}", "Calls of the engine"),
            errors: counter("distcache.engine.errors", "{call}", "Calls that have failed"),
            duration_ms: times("distcache.engine.duration.ms", "How long calls take"),
            misses: counter(
                "distcache.cache.misses",
                "{key}",
                "Keys that the cache had no fresh value of, and its source was asked for",
            ),
            fetch_duration_ms: times(
                "distcache.cache.fetch.duration.ms",
                "How long requests to a source take",
            ),
        }
    }

    pub(super) fn note_call(&self, is_error: bool, took: Duration, about: &[KeyValue]) {
        self.requests.add(1, about);
        if is_error {
            self.errors.add(1, about);
        }
        self.duration_ms.record(in_ms(took), about);
    }

    pub(super) fn note_misses(&self, keys: usize, about: &[KeyValue]) {
        self.misses.add(keys as u64, about);
    }

    pub(super) fn note_fetch(&self, took: Duration, about: &[KeyValue]) {
        self.fetch_duration_ms.record(in_ms(took), about);
    }
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
