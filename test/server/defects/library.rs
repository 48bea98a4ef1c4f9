//! What shows to a program that holds the cache in its own process.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use distcache_manager::{CacheManager, Config, Error, Invalidation, Received, Subscription};

const A_WHILE: Duration = Duration::from_secs(30);

fn start(config: Config) -> CacheManager {
    CacheManager::start(Config { call_timeout: A_WHILE, ..config })
        .expect("settings that go together")
}

fn key(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

/// A bus that sends while it holds its lock, to channels that hold nothing,
/// stops every write as soon as one subscriber does not read.
#[test]
fn a_subscriber_that_never_reads_delays_no_write() {
    let cache = start(Config::default());
    let lazy = cache.topics().node_key_assignment.subscribe(1);
    let lazy_too = cache.topics().cache_invalidation.subscribe(1);
    let eager = cache.topics().node_key_assignment.subscribe(10_000);
    for n in 0..10_000 {
        cache.put(&key(n), b"1", None).unwrap();
    }
    for n in 0..10_000 {
        assert!(cache.delete(&key(n)).unwrap());
    }
    assert_eq!((lazy.lag(), lazy_too.lag()), (9_999, 9_999), "what it misses is counted");
    let received = std::iter::from_fn(|| eager.try_recv().ok());
    assert_eq!(received.filter(|one| matches!(one, Received::Message(_))).count(), 10_000);
    // Subscribing goes on too.
    drop(cache.topics().node_key_assignment.subscribe(1));
}

/// The same bus deadlocks when a subscriber calls the cache for what it hears.
#[test]
fn a_subscriber_may_call_the_cache_for_what_it_hears() {
    let cache = start(Config::default());
    let assignments = cache.topics().node_key_assignment.subscribe(1_000);
    thread::scope(|scope| {
        let subscriber = scope.spawn(|| {
            for n in 0..500 {
                assert!(matches!(assignments.recv_timeout(A_WHILE), Ok(Received::Message(_))));
                cache.put(b"heard", &key(n), None).unwrap();
                drop(cache.topics().cache_invalidation.subscribe(1));
            }
        });
        for n in 0..500 {
            cache.put(&key(n), b"1", None).unwrap();
        }
        subscriber.join().unwrap();
    });
    assert_eq!(&cache.get(b"heard").unwrap().unwrap().value[..], key(499));
}

/// Keys that a listener has been told to forget, by their hashes.
fn told(invalidations: &Subscription<Invalidation>) -> Vec<u64> {
    let received = std::iter::from_fn(|| invalidations.try_recv().ok());
    let hash = |one: Received<Invalidation>| match one {
        Received::Message(told) => told.key_hash,
        Received::Missed(missed) => panic!("{missed} were missed"),
    };
    received.map(hash).collect()
}

/// A write that announces its own key as invalid makes a listener drop the
/// value that was just written. Only what removes a value may say so.
#[test]
fn a_write_does_not_invalidate_what_it_has_written() {
    let cache = start(Config::default());
    let invalidations = cache.topics().cache_invalidation.subscribe(16);
    let assignments = cache.topics().node_key_assignment.subscribe(16);
    cache.put(b"k", b"1", None).unwrap();
    cache.put(b"k", b"2", None).unwrap();
    assert_eq!(told(&invalidations), [0_u64; 0]);
    assert_eq!(&cache.get(b"k").unwrap().unwrap().value[..], b"2");
    let Ok(Received::Message(assigned)) = assignments.try_recv() else { panic!("assigned") };
    assert!(cache.delete(b"k").unwrap());
    assert_eq!(told(&invalidations), [assigned.key_hash], "a removal is told, once");
}

/// A cache that makes one node, and no other ever, has a ring for nothing.
#[test]
fn nodes_can_be_added_and_take_their_part_of_the_keys() {
    let cache = start(Config { data_nodes: 1, ..Config::default() });
    (0..2_000).for_each(|n| _ = cache.put(&key(n), &key(n), None).unwrap());
    let added = [cache.add_node().unwrap(), cache.add_node().unwrap()];
    let mut held: BTreeMap<_, u32> = BTreeMap::new();
    for n in 0..2_000 {
        let hit = cache.get(&key(n)).unwrap().expect("no key is lost on the way");
        assert_eq!(&hit.value[..], key(n));
        *held.entry(hit.node).or_default() += 1;
    }
    assert_eq!(held.len(), 3);
    // A third is 667.
    assert!(added.iter().all(|node| 400 < held[node]), "{held:?}");
}

/// Nodes that are named at random place every key elsewhere after a restart.
#[test]
fn a_restart_with_the_same_hash_key_places_every_key_where_it_was() {
    let config = || Config { hash_key: Some([7; 16]), data_nodes: 4, ..Config::default() };
    let owners =
        |cache: &CacheManager| -> Vec<_> { (0..2_000).map(|n| cache.owner(&key(n))).collect() };
    let first = start(config());
    let before = owners(&first);
    first.shutdown(A_WHILE).unwrap();
    assert_eq!(owners(&start(config())), before);
}

/// A map beside the ring, from each key to its node, keeps keys that the nodes
/// have evicted long ago, and a delete must search it.
#[test]
fn keys_that_have_left_leave_nothing_behind() {
    let cache = start(Config { data_nodes: 1, entries_max: Some(1_000), ..Config::default() });
    let flood = |from: u32| {
        (from..from + 50_000).for_each(|n| _ = cache.put(&key(n), b"1", None).unwrap());
        cache.statuses().unwrap()[0].1
    };
    let (first, second) = (flood(0), flood(50_000));
    assert_eq!((first.entries, second.entries), (1_000, 1_000));
    assert_eq!(first.bytes, second.bytes, "nothing grows with the keys that have been there");
    (0..100_000).for_each(|n| _ = cache.delete(&key(n)).unwrap());
    let empty = cache.statuses().unwrap()[0].1;
    assert_eq!(empty.entries, 0);
    assert_eq!(empty.deletes, 1_000, "there was nothing else to delete");
}

/// A ring that removes the point beside the one it looked for takes a key from
/// a node that was not meant; one that lists its points lists each node often.
#[test]
fn removing_a_node_that_is_unknown_changes_nothing_and_each_node_is_listed_once() {
    let cache = start(Config { data_nodes: 4, ..Config::default() });
    let stranger = cache.add_node().unwrap();
    cache.remove_node(stranger).unwrap();
    let owners = || -> Vec<_> { (0..2_000).map(|n| cache.owner(&key(n))).collect() };
    let (before, epoch) = (owners(), cache.epoch());
    for _ in 0..3 {
        assert_eq!(cache.remove_node(stranger).unwrap_err(), Error::NodeUnknown);
    }
    assert_eq!((owners(), cache.epoch()), (before, epoch));
    let listed: Vec<_> = cache.nodes().iter().map(|node| node.id).collect();
    let distinct: BTreeSet<_> = listed.iter().collect();
    assert_eq!((listed.len(), distinct.len()), (4, 4));
    assert!(!listed.contains(&stranger));
}

/// A limit of zero that means none is a cache that grows until it is killed.
#[test]
fn a_limit_of_zero_is_refused() {
    let refused = |config| CacheManager::start(config).expect_err("no room at all").code();
    let nothing = [
        Config { entries_max: Some(0), ..Config::default() },
        Config { capacity_bytes: 0, ..Config::default() },
    ];
    for config in nothing {
        assert_eq!(refused(config).to_string(), "DC-112");
    }
}

/// Without an end to a subscription, each leaves a thread or a queue behind;
/// without a shutdown, the cache does.
#[test]
fn a_subscription_ends_when_dropped_and_the_cache_when_told() {
    let cache = start(Config::default());
    for _ in 0..1_000 {
        let statuses = cache.topics().node_status.subscribe(1);
        assert_eq!(cache.topics().node_status.subscribers(), 1);
        drop(statuses);
        assert_eq!(cache.topics().node_status.subscribers(), 0);
    }
    let statuses = cache.topics().node_status.subscribe(8);
    assert!(statuses.recv_timeout(A_WHILE).is_ok(), "nodes tell their status by themselves");
    cache.shutdown(A_WHILE).expect("every thread is joined");
    cache.shutdown(A_WHILE).expect("again is nothing");
    assert_eq!(cache.get(b"k").unwrap_err(), Error::Closed);
}
