//! The table that answers a lookup from one cache line.

use crate::point::Point;

/// Points in a block: with two bytes each for offset and owner they fill 64
/// bytes, one line of every common processor.
const BLOCK_POINTS: usize = 16;

/// Points in a section on average.
///
/// Points fall at random, so that their number in a section is Poisson
/// distributed. With a mean of 8, one lookup in a thousand finds more than
/// [`BLOCK_POINTS`] before it and has to search; with fewer per section the
/// table is larger, and more of it is in slow memory.
const SECTION_POINTS_MEAN: usize = 8;

/// An index over the sorted points: the ring cut into equal sections, and for
/// each section one [`Block`].
///
/// Of `n` sections, `s` holds the positions `p` with `p * n / 2^64 = s`: the
/// upper half of one multiplication is the section, and the top of the lower
/// half says how far into it the position lies ([a fixed-point product][lemire]).
///
/// A binary search over half a million points reads nineteen of them, most from
/// slow memory, and knows where to read only when the one before has come. Here
/// a lookup reads one line, and the search within it has no branches that the
/// processor could guess wrong, so that it works on several lookups at a time.
/// Beside this were measured: tables of 1, 2 and 4 buckets per point that name
/// the owner if the bucket is empty and else the point to scan from (quicker
/// only for one lone lookup on a small ring; every fourth lookup or more reads
/// two places and mispredicts), blocks of 32 bytes (one step less, but a larger
/// table), counting smaller offsets with vector instructions (a shorter wait,
/// fewer lookups a second), and an array of starts into densely packed points
/// (half the memory, but two reads in a row).
///
/// [lemire]: https://lemire.me/blog/2016/06/27/a-fast-alternative-to-the-modulo-reduction/
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Empty if there are no points.
    blocks: Box<[Block]>,
}

/// The first points clockwise from the beginning of a section. Those that lie
/// behind the section count as standing at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(64))]
struct Block {
    /// How far into the section each point lies, in 2^-16 of its length,
    /// rounded down; ascending.
    offsets: [u16; BLOCK_POINTS],
    owners: [u16; BLOCK_POINTS],
}

impl Table {
    /// Indexes `points`, which must be sorted.
    pub(crate) fn new(points: &[Point]) -> Self {
        let sections = points.len().div_ceil(SECTION_POINTS_MEAN);
        let mut first = 0;
        let blocks = (0..sections).map(|section| {
            let before = |point: &Point| locate(point.position, sections).0 < section;
            first += points[first..].iter().take_while(|point| before(point)).count();
            Block::new(points, first, |position| {
                let (other, offset) = locate(position, sections);
                if other == section { offset } else { u16::MAX }
            })
        });
        Self { blocks: blocks.collect() }
    }

    /// The owner of `hash`, or `None` if the table cannot tell: more points of
    /// the section come before `hash` than the block knows, or one is so near
    /// that sixteen bits do not say on which side it is, or there are no points.
    #[inline]
    pub(crate) fn owner(&self, hash: u64) -> Option<u16> {
        let (section, offset) = locate(hash, self.blocks.len());
        self.blocks.get(section)?.owner(offset)
    }
}

impl Block {
    /// The block of a section at whose beginning, or else behind it, `first` is
    /// the first point; `offset` says how far into the section a position is.
    fn new(points: &[Point], first: usize, offset: impl Fn(u64) -> u16) -> Self {
        let mut block = Self { offsets: [u16::MAX; BLOCK_POINTS], owners: [0; BLOCK_POINTS] };
        for place in 0..BLOCK_POINTS {
            let index = first + place;
            // Behind the last point the ring begins again, outside the section.
            let point = points[index % points.len()];
            if index < points.len() {
                block.offsets[place] = offset(point.position);
            }
            block.owners[place] = point.owner;
        }
        block
    }

