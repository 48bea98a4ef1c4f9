//! The memory that an embedded engine takes when several threads fill it, with an
//! allocator that gives memory back which one thread has allocated and another
//! frees. Alone in its process, which it measures.
#![cfg(target_os = "linux")]

mod resident;

use std::sync::Barrier;
use std::thread;

use distcache::{Engine, Keyspace, KeyspaceConfig};
use resident::{CAPACITY, assert_peak_within_bound, assert_within_capacity};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const THREADS: u8 = 4;

/// Puts one thread's part of `bytes`, in values of one size.
fn flood(engine: &Engine, thread: u8, things: &Keyspace, value_bytes: usize, bytes: u64) {
    let value = vec![7; value_bytes];
    for number in 0..bytes / value_bytes as u64 / u64::from(THREADS) {
        let key = [&[thread][..], &number.to_le_bytes()].concat();
        things.put(&key, &value).expect("the value is not too large");
        if number % 1024 == 0 {
            assert_within_capacity(engine);
        }
    }
}

#[test]
fn what_four_threads_put_into_three_keyspaces_stays_within_the_capacity_accounted_and_resident() {
    let engine = Engine::builder().capacity_bytes(CAPACITY).data_nodes(4).start().unwrap();
    let add = |name: &str| engine.add_keyspace(KeyspaceConfig::new(name)).unwrap();
    let (small, middle, large) = (add("small"), add("middle"), add("large"));
    let together = Barrier::new(THREADS.into());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, together) = (&engine, &together);
            let floods = [
                (&small, 100, 2 * CAPACITY),
                (&middle, 1 << 10, 4 * CAPACITY),
                (&large, 1 << 20, 10 * CAPACITY),
                (&middle, 1 << 10, 4 * CAPACITY),
            ];
            scope.spawn(move || {
                for (things, value_bytes, bytes) in floods {
                    flood(engine, thread, things, value_bytes, bytes);
                    together.wait();
                }
            });
        }
    });
    assert_peak_within_bound();
}
