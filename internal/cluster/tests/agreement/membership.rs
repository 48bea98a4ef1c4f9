//! Members come, go and die.

use std::time::Duration;

use distcache_cluster::MemberState;
use distcache_cluster::agreement::NotAgreed;

use crate::world::{D, World};

#[test]
fn who_comes_later_joins_and_becomes_an_owner() {
    let mut world = World::cluster_of(3);
    for count in 3..6 {
        let new = world.start();
        let all: Vec<usize> = (0..=count).collect();
        assert!(world.until_one_cluster_of(&all) <= 2 * D);
        assert_eq!(world.hosts[new].served().begun(), 1);
        assert_eq!(world.hosts[0].served().begun(), 1, "the others go on");
    }
    world.oracle.assert_fine();
}

#[test]
fn who_leaves_drains_and_is_gone_while_the_others_go_on() {
    for leaver in 0..3 {
        let mut world = World::cluster_of(3);
        let within = Duration::from_secs(10);
        let (drained, is_drained) = tokio::sync::oneshot::channel();
        let (left, mut has_left) = tokio::sync::oneshot::channel();
        world.hosts[leaver].spawn(|agreement| async move {
            agreement.leave(within).await.unwrap();
            let view = agreement.view().borrow().clone().unwrap();
            let state = view.member(agreement.id().unwrap()).map(|member| member.state);
            drained.send(state).unwrap();
            agreement.depart(within).await.unwrap();
            left.send(()).unwrap();
        });
        let me = world.hosts[leaver].id().expect("it has not left yet");
        world.run_until(2 * D, "it has left", |_| has_left.try_recv().is_ok());
        let last = world.hosts[leaver].served().view().expect("it was in the cluster");
        assert_eq!(last.member(me), None, "it knows to whom its keys have gone");
        assert_eq!(is_drained.blocking_recv(), Ok(Some(MemberState::Draining)));
        assert_eq!(world.hosts[leaver].id(), None);
        let left = world.others(&[leaver]);
        assert!(world.until_one_cluster_of(&left) <= D, "{}", world.picture());
        world.run(10 * D);
        assert!(world.is_one_cluster_of(&left), "it does not come back");
        world.oracle.assert_fine();
    }
}

/// 1. A writer finds the lease of a member that leaves, and its change is made.
/// 2. The member gives its lease up, and others own its keys.
/// 3. The writer looks again: nobody knows what comes of the change.
#[test]
fn who_leaves_lets_what_was_begun_under_its_lease_end_before_its_keys_are_another_s() {
    let mut world = World::cluster_of(3);
    let [leaver, other] = [0, 1];
    let me = world.hosts[leaver].id().expect("it has not left yet");
    world.hosts[leaver].spawn(|agreement| async move {
        agreement.leave(Duration::from_secs(10)).await.unwrap();
        agreement.depart(Duration::from_secs(10)).await.unwrap();
    });
    world.run_until(2 * D, "nothing more is begun", |world| !world.hosts[leaver].holds(world.now));
    let since = world.now;
    world.run_until(2 * D, "another owns its keys", |world| {
        world.hosts[other].view().is_some_and(|view| view.member(me).is_none())
    });
    assert!(since + D / 16 <= world.now, "{since:?} to {:?}", world.now);
}

/// 1. It is agreed that one is removed, and it is taken off the voters.
/// 2. It asks whether it may go, and may. What was agreed upon is still under way to it.
/// 3. It goes. Its heirs ask for their entries: to it, they are still its own.
#[test]
fn who_leaves_knows_whose_its_keys_are_though_it_hears_first_that_it_may_go() {
    let mut world = World::cluster_of(3);
    let leader = world.leader();
    let leaver = world.others(&[leader])[0];
    world.net.slow_questions(leader, leaver, D / 8);
    let (left, mut has_left) = tokio::sync::oneshot::channel();
    world.hosts[leaver].spawn(|agreement| async move {
        agreement.leave(Duration::from_secs(10)).await.unwrap();
        agreement.depart(Duration::from_secs(10)).await.unwrap();
        left.send(()).unwrap();
    });
    let me = world.hosts[leaver].id().expect("it has not left yet");
    world.run_until(5 * D, "it has left", |_| has_left.try_recv().is_ok());
    let last = world.hosts[leaver].served().view().expect("it was in the cluster");
    assert_eq!(last.member(me), None, "{}", world.picture());
    world.oracle.assert_fine();
}

