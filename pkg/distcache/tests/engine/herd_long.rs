//! Herds on a slow source, for a hundred rounds: see `test/README.md`.
//!
//! Nothing is held here: a source that takes its 200 ms, and callers as they
//! come. The short tests beside hold the source until everybody waits.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache::{
    Answer, AsyncDataSource, BoxFuture, Context, DataSource, Found, How, Keyspace, KeyspaceConfig,
    SourceError,
};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use crate::support::{LONG, keyspace, on_threads, text};

/// Rounds of a long run, each on a key that nobody has asked for before.
const ROUNDS: u64 = 100;
/// What the source takes for each load.
const LOAD_TIME: Duration = Duration::from_millis(200);

/// A patient keyspace.
fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things").read_timeout(LONG).load_timeout(LONG)
}

/// A source that is slow, and counts.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicU64>);

impl DataSource for Slow {
    fn fetch(&self, _key: &[u8], _context: &Context) -> Result<Answer, SourceError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(LOAD_TIME);
        Ok(Answer::from("1"))
    }
}

#[test]
#[ignore = "long: a hundred rounds of 200 ms, with a thousand threads"]
fn in_a_hundred_rounds_a_thousand_threads_on_one_missing_key_load_it_once() {
    const THREADS: usize = 1_000;
    let source = Slow::default();
    let (_engine, things, _) = keyspace(things().source(source.clone()));
    let together = Barrier::new(THREADS);
    on_threads(THREADS, |thread| {
        for round in 1..=ROUNDS {
            together.wait();
            let found = things.get(&round.to_le_bytes()).expect("an answer").expect("a value");
            assert_eq!(text(&found), "1");
            together.wait();
            if thread == 0 {
                assert_eq!(source.0.load(Ordering::SeqCst), round, "loads after so many rounds");
            }
        }
    });
    let stats = things.stats().unwrap();
    assert_eq!((stats.loads, stats.flights, stats.gets), (ROUNDS, 0, ROUNDS * 1_000));
}

/// A source of futures that is slow, counts, and then waits for a permit.
#[derive(Clone)]
struct SlowFuture(Arc<(AtomicU64, Semaphore)>);

impl AsyncDataSource for SlowFuture {
    async fn fetch(&self, _key: &[u8], _context: &Context) -> Result<Answer, SourceError> {
        let (calls, permits) = &*self.0;
        calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(LOAD_TIME).await;
        permits.acquire().await?.forget();
        Ok(Answer::from("1"))
    }
}

async fn get(things: Keyspace, key: Vec<u8>) -> Found {
    things.get_async(&key).await.expect("an answer").expect("a value")
}

#[test]
#[ignore = "long: a hundred rounds of 200 ms"]
fn in_a_hundred_rounds_two_hundred_tasks_on_two_threads_load_it_once_and_hits_are_answered() {
    const TASKS: usize = 200;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let spawn = move |future: BoxFuture<'static, ()>| drop(handle.spawn(future));
    let source = SlowFuture(Arc::new((AtomicU64::new(0), Semaphore::new(0))));
    let (_engine, things, _) = keyspace(things().async_source(source.clone(), spawn));
    things.put(b"hit", b"2").unwrap();
    for round in 1..=ROUNDS {
        let key = round.to_le_bytes().to_vec();
        let spawn_all = |key: &[u8], tasks: usize| -> Vec<_> {
            (0..tasks).map(|_| runtime.spawn(get(things.clone(), key.to_vec()))).collect()
        };
        let herd = spawn_all(&key, TASKS);
        for hit in spawn_all(b"hit", 100) {
            let found = runtime.block_on(hit).unwrap();
            assert_eq!((text(&found), found.how()), ("2".to_owned(), How::Hit));
        }
        // Until here the source has had no permit to end.
        assert!(herd.iter().all(|task| !task.is_finished()));
        source.0.1.add_permits(1);
        for task in herd {
            assert_eq!(text(&runtime.block_on(task).unwrap()), "1");
        }
        assert_eq!(source.0.0.load(Ordering::SeqCst), round, "loads after so many rounds");
    }
    assert_eq!(things.stats().unwrap().flights, 0);
}
