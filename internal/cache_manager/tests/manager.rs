//! The cache as its callers see it, under both kinds of dispatch and each
//! eviction policy.

mod support;

use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{
    CacheManager, Config, Dispatch, Error, EvictionPolicy, Hit, KEY_BYTES_MAX, ManualClock, NodeId,
    PutItem, Received,
};

use support::block_on;

fn config(dispatch: Dispatch, eviction: EvictionPolicy) -> Config {
    let call_timeout = Duration::from_secs(30);
    Config { data_nodes: 4, dispatch, eviction, call_timeout, ..Config::default() }
}

/// Runs a fact in every way a cache can be set up.
fn everywhere(fact: impl Fn(&CacheManager)) {
    for dispatch in [Dispatch::Inline, Dispatch::Worker] {
        for eviction in EvictionPolicy::ALL {
            let cache = CacheManager::start(config(dispatch, eviction)).expect("good settings");
            fact(&cache);
            cache.shutdown(Duration::from_secs(30)).expect("an orderly end");
        }
    }
}

fn value(cache: &CacheManager, key: &[u8]) -> Option<Vec<u8>> {
    cache.get(key).expect("an answer").map(|hit| hit.value.into_bytes())
}

#[test]
fn a_put_is_read_until_it_is_replaced_or_deleted() {
    everywhere(|cache| {
        assert_eq!(value(cache, b"k"), None);
        let first = cache.put(b"k", b"1", None).unwrap();
        assert_eq!(value(cache, b"k"), Some(b"1".to_vec()));
        let second = cache.put(b"k", b"2", None).unwrap();
        assert!(first.version < second.version);
        assert_eq!(value(cache, b"k"), Some(b"2".to_vec()));
        assert!(cache.delete(b"k").unwrap());
        assert!(!cache.delete(b"k").unwrap());
        assert_eq!(value(cache, b"k"), None);
    });
}

#[test]
fn any_bytes_are_a_key_and_any_bytes_a_value() {
    everywhere(|cache| {
        let longest = vec![7; KEY_BYTES_MAX];
        let too_long = vec![7; KEY_BYTES_MAX + 1];
        let keys: [&[u8]; 6] = [b"", b"\0", b"a b", b"%2F", &[0xFF, 0xFE], &longest];
        for (number, key) in (0..).zip(keys) {
            cache.put(key, &[number], None).unwrap();
        }
        for (number, key) in (0..).zip(keys) {
            assert_eq!(value(cache, key), Some(vec![number]));
        }
        let error = cache.put(&too_long, b"", None).unwrap_err();
        assert_eq!(error, Error::KeyTooLong { bytes: KEY_BYTES_MAX + 1 });
        assert_eq!(value(cache, &too_long), None);
    });
}

#[test]
fn batches_answer_each_key_by_itself() {
    everywhere(|cache| {
        let names: Vec<Vec<u8>> = (0..1_000_u32).map(|n| n.to_le_bytes().to_vec()).collect();
        let mut items: Vec<_> =
            names.iter().map(|key| PutItem { key, value: key, ttl: None }).collect();
        let long = vec![0; KEY_BYTES_MAX + 1];
        items.insert(500, PutItem { key: &long, value: b"", ttl: None });
        let stored = cache.put_many(&items);
        assert!(matches!(stored[500], Err(Error::KeyTooLong { .. })));
        assert_eq!(stored.iter().filter(|one| one.is_ok()).count(), 1_000);

        let mut keys: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        keys.push(b"never stored");
        let hits = cache.get_many(&keys);
        for (key, hit) in names.iter().zip(&hits) {
            let hit = hit.as_ref().unwrap().as_ref().unwrap();
            assert_eq!((&hit.value[..], hit.node), (&key[..], cache.owner(key)));
        }
        assert!(hits[1_000].as_ref().unwrap().is_none());
        let deleted = cache.delete_many(&keys);
        assert_eq!(deleted.iter().filter(|one| **one == Ok(true)).count(), 1_000);
        assert_eq!(deleted[1_000], Ok(false));
        assert!(names.iter().all(|key| value(cache, key).is_none()));
    });
}

