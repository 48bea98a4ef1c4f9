//! Metrics of one name, and how they are written.

use std::fmt;

use distcache::{AGE_BOUNDS_S, Ages, DURATION_BOUNDS_US, Durations};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// A name, what it means, and its value for each set of labels.
#[derive(Debug, Clone)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

/// Names and values: few, and each with few values.
pub type Labels = Vec<(&'static str, String)>;

#[derive(Debug, Clone)]
enum Value {
    Counter(u64),
    Gauge(f64),
    /// The sum, and the counts up to each bound.
    Histogram(f64, Vec<(f64, u64)>),
}

impl Family {
    /// What only grows. `_total` is added to the name.
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Counter, samples: Vec::new() }
    }

    /// What goes up and down.
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Gauge, samples: Vec::new() }
    }

    /// How many had which size.
    pub(crate) fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Histogram, samples: Vec::new() }
    }

    /// One more sample of a counter.
    pub fn count(&mut self, labels: Labels, count: u64) {
        self.samples.push((labels, Value::Counter(count)));
    }

    /// One more sample of a gauge.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub fn measure(&mut self, labels: Labels, measured: u64) {
        self.samples.push((labels, Value::Gauge(measured as f64)));
    }

    pub(crate) fn measure_part(&mut self, labels: Labels, measured: f64) {
        self.samples.push((labels, Value::Gauge(measured)));
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
    pub(crate) fn times(&mut self, labels: Labels, times: &Durations) {
        let bounds = DURATION_BOUNDS_US.iter().map(|bound_us| *bound_us as f64 / 1e6);
        let counts = bounds.chain([f64::INFINITY]).zip(times.counts).collect();
        self.samples.push((labels, Value::Histogram(times.sum_us as f64 / 1e6, counts)));
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
    pub(crate) fn ages(&mut self, labels: Labels, ages: &Ages) {
        let bounds = AGE_BOUNDS_S.iter().map(|bound_s| *bound_s as f64);
        let counts = bounds.chain([f64::INFINITY]).zip(ages.counts).collect();
        self.samples.push((labels, Value::Histogram(ages.sum_ms as f64 / 1e3, counts)));
    }
}

/// All of them, to be written once.
#[derive(Debug)]
pub(super) struct Families(pub(super) Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in self.0.iter().filter(|family| !family.samples.is_empty()) {
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, None, family.kind)?;
            for (labels, value) in &family.samples {
                write(&mut metric, labels, value)?;
            }
        }
        Ok(())
    }
}

fn write(metric: &mut MetricEncoder<'_>, labels: &Labels, value: &Value) -> fmt::Result {
    if labels.is_empty() {
        return write_value(metric, value);
    }
    let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
    write_value(&mut metric.encode_family(&labels)?, value)
}

fn write_value(metric: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Counter(count) => metric.encode_counter::<NoLabelSet, _, u64>(count, None),
        Value::Gauge(measured) => metric.encode_gauge(measured),
        Value::Histogram(sum, counts) => {
            let all = counts.iter().map(|(_, count)| count).sum();
            metric.encode_histogram::<NoLabelSet>(*sum, all, counts, None)
        }
    }
}
