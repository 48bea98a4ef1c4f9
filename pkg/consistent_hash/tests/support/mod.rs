//! What several test files use.

/// `count` hashes that look random and are the same in every run
/// ([SplitMix64](https://prng.di.unimi.it/splitmix64.c) from 0).
pub(crate) fn hashes(count: u64) -> impl Iterator<Item = u64> + Clone {
    (1..=count).map(|number| {
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}