/// While the leader leaves, and another is elected, leases are renewed in time.
#[test]
fn no_lease_ends_while_one_after_the_other_leaves_and_comes_back() {
    let mut world = World::cluster_of(3);
    for round in 0..3 {
        let leaver = world.leader();
        let left = world.others(&[leaver]);
        let (done, mut is_done) = tokio::sync::oneshot::channel();
        world.hosts[leaver].spawn(|agreement| async move {
            agreement.leave(Duration::from_secs(10)).await.unwrap();
            agreement.depart(Duration::from_secs(10)).await.unwrap();
            done.send(()).unwrap();
        });
        world.run_until(5 * D, "it has left", |world| {
            let hold = left.iter().all(|index| world.hosts[*index].holds(world.now));
            assert!(hold, "round {round}: {}", world.picture());
            is_done.try_recv().is_ok()
        });
        world.run_until(5 * D, "the two are a cluster", |world| {
            let hold = left.iter().all(|index| world.hosts[*index].holds(world.now));
            assert!(hold, "round {round}: {}", world.picture());
            world.is_one_cluster_of(&left)
        });
        world.restart(leaver);
        world.until_one_cluster_of(&[0, 1, 2]);
        world.run_until(2 * D, "it weighs", |world| world.hosts[leaver].weighs());
    }
    world.oracle.assert_fine();
}

/// At the latest a second after the lease that it had.
#[test]
fn the_keys_of_one_that_died_have_an_owner_after_a_lease_and_a_second() {
    let mut worst = Duration::ZERO;
    for round in 0..10 {
        let mut world = World::cluster_of(3);
        let victim = if round % 2 == 0 { world.leader() } else { (world.leader() + 1) % 3 };
        world.run(Duration::from_millis(37) * round);
        world.kill(victim);
        let left = world.others(&[victim]);
        worst = worst.max(world.until_one_cluster_of(&left));
        world.oracle.assert_fine();
    }
    assert!(worst <= D + Duration::from_secs(1), "it took {worst:?}");
}

#[test]
fn one_that_was_killed_and_started_again_is_another_member() {
    let mut world = World::cluster_of(3);
    let before = world.hosts[1].id();
    world.kill(1);
    world.restart(1);
    world.until_one_cluster_of(&[0, 1, 2]);
    assert_ne!(world.hosts[1].id(), before);
    world.oracle.assert_fine();
}

#[test]
fn every_member_learns_of_a_keyspace_whoever_was_told() {
    let mut world = World::cluster_of(3);
    for index in 0..3 {
        world.hosts[index].spawn(move |agreement| async move {
            let settings = serde_json::json!({ "ttl": index });
            agreement.set_keyspace(format!("k{index}"), settings).await.unwrap();
        });
    }
    world.run_until(D, "three keyspaces everywhere", |world| {
        world.hosts.iter().all(|host| host.view().unwrap().keyspaces().len() == 3)
    });
    world.hosts[2].spawn(|agreement| async move {
        agreement.remove_keyspace("k0").await.unwrap();
    });
    world.run_until(D, "two are left", |world| {
        world.hosts.iter().all(|host| host.view().unwrap().keyspaces().len() == 2)
    });
}

/// Two hundred changes, of which the log keeps no more than some; who joins then starts
/// from a snapshot.
#[test]
fn who_joins_after_many_changes_knows_them_all() {
    let mut world = World::cluster_of(3);
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    world.hosts[0].spawn(|agreement| async move {
        for index in 0..300 {
            let settings = serde_json::json!({ "ttl": index });
            agreement.set_keyspace(format!("k{}", index % 7), settings).await.unwrap();
        }
        done.send(()).unwrap();
    });
    world.run_until(Duration::from_mins(2), "all are set", |_| is_done.try_recv().is_ok());
    world.start();
    world.until_one_cluster_of(&[0, 1, 2, 3]);
    let of = |index: usize| world.hosts[index].view().unwrap().keyspaces().clone();
    assert_eq!(of(3), of(0));
    assert_eq!(of(3).len(), 7);
}

#[test]
fn of_an_agreement_that_is_dropped_nothing_goes_on() {
    let mut world = World::cluster_of(3);
    let leader = world.leader();
    assert_eq!(world.hosts[leader].drop_agreement(D), 0);
}

/// Heartbeats, confirmations and renewals, both ways.
#[test]
fn three_members_at_rest_send_a_hundred_messages_a_second_at_most() {
    let mut world = World::cluster_of(3);
    world.run(D);
    let before = world.net.sent();
    world.run(Duration::from_secs(10));
    let after = world.net.sent();
    assert!(after.0 - before.0 <= 1000, "{} messages in ten seconds", after.0 - before.0);
    assert!(after.1 - before.1 <= 500_000, "{} bytes in ten seconds", after.1 - before.1);
}

#[test]
fn who_is_in_no_cluster_is_told_so() {
    let mut world = World::of(3);
    world.kill(1);
    world.kill(2);
    let (told, mut is_told) = tokio::sync::oneshot::channel();
    world.hosts[0].spawn(|agreement| async move {
        told.send(agreement.remove_keyspace("k").await).unwrap();
    });
    world.step();
    assert_eq!(is_told.try_recv(), Ok(Err(NotAgreed::Outside)));
}