type Answer = Result<Option<Hit>, Error>;
type Seen = Option<(NodeId, Vec<u8>)>;

/// What was read of some keys, and the hits and misses that were counted for it.
fn counted(cache: &CacheManager, read: impl FnOnce() -> Vec<Answer>) -> (Vec<Seen>, [u64; 2]) {
    let counts = || {
        let statuses = cache.statuses().expect("an answer").into_iter().map(|(_, status)| status);
        statuses.fold([0, 0], |[hits, misses], s| [hits + s.hits, misses + s.misses])
    };
    let [hits, misses] = counts();
    let seen =
        |answer: Answer| answer.expect("an answer").map(|hit| (hit.node, hit.value.to_vec()));
    let seen = read().into_iter().map(seen).collect();
    let [more_hits, more_misses] = counts();
    (seen, [more_hits - hits, more_misses - misses])
}

/// Keys of all nodes, more of each than go under one lock, some of them not stored
/// and some asked for twice.
#[test]
fn a_batch_of_any_length_is_answered_in_its_order_and_counted_like_single_gets() {
    everywhere(|cache| {
        let names: Vec<_> = (0..300_u32).map(u32::to_le_bytes).collect();
        for name in names.iter().step_by(3) {
            cache.put(name, name, None).unwrap();
        }
        for length in [0, 1, 2, 3, 31, 32, 33, 64, 65, 300, 900] {
            let keys: Vec<&[u8]> = (0..length).map(|at| &names[at * 7 % 300][..]).collect();
            let get = |key: &&[u8]| cache.get(key);
            let expected = counted(cache, || keys.iter().map(get).collect());
            assert_eq!(expected.0.len(), length);
            assert_eq!(counted(cache, || cache.get_many(&keys)), expected);
            assert_eq!(counted(cache, || block_on(cache.get_many_async(&keys))), expected);
        }
    });
}

#[test]
fn every_node_gets_its_keys_and_says_which() {
    everywhere(|cache| {
        for number in 0..200_u32 {
            let stored = cache.put(&number.to_le_bytes(), b"", None).unwrap();
            assert_eq!(stored.node, cache.owner(&number.to_le_bytes()));
        }
        let statuses = cache.statuses().unwrap();
        assert_eq!(statuses.iter().map(|(_, status)| status.entries).sum::<u64>(), 200);
        assert!(statuses.iter().all(|(_, status)| 20 < status.entries));
    });
}

#[test]
fn the_time_to_live_is_kept_by_the_clock_handed_in() {
    let clock = Arc::new(ManualClock::new());
    let config = Config { clock: clock.clone(), ..Config::default() };
    let cache = CacheManager::start(config).unwrap();
    cache.put(b"k", b"1", Some(Duration::from_secs(10))).unwrap();
    clock.advance(Duration::from_millis(9_999));
    assert!(value(&cache, b"k").is_some());
    clock.advance(Duration::from_millis(1));
    assert!(value(&cache, b"k").is_none());
}

#[test]
fn a_value_too_large_is_refused_with_both_numbers() {
    everywhere(|cache| {
        cache.put(b"k", b"small", None).unwrap();
        let error = cache.put(b"k", &vec![0; (8 << 20) + 1], None).unwrap_err();
        assert_eq!(error, Error::ValueTooLarge { bytes: (8 << 20) + 1, max: 8 << 20 });
        assert_eq!(value(cache, b"k"), Some(b"small".to_vec()));
    });
}

#[test]
fn equal_hash_keys_give_equal_owners() {
    let start = || {
        let config = Config { hash_key: Some([9; 16]), data_nodes: 5, ..Config::default() };
        CacheManager::start(config).unwrap()
    };
    let (first, second) = (start(), start());
    for number in 0..1_000_u32 {
        assert_eq!(first.owner(&number.to_le_bytes()), second.owner(&number.to_le_bytes()));
    }
}

