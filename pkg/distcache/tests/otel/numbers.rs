//! Counters and times.

use std::collections::BTreeMap;

use distcache::opentelemetry::KeyValue;
use distcache::{Answer, Context, SourceError};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};

use crate::support::{Listener, things, value};

/// What each series of an instrument counts, by its attributes.
type Series = BTreeMap<String, u64>;

fn about<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let attributes: Vec<_> = attributes.cloned().collect();
    let of = |name| value(&attributes, name).map(ToString::to_string);
    assert!(attributes.len() <= 2, "{attributes:?}");
    let operation = of("distcache.operation").map(|operation| operation + " ");
    operation.unwrap_or_default() + &of("distcache.keyspace").expect("each has one")
}

/// Counters by what they count, times by how many there are.
fn series(metric: &Metric) -> Series {
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            assert!(sum.is_monotonic());
            sum.data_points().map(|point| (about(point.attributes()), point.value())).collect()
        }
        AggregatedMetrics::F64(MetricData::Histogram(times)) => {
            assert_eq!(metric.unit(), "ms");
            let count = |point: &opentelemetry_sdk::metrics::data::HistogramDataPoint<f64>| {
                assert!(0.0 < point.sum(), "it took some time");
                (about(point.attributes()), point.count())
            };
            times.data_points().map(count).collect()
        }
        other => panic!("{} is {other:?}", metric.name()),
    }
}

fn heard(listener: &Listener) -> BTreeMap<String, Series> {
    listener.meters.force_flush().expect("it is kept in memory");
    let told = listener.metrics.get_finished_metrics().expect("it is kept in memory");
    let latest = told.last().expect("something was told");
    let scopes: Vec<_> = latest.scope_metrics().collect();
    assert!(scopes.iter().all(|scope| scope.scope().name() == "distcache"));
    let metrics = scopes.iter().flat_map(|scope| scope.metrics());
    metrics.map(|metric| (metric.name().to_owned(), series(metric))).collect()
}

fn counted<const N: usize>(series: [(&str, u64); N]) -> Series {
    series.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn calls_errors_misses_and_times_are_told_by_operation_and_keyspace() {
    let source = |key: &[u8], _: &Context| -> Result<Answer, SourceError> {
        if key == b"bad" { Err("no".into()) } else { Ok(Answer::from("good")) }
    };
    let listener = Listener::new();
    let engine = listener.engine(things().source(source));
    engine.get("things", b"a").unwrap();
    engine.get("things", b"a").unwrap();
    engine.get("things", b"bad").unwrap_err();
    engine.get_many("things", &[b"a", b"b", b"c"]).unwrap();
    engine.put("things", b"a", b"1").unwrap();

    let calls =
        [("add_keyspace things", 1), ("get things", 3), ("get_many things", 1), ("put things", 1)];
    let expected = [
        ("distcache.engine.requests", counted(calls)),
        ("distcache.engine.duration.ms", counted(calls)),
        ("distcache.engine.errors", counted([("get things", 1)])),
        // Of `a` and `bad` alone, and of `b` and `c` together.
        ("distcache.cache.misses", counted([("things", 4)])),
        ("distcache.cache.fetch.duration.ms", counted([("things", 3)])),
    ];
    let expected = expected.map(|(name, series)| (name.to_owned(), series));
    assert_eq!(heard(&listener), BTreeMap::from(expected));
}
