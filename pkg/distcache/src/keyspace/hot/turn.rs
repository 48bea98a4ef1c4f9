//! Which reads are noted: about one of 64 of each thread, by chance.
//!
//! Reads come in patterns: a loop over 64 keys, every second read one of the same key. If
//! each 64th read were noted, it would be the same key again and again. So the gaps
//! between those that are noted are drawn.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// For so many reads each stands that is noted: the mean gap.
pub(super) const READS_A_TURN: u32 = 64;
/// The longest gap between two reads of a thread that are noted. The shortest is one.
const GAP_MAX: u32 = 2 * READS_A_TURN - 1;
/// Reads before the first of a thread, among which it begins somewhere: so many gaps
/// that their beginning is forgotten.
const READS_BEFORE_MAX: u32 = 64 * READS_A_TURN;

thread_local! {
    static TURN: Turn = const { Turn::new() };
}

/// Whether this read of this thread is one that is noted.
#[inline]
pub(super) fn comes() -> bool {
    TURN.with(Turn::comes)
}

/// Leaves the turn of this read to the next one of this thread.
pub(super) fn pass_on() {
    TURN.with(|turn| turn.left.set(1));
}

/// When the next turn of a thread comes.
struct Turn {
    /// Reads until then, the one of the turn included; 0 if it is to be drawn.
    left: Cell<u32>,
    /// What chance is drawn from; 0 before the first draw.
    chance: Cell<u32>,
}

impl Turn {
    const fn new() -> Self {
        Self { left: Cell::new(0), chance: Cell::new(0) }
    }

    #[inline]
    fn comes(&self) -> bool {
        let left = self.left.get();
        if 1 < left {
            self.left.set(left - 1);
            return false;
        }
        self.is_turn()
    }

    #[cold]
    fn is_turn(&self) -> bool {
        if self.chance.get() == 0 {
            static THREADS: AtomicU32 = AtomicU32::new(1);
            self.begin(THREADS.fetch_add(1, Ordering::Relaxed));
            return self.comes();
        }
        self.left.set(self.gap());
        true
    }

    /// Begins somewhere within a gap. A thread that lives for one read notes it as
    /// seldom as one that lives for ever.
    fn begin(&self, thread: u32) {
        // The golden ratio spreads the numbers of threads over all there are.
        self.chance.set(thread.wrapping_mul(0x9E37_79B9).max(1));
        let mut before = self.draw() % READS_BEFORE_MAX;
        let mut gap = self.gap();
        while gap <= before {
            before -= gap;
            gap = self.gap();
        }
        self.left.set(gap - before);
    }

    fn gap(&self) -> u32 {
        self.draw() % GAP_MAX + 1
    }

    /// A number by chance. G. Marsaglia, "Xorshift RNGs", 2003: three shifts, and every
    /// number but 0 in its turn.
    fn draw(&self) -> u32 {
        let mut chance = self.chance.get();
        chance ^= chance << 13;
        chance ^= chance >> 17;
        chance ^= chance << 5;
        self.chance.set(chance);
        chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The turn of a thread of this number.
    fn turn_of(thread: u32) -> Turn {
        let turn = Turn::new();
        turn.begin(thread);
        turn
    }

    #[test]
    fn of_a_million_reads_about_one_in_64_is_noted() {
        let turn = turn_of(1);
        let noted = (0..1_000_000).filter(|_| turn.comes()).count();
        // The gaps have a deviation of 37: that of the sum is below 75.
        assert!((15_000..16_250).contains(&noted), "{noted}");
    }

    #[test]
    fn in_any_127_reads_one_is_noted() {
        let turn = turn_of(7);
        for _ in 0..10_000 {
            assert!((0..GAP_MAX).any(|_| turn.comes()));
        }
    }

    #[test]
    fn whatever_place_in_a_pattern_a_read_has_it_is_noted_as_often() {
        for period in [2, 3, 16, 64, 128] {
            let turn = turn_of(3);
            let mut noted = vec![0; period];
            for read in 0..64 * 1_000 * period {
                noted[read % period] += u32::from(turn.comes());
            }
            assert!(noted.iter().all(|noted| (800..1_200).contains(noted)), "{period}: {noted:?}");
        }
    }

    #[test]
    fn the_first_read_of_a_thread_is_noted_as_seldom_as_any() {
        let first = (1..=64_000).filter(|thread| turn_of(*thread).comes()).count();
        assert!((800..1_200).contains(&first), "{first}");
    }

    #[test]
    fn a_turn_that_is_passed_on_comes_with_the_next_read() {
        std::thread::scope(|scope| {
            let of_a_new_thread = scope.spawn(|| {
                (0..100).all(|_| {
                    while !comes() {}
                    pass_on();
                    comes()
                })
            });
            assert!(of_a_new_thread.join().expect("it has not panicked"));
        });
    }
}
