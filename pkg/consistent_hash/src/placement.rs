//! Where a node's points stand.

use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

/// Points per unit of weight, unless the builder is told otherwise.
///
/// The spread of the nodes' shares falls with the square root of this number:
/// with 512 the standard deviation is 4.4 % of the mean. Recommended: 128 to
/// 1,024. Less is uneven; more costs memory (about 27 bytes a point) and makes
/// changes of the ring slower, not lookups.
pub const DEFAULT_VIRTUAL_NODES: NonZeroU32 = NonZeroU32::new(512).expect("512 is not zero");

/// The 16 bytes under which points are placed.
///
/// Not a secret: every process that is to agree on placement needs the same.
/// Take one of your own to give two rings over the same nodes placements that
/// have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingKey([u8; 16]);

impl RingKey {
    /// The key of every ring that is given no other: the ASCII text
    /// `distcache ring 1`. It does not change within a major version.
    pub const DEFAULT: Self = Self(*b"distcache ring 1");

    /// A key of one's own.
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }
}

impl Default for RingKey {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The rule that gives a node its points: the same node, weight and rule give
/// the same points, wherever and whenever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) key: RingKey,
    /// Points per unit of weight.
    pub(crate) virtual_nodes: NonZeroU32,
}

impl Placement {
    /// How many points a node of this weight has. Cannot overflow: a product
    /// of two 32-bit numbers.
    pub(crate) fn point_count(self, weight: NonZeroU32) -> u64 {
        u64::from(self.virtual_nodes.get()) * u64::from(weight.get())
    }

    /// The positions of the node's points, in the order of their numbers.
    pub(crate) fn positions(self, label: &[u8], weight: NonZeroU32) -> impl Iterator<Item = u64> {
        let hasher = SipHasher13::new_with_key(&self.key.0);
        // The length goes first and the number has a fixed width, so that no
        // two pairs (label, number) give the same bytes: without it the points
        // of "1" and "11" could coincide.
        let mut message = Vec::with_capacity(label.len() + 2 * size_of::<u64>());
        message.extend_from_slice(&(label.len() as u64).to_le_bytes());
        message.extend_from_slice(label);
        let prefix = message.len();
        (0..self.point_count(weight)).map(move |number| {
            message.truncate(prefix);
            message.extend_from_slice(&number.to_le_bytes());
            hasher.hash(&message)
        })
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self { key: RingKey::DEFAULT, virtual_nodes: DEFAULT_VIRTUAL_NODES }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn positions(label: &str, weight: u32) -> Vec<u64> {
        let weight = NonZeroU32::new(weight).unwrap();
        Placement::default().positions(label.as_bytes(), weight).collect()
    }

    #[test]
    fn a_node_of_weight_three_has_the_points_of_weight_one_and_as_many_again_twice() {
        let (one, three) = (positions("node-0", 1), positions("node-0", 3));
        assert_eq!((one.len(), three.len()), (512, 1536));
        assert_eq!(three[..512], one);
    }

    /// Labels that run into their numbers when simply joined.
    #[test]
    fn labels_that_end_like_numbers_share_no_point() {
        let labels = ["", "1", "11", "1\0", "\u{1}", "\0\0\0\0\0\0\0\0", "1\0\0\0\0\0\0\0"];
        let points: BTreeSet<u64> = labels.iter().flat_map(|label| positions(label, 1)).collect();
        assert_eq!(points.len(), labels.len() * 512);
    }

    #[test]
    fn another_ring_key_gives_other_points() {
        let other = Placement { key: RingKey::new([1; 16]), ..Placement::default() };
        let other: Vec<u64> = other.positions(b"node-0", NonZeroU32::MIN).collect();
        assert!(positions("node-0", 1).iter().all(|point| !other.contains(point)));
    }
}
