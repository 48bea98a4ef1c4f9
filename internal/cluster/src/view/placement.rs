//! Which member owns a hash.

use distcache_ring::HashRing;

use super::{Member, MemberId};

/// The members that own keys, on a ring.
#[derive(Debug, Clone)]
pub(super) struct Placement(HashRing<MemberId>);

impl Placement {
    /// Of a roster, whose bounds are below those of a ring.
    pub(super) fn of(members: &[Member]) -> Self {
        let owners = members.iter().filter(|member| member.state.owns());
        let builder = owners.fold(HashRing::builder(), |builder, member| {
            builder.weighted_node(member.id, member.weight)
        });
        Self(builder.build().expect("a roster has each member once, and room on a ring for all"))
    }

    pub(super) fn owner(&self, hash: u64) -> Option<MemberId> {
        self.0.owner(mixed(hash)).copied()
    }

    /// The owners of a hash in their order: each would own it if those before were gone.
    pub(super) fn owners(&self, hash: u64) -> impl Iterator<Item = MemberId> {
        self.0.owners(mixed(hash), usize::MAX).copied()
    }

    pub(super) fn successor(&self, hash: u64) -> Option<MemberId> {
        self.0.owners(mixed(hash), 2).nth(1).copied()
    }
}

/// The hash on the ring of the members: `splitmix64`'s finalizer of that on the rings of
/// data nodes (<https://prng.di.unimi.it/splitmix64.c>). It is a bijection.
///
/// Both rings would else be cut by one and the same number: what a member owns would be
/// a few arcs, and of its data nodes those near to them would hold everything.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first number of the generator with seed 0 is the mix of its increment.
    #[test]
    fn the_mix_is_the_one_of_splitmix64() {
        assert_eq!(mixed(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
    }
}
