//! How often keys were asked for lately, roughly.

use super::lines::{Lines, mixed};

/// Counters of four bits for more keys than there are entries: a count-min
/// sketch (G. Cormode, S. Muthukrishnan, "An improved data stream summary",
/// 2005) of which each key's counters are in one cache line. Four bytes a slot.
///
/// So that it forgets, every counter is halved now and then. Not all at once,
/// which would stop everybody for a while: a hand goes round and halves line by
/// line. A line that it is about to halve has counted for longer than one that
/// it has just left, up to twice as long; [`prefers`](Self::prefers) allows for
/// that. (On the recorded requests that we measure with, this is better than
/// halving all at once, too: there, much depends on when that happens.)
#[derive(Debug)]
pub(super) struct Sketch {
    lines: Lines<Line>,
    /// The line to be halved next.
    hand: usize,
    /// What was counted since the hand moved, times the number of lines.
    counted: usize,
}

const ROWS: usize = 4;
const COLUMNS: usize = 32;

/// Two counters a byte.
#[derive(Debug, Clone, Default)]
#[repr(align(64))]
struct Line {
    rows: [[u8; COLUMNS / 2]; ROWS],
}

const COUNT_MAX: u8 = 15;

/// Requests for each entry while the hand goes round once.
const REQUESTS_A_ROUND: usize = 3;

impl Sketch {
    pub(super) fn new() -> Self {
        Self { lines: Lines::new(), hand: 0, counted: 0 }
    }

    /// Makes room for a slot.
    pub(super) fn grow_for(&mut self, slot: usize) {
        self.lines.grow_for(slot);
    }

    /// Counts a request for a key while there are so many entries.
    #[inline]
    pub(super) fn count(&mut self, fingerprint: u32, entries: usize) {
        let line = self.lines.line_of(fingerprint);
        self.lines[line].raise(fingerprint);
        self.counted += self.lines.len();
        // At most one line a request, however few entries there are.
        let round = REQUESTS_A_ROUND * entries.max(self.lines.len());
        if round <= self.counted {
            self.counted -= round;
            self.lines[self.hand].halve();
            self.hand = (self.hand + 1) % self.lines.len();
        }
    }

    /// Whether the candidate was asked for more often than the victim.
    pub(super) fn prefers(&self, candidate: u32, victim: u32) -> bool {
        let [ours, theirs] = [candidate, victim].map(|key| self.lines.line_of(key));
        let wins = self.lines[ours].estimate(candidate);
        let holds = self.lines[theirs].estimate(victim) + 1;
        // Counts for the time in which they were made.
        usize::from(wins) * self.age(theirs) >= usize::from(holds) * self.age(ours)
    }

    /// For how long a line has counted, in lines of the hand's way: its counts
    /// from before it was halved last are worth one round.
    fn age(&self, line: usize) -> usize {
        let lines = self.lines.len();
        lines + (self.hand + lines - 1 - line) % lines
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.lines.heap_bytes()
    }

    /// What room for slots below `slots` would add, in bytes.
    pub(super) fn growth_bytes(&self, slots: usize) -> u64 {
        self.lines.growth_bytes(slots)
    }
}

impl Line {
    #[inline]
    fn raise(&mut self, fingerprint: u32) {
        for (row, column) in self.rows.iter_mut().zip(columns(fingerprint)) {
            let shift = 4 * (column & 1);
            let pair = &mut row[column / 2];
            if *pair >> shift & COUNT_MAX < COUNT_MAX {
                *pair += 1 << shift;
            }
        }
    }

    /// The least of a key's counters: others may have raised each of them.
    fn estimate(&self, fingerprint: u32) -> u8 {
        let rows = self.rows.iter().zip(columns(fingerprint));
        let counts = rows.map(|(row, column)| row[column / 2] >> (4 * (column & 1)) & COUNT_MAX);
        counts.min().unwrap_or(0)
    }

    fn halve(&mut self) {
        for pair in self.rows.as_flattened_mut() {
            *pair = *pair >> 1 & 0x77;
        }
    }
}

/// A column in each row: five bits of a hash that did not choose the line.
#[inline]
fn columns(fingerprint: u32) -> [usize; ROWS] {
    let hash = mixed(fingerprint) as usize;
    [27, 22, 17, 12].map(|shift| hash >> shift & (COLUMNS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 2_048;

    fn fingerprint(key: u32) -> u32 {
        (key + 1).wrapping_mul(0x9E37_79B9).rotate_left(13).wrapping_mul(0x85EB_CA6B)
    }

    fn sketch() -> Sketch {
        let mut sketch = Sketch::new();
        sketch.grow_for(SLOTS - 1);
        sketch
    }

    fn count_of(sketch: &Sketch, key: u32) -> u8 {
        sketch.lines[sketch.lines.line_of(key)].estimate(key)
    }

    #[test]
    fn a_key_is_counted_up_to_fifteen_and_preferred_to_one_asked_for_less() {
        let mut sketch = sketch();
        let [a, b, c] = [0, 1, 2].map(fingerprint);
        for _ in 0..3 {
            sketch.count(a, SLOTS); // a 3
        }
        sketch.count(b, SLOTS); //     a 3, b 1
        assert_eq!([a, b, c].map(|key| count_of(&sketch, key)), [3, 1, 0]);
        assert!(sketch.prefers(a, b) && sketch.prefers(b, c));
        assert!(!sketch.prefers(b, a) && !sketch.prefers(c, b));
        assert!(!sketch.prefers(a, a), "who is there stays if both are alike");
        (0..20).for_each(|_| sketch.count(b, SLOTS));
        assert_eq!(count_of(&sketch, b), COUNT_MAX);
    }

    #[test]
    fn a_round_of_the_hand_halves_every_count_once() {
        let mut sketch = sketch();
        let keys = (0..100).map(fingerprint);
        keys.clone().for_each(|key| (0..6).for_each(|_| sketch.count(key, SLOTS)));
        let before: Vec<_> = keys.clone().map(|key| count_of(&sketch, key)).collect();
        // Somebody else's requests, until the hand is where it was.
        let other = fingerprint(1_000);
        (0..REQUESTS_A_ROUND * SLOTS).for_each(|_| sketch.count(other, SLOTS));
        let is_beside = |key| sketch.lines.line_of(key) != sketch.lines.line_of(other);
        for (key, before) in keys.zip(before).filter(|(key, _)| is_beside(*key)) {
            assert!(2 < before);
            assert_eq!(count_of(&sketch, key), before / 2);
        }
    }

    #[test]
    fn a_line_about_to_be_halved_has_no_advantage() {
        let mut sketch = sketch();
        let lines = sketch.lines.len();
        let on_line = |line| {
            let is_there = |key: &u32| sketch.lines.line_of(*key) == line;
            (0..10_000).map(fingerprint).find(is_there).expect("some key of many")
        };
        let [first, other, last] = [0, 1, lines - 1].map(on_line);
        // Each round, the hand halves the first line at its beginning and the
        // last one at its end, and there are four requests for either.
        let round = REQUESTS_A_ROUND * SLOTS;
        for request in 0..20 * round {
            let turn = request / (round / 8);
            let key = if request % (round / 8) == 0 { [first, last][turn % 2] } else { other };
            sketch.count(key, SLOTS);
        }
        assert_eq!([first, last].map(|key| count_of(&sketch, key)), [6, 3]);
        assert!(!sketch.prefers(first, last) && !sketch.prefers(last, first));
    }
}
