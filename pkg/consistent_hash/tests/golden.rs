//! Placement and key hashes are what they always were: a change here moves
//! every key of every cluster. The figures come from an independent
//! implementation of the rule in the crate's documentation.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails like a test: by a panic")]

use std::num::NonZeroU32;

use distcache_ring::{HashRing, KeyHasher};

mod support;
use support::hashes;

/// Nodes and weights of `golden/placement.txt`, in an order that is not theirs
/// on the ring.
fn golden_ring() -> HashRing<&'static str> {
    let weight = |weight| NonZeroU32::new(weight).unwrap();
    HashRing::builder()
        .nodes(["node-0", "node-1"])
        .weighted_node("node-2", weight(2))
        .node("node-3")
        .weighted_node("node-10", weight(3))
        .nodes(["", "n\u{153}ud"])
        .build()
        .unwrap()
}

/// One number for the owners of a million hashes.
fn digest(owners: impl Iterator<Item = u32>) -> u64 {
    let owners: Vec<u8> = owners.map(|owner| u8::try_from(owner).unwrap()).collect();
    KeyHasher::new([0; 16]).hash(&owners)
}

#[test]
fn key_hashes_are_those_of_siphash_1_3() {
    let counting: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let every_length_of_tail: [u8; 63] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let vectors: [(&[u8], u64, u64); 9] = [
        // key, under 00 01 .. 0f, under zeros
        (b"", 0xabac_0158_050f_c4dc, 0xd1fb_a762_150c_532c),
        (b"\0", 0xc9f4_9bf3_7d57_ca93, 0x68a9_1412_8e01_e473),
        (b"a", 0x1c26_97ab_786a_6237, 0x4074_48d2_b89b_1813),
        (b"user:42", 0xa534_dcf0_b23f_4f2d, 0x223d_d74f_b15f_308d),
        (b"12345678", 0x11a8_ebb5_cd0d_a9ce, 0x3489_9824_3056_0a87),
        (b"123456789", 0xf3c7_afb3_38b5_c3ee, 0x0fbc_0f00_0796_5fcf),
        (&every_length_of_tail, 0x9d19_9062_b7bb_b3a8, 0x385d_3e39_e5f3_7359),
        ("cl\u{e9} \u{2603}".as_bytes(), 0xf2aa_4d9f_b7f9_7973, 0x1502_4885_f18e_b992),
        (&[b'x'; 1000], 0x2a82_bb3e_7467_5b16, 0x1b47_c0cc_4dd2_1f05),
    ];
    for (key, under_counting, under_zeros) in vectors {
        assert_eq!(KeyHasher::new(counting).hash(key), under_counting, "{key:?}");
        assert_eq!(KeyHasher::new([0; 16]).hash(key), under_zeros, "{key:?}");
    }
}

#[test]
fn chosen_hashes_have_the_owners_they_always_had() {
    let ring = golden_ring();
    let lines = include_str!("golden/placement.txt").lines().filter(|line| !line.starts_with('#'));
    let mut compared = 0;
    for line in lines {
        let (hash, owner) = line.split_once(' ').unwrap();
        let hash = u64::from_str_radix(hash, 16).unwrap();
        assert_eq!(ring.owner_index(hash), Some(owner.parse().unwrap()), "hash {hash:016x}");
        compared += 1;
    }
    assert_eq!(compared, 388);
}

#[test]
fn a_million_hashes_have_the_owners_they_always_had() {
    let ring = golden_ring();
    let owners = hashes(1_000_000).map(|hash| ring.owner_index(hash).unwrap());
    assert_eq!(digest(owners), 0x36bc_0be6_9430_5812);
}

#[test]
fn numbers_are_labels_in_little_endian() {
    let wide = HashRing::builder().nodes(0..5_u64).build().unwrap();
    let owners = hashes(10_000).map(|hash| u32::try_from(*wide.owner(hash).unwrap()).unwrap());
    assert_eq!(digest(owners), 0xd1ae_b16f_74b0_59a5);

    let narrow = HashRing::builder().nodes(0..5_u32).build().unwrap();
    let owners = hashes(10_000).map(|hash| *narrow.owner(hash).unwrap());
    assert_eq!(digest(owners), 0xc42a_8e27_d9fa_43e6);
}

#[test]
fn a_string_stands_where_its_str_stands() {
    let borrowed = HashRing::builder().nodes(["node-0", "node-1"]).build().unwrap();
    let owned = HashRing::builder().nodes(["node-0", "node-1"].map(str::to_owned)).build().unwrap();
    assert!(borrowed.points().eq(owned.points()));
}
