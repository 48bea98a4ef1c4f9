//! How far a bounded thing was ever filled.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most that there has been of something with a bound, and how often the
/// bound was reached. It counts and guards nothing; hence relaxed.
///
/// To be told where the bound is looked at anyway: never where nothing waits.
#[derive(Default)]
pub struct Watermark {
    peak: AtomicU64,
    reached: AtomicU64,
}

impl Watermark {
    /// There is so much of it now.
    pub fn note(&self, used: u64) {
        // Most calls find a higher peak: they write nothing.
        if self.peak() < used {
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
    }

    /// The bound is reached: something had to wait, or was refused.
    pub fn reach(&self) {
        self.reached.fetch_add(1, Ordering::Relaxed);
    }

    /// The most there has been.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// How often the bound was reached.
    pub fn reached(&self) -> u64 {
        self.reached.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peak, reached) = (self.peak(), self.reached());
        f.debug_struct("Watermark").field("peak", &peak).field("reached", &reached).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_stays_and_each_time_counts() {
        let mark = Watermark::default();
        for used in [3, 7, 5] {
            mark.note(used);
        }
        mark.reach();
        mark.reach();
        assert_eq!((mark.peak(), mark.reached()), (7, 2));
    }
}
