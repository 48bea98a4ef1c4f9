//! How much of the hash space each node owns.

use crate::point::Point;

/// The number of hashes there are: 2^64.
const CIRCLE: u128 = 1 << 64;

/// The number of hashes that each of `nodes` nodes owns, exactly. Together they
/// are [`CIRCLE`], unless there are no points.
pub(crate) fn owned(points: &[Point], nodes: usize) -> Vec<u128> {
    let mut owned = vec![0; nodes];
    let Some(last) = points.last() else { return owned };
    // Counting from the last point as if it stood one round earlier makes the
    // arc over zero an arc like any other. A single point owns the whole round.
    let mut end = u128::from(last.position);
    for point in points {
        let position = u128::from(point.position) + CIRCLE;
        owned[usize::from(point.owner)] += position - end;
        end = position;
    }
    owned
}

/// `owned` hashes as a fraction of all, correctly rounded.
#[expect(
    clippy::cast_precision_loss,
    reason = "a fraction is what is wanted; dividing by a power of two is exact"
)]
pub(crate) fn fraction(owned: u128) -> f64 {
    owned as f64 / CIRCLE as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points<const COUNT: usize>(points: [(u64, u16); COUNT]) -> [Point; COUNT] {
        points.map(|(position, owner)| Point { position, owner })
    }

    #[test]
    fn the_arc_over_zero_belongs_to_the_first_point() {
        // Node 0 owns (u64::MAX, 9], which is 0..=9; node 1 owns 10..=u64::MAX.
        let points = points([(9, 0), (u64::MAX, 1)]);
        assert_eq!(owned(&points, 2), [10, CIRCLE - 10]);
    }

    #[test]
    fn a_single_point_owns_everything_wherever_it_stands() {
        for position in [0, 1, u64::MAX] {
            assert_eq!(owned(&points([(position, 0)]), 1), [CIRCLE]);
        }
    }

    #[test]
    fn of_points_that_coincide_the_first_owns_the_arc() {
        assert_eq!(owned(&points([(5, 0), (5, 1)]), 2), [CIRCLE, 0]);
        assert_eq!(owned(&points([(5, 0), (8, 0), (8, 1)]), 2), [CIRCLE, 0]);
    }

    #[test]
    fn fractions_of_everything_half_and_nothing_are_exact() {
        let fractions = [CIRCLE, CIRCLE / 2, 0].map(|owned| fraction(owned).to_bits());
        assert_eq!(fractions, [1.0, 0.5, 0.0].map(f64::to_bits));
    }
}
