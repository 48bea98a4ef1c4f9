//! Nobody serves what somebody else may serve.

use std::time::Duration;

use crate::world::{D, Kind, World};

/// The leases of the leader's side end before the other side removes it.
#[test]
fn a_leader_that_is_cut_off_with_another_serves_no_key_that_has_a_new_owner() {
    for round in 0..10 {
        let mut world = World::cluster_of(5);
        world.run(Duration::from_millis(53) * round);
        let leader = world.leader();
        let minority = [leader, (leader + 1) % 5];
        let majority = world.others(&minority);
        world.net.cut(&minority, &majority);
        let took = world.until_one_cluster_of(&majority);
        assert!(took <= D + Duration::from_secs(1), "it took {took:?}");
        assert!(minority.iter().all(|index| !world.hosts[*index].holds(world.now)));
        world.run(5 * D);
        assert!(minority.iter().all(|index| !world.hosts[*index].holds(world.now)));
        world.net.heal();
        world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
        assert!(minority.iter().all(|index| world.hosts[*index].served().begun() == 2));
        world.oracle.assert_fine();
    }
}

/// It is heard, and hears nothing; or hears, and is not heard.
#[test]
fn a_member_that_is_cut_off_one_way_loses_its_keys_to_the_others() {
    for deaf in [true, false] {
        let mut world = World::cluster_of(3);
        let member = (world.leader() + 1) % 3;
        let others = world.others(&[member]);
        if deaf {
            world.net.cut_way(&others, &[member]);
        } else {
            world.net.cut_way(&[member], &others);
        }
        world.until_one_cluster_of(&others);
        world.run(5 * D);
        assert!(!world.hosts[member].holds(world.now));
        world.net.heal();
        world.until_one_cluster_of(&[0, 1, 2]);
        world.oracle.assert_fine();
    }
}

#[test]
fn a_member_that_slept_or_was_stopped_wakes_without_a_lease() {
    for kind in [Kind::Asleep, Kind::Stopped] {
        for who_leads in [true, false] {
            let mut world = World::cluster_of(3);
            let leader = world.leader();
            let member = if who_leads { leader } else { (leader + 1) % 3 };
            let until = world.now + 5 * D;
            world.hosts[member].pause(kind, until);
            let others = world.others(&[member]);
            world.until_one_cluster_of(&others);
            world.run_until(10 * D, "it wakes", |world| !world.hosts[member].is_paused());
            assert!(!world.hosts[member].holds(world.now));
            world.until_one_cluster_of(&[0, 1, 2]);
            world.oracle.assert_fine();
        }
    }
}

/// Shorter than the time in which a member counts as silent.
#[test]
fn a_member_that_pauses_for_less_than_half_a_lease_stays() {
    for kind in [Kind::Asleep, Kind::Stopped] {
        let mut world = World::cluster_of(3);
        let member = (world.leader() + 1) % 3;
        let before = world.hosts[member].id();
        let until = world.now + D * 3 / 8;
        world.hosts[member].pause(kind, until);
        world.run(5 * D);
        assert_eq!(world.hosts[member].id(), before);
        world.until_one_cluster_of(&[0, 1, 2]);
        world.oracle.assert_fine();
    }
}

/// One clock is half a hundredth slow, the others as much fast, and the reverse.
#[test]
fn clocks_whose_rates_differ_by_the_bound_make_no_two_owners() {
    for slow in 0..5 {
        for odd in [995_050, 1_005_000] {
            let mut world = World::of(5);
            let others = 2_000_000 - odd;
            for (index, host) in world.hosts.iter().enumerate() {
                host.set_clock_rate(if index == slow { odd } else { others });
            }
            world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
            let leader = world.leader();
            let minority = if leader == slow { [leader, (leader + 1) % 5] } else { [leader, slow] };
            let majority = world.others(&minority);
            world.net.cut(&minority, &majority);
            world.until_one_cluster_of(&majority);
            world.oracle.assert_fine();
        }
    }
}

/// What the leader grants arrives 400 ms later, and is counted from when it was asked for.
#[test]
fn answers_that_are_late_make_no_lease_longer() {
    for round in 0..5 {
        let mut world = World::cluster_of(5);
        let leader = world.leader();
        let member = (leader + 1) % 5;
        world.net.slow_way(leader, member, Duration::from_millis(400));
        world.run(2 * D + Duration::from_millis(83) * round);
        assert!(world.hosts[member].holds(world.now));
        let others = world.others(&[member]);
        world.net.cut(&[member], &others);
        world.until_one_cluster_of(&others);
        world.net.heal();
        world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
        world.oracle.assert_fine();
    }
}

/// Three of five are a majority of the cluster when it has shrunk to them; two of them
/// are none of the five who might found another.
#[test]
fn a_cluster_that_shrank_below_a_majority_of_the_electorate_serves_nothing() {
    let mut world = World::cluster_of(5);
    world.kill(3);
    world.kill(4);
    world.until_one_cluster_of(&[0, 1, 2]);
    let gone = (world.leader() + 1) % 3;
    let two = world.others(&[gone, 3, 4]);
    world.restart(3);
    world.restart(4);
    // The one that is cut off, and the two that start, are three of five.
    world.net.cut(&two, &[gone, 3, 4]);
    world.run_until(20 * D, "the three are a cluster", |world| {
        world.is_one_cluster_of(&[gone, 3, 4])
    });
    assert!(two.iter().all(|index| !world.hosts[*index].holds(world.now)));
    world.net.heal();
    world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
    world.oracle.assert_fine();
}
