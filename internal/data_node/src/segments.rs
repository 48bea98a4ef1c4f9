//! A vector that grows by segments, not by doubling.
//!
//! Growing a `Vec` of a gigabyte needs another two for a moment, and leaves up
//! to half of it empty. Here a full vector gains one segment, and what is in
//! the others stays where it is.

use std::fmt;
use std::ops::{Index, IndexMut};

/// Items in segments of `N`, a power of two.
pub(crate) struct Segments<T, const N: usize> {
    segments: Vec<Box<[T; N]>>,
}

impl<T: Default, const N: usize> Segments<T, N> {
    const SHIFT: u32 = N.trailing_zeros();
    /// What one segment takes from the heap, in bytes.
    pub(crate) const SEGMENT_BYTES: u64 = (size_of::<T>() * N) as u64;

    pub(crate) fn new() -> Self {
        const { assert!(N.is_power_of_two(), "an index is split by shift and mask") };
        Self { segments: Vec::new() }
    }

    /// Items that there is room for; all of them are usable.
    pub(crate) fn len(&self) -> usize {
        self.segments.len() * N
    }

    /// Adds a segment of default items.
    pub(crate) fn grow(&mut self) {
        let segment: Box<[T]> = (0..N).map(|_| T::default()).collect();
        let segment = segment.try_into().unwrap_or_else(|_| unreachable!("N items were collected"));
        self.segments.push(segment);
    }

    /// What it takes from the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let directory = self.segments.capacity() * size_of::<Box<[T; N]>>();
        directory as u64 + self.segments.len() as u64 * Self::SEGMENT_BYTES
    }

    /// What one more segment would add to [`heap_bytes`](Self::heap_bytes), the
    /// directory's doubling included.
    pub(crate) fn growth_bytes(&self) -> u64 {
        let doubling = if self.segments.len() == self.segments.capacity() {
            self.segments.capacity().max(4) * size_of::<Box<[T; N]>>()
        } else {
            0
        };
        doubling as u64 + Self::SEGMENT_BYTES
    }
}

impl<T: Default, const N: usize> Index<usize> for Segments<T, N> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.segments[index >> Self::SHIFT][index & (N - 1)]
    }
}

impl<T: Default, const N: usize> IndexMut<usize> for Segments<T, N> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.segments[index >> Self::SHIFT][index & (N - 1)]
    }
}

impl<T, const N: usize> fmt::Debug for Segments<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segments").field("segments", &self.segments.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_where_they_are_while_it_grows() {
        let mut numbers: Segments<u32, 4> = Segments::new();
        for index in 0..40 {
            if index == numbers.len() {
                let (before, growth) = (numbers.heap_bytes(), numbers.growth_bytes());
                numbers.grow();
                assert_eq!(numbers.heap_bytes(), before + growth, "growth is told in advance");
            }
            numbers[index] = u32::try_from(index).unwrap();
        }
        assert!((0..40).all(|index| numbers[index] as usize == index));
    }
}
