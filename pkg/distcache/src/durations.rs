//! How long things took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Ends of the durations that are counted together, in microseconds: from what a
/// memory takes to what a person waits. Beside them there is one more count, of
/// what took longer.
pub const DURATION_BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

const COUNTS: usize = DURATION_BOUNDS_US.len() + 1;

/// How many things took how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many took as long as each of [`DURATION_BOUNDS_US`] at most, and longer
    /// than the one before; last, those that took longer than all.
    pub counts: [u64; COUNTS],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Durations {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// These and others.
    #[must_use]
    pub fn plus(&self, others: &Self) -> Self {
        let mut sum = *self;
        sum.counts.iter_mut().zip(others.counts).for_each(|(held, other)| *held += other);
        sum.sum_us += others.sum_us;
        sum
    }
}

/// [`Durations`] that grow, from any thread.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; COUNTS],
    sum_us: AtomicU64,
}

impl Histogram {
    /// One more thing took so long.
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = DURATION_BOUNDS_US.partition_point(|bound_us| *bound_us < us);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// What has been noted by now. Of what is being noted meanwhile, the sum may
    /// have more or less than the counts.
    pub fn durations(&self) -> Durations {
        Durations {
            counts: std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_up_to_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.note(Duration::from_micros(us));
        }
        let durations = histogram.durations();
        let mut expected = [0; COUNTS];
        for (at, count) in [(0, 2), (1, 1), (15, 1), (16, 1)] {
            expected[at] = count;
        }
        assert_eq!(durations.counts, expected);
        assert_eq!((durations.count(), durations.sum_us), (5, 20_000_202));
        assert_eq!(durations.plus(&durations).count(), 10);
    }
}
