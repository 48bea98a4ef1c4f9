//! What holds for every ring, whatever its nodes.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails like a test: by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use distcache_ring::HashRing;
use proptest::prelude::*;

const ONE: NonZeroU32 = NonZeroU32::MIN;

/// Labels and weights of up to a dozen nodes.
fn members() -> impl Strategy<Value = BTreeMap<String, NonZeroU32>> {
    let weight = (1..4_u32).prop_map(|weight| NonZeroU32::new(weight).unwrap());
    prop::collection::btree_map("[a-z0-9-]{0,8}", weight, 1..12)
}

fn virtual_nodes() -> impl Strategy<Value = NonZeroU32> {
    prop_oneof![1..4_u32, Just(64)].prop_map(|count| NonZeroU32::new(count).unwrap())
}

fn build<'a>(
    virtual_nodes: NonZeroU32,
    members: impl IntoIterator<Item = (&'a String, &'a NonZeroU32)>,
) -> HashRing<String> {
    members
        .into_iter()
        .fold(HashRing::builder().virtual_nodes(virtual_nodes), |builder, (node, weight)| {
            builder.weighted_node(node.clone(), *weight)
        })
        .build()
        .unwrap()
}

fn rings() -> impl Strategy<Value = HashRing<String>> {
    (virtual_nodes(), members()).prop_map(|(virtual_nodes, members)| build(virtual_nodes, &members))
}

/// Hashes where an owner could be missed: at each point, one before, one
/// behind, and at both ends; and some anywhere.
fn telling_hashes(ring: &HashRing<String>, anywhere: &[u64]) -> Vec<u64> {
    let near = ring.points().flat_map(|(at, _)| [at.wrapping_sub(1), at, at.wrapping_add(1)]);
    near.chain([0, u64::MAX]).chain(anywhere.iter().copied()).collect()
}

fn anywhere() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 100)
}

proptest! {
    #[test]
    fn the_owner_is_the_first_point_at_or_after_the_hash(ring in rings(), anywhere in anywhere()) {
        let points: Vec<(u64, u32)> = ring.points().collect();
        prop_assert!(points.is_sorted());
        for hash in telling_hashes(&ring, &anywhere) {
            let index = points.partition_point(|&(position, _)| position < hash) % points.len();
            prop_assert_eq!(ring.owner_index(hash), Some(points[index].1));
            prop_assert_eq!(ring.owner(hash), ring.node(points[index].1));
        }
    }

    #[test]
    fn a_joining_node_takes_keys_and_moves_no_other(
        ring in rings(),
        newcomer in "[A-Z]{1,3}",
        weight in 1..4_u32,
        anywhere in anywhere(),
    ) {
        let grown = ring.with_node(newcomer.clone(), NonZeroU32::new(weight).unwrap()).unwrap();
        for hash in telling_hashes(&grown, &anywhere) {
            let (before, after) = (ring.owner(hash), grown.owner(hash));
            prop_assert!(after == before || after == Some(&newcomer));
        }
        prop_assert_eq!(grown.without_node(&newcomer).unwrap(), ring);
    }

    #[test]
    fn a_leaving_node_gives_its_keys_to_the_next_and_moves_no_other(
        ring in rings(),
        leaver in any::<prop::sample::Index>(),
        anywhere in anywhere(),
    ) {
        let leaver = ring.nodes().nth(leaver.index(ring.len())).unwrap();
        let shrunk = ring.without_node(leaver).unwrap();
        for hash in telling_hashes(&ring, &anywhere) {
            let heir = ring.owners(hash, 2).find(|node| *node != leaver);
            prop_assert_eq!(shrunk.owner(hash), heir);
        }
    }

    #[test]
    fn neither_the_order_of_nodes_nor_the_way_to_them_shows(
        virtual_nodes in virtual_nodes(),
        (members, shuffled) in members().prop_flat_map(|members| {
            let list: Vec<_> = members.clone().into_iter().collect();
            (Just(members), Just(list).prop_shuffle())
        }),
    ) {
        let sorted = build(virtual_nodes, &members);
        let at_once = build(virtual_nodes, shuffled.iter().map(|(node, weight)| (node, weight)));
        prop_assert_eq!(&at_once, &sorted);

        let mut grown = build(virtual_nodes, []);
        grown.add("SOMEONE ELSE".to_owned(), ONE).unwrap();
        for (node, weight) in shuffled {
            grown.add(node, weight).unwrap();
        }
        grown.remove(&"SOMEONE ELSE".to_owned()).unwrap();
        prop_assert_eq!(&grown, &sorted);
    }

    #[test]
    fn owners_are_distinct_complete_and_begin_with_the_owner(ring in rings(), hash in any::<u64>()) {
        let all: Vec<&String> = ring.owners(hash, usize::MAX).collect();
        prop_assert_eq!(all.first().copied(), ring.owner(hash));
        prop_assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), ring.nodes().collect());
        prop_assert_eq!(all.len(), ring.len());
    }

    #[test]
    fn asking_for_fewer_owners_gives_the_first_of_them(ring in rings(), hash in any::<u64>()) {
        let all: Vec<&String> = ring.owners(hash, ring.len()).collect();
        for count in 0..=ring.len() + 1 {
            let some = ring.owners(hash, count);
            prop_assert_eq!(some.len(), count.min(ring.len()));
            prop_assert_eq!(some.collect::<Vec<_>>(), &all[..count.min(ring.len())]);
        }
    }

    /// Removing nodes one by one finds the next of the owners each time.
    #[test]
    fn owners_are_those_that_would_own_the_hash_one_after_the_other(ring in rings(), hash in any::<u64>()) {
        let mut left = ring.clone();
        for node in ring.owners(hash, usize::MAX) {
            prop_assert_eq!(left.owner(hash), Some(node));
            left.remove(node).unwrap();
        }
        prop_assert!(left.is_empty());
    }

    #[test]
    fn shares_sum_to_one(ring in rings()) {
        let shares = ring.shares();
        prop_assert_eq!(shares.len(), ring.len());
        prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (node, share) in ring.nodes().zip(shares) {
            prop_assert_eq!(ring.share(node).map(f64::to_bits), Some(share.to_bits()));
        }
    }
}
