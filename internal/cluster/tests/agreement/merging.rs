//! Clusters that are lost, and clusters that meet.

use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::agreement::{Agreement, OnMinority};
use serde_json::json;

use crate::world::{D, World};

#[test]
fn of_two_clusters_that_meet_the_smaller_one_dissolves_and_its_members_begin_anew() {
    let mut world = World::empty(|_| {});
    (0..5).for_each(|_| {
        world.start();
    });
    let (small, large) = (vec![0, 1], vec![2, 3, 4]);
    let lists = |small: &[usize], large: &[usize]| {
        [vec![small.to_vec(); 2], vec![large.to_vec(); 3]].concat()
    };
    world.list_only(lists(&small, &large));
    world.until_one_cluster_of(&small);
    world.until_one_cluster_of(&large);
    let kept = world.hosts[2].view().expect("a cluster").cluster();
    let all = vec![0, 1, 2, 3, 4];
    world.list_only(lists(&all, &all));
    world.until_one_cluster_of(&all);
    assert_eq!(world.hosts[0].view().expect("a cluster").cluster(), kept);
    let begun: Vec<u64> = world.hosts.iter().map(|host| host.served().begun()).collect();
    assert_eq!(begun, [2, 2, 1, 1, 1]);
}

/// Two of three are gone for good, and others start in their place.
#[test]
fn a_cluster_that_lost_its_majority_is_founded_anew_and_everybody_begins_anew() {
    let mut world = World::of(3);
    world.until_one_cluster_of(&[0, 1, 2]);
    let lost = world.hosts[0].view().expect("a cluster").cluster();
    world.kill(1);
    world.kill(2);
    world.run(10 * D);
    assert!(!world.hosts[0].holds(world.now));
    world.restart(1);
    world.until_one_cluster_of(&[0, 1].map(|index| index));
    world.restart(2);
    world.until_one_cluster_of(&[0, 1, 2]);
    assert_ne!(world.hosts[0].view().expect("a cluster").cluster(), lost);
    assert_eq!(world.hosts[0].served().begun(), 2);
    world.oracle.assert_fine();
}

/// 1. There are keyspaces, more than are told at once. One of five is cut off.
/// 2. One keyspace is removed, and another is changed.
/// 3. Three of five die, and are started again. Of the other two one knows of the changes.
#[test]
fn keyspaces_outlive_the_cluster_that_agreed_on_them() {
    let mut world = World::cluster_of(5);
    let name = |number: u32| format!("k{number:03}");
    agree(&mut world, move |agreement| async move {
        for number in 0..150 {
            agreement.set_keyspace(name(number), json!({ "ttl": number })).await.unwrap();
        }
    });
    world.run(D);
    world.net.cut(&[4], &[0, 1, 2, 3]);
    world.until_one_cluster_of(&[0, 1, 2, 3]);
    agree(&mut world, move |agreement| async move {
        agreement.remove_keyspace(name(0)).await.unwrap();
        agreement.set_keyspace(name(1), json!({ "ttl": 1000 })).await.unwrap();
    });
    world.run(D);
    let keyspaces = |world: &World, index: usize| {
        world.hosts[index].view().expect("a cluster").keyspaces().clone()
    };
    let expected = keyspaces(&world, 1);
    assert_eq!((expected.len(), &expected[&name(1)]), (149, &json!({ "ttl": 1000 })));
    let before = world.hosts[1].view().expect("a cluster").cluster();
    for index in [0, 2, 3] {
        world.kill(index);
    }
    world.run(10 * D);
    world.net.heal();
    for index in [0, 2, 3] {
        world.restart(index);
    }
    world.until_one_cluster_of(&[0, 1, 2, 3, 4]);
    assert_ne!(world.hosts[0].view().expect("a cluster").cluster(), before);
    for index in 0..5 {
        assert!(keyspaces(&world, index) == expected, "process {index} knows others");
    }
    world.oracle.assert_fine();
}

/// 1. Two of three die, and are started again at once.
/// 2. They are a majority, and found a cluster. Who is left knows nothing of its own yet, and
///    joins it later.
#[test]
fn keyspaces_outlive_their_cluster_though_its_members_found_no_other() {
    let mut world = World::cluster_of(3);
    agree(&mut world, |agreement| async move {
        agreement.set_keyspace("k", json!({ "ttl": 1 })).await.unwrap();
    });
    world.run(D);
    for index in [1, 2] {
        world.kill(index);
    }
    for index in [1, 2] {
        world.restart(index);
    }
    world.until_one_cluster_of(&[1, 2]);
    world.until_one_cluster_of(&[0, 1, 2]);
    for host in &world.hosts {
        let view = host.view().expect("a cluster");
        assert_eq!(view.keyspaces().get("k"), Some(&json!({ "ttl": 1 })));
    }
}

/// Has the first process's cluster agree on something.
fn agree<F: Future<Output = ()> + Send + 'static>(
    world: &mut World,
    asks: impl FnOnce(Arc<Agreement>) -> F + Send + 'static,
) {
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    world.hosts[0].spawn(move |agreement| async move {
        asks(agreement).await;
        done.send(()).expect("it is waited for");
    });
    world.run_until(Duration::from_mins(2), "it is agreed", |_| is_done.try_recv().is_ok());
}

#[test]
fn all_of_a_cluster_that_die_and_start_again_found_another() {
    let mut world = World::of(3);
    world.until_one_cluster_of(&[0, 1, 2]);
    (0..3).for_each(|index| world.kill(index));
    (0..3).for_each(|index| world.restart(index));
    world.until_one_cluster_of(&[0, 1, 2]);
    world.oracle.assert_fine();
}

#[test]
fn of_two_members_the_one_that_is_left_serves_nothing_until_discovery_drops_the_other() {
    let mut world = World::of(2);
    world.until_one_cluster_of(&[0, 1]);
    world.kill(1);
    world.run(Duration::from_mins(1));
    assert!(!world.hosts[0].holds(world.now));
    world.list_only(vec![vec![0]]);
    world.until_one_cluster_of(&[0]);
    assert_eq!(world.hosts[0].served().begun(), 2);
    world.oracle.assert_fine();
}

#[test]
fn of_two_members_the_one_that_is_left_goes_on_when_the_other_comes_back() {
    let mut world = World::of(2);
    world.until_one_cluster_of(&[0, 1]);
    world.net.cut(&[0], &[1]);
    world.run(2 * D);
    assert!((0..2).all(|index| !world.hosts[index].holds(world.now)));
    world.net.heal();
    world.until_one_cluster_of(&[0, 1]);
    let begun: Vec<u64> = world.hosts.iter().map(|host| host.served().begun()).collect();
    assert_eq!(begun, [1, 1], "the cut was short: nothing is lost");
    world.oracle.assert_fine();
}

#[test]
fn of_two_members_that_are_to_serve_in_a_minority_the_one_that_is_left_goes_on_alone() {
    let mut world = World::tuned(2, |settings| settings.on_minority = OnMinority::Serve);
    world.until_one_cluster_of(&[0, 1]);
    world.kill(1);
    world.until_one_cluster_of(&[0]);
    world.restart(1);
    world.until_one_cluster_of(&[0, 1]);
}
