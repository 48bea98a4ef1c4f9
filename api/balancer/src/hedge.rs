//! How many reads may be sent twice.

use std::sync::atomic::{AtomicU32, Ordering};

/// One hedge for so many reads: where all members are slow, each read would make two, and
/// all of them slower.
const READS_FOR_ONE: u32 = 10;

/// Hedges that may come in a row, after many reads that needed none.
const SAVED_MAX: u32 = 10;

/// What reads have earned, in tenths of a hedge. It guards no other memory; hence relaxed.
#[derive(Debug)]
pub(crate) struct Allowance(AtomicU32);

impl Default for Allowance {
    fn default() -> Self {
        Self(AtomicU32::new(SAVED_MAX * READS_FOR_ONE))
    }
}

impl Allowance {
    /// One more read.
    pub(crate) fn earn(&self) {
        let more = |saved: u32| (saved < SAVED_MAX * READS_FOR_ONE).then_some(saved + 1);
        // It fails where as much is saved as may be.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether one more may be sent twice.
    pub(crate) fn spend(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(READS_FOR_ONE);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_reads_is_hedged_at_most_and_ten_in_a_row() {
        let allowance = Allowance::default();
        let in_a_row = || (0..1_000).filter(|_| allowance.spend()).count();
        assert_eq!(in_a_row(), 10);
        let hedged = (0..1_000).filter(|_| {
            allowance.earn();
            allowance.spend()
        });
        assert_eq!(hedged.count(), 100);
        (0..1_000).for_each(|_| allowance.earn());
        assert_eq!(in_a_row(), 10);
    }
}
