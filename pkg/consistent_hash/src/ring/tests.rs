//! The ring from the inside: what it refuses, and what changes move.

use super::*;

const ONE: NonZeroU32 = NonZeroU32::MIN;

fn weight(weight: u32) -> NonZeroU32 {
    NonZeroU32::new(weight).unwrap()
}

fn ring<const COUNT: usize>(nodes: [&'static str; COUNT]) -> HashRing<&'static str> {
    HashRing::builder().nodes(nodes).build().unwrap()
}

/// A ring with points of our choice; owners are indices into `nodes`.
fn ring_of_points<const COUNT: usize>(
    nodes: [&'static str; COUNT],
    points: &[(u64, u16)],
) -> HashRing<&'static str> {
    let members = nodes.map(|node| Member { node, weight: ONE }).to_vec();
    let points = points.iter().map(|&(position, owner)| Point { position, owner }).collect();
    HashRing::from_points(Placement::default(), members, points)
}

#[test]
fn an_empty_ring_has_neither_owners_nor_points_nor_shares() {
    let ring = HashRing::<&str>::new();
    assert!(ring.is_empty());
    for hash in [0, 1 << 63, u64::MAX] {
        assert_eq!(ring.owner(hash), None);
        assert_eq!(ring.owner_index(hash), None);
        assert_eq!(ring.owners(hash, 3).count(), 0);
    }
    assert_eq!(ring.points().len(), 0);
    assert!(ring.shares().is_empty());
}

#[test]
fn a_single_node_owns_every_hash() {
    let ring = ring(["only"]);
    for hash in [0, 1, 1 << 63, u64::MAX] {
        assert_eq!(ring.owner(hash), Some(&"only"));
        assert_eq!(ring.owners(hash, 3).collect::<Vec<_>>(), [&"only"]);
    }
    assert_eq!(ring.share(&"only"), Some(1.0));
}

#[test]
fn the_first_point_at_or_after_a_hash_owns_it_and_zero_follows_the_last() {
    let ring = ring_of_points(["a", "b", "c"], &[(10, 0), (20, 1), (u64::MAX - 5, 2)]);
    let owners = [
        (0, "a"),
        (9, "a"),
        (10, "a"),
        (11, "b"),
        (20, "b"),
        (21, "c"),
        (u64::MAX - 5, "c"),
        (u64::MAX - 4, "a"),
        (u64::MAX, "a"),
    ];
    for (hash, owner) in owners {
        assert_eq!(ring.owner(hash), Some(&owner), "hash {hash}");
    }
}

#[test]
fn of_coinciding_points_the_smallest_label_has_the_hashes_whatever_came_first() {
    let points = [(10, 1), (10, 0), (10, 2), (30, 2)];
    let mut reversed = points;
    reversed.reverse();
    for points in [points, reversed] {
        let ring = ring_of_points(["a", "b", "c"], &points);
        assert_eq!(ring.owner(10), Some(&"a"));
        assert_eq!(ring.owners(10, 3).collect::<Vec<_>>(), [&"a", &"b", &"c"]);
        assert_eq!(ring.owner(11), Some(&"c"));
    }
}

/// Ten thousand points at three places: every block is full of ties.
#[test]
fn a_ring_whose_points_all_coincide_still_finds_owners() {
    let points: Vec<_> =
        (0..10_000).map(|number: u16| (u64::from(number % 3) << 60, number % 3)).collect();
    let ring = ring_of_points(["a", "b", "c"], &points);
    let owners = [
        (0, "a"),
        (1, "b"),
        (1 << 60, "b"),
        ((1 << 60) + 1, "c"),
        (1 << 61, "c"),
        ((1 << 61) + 1, "a"),
    ];
    for (hash, owner) in owners {
        assert_eq!(ring.owner(hash), Some(&owner), "hash {hash}");
    }
}

/// Correct answers do not show whether the table gave them.
#[test]
fn the_table_leaves_one_lookup_in_a_hundred_to_the_search_at_most() {
    for nodes in [1_u32, 3, 64] {
        let ring = HashRing::builder().nodes(0..nodes).build().unwrap();
        let hashes = (1..=100_000_u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let searched = hashes.filter(|&hash| ring.table.owner(hash).is_none()).count();
        assert!(searched <= 1000, "{searched} of 100,000 lookups on a ring of {nodes} nodes");
    }
}

#[test]
fn indices_are_ranks_among_the_labels() {
    let ring = ring(["pear", "apple", "fig"]);
    assert_eq!(ring.nodes().collect::<Vec<_>>(), [&"apple", &"fig", &"pear"]);
    assert_eq!(ring.node(1), Some(&"fig"));
    assert_eq!(ring.node(3), None);
    assert_eq!(ring.index_of(&"pear"), Some(2));
    assert_eq!(ring.index_of(&"plum"), None);
    assert!(ring.contains(&"apple"));
    assert!(!ring.contains(&"plum"));
}

#[test]
fn a_node_is_added_once() {
    let mut ring = ring(["a", "b"]);
    let before = ring.clone();
    let error = ring.add("a", weight(2)).unwrap_err();
    assert_eq!(error, RingError::Duplicate { node: "\"a\"".to_owned() });
    assert_eq!(error.to_string(), "node \"a\" is already on the ring");
    assert_eq!(ring, before);
    assert_eq!(HashRing::builder().nodes(["a", "b", "a"]).build(), Err(error));
}

#[test]
fn a_node_is_removed_once() {
    let mut ring = ring(["a", "b"]);
    ring.remove(&"a").unwrap();
    let before = ring.clone();
    let error = ring.remove(&"a").unwrap_err();
    assert_eq!(error, RingError::Unknown { node: "\"a\"".to_owned() });
    assert_eq!(error.to_string(), "node \"a\" is not on the ring");
    assert_eq!(ring, before);
}

#[test]
fn a_ring_has_room_for_max_nodes() {
    let nodes = u32::try_from(MAX_NODES).unwrap();
    let ring = HashRing::builder().virtual_nodes(ONE).nodes(0..nodes).build().unwrap();
    assert_eq!(ring.len(), MAX_NODES);
    assert_eq!(ring.owners(0, usize::MAX).count(), MAX_NODES);
    let error = ring.with_node(nodes, ONE).unwrap_err();
    assert_eq!(error, RingError::TooManyNodes { node: "8192".to_owned() });
}

#[test]
fn a_ring_has_room_for_max_points() {
    let members = |weights: &[u32]| -> Vec<Member<u64>> {
        (0..).zip(weights).map(|(node, &of)| Member { node, weight: weight(of) }).collect()
    };
    let check = |weights: &[u32]| check_bounds(Placement::default(), &members(weights));
    assert_eq!(check(&[8191, 1]), Ok(()));
    let error = RingError::TooManyPoints { node: "2".to_owned(), points: MAX_POINTS + 512 };
    assert_eq!(check(&[8191, 1, 1]), Err(error));
}

/// A weight from a configuration file must not allocate a terabyte, nor wrap.
#[test]
fn absurd_weights_are_refused_before_their_points_are_made() {
    let builder = HashRing::builder().virtual_nodes(NonZeroU32::MAX);
    let builder = builder.weighted_node("a", NonZeroU32::MAX).weighted_node("b", NonZeroU32::MAX);
    let error =
        RingError::TooManyPoints { node: "\"a\"".to_owned(), points: u64::from(u32::MAX).pow(2) };
    assert_eq!(builder.build(), Err(error));
}

#[test]
fn a_ring_remembers_weights() {
    let ring = HashRing::builder().node("a").weighted_node("b", weight(3)).build().unwrap();
    assert_eq!(ring.weight(&"a"), Some(ONE));
    assert_eq!(ring.weight(&"b"), Some(weight(3)));
    assert_eq!(ring.weight(&"c"), None);
    assert_eq!(ring.points().len(), 4 * 512);
}

#[test]
fn rings_differ_by_nodes_weights_key_and_virtual_nodes() {
    let base = ring(["a", "b"]);
    let builder = || HashRing::builder().nodes(["a", "b"]);
    let others = [
        ring(["a", "c"]),
        base.without_node(&"b").unwrap(),
        HashRing::builder().node("a").weighted_node("b", weight(2)).build().unwrap(),
        builder().ring_key(crate::RingKey::new([1; 16])).build().unwrap(),
        builder().virtual_nodes(weight(511)).build().unwrap(),
    ];
    assert!(others.iter().all(|other| *other != base));
    assert_eq!(builder().build().unwrap(), base);
}

/// The settings belong to the ring, not to the call that makes the next one.
#[test]
fn a_changed_ring_keeps_key_and_virtual_nodes() {
    let builder =
        || HashRing::builder().ring_key(crate::RingKey::new([1; 16])).virtual_nodes(weight(7));
    let grown = builder().node("a").build().unwrap().with_node("b", ONE).unwrap();
    assert_eq!(grown, builder().nodes(["a", "b"]).build().unwrap());
    assert_eq!(grown.without_node(&"a").unwrap(), builder().node("b").build().unwrap());
}

#[test]
fn debug_output_names_nodes_and_only_counts_points() {
    let printed = format!("{:?}", ring(["a", "b"]));
    assert_eq!(
        printed,
        "HashRing { members: [Member { node: \"a\", weight: 1 }, Member { node: \"b\", weight: 1 }], points: 1024, .. }"
    );
}
