//! How old what was evicted had become.

use std::time::Duration;

/// Ends of the ages that are counted together, in seconds; beside them there is
/// one more count, of what was older.
pub const AGE_BOUNDS_S: [u64; 9] = [1, 10, 60, 300, 1_800, 3_600, 21_600, 86_400, 604_800];

/// Entries that were evicted, by their ages. Those that nobody has dated are not
/// among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ages {
    /// How many were as old as each of [`AGE_BOUNDS_S`] at most, and older than the
    /// one before; last, those that were older than all.
    pub counts: [u64; AGE_BOUNDS_S.len() + 1],
    /// All their ages together, in milliseconds.
    pub sum_ms: u64,
}

impl Ages {
    pub(crate) fn note(&mut self, age: Duration) {
        let ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let at = AGE_BOUNDS_S.partition_point(|bound_s| bound_s * 1_000 < ms);
        self.counts[at] += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// These and others.
    #[must_use]
    pub fn plus(&self, others: &Self) -> Self {
        let mut sum = *self;
        sum.counts.iter_mut().zip(others.counts).for_each(|(held, other)| *held += other);
        sum.sum_ms = sum.sum_ms.saturating_add(others.sum_ms);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_counted_up_to_the_first_bound_that_it_does_not_exceed() {
        let mut ages = Ages::default();
        for ms in [0, 1_000, 1_001, 604_800_000, 604_800_001] {
            ages.note(Duration::from_millis(ms));
        }
        assert_eq!(ages.counts, [2, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((ages.count(), ages.sum_ms), (5, 1_209_602_002));
        assert_eq!(ages.plus(&ages).count(), 10);
    }
}
