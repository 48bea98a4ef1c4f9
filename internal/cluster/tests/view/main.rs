//! Every member places every key alike: on every platform, in every release.
#![forbid(unsafe_code)]

use std::num::NonZeroU32;

use distcache_cluster::view::Roster;
use distcache_cluster::{ClusterId, Member, MemberId, MemberState, View};

/// Keys' hashes: the odd multiples of the golden ratio.
fn hashes(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|index| (2 * index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Members numbered from 1, of these weights and states.
fn view(members: &[(u32, MemberState)]) -> View {
    let members = (1..).zip(members).map(|(number, (weight, state))| Member {
        id: MemberId::from_number(number),
        address: format!("m{number}:1").into(),
        weight: NonZeroU32::new(*weight).expect("not zero"),
        zone: None,
        seen: 0,
        state: *state,
    });
    let cluster = Some(ClusterId::from_number(1));
    let members = members.collect();
    View::new(Roster { cluster, epoch: 1, members, ..Roster::default() }).expect("it is founded")
}

fn owner(view: &View, hash: u64) -> u64 {
    view.owner(hash).expect("somebody owns it").id.number()
}

const ACTIVE: (u32, MemberState) = (1, MemberState::Active);

/// FNV-1a of the owners of ten thousand keys, and of who would own them next.
fn digest(view: &View) -> u64 {
    hashes(10_000).fold(0xcbf2_9ce4_8422_2325, |digest, hash| {
        let next = view.successor(hash).map_or(0, |member| member.id.number());
        [owner(view, hash), next]
            .iter()
            .fold(digest, |digest, number| (digest ^ number).wrapping_mul(0x0000_0100_0000_01b3))
    })
}

#[test]
fn ten_thousand_keys_have_the_owners_that_they_always_had() {
    let three = view(&[ACTIVE; 3]);
    let first: Vec<u64> = hashes(16).map(|hash| owner(&three, hash)).collect();
    assert_eq!(first, [2, 1, 1, 3, 2, 3, 3, 2, 1, 1, 1, 2, 3, 2, 3, 1]);
    assert_eq!(format!("{:016x}", digest(&three)), "4c785c0c9d1d727f");
    let five = [ACTIVE, (3, MemberState::Active), (1, MemberState::Draining), ACTIVE, ACTIVE];
    assert_eq!(format!("{:016x}", digest(&view(&five))), "ad9371af1b6a466d");
}

#[test]
fn the_largest_share_of_three_is_less_than_a_sixth_above_the_mean() {
    let three = view(&[ACTIVE; 3]);
    let mut counts = [0_u32; 3];
    for hash in hashes(1_000_000) {
        counts[usize::try_from(owner(&three, hash)).expect("few") - 1] += 1;
    }
    let largest = counts.into_iter().max().expect("three");
    assert!(f64::from(largest) < 1.15 * 1_000_000.0 / 3.0, "{counts:?}");
}

#[test]
fn who_joins_owns_nothing_and_who_drains_owns_what_it_did() {
    let active = view(&[ACTIVE; 3]);
    let joining = view(&[ACTIVE, ACTIVE, ACTIVE, (1, MemberState::Joining)]);
    let draining = view(&[ACTIVE, ACTIVE, (1, MemberState::Draining)]);
    for hash in hashes(10_000) {
        assert_eq!(owner(&active, hash), owner(&joining, hash));
        assert_eq!(owner(&active, hash), owner(&draining, hash));
    }
}

#[test]
fn the_successor_is_who_owns_a_key_when_its_owner_is_gone() {
    let three = view(&[ACTIVE; 3]);
    let without = view(&[ACTIVE, ACTIVE]);
    for hash in hashes(10_000).filter(|hash| owner(&three, *hash) == 3) {
        let next = three.successor(hash).expect("there are others").id;
        assert_eq!(next.number(), owner(&without, hash));
    }
    assert!(view(&[ACTIVE]).successor(7).is_none());
}

/// What one member owns is spread over the whole ring that its data nodes stand on: the
/// sixteen parts of it by the hash's highest bits have equal parts of the keys.
#[test]
fn what_a_member_owns_is_no_arc_of_its_own_ring() {
    let three = view(&[ACTIVE; 3]);
    let mut parts = [0_u32; 16];
    let mine = hashes(160_000).filter(|hash| owner(&three, *hash) == 1);
    mine.for_each(|hash| parts[usize::try_from(hash >> 60).expect("sixteen")] += 1);
    let (least, most) = (parts.iter().min().expect("16"), parts.iter().max().expect("16"));
    assert!(most - least < most / 10, "{parts:?}");
}