    #[inline]
    fn owner(&self, offset: u16) -> Option<u16> {
        // How many points lie before `offset`, or one less if all do. A binary
        // search that always takes all four steps: each comparison is made
        // into a number, and there is no branch to guess.
        let mut before = 0;
        for step in [8, 4, 2, 1] {
            before += step * usize::from(self.offsets[before + step - 1] < offset);
        }
        (offset < self.offsets[before]).then_some(self.owners[before])
    }
}

/// The section of `sections` that `position` lies in, and how far in.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "it takes the two halves of a product apart")]
fn locate(position: u64, sections: usize) -> (usize, u16) {
    let scaled = u128::from(position) * sections as u128;
    ((scaled >> 64) as usize, (scaled >> 48) as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::point::successor;

    /// Positions as hashes make them, positions so near each other that sixteen
    /// bits cannot tell them apart, and the ends of the ring.
    fn position() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0..4_u64, 0..40_u64).prop_map(|(cluster, near)| (cluster << 62) + near),
            (0..40_u64).prop_map(|near| u64::MAX - near),
        ]
    }

    fn sorted(positions: Vec<u64>) -> Vec<Point> {
        let mut points: Vec<Point> =
            (0..).zip(positions).map(|(owner, position)| Point { position, owner }).collect();
        points.sort_unstable();
        points
    }

    /// `count` points at even distances, each with an owner of its own.
    fn even(count: u64) -> Vec<Point> {
        let distance = u64::MAX / count;
        sorted((0..count).map(|number| number * distance).collect())
    }

    proptest! {
        /// Asked at, before and behind every point, where mistakes would be.
        #[test]
        fn what_the_table_says_is_what_a_search_finds(
            positions in prop::collection::vec(position(), 1..200),
            others in prop::collection::vec(any::<u64>(), 20),
        ) {
            let points = sorted(positions);
            let table = Table::new(&points);
            let near = points.iter().map(|point| point.position);
            let near = near.flat_map(|at| [at.wrapping_sub(1), at, at.wrapping_add(1)]);
            for hash in near.chain(others).chain([0, u64::MAX]) {
                if let Some(owner) = table.owner(hash) {
                    prop_assert_eq!(owner, points[successor(&points, hash)].owner, "hash {}", hash);
                }
            }
        }
    }

    #[test]
    fn a_table_of_no_points_knows_no_owner() {
        assert_eq!(Table::new(&[]).owner(0), None);
        assert_eq!(Table::new(&[]).owner(u64::MAX), None);
    }

    #[test]
    fn a_table_of_one_point_knows_its_owner_from_any_other_place() {
        let table = Table::new(&[Point { position: 1 << 63, owner: 7 }]);
        assert_eq!(table.owner(0), Some(7));
        assert_eq!(table.owner(u64::MAX / 3 * 2), Some(7));
        assert_eq!(
            table.owner(1 << 63),
            None,
            "sixteen bits do not say whether the point is passed"
        );
    }

    #[test]
    fn between_even_points_nothing_is_left_to_the_search() {
        let points = even(1000);
        let table = Table::new(&points);
        for (before, after) in points.iter().zip(&points[1..]) {
            let middle = before.position.midpoint(after.position);
            assert_eq!(table.owner(middle), Some(after.owner));
        }
    }

    /// Section 0 of 3 holds 20 points, of which its block knows 16.
    #[test]
    fn behind_the_points_that_a_block_knows_the_search_has_to_tell() {
        let points = sorted((1..=20).map(|number| number << 54).collect());
        let table = Table::new(&points);
        let behind = |number: u64| table.owner((number << 54) + (1 << 53));
        assert_eq!(behind(0), Some(0));
        assert_eq!(behind(15), Some(15));
        assert_eq!(behind(16), None);
        assert_eq!(behind(20), None);
        assert_eq!(table.owner(1 << 63), Some(0), "the other sections are not concerned");
    }

    #[test]
    fn a_block_fills_a_cache_line() {
        assert_eq!((size_of::<Block>(), align_of::<Block>()), (64, 64));
    }
}