#[test]
fn after_shutdown_every_call_says_closed_and_a_second_shutdown_is_nothing() {
    for dispatch in [Dispatch::Inline, Dispatch::Worker] {
        let cache = CacheManager::start(config(dispatch, EvictionPolicy::Lru)).unwrap();
        cache.put(b"k", b"1", None).unwrap();
        cache.shutdown(Duration::from_secs(30)).unwrap();
        cache.shutdown(Duration::ZERO).unwrap();
        assert_eq!(cache.get(b"k").unwrap_err(), Error::Closed);
        assert_eq!(cache.put(b"k", b"2", None).unwrap_err(), Error::Closed);
        assert_eq!(cache.delete(b"k").unwrap_err(), Error::Closed);
        assert_eq!(cache.get_many(&[b"k"])[0].as_ref().unwrap_err(), &Error::Closed);
        assert_eq!(cache.add_node().unwrap_err(), Error::Closed);
    }
}

#[test]
fn a_put_publishes_no_invalidation_and_a_delete_publishes_one() {
    everywhere(|cache| {
        let invalidations = cache.topics().cache_invalidation.subscribe(8);
        let assignments = cache.topics().node_key_assignment.subscribe(8);
        cache.put(b"k", b"1", None).unwrap();
        cache.put(b"k", b"2", None).unwrap();
        assert!(invalidations.try_recv().is_err());
        let Ok(Received::Message(assigned)) = assignments.try_recv() else { panic!("assigned") };
        assert_eq!((assigned.node, assigned.epoch), (cache.owner(b"k"), cache.epoch()));
        assert!(assignments.try_recv().is_err(), "an update assigns nothing");
        cache.delete(b"k").unwrap();
        let Ok(Received::Message(told)) = invalidations.try_recv() else { panic!("told") };
        assert_eq!((told.key_hash, told.node), (assigned.key_hash, cache.owner(b"k")));
        cache.delete(b"k").unwrap();
        assert!(invalidations.try_recv().is_err(), "nothing was there to invalidate");
    });
}

#[test]
fn a_subscriber_that_never_reads_delays_nobody_and_sees_its_lag() {
    everywhere(|cache| {
        let lazy = cache.topics().node_key_assignment.subscribe(1);
        let eager = cache.topics().node_key_assignment.subscribe(1_000);
        for number in 0..500_u32 {
            cache.put(&number.to_le_bytes(), b"", None).unwrap();
        }
        assert_eq!(lazy.lag(), 499);
        assert_eq!((0..500).filter(|_| eager.try_recv().is_ok()).count(), 500);
    });
}

#[test]
fn every_node_tells_its_status_by_itself() {
    let cache = CacheManager::start(Config { data_nodes: 3, ..Config::default() }).unwrap();
    let statuses = cache.topics().node_status.subscribe(64);
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 3 {
        if let Some(Received::Message(report)) = statuses.recv() {
            assert!(0 < report.status.capacity_bytes);
            told.insert(report.node);
        }
    }
    assert!(cache.nodes().iter().all(|node| node.status.is_some()));
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let refuse = |config: Config| CacheManager::start(config).unwrap_err().to_string();
    assert!(refuse(Config { data_nodes: 0, ..Config::default() }).contains("0 data nodes"));
    assert!(refuse(Config { capacity_bytes: 1_000, ..Config::default() }).contains("capacity"));
    let value_bytes_max = Some(200 << 20);
    assert!(refuse(Config { value_bytes_max, ..Config::default() }).contains("209715200"));
    let silence_max = Duration::from_secs(2);
    assert!(refuse(Config { silence_max, ..Config::default() }).contains("status"));
    assert!(refuse(Config { inbox_capacity: 0, ..Config::default() }).contains("inbox"));
}
