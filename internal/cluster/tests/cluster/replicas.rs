//! Copies: what was acknowledged is read although its owner is gone.

use std::time::Duration;

use distcache_bus::Deadline;
use distcache_cluster::wire::Weather;
use distcache_manager::{Config, Error, KeyspaceSpec, Tick, Write};

use crate::holders::{Holders, KEYS, THINGS, is_committed, key, things, value};
use crate::keys::until;
use crate::process::{Process, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_committed_is_there_after_its_owner_has_died() {
    let mut cluster = Holders::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    cluster.kill(0).await;
    cluster.has_everything();
    // The next one, too: there are copies of what was adopted.
    (0..KEYS).for_each(|n| assert!(is_committed(cluster.owner(n), n)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_three_replicas_two_may_die_at_once() {
    let mut cluster = Holders::of(5, 5, 3).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    drop(cluster.processes.remove(0));
    cluster.kill(0).await;
    cluster.has_everything();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_forgotten_does_not_come_back_with_its_copy() {
    let mut cluster = Holders::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    for n in (0..KEYS).step_by(3) {
        let process = cluster.owner(n);
        assert!(process.cache.delete_in(&things(process), &key(n)).expect("it is its own"));
        assert!(is_committed(process, n));
    }
    cluster.kill(0).await;
    for n in 0..KEYS {
        let expected = (n % 3 != 0).then(|| value(n));
        assert_eq!(cluster.get(n), expected, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_joins_is_given_copies_of_what_was_there_before() {
    let mut cluster = Holders::of(2, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    cluster.start(2).await;
    cluster.until_all_have_owners(3).await;
    // Two thirds of the copies lie elsewhere now. All are there when each process has as
    // many copies as entries lie elsewhere for it: twice as many entries as keys.
    cluster.until_each_entry_has_its_copy().await;
    cluster.kill(0).await;
    cluster.has_everything();
}

/// Who has died kept copies, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_keeps_more_after_a_death_is_given_what_was_there_before_the_next() {
    let mut cluster = Holders::of(5, 5, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    for _ in 0..2 {
        cluster.kill(0).await;
        cluster.until_each_entry_has_its_copy().await;
        cluster.has_everything();
    }
}

/// What the node held that was its process's own is lost, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_that_went_with_a_data_node_are_read_off_again() {
    let mut cluster = Holders::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    cluster.until_each_entry_has_its_copy().await;
    let cache = &cluster.processes[1].cache;
    let (victim, replacements) = (cache.owner(b"any"), cache.replacements());
    cache.on_node(victim, |_| panic!("a fuse has blown")).expect_err("nobody answers");
    let replaced = || replacements < cluster.processes[1].cache.replacements();
    until("the node was replaced", replaced).await;
    let lost = |cluster: &Holders| (0..KEYS).filter(|n| cluster.get(*n).is_none()).count() as u64;
    until("each entry that is left has its copy", || {
        let held: u64 = cluster.processes.iter().map(Process::entries).sum();
        2 * u64::from(KEYS) - lost(&cluster) <= held
    })
    .await;
    let lost_with_the_node = lost(&cluster);
    assert!(0 < lost_with_the_node && lost_with_the_node < u64::from(KEYS) / 2);
    cluster.kill(0).await;
    assert_eq!(lost(&cluster), lost_with_the_node);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_ends_no_later_than_its_entry() {
    let mut cluster = Holders::of(3, 3, 2).await;
    let end = |process: &Process| process.cache.now().after(Duration::from_mins(10));
    let ends: Vec<Tick> = (0..KEYS)
        .map(|n| {
            let end = end(cluster.owner(n));
            cluster.put(n, &value(n), end);
            end
        })
        .collect();
    let left = |process: &Process, n: u32| {
        let hit = process.get(&things(process), &key(n));
        hit.expect("it is there").value.expires().as_ms() - process.cache.now().as_ms()
    };
    let before: Vec<u64> = (0..KEYS).map(|n| left(cluster.owner(n), n)).collect();
    assert_eq!(before.len(), ends.len());
    cluster.kill(0).await;
    for n in 0..KEYS {
        let left = left(cluster.owner(n), n);
        assert!(left < before[n as usize], "{n} ends later: {left}");
        assert!(before[n as usize] < left + 60_000, "{n} ends early: {left}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_is_not_committed_while_who_keeps_the_copy_is_not_reached() {
    let cluster = Holders::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    let at = cluster.owners(0)[0];
    let process = &cluster.processes[at];
    for other in (0..3).filter(|other| *other != at) {
        let (one, other) = (address(at), address(other));
        cluster.network.set_between(&one, &other, Weather::cut());
    }
    let things = things(process);
    let stored = process.cache.put_in(&things, &Write::new(&key(0), b"new"));
    assert!(matches!(stored, Ok(_) | Err(Error::ClaimEnded)), "{stored:?}");
    let journal = process.cache.journal();
    let latest = journal.latest(process.cache.key_hash(&things, &key(0)));
    let waiter = journal.wait(latest, 0).expect("nobody else has it");
    assert_ne!(waiter.wait(&Deadline::within(Duration::from_millis(300))), Some(Ok(())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_waited_for_who_has_left() {
    let mut cluster = Holders::of(3, 3, 3).await;
    cluster.put(1, b"1", Tick::NEVER);
    let leaver = cluster.processes.remove(0);
    leaver.cluster.leave(Duration::from_secs(10)).await.expect("the others agree");
    cluster.until_all_have_owners(2).await;
    cluster.put(1, b"2", Tick::NEVER);
    assert_eq!(cluster.get(1), Some(b"2".to_vec()));
}

#[test]
fn there_are_one_to_seven_replicas_and_their_number_stays() {
    let cache = distcache_manager::CacheManager::start(Config::default()).expect("good settings");
    for replicas in [0, 8] {
        let spec = KeyspaceSpec { replicas, ..KeyspaceSpec::default() };
        let refused = cache.add_keyspace(THINGS, &spec).expect_err("too few or too many");
        assert!(refused.to_string().contains("1 to 7"), "{refused}");
    }
    let spec = KeyspaceSpec { replicas: 7, ..KeyspaceSpec::default() };
    cache.add_keyspace(THINGS, &spec).expect("as many as there may be");
    assert_eq!(cache.keyspaces().len(), 2, "that of the copies is not told");
    let changed = KeyspaceSpec { replicas: 2, ..spec };
    cache.change_keyspace(THINGS, &changed).expect_err("they stay as many");
    cache.remove_keyspace(THINGS).expect("it is there");
    cache.add_keyspace(THINGS, &changed).expect("its name is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_changes_than_may_wait_for_copies_are_refused_and_change_nothing() {
    let cluster = Holders::of(3, 3, 2).await;
    let at = cluster.owners(0)[0];
    let process = &cluster.processes[at];
    for other in (0..3).filter(|other| *other != at) {
        cluster.network.set_between(&address(at), &address(other), Weather::cut());
    }
    let (things, large) = (things(process), vec![7; 1 << 16]);
    let journal = process.cache.journal();
    let mut stored = 0_u64;
    let refused = loop {
        match process.cache.put_in(&things, &Write::new(&key(0), &large)) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(journal.bytes() < 2 * distcache_manager::JOURNAL_BYTES_MAX, "no bound");
    };
    // As quick as this is, its lease is not over by then; on a slow machine it is.
    if refused == Error::Busy {
        assert_eq!(journal.head() - journal.committed(), stored);
        let many = process.cache.delete_many_in(&things, &[&key(0), &key(0)]);
        assert_eq!(many, [Err(Error::Busy), Err(Error::Busy)]);
        assert!(process.cache.bounds().expect("it is open").iter().any(|bound| {
            bound.name == "journal" && 2 <= bound.reached && bound.used == Some(journal.bytes())
        }));
    } else {
        assert!(matches!(refused, Error::ClaimEnded | Error::Elsewhere), "{refused}");
    }
}
