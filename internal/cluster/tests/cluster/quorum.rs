//! Copies of which a majority is waited for, or none.

use distcache_cluster::Whose;
use distcache_cluster::wire::Weather;
use distcache_manager::{Ack, CacheManager, Config, KeyspaceSpec, ReadFrom, Tick};

use crate::holders::{Holders, KEYS, THINGS, is_committed, key, things, value};
use crate::keys::until;
use crate::process::{Process, address};

fn of_three(ack: Ack) -> KeyspaceSpec {
    KeyspaceSpec { replicas: 3, ack, ..KeyspaceSpec::default() }
}

async fn three() -> Holders {
    Holders::with(3, 3, of_three(Ack::Quorum)).await
}

/// Who owns the key, who would if that were gone, and who then.
fn holders(cluster: &Holders, n: u32) -> [usize; 3] {
    let owner = cluster.owners(n)[0];
    let process = &cluster.processes[owner];
    let holding = process.cluster.holding().expect("it is founded");
    let successor = holding.successor(&things(process), &key(n));
    let is_next = |at: &usize| successor == Whose::Theirs(address(*at));
    let next = (0..3).find(is_next).expect("it is one of them");
    [owner, next, 3 - owner - next]
}

fn cut(cluster: &Holders, one: usize, other: usize) {
    cluster.network.set_between(&address(one), &address(other), Weather::cut());
}

fn delete(process: &Process, n: u32) {
    assert!(process.cache.delete_in(&things(process), &key(n)).expect("it is its own"));
    assert!(is_committed(process, n), "nobody has made the change of {n}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_three_one_that_is_not_reached_holds_up_nothing() {
    let cluster = three().await;
    let [owner, next, _] = holders(&cluster, 0);
    cut(&cluster, owner, next);
    cluster.put(0, b"new", Tick::NEVER);
    let process = &cluster.processes[owner];
    let journal = process.cache.journal();
    let latest = journal.latest(process.cache.key_hash(&things(process), &key(0)));
    assert!(journal.committed() < latest && latest <= journal.agreed(1), "{next} has it not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_majority_has_is_there_after_its_owner_has_died_and_after_the_next() {
    let mut cluster = Holders::with(5, 5, of_three(Ack::Quorum)).await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    let is_kept = |n: u32| !n.is_multiple_of(3);
    for n in (0..KEYS).filter(|n| !is_kept(*n)) {
        delete(cluster.owner(n), n);
    }
    // Where nothing is under way any more, every copy is the latest.
    until("all have made all changes", || {
        let journals = || cluster.processes.iter().map(|process| process.cache.journal());
        journals().all(|journal| journal.head() == journal.committed())
    })
    .await;
    for _ in 0..2 {
        cluster.kill(0).await;
        until("what is the latest was adopted", || {
            (0..KEYS).all(|n| cluster.get(n).is_some() == is_kept(n))
        })
        .await;
        let held = |n: u32| is_kept(n).then(|| value(n));
        (0..KEYS).for_each(|n| assert_eq!(cluster.get(n), held(n), "{n}"));
        let entries = (0..KEYS).filter(|n| is_kept(*n)).count() * 3;
        until("the copies are read off", || {
            cluster.processes.iter().map(Process::entries).sum::<u64>() == entries as u64
        })
        .await;
    }
}

/// 1. A owns a key; B and C hold it, too. A puts, or deletes: C has that, B has not. It is
///    acknowledged.
/// 2. A dies. B owns the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_behind_does_not_answer_with_what_it_has() {
    let mut cluster = three().await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    let [owner, next, _] = holders(&cluster, 0);
    let same = |n: &u32| holders(&cluster, *n)[..2] == [owner, next];
    let keys: Vec<u32> = (0..KEYS).filter(same).collect();
    cut(&cluster, owner, next);
    let (changed, kept) = keys.split_at(keys.len() / 2);
    for (at, n) in changed.iter().enumerate() {
        if at % 2 == 0 {
            cluster.put(*n, b"new", Tick::NEVER);
        } else {
            delete(cluster.owner(*n), *n);
        }
    }
    cluster.kill(owner).await;
    until("the rest was adopted", || kept.iter().all(|n| cluster.get(*n).is_some())).await;
    for n in changed {
        assert_eq!(cluster.get(*n), None, "{n} is older than what was acknowledged");
    }
}

/// 1. As above, but D is behind: the key is deleted, and D has not heard of it.
/// 2. A dies. B owns the key, and has none. B dies.
/// 3. D owns the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_deleted_does_not_come_back_from_who_was_behind() {
    let spec = KeyspaceSpec { replicas: 4, ..of_three(Ack::Quorum) };
    let mut cluster = Holders::with(5, 5, spec).await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    cut(&cluster, 0, 4);
    let deleted: Vec<u32> = (0..KEYS).filter(|n| cluster.owners(*n) == [0]).collect();
    for n in &deleted {
        delete(&cluster.processes[0], *n);
    }
    for left in [4, 3] {
        cluster.kill(0).await;
        for n in &deleted {
            assert_eq!(cluster.get(*n), None, "{n} was deleted; there are {left} left");
        }
    }
    let are_behind = deleted.iter().filter(|n| cluster.owners(**n) == [2]).count();
    assert!(0 < are_behind, "who was behind owns none of them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_nobody_is_waited_for_there_are_no_copies() {
    let mut cluster = Holders::with(3, 3, of_three(Ack::One)).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    let held: u64 = cluster.processes.iter().map(Process::entries).sum();
    let heads = cluster.processes.iter().map(|process| process.cache.journal().head());
    assert_eq!((held, heads.sum::<u64>()), (u64::from(KEYS), 0));
    let lost: Vec<u32> = (0..KEYS).filter(|n| cluster.owners(*n) == [0]).collect();
    cluster.kill(0).await;
    for n in 0..KEYS {
        let expected = (!lost.contains(&n)).then(|| value(n));
        assert_eq!(cluster.get(n), expected, "{n}");
    }
}

#[test]
fn reads_of_any_take_writes_that_wait_for_all_and_how_many_are_waited_for_stays() {
    let cache = CacheManager::start(Config::default()).expect("good settings");
    for ack in [Ack::One, Ack::Quorum] {
        let spec = KeyspaceSpec { read: ReadFrom::Any, ..of_three(ack) };
        let refused = cache.add_keyspace(THINGS, &spec).expect_err("it may read what is older");
        assert!(refused.to_string().contains("ack = all"), "{refused}");
    }
    cache.add_keyspace(THINGS, &of_three(Ack::Quorum)).expect("it reads of the owner");
    let any = KeyspaceSpec { read: ReadFrom::Any, ..of_three(Ack::Quorum) };
    for changed in [of_three(Ack::All), of_three(Ack::One), any] {
        cache.change_keyspace(THINGS, &changed).expect_err("it stays as it is");
    }
}
