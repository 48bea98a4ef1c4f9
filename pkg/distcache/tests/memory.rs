//! The memory that an embedded engine takes, whatever is put into it. Alone in
//! its process, which it measures.
#![cfg(target_os = "linux")]

mod resident;

use distcache::{Engine, Keyspace, KeyspaceConfig};
use resident::{CAPACITY, MIB, assert_peak_within_bound, assert_within_capacity};

/// Puts `bytes` in all, in values of one size, each under a key of its own.
///
/// From one thread: what allocators keep back of memory that one thread frees
/// and another has allocated is theirs, and differs from one to the next. See
/// `memory_of_threads.rs`.
fn flood(engine: &Engine, things: &Keyspace, value_bytes: usize, bytes: u64) {
    let value = vec![7; value_bytes];
    for number in 0..bytes / value_bytes as u64 {
        things.put(&number.to_le_bytes(), &value).expect("the value is not too large");
        if number % 1024 == 0 {
            assert_within_capacity(engine);
        }
    }
}

#[test]
fn ten_times_the_capacity_in_three_keyspaces_stays_within_it_accounted_and_resident() {
    let engine = Engine::builder().capacity_bytes(CAPACITY).data_nodes(4).start().unwrap();
    let add = |name: &str| engine.add_keyspace(KeyspaceConfig::new(name)).unwrap();
    let (small, middle, large) = (add("small"), add("middle"), add("large"));
    let capped = KeyspaceConfig::new("capped").bytes_max(8 * MIB);
    let capped = engine.add_keyspace(capped).unwrap();
    flood(&engine, &capped, 1 << 10, CAPACITY);
    flood(&engine, &small, 100, 2 * CAPACITY);
    flood(&engine, &middle, 1 << 10, 4 * CAPACITY);
    flood(&engine, &large, 1 << 20, 10 * CAPACITY);
    flood(&engine, &middle, 1 << 10, 4 * CAPACITY);
    let stats = |things: &Keyspace| things.stats().expect("an answer");
    let capped = stats(&capped).bytes;
    assert!((7 * MIB..=8 * MIB).contains(&capped), "it has less than an equal part: {capped}");
    for things in [&small, &middle, &large] {
        let bytes = stats(things).bytes;
        assert!(14 * MIB < bytes, "{} has {bytes} bytes, and its part is a third", things.name());
    }
    assert_peak_within_bound();
}
