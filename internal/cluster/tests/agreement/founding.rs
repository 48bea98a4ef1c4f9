//! Processes without a cluster become one.

use std::time::Duration;

use crate::world::{D, World};

/// One lists nobody else.
#[test]
fn one_process_is_a_cluster_at_once() {
    let mut world = World::of(1);
    assert!(world.until_one_cluster_of(&[0]) <= D);
    world.oracle.assert_fine();
}

#[test]
fn three_that_start_in_one_instant_become_one_cluster() {
    for _ in 0..10 {
        let mut world = World::of(3);
        assert!(world.until_one_cluster_of(&[0, 1, 2]) <= 4 * D, "{}", world.picture());
        world.oracle.assert_fine();
    }
}

#[test]
fn five_that_start_in_one_instant_become_one_cluster() {
    for _ in 0..10 {
        let mut world = World::of(5);
        assert!(world.until_one_cluster_of(&[0, 1, 2, 3, 4]) <= 4 * D, "{}", world.picture());
        world.oracle.assert_fine();
    }
}

#[test]
fn nobody_founds_a_cluster_before_discovery_has_told_who_there_is() {
    let mut world = World::empty(|_| ());
    world.start_unlisted();
    world.run(Duration::from_mins(1));
    assert!(world.hosts[0].view().is_none(), "{}", world.picture());
    world.list_only(vec![vec![0]]);
    assert!(world.until_one_cluster_of(&[0]) <= D);
}

#[test]
fn a_minority_of_the_listed_founds_nothing() {
    let mut world = World::of(5);
    (2..5).for_each(|index| world.kill(index));
    world.run(Duration::from_mins(1));
    assert!(world.hosts.iter().all(|host| host.view().is_none()), "{}", world.picture());
}

#[test]
fn one_that_is_slow_to_start_joins_what_the_others_have_founded() {
    let mut world = World::of(5);
    world.kill(4);
    world.until_one_cluster_of(&[0, 1, 2, 3]);
    world.restart(4);
    assert!(world.until_one_cluster_of(&[0, 1, 2, 3, 4]) <= 2 * D);
    world.oracle.assert_fine();
}

/// Whoever founds is the first to see a cluster: it is killed at every tenth of a second
/// of the first three.
#[test]
fn a_founder_that_dies_in_the_middle_leaves_no_second_cluster() {
    for tenth in 0..20 {
        let mut world = World::of(5);
        world.run(Duration::from_millis(100) * tenth);
        let founder = world.hosts.iter().position(|host| host.view().is_some());
        let founder = founder.unwrap_or(0);
        world.kill(founder);
        let left = world.others(&[founder]);
        world.until_one_cluster_of(&left);
        world.oracle.assert_fine();
    }
}

/// 0, 1 and 2 reach each other, and 2, 3 and 4: both could be a majority.
#[test]
fn two_foundings_that_share_one_process_make_one_cluster() {
    for _ in 0..10 {
        let mut world = World::of(5);
        world.net.cut(&[0, 1], &[3, 4]);
        world.run(10 * D);
        let serving = world.hosts.iter().filter(|host| host.holds(world.now)).count();
        assert!(3 <= serving, "a majority can reach each other:\n{}", world.picture());
        world.net.heal();
        world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
        world.oracle.assert_fine();
    }
}

/// A network that loses a fifth of everything, and takes up to 100 ms each way.
#[test]
fn five_found_a_cluster_on_a_bad_network() {
    for seed in 0..5 {
        let mut world = World::of(5);
        world.net.roughen(seed, 40, 10);
        world.run(10 * D);
        world.net.roughen(seed, 2, 0);
        world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
        world.oracle.assert_fine();
    }
}

#[test]
fn a_process_of_another_cluster_s_name_is_not_taken_in() {
    let mut world = World::tuned(3, |settings| {
        if settings.address.as_str() == "host-2:1" {
            "another".clone_into(&mut settings.name);
        }
    });
    world.until_one_cluster_of(&[0, 1]);
    world.run(10 * D);
    assert!(world.is_one_cluster_of(&[0, 1]));
    assert!(world.hosts[2].view().is_none(), "it is one of three listed, for itself");
}

/// Two are upgraded already, the third is not; the fourth knows nothing of either version.
#[test]
fn versions_that_overlap_are_one_cluster_and_others_are_refused() {
    let mut world = World::tuned(4, |settings| {
        settings.speaks = match settings.address.as_str() {
            "host-0:1" | "host-1:1" => 1..=2,
            "host-2:1" => 1..=1,
            _ => 3..=3,
        };
    });
    world.until_one_cluster_of(&[0, 1, 2]);
    world.run(10 * D);
    assert!(world.is_one_cluster_of(&[0, 1, 2]));
    assert!(world.hosts[3].view().is_none());
}
