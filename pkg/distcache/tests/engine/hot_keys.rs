//! The keys that are read most are listed, whichever call reads them.

use std::time::Duration;

use distcache::{HotKey, Keyspace, KeyspaceConfig};

use crate::runtimes::current_thread;
use crate::support::{Origin, keyspace, over};

const HOT: &[u8] = b"hot";
const HOT_READS: usize = 20_000;
const OTHERS: usize = 1_000;
const ROUNDS: usize = 10;

/// A call that reads keys.
type Call<'a> = &'a dyn Fn(&Keyspace, &[&[u8]]);

/// Reads one key 20,000 times, and amid that each of a thousand others ten times.
fn read(mut read: impl FnMut(&[&[u8]])) {
    let others: Vec<_> = (0..OTHERS).map(|number| format!("other-{number}")).collect();
    for _ in 0..ROUNDS {
        for other in &others {
            // Thrice in a batch, so that the hot one comes twice in all.
            read(&[HOT, other.as_bytes(), HOT]);
        }
    }
}

/// Chance makes 20,000 reads some 1,100 too many or too few; here it may be five times as
/// much.
fn assert_hot_first(things: &Keyspace, call: &str) {
    assert_eq!(ROUNDS * OTHERS * 2, HOT_READS);
    let listed = things.hot_keys(20);
    assert_eq!(listed.len(), 20, "{call}");
    let HotKey { key, reads, reads_of_others_max, .. } = &listed[0];
    assert_eq!(key, HOT, "{call}: {listed:?}");
    let least = reads - reads_of_others_max;
    assert!(14_000 < *reads && least < 26_000, "{call}: {listed:?}");
    assert!(listed.is_sorted_by(|one, next| next.reads <= one.reads), "{call}: {listed:?}");
    assert!(listed[1].reads < reads / 4, "{call}: {listed:?}");
}

#[test]
fn a_key_that_is_read_often_comes_first_by_whichever_call() {
    let runtime = current_thread();
    let calls: [(&str, Call<'_>); 4] = [
        ("get", &|things, keys| {
            for key in keys {
                things.get(key).expect("an answer");
            }
        }),
        ("get_async", &|things, keys| {
            for key in keys {
                runtime.block_on(things.get_async(key)).expect("an answer");
            }
        }),
        ("get_many", &|things, keys| drop(things.get_many(keys))),
        ("get_many_async", &|things, keys| drop(runtime.block_on(things.get_many_async(keys)))),
    ];
    for (name, call) in calls {
        let (engine, things, clock) = keyspace(KeyspaceConfig::new("things"));
        // Hits and misses alike.
        things.put(HOT, b"value").unwrap();
        read(|keys| call(&things, keys));
        assert_hot_first(&things, name);
        assert_eq!(engine.hot_keys("things", 20).unwrap(), things.hot_keys(20));
        clock.advance(Duration::from_hours(1));
        assert_eq!(things.hot_keys(20), [], "{name}: nothing of it an hour later");
    }
}

#[test]
fn what_is_loaded_counts_by_its_reads_and_a_warm_up_not_at_all() {
    let origin = Origin::new("1");
    let (engine, things, _) = keyspace(over(&origin));
    let keys: Vec<_> = (0..2_000_u32).map(u32::to_be_bytes).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    assert_eq!(things.warm(&keys).failed, 0);
    let warmed = current_thread().block_on(things.warm_async(&keys));
    assert_eq!(warmed.failed, 0);
    for key in &keys {
        things.peek(key).unwrap();
    }
    assert_eq!(things.hot_keys(10), []);
    for key in &keys {
        things.clear().unwrap();
        assert!(things.get(key).unwrap().is_some());
    }
    assert!(!things.hot_keys(10).is_empty(), "misses count");
    let limits = engine.limits().unwrap();
    let bound = limits.iter().find(|bound| bound.name == "hot_keys").unwrap();
    assert!(bound.used <= Some(128) && Some(0) < bound.used && bound.max == 128, "{bound:?}");
}

#[test]
fn keyspaces_have_lists_of_their_own_and_no_list_is_longer_than_its_limit() {
    let (engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    let others = engine.add_keyspace(KeyspaceConfig::new("others")).unwrap();
    for number in 0..100_000_u32 {
        things.get(&number.to_be_bytes()).unwrap();
    }
    assert_eq!(things.hot_keys(usize::MAX).len(), 128);
    assert_eq!(things.hot_keys(1).len(), 1);
    assert_eq!(things.hot_keys(0), []);
    assert_eq!(others.hot_keys(10), []);
    engine.hot_keys("nobody", 10).unwrap_err();
}
