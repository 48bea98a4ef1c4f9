//! How evenly the default settings spread keys, and how few move.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails like a test: by a panic")]

use std::num::NonZeroU32;

use distcache_ring::{HashRing, KeyHasher};

mod support;
use support::hashes;

const ONE: NonZeroU32 = NonZeroU32::MIN;

fn ring(nodes: u32) -> HashRing<String> {
    HashRing::builder().nodes((0..nodes).map(|number| format!("node-{number}"))).build().unwrap()
}

/// How many of the hashes each node owns, by index.
fn owned(ring: &HashRing<String>, hashes: impl Iterator<Item = u64>) -> Vec<u32> {
    let mut owned = vec![0; ring.len()];
    for hash in hashes {
        owned[ring.owner_index(hash).unwrap() as usize] += 1;
    }
    owned
}

/// The largest share and the smallest, as multiples of the mean.
fn extremes(ring: &HashRing<String>) -> (f64, f64) {
    let mean = 1.0 / f64::from(u32::try_from(ring.len()).unwrap());
    let shares = ring.shares();
    (
        shares.iter().copied().fold(0.0, f64::max) / mean,
        shares.iter().copied().fold(1.0, f64::min) / mean,
    )
}

#[test]
fn of_a_million_keys_no_node_of_three_or_eight_gets_a_tenth_above_the_mean() {
    let hasher = KeyHasher::new([7; 16]);
    let keys: Vec<u64> =
        (0..1_000_000).map(|user| hasher.hash(format!("user:{user}").as_bytes())).collect();
    for nodes in [3, 8] {
        let owned = owned(&ring(nodes), keys.iter().copied());
        let largest = *owned.iter().max().unwrap();
        assert!(f64::from(largest) <= 1.10 * 1e6 / f64::from(nodes), "{owned:?}");
    }
}

/// The figures in the documentation of `HashRing`.
#[test]
fn of_two_to_thirty_two_nodes_none_is_an_eighth_off_the_mean() {
    let extremes = (2..=32).map(|nodes| extremes(&ring(nodes)));
    let (largest, smallest) =
        extremes.fold((0.0_f64, 1.0_f64), |worst, next| (worst.0.max(next.0), worst.1.min(next.1)));
    assert_eq!(format!("{largest:.3} {smallest:.3}"), "1.115 0.909");
}

#[test]
fn a_node_of_weight_three_gets_three_times_the_keys() {
    let weight = NonZeroU32::new(3).unwrap();
    let ring = ring(7).with_node("heavy".to_owned(), weight).unwrap();
    let share = ring.share(&"heavy".to_owned()).unwrap();
    assert!((share - 0.3).abs() < 0.03, "{share}");
}

#[test]
fn shares_say_how_many_of_a_million_hashes_a_node_owns() {
    let ring = ring(8);
    let owned = owned(&ring, hashes(1_000_000));
    for (owned, share) in owned.into_iter().zip(ring.shares()) {
        // Ten times the standard deviation of such a count.
        assert!(
            (f64::from(owned) / 1e6 - share).abs() < 0.0033,
            "{owned} of a million, share {share}"
        );
    }
}

/// The ninth node of nine takes about a ninth, and from each of the others.
#[test]
fn a_ninth_node_takes_about_a_ninth_of_the_keys_from_all_others_alike() {
    let (before, newcomer) = (ring(8), "node-8".to_owned());
    let after = before.with_node(newcomer.clone(), ONE).unwrap();
    let mut taken = vec![0; before.len()];
    for hash in hashes(1_000_000) {
        let (old, new) = (before.owner(hash), after.owner(hash));
        if new == Some(&newcomer) {
            taken[before.owner_index(hash).unwrap() as usize] += 1;
        } else {
            assert_eq!(new, old, "hash {hash:016x} moved between nodes that stayed");
        }
    }
    let moved: u32 = taken.iter().sum();
    assert!((100_000..=122_000).contains(&moved), "{moved}");
    assert!(taken.iter().all(|&taken| (moved / 16..=moved / 5).contains(&taken)), "{taken:?}");
}

/// Half a million points, made at one go.
#[test]
fn a_ring_of_a_thousand_nodes_uses_them_all() {
    let ring = ring(1000);
    assert_eq!(ring.points().len(), 512_000);
    assert_eq!(ring.owners(1 << 63, 1000).count(), 1000);
    let (largest, smallest) = extremes(&ring);
    assert!(largest < 1.2 && 0.8 < smallest, "{largest} {smallest}");
}
