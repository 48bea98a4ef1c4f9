//! A table of lines by hash, which grows with the slots.

use std::ops::{Index, IndexMut};

use crate::segments::Segments;
use crate::slots::SLOTS_A_SEGMENT;

/// Slots for which there is one line.
pub(super) const SLOTS_A_LINE: usize = 16;

const LINES_A_SEGMENT: usize = SLOTS_A_SEGMENT / SLOTS_A_LINE;

/// Lines of what is known of many keys together; a line for each 16 slots.
///
/// Grown by linear hashing (W. Litwin, "Linear hashing: a new tool for file and
/// table addressing", VLDB 1980): each new line splits one that is there. Which
/// of its keys go to the new one nobody knows any more, so both lines begin
/// with all that was known: what a split leaves in the wrong line is forgotten
/// there like everything old.
#[derive(Debug)]
pub(super) struct Lines<T> {
    lines: Segments<T, LINES_A_SEGMENT>,
}

impl<T: Default + Clone> Lines<T> {
    pub(super) fn new() -> Self {
        Self { lines: Segments::new() }
    }

    /// Makes room for a slot.
    pub(super) fn grow_for(&mut self, slot: usize) {
        while self.lines.len() * SLOTS_A_LINE <= slot {
            let first = self.lines.len();
            self.lines.grow();
            for line in first.max(1)..self.lines.len() {
                let split = line - (1 << line.ilog2());
                self.lines[line] = self.lines[split].clone();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line of a hash. There must be one.
    #[inline]
    pub(super) fn line_of(&self, hash: u32) -> usize {
        let mask = self.lines.len().next_power_of_two() - 1;
        let line = hash as usize & mask;
        if line < self.lines.len() { line } else { line & (mask >> 1) }
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.lines.heap_bytes()
    }

    /// What lines for slots below `slots` would add, in bytes.
    pub(super) fn growth_bytes(&self, slots: usize) -> u64 {
        if slots <= self.lines.len() * SLOTS_A_LINE { 0 } else { self.lines.growth_bytes() }
    }
}

impl<T: Default> Index<usize> for Lines<T> {
    type Output = T;

    #[inline]
    fn index(&self, line: usize) -> &T {
        &self.lines[line]
    }
}

impl<T: Default> IndexMut<usize> for Lines<T> {
    #[inline]
    fn index_mut(&mut self, line: usize) -> &mut T {
        &mut self.lines[line]
    }
}

/// Another hash, made of the one there is (Fibonacci hashing, D. Knuth, "The Art
/// of Computer Programming" 3, 6.4).
#[inline]
pub(super) fn mixed(hash: u32) -> u32 {
    (u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_knew_is_found_at_every_size() {
        let mut lines: Lines<Vec<u32>> = Lines::new();
        let hash = |number: u32| number.wrapping_mul(0x9E37_79B9).rotate_left(16);
        for slot in (0..40_000).step_by(SLOTS_A_LINE) {
            let told = lines.heap_bytes() + lines.growth_bytes(slot + 1);
            lines.grow_for(slot);
            assert_eq!(lines.heap_bytes(), told, "growth is told in advance");
            let number = u32::try_from(slot).unwrap();
            let line = lines.line_of(hash(number));
            lines[line].push(number);
            for known in (0..=number).step_by(7 * SLOTS_A_LINE) {
                assert!(lines[lines.line_of(hash(known))].contains(&known));
            }
        }
    }
}
