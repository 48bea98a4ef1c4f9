//! What becomes of frames on their way.

use std::time::Duration;

/// What becomes of frames from one address to another. Fair weather is the default.
///
/// A connection promises that its frames arrive once and in order; all but
/// `delay` and `is_cut` break that promise, for those above to show that nothing
/// worse than a lost call comes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// How long each frame is under way.
    pub delay: Duration,
    /// How many of a thousand frames are lost.
    pub lost_permille: u32,
    /// How many of a thousand arrive twice.
    pub doubled_permille: u32,
    /// How many of a thousand are overtaken by others, which takes up to
    /// [`LATE_MAX`](Self::LATE_MAX).
    pub late_permille: u32,
    /// Nothing gets through until the weather changes: what is on its way waits, as
    /// TCP would send it again; new connections wait too.
    pub is_cut: bool,
}

impl Weather {
    /// How much later than the others a late frame arrives at most.
    pub const LATE_MAX: Duration = Duration::from_millis(50);

    /// Nothing gets through.
    pub fn cut() -> Self {
        Self { is_cut: true, ..Self::default() }
    }
}

/// Dice that fall the same way each time, for the same seed. Xorshift (G. Marsaglia,
/// "Xorshift RNGs", 2003).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Whether it is one of so many in a thousand.
    pub(super) fn falls(&mut self, permille: u32) -> bool {
        // No throw is needed for what never happens.
        0 < permille && self.next() % 1000 < u64::from(permille)
    }

    /// A part of a time.
    pub(super) fn part_of(&mut self, time: Duration) -> Duration {
        let permille = u32::try_from(self.next() % 1000).expect("below 1000");
        time * permille / 1000
    }
}
