//! Which keys are read most is told by the member that was asked for them.

use distcache::{HotKey, Keyspace};
use tokio::runtime::Builder;

use crate::fleet::{Fleet, keyspaces};

const READS: usize = 2_000;

/// Two members of which the second has so much room for near copies; the keyspace as each of
/// them has it, and a key of the first.
fn two(near_bytes: u64) -> (Fleet, [Keyspace; 2], Vec<u8>) {
    let mut fleet = Fleet::to_be_of(2);
    for near_bytes in [0, near_bytes] {
        let engine = fleet.start_with(keyspaces(), |cluster| cluster.near_bytes(near_bytes));
        fleet.engines.push(engine);
    }
    fleet.settle();
    let key = fleet.a_key_of_each("plain").swap_remove(0);
    let spaces = [0, 1].map(|at| fleet.engines[at].keyspace("plain").expect("it is there"));
    (fleet, spaces, key)
}

/// Reads a key by each of the calls.
fn read(space: &Keyspace, key: &[u8]) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let calls: [&dyn Fn() -> bool; 4] = [
        &|| space.get(key).expect("an answer").is_some(),
        &|| runtime.block_on(space.get_async(key)).expect("an answer").is_some(),
        &|| space.get_many(&[key]).remove(0).expect("an answer").is_some(),
        &|| runtime.block_on(space.get_many_async(&[key])).remove(0).expect("an answer").is_some(),
    ];
    for call in calls {
        (0..READS).for_each(|_| assert!(call()));
    }
}

fn assert_counted_once(owner: &Keyspace, asked: &Keyspace, key: &[u8]) {
    assert_eq!(owner.hot_keys(10), [], "the owner was asked by a member");
    let listed = asked.hot_keys(10);
    let [HotKey { key: hot, reads, reads_of_others_max: 0, .. }] = &listed[..] else {
        panic!("one key, and no other: {listed:?}");
    };
    assert_eq!(hot, key);
    assert!((5_000..11_000).contains(reads), "of 8,000: {reads}");
}

#[test]
fn a_read_counts_where_it_was_asked_for_whoever_answers_it() {
    let (_fleet, [owner, other], key) = two(0);
    owner.put(&key, b"1").unwrap();
    read(&other, &key);
    let answered = owner.stats().unwrap().gets;
    assert!(4 * READS as u64 <= answered, "the owner has answered all: {answered}");
    assert_counted_once(&owner, &other, &key);
}

#[test]
fn a_read_that_a_near_copy_answers_counts_too() {
    let (_fleet, [owner, other], key) = two(1 << 20);
    owner.put(&key, b"1").unwrap();
    read(&other, &key);
    let near = other.stats().unwrap().near_hits;
    assert!(0 < near, "some were answered so");
    assert_counted_once(&owner, &other, &key);
}
