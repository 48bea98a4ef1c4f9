//! Stores that are futures: write-through and write-behind on a runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache::{
    Answer, AsyncDataSource, AsyncDataStore, Context, DataSource, DataStore, Dispatch, Engine,
    Error, KeyspaceConfig, SourceError, WriteBehind,
};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::database::{Database, Writes};
use crate::runtimes::{current_thread, multi_thread, spawner};
use crate::support::{LONG, SECOND, engine, keyspace, text, until};

/// The database of the tests behind a client of futures.
struct Client {
    database: Arc<Database>,
    /// What each write needs to go on.
    permits: Semaphore,
    is_held: AtomicBool,
    panics_at_once: AtomicBool,
    /// Writes that run, of each key.
    running: Mutex<BTreeMap<Vec<u8>, usize>>,
    most_running_of_a_key: Mutex<usize>,
    batches: AtomicU64,
}

/// Counts a write that runs; one that is dropped runs no more.
struct Running<'a> {
    client: &'a Client,
    key: &'a [u8],
}

impl<'a> Running<'a> {
    fn begin(client: &'a Client, key: &'a [u8]) -> Self {
        let mut running = client.running.lock();
        let count = running.entry(key.into()).or_default();
        *count += 1;
        let mut most = client.most_running_of_a_key.lock();
        *most = (*most).max(*count);
        Self { client, key }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.client.running.lock().get_mut(self.key).expect("it was counted") -= 1;
    }
}

impl Client {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            database: Database::new(),
            permits: Semaphore::new(0),
            is_held: AtomicBool::new(false),
            panics_at_once: AtomicBool::new(false),
            running: Mutex::default(),
            most_running_of_a_key: Mutex::default(),
            batches: AtomicU64::new(0),
        })
    }

    /// Writes wait until there are permits.
    fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::SeqCst);
    }

    fn running(&self) -> usize {
        self.running.lock().values().sum()
    }

    async fn write(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), SourceError> {
        let _running = Running::begin(self, key);
        tokio::task::yield_now().await;
        if self.is_held.load(Ordering::SeqCst) {
            self.permits.acquire().await?.forget();
        }
        match value {
            Some(value) => self.database.store(key, value, &Context::unbounded()),
            None => self.database.remove(key, &Context::unbounded()),
        }
    }
}

impl AsyncDataStore for Client {
    fn store(
        &self,
        key: &[u8],
        value: &[u8],
        _: &Context,
    ) -> impl Future<Output = Result<(), SourceError>> + Send {
        assert!(!self.panics_at_once.load(Ordering::SeqCst), "the client was told to panic");
        self.write(key, Some(value))
    }

    async fn remove(&self, key: &[u8], _: &Context) -> Result<(), SourceError> {
        self.write(key, None).await
    }

    async fn write_many(
        &self,
        writes: &[(&[u8], Option<&[u8]>)],
        _: &Context,
    ) -> Vec<Result<(), SourceError>> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        let mut results = Vec::new();
        for &(key, value) in writes {
            results.push(self.write(key, value).await);
        }
        results
    }
}

impl AsyncDataSource for Client {
    async fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        tokio::task::yield_now().await;
        self.database.fetch(key, context)
    }
}

/// A patient keyspace that reads from a client of futures.
fn over(client: &Arc<Client>, runtime: &Runtime) -> KeyspaceConfig {
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(LONG)
        .write_timeout(LONG)
        .async_source(client.clone(), spawner(runtime))
}

fn through(client: &Arc<Client>, runtime: &Runtime) -> KeyspaceConfig {
    over(client, runtime).async_write_through(client.clone(), spawner(runtime))
}

fn behind(client: &Arc<Client>, runtime: &Runtime, how: WriteBehind) -> KeyspaceConfig {
    over(client, runtime).async_write_behind(client.clone(), spawner(runtime), how)
}

/// Writes wait, until they are let go by the end of their keyspace.
fn at_the_end() -> WriteBehind {
    WriteBehind::new().delay(Duration::from_hours(1)).batch_max(10_000)
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be there")]
fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.into())
}

#[test]
fn a_write_is_acknowledged_when_both_have_it_on_one_thread_too() {
    for runtime in [multi_thread(), current_thread()] {
        let client = Client::new();
        let (_engine, things, _) = keyspace(through(&client, &runtime));
        let database = client.database.clone();
        runtime.block_on(async {
            let version = things.put_async(b"a", b"1").await.unwrap();
            assert_eq!(database.row(b"a"), some("1"));
            let found = things.get_async(b"a").await.unwrap().unwrap();
            assert_eq!((text(&found), found.version()), ("1".to_owned(), version));
            assert!(things.delete_async(b"a").await.unwrap());
            assert_eq!(database.row(b"a"), None);
            database.set(b"n", b"41");
            assert_eq!(things.increment_async(b"n", 1).await.unwrap(), 42);
            assert_eq!(database.row(b"n"), some("42"));
            assert!(things.get_async(b"a").await.unwrap().is_none());
        });
        let stats = things.stats().unwrap();
        assert_eq!((stats.stored, stats.store_failures), (3, 0));
    }
}

#[test]
fn threads_write_through_a_store_of_futures_too() {
    let (runtime, client) = (multi_thread(), Client::new());
    let (_engine, things, _) = keyspace(through(&client, &runtime));
    things.put(b"a", b"1").unwrap();
    assert_eq!(client.database.row(b"a"), some("1"));
    assert!(things.delete(b"a").unwrap());
    assert_eq!(client.database.row(b"a"), None);
}

#[test]
fn writes_of_one_key_come_one_after_the_other_and_leave_cache_and_store_alike() {
    const KEYS: u8 = 3;
    let (runtime, client) = (multi_thread(), Client::new());
    let (_engine, things, _) = keyspace(through(&client, &runtime));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let things = things.clone();
            runtime.spawn(async move {
                for round in 0..60_u8 {
                    let value = format!("{task}-{round}");
                    let written = if (task + round).is_multiple_of(5) {
                        things.delete_async(&[round % KEYS]).await.map(drop)
                    } else {
                        things.put_async(&[round % KEYS], value.as_bytes()).await.map(drop)
                    };
                    written.expect("written");
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    assert_eq!(*client.most_running_of_a_key.lock(), 1);
    for key in 0..KEYS {
        let cached = things.peek(&[key]).unwrap().map(|found| found.to_vec());
        assert_eq!(cached, client.database.row(&[key]));
        assert_eq!(Some(cached), client.database.history(&[key]).pop());
    }
}

#[test]
fn after_a_failure_or_a_panic_the_cache_shows_what_the_store_has() {
    for writes in [Writes::Refuses, Writes::MakesAndFails, Writes::MakesAndPanics] {
        let (runtime, client) = (multi_thread(), Client::new());
        let (_engine, things, _) = keyspace(through(&client, &runtime));
        runtime.block_on(async {
            things.put_async(b"a", b"1").await.unwrap();
            client.database.does(writes);
            let error = things.put_async(b"a", b"2").await.unwrap_err();
            assert!(matches!(error, Error::StoreFailed(_)), "{error}");
            assert!(things.peek_async(b"a").await.unwrap().is_none(), "{writes:?}");
            let shown = things.get_async(b"a").await.unwrap().map(|found| found.to_vec());
            assert_eq!(shown, client.database.row(b"a"), "{writes:?}");
        });
        assert_eq!((client.running(), things.stats().unwrap().store_failures), (0, 1));
    }
}

#[test]
fn a_store_that_panics_before_it_has_made_a_future_is_told_as_one_that_panics() {
    let (runtime, client) = (multi_thread(), Client::new());
    let (_engine, things, _) = keyspace(through(&client, &runtime));
    client.panics_at_once.store(true, Ordering::SeqCst);
    let error = things.put(b"a", b"1").unwrap_err();
    assert_eq!(error.to_string(), "the store failed to write: the store panicked");
    client.panics_at_once.store(false, Ordering::SeqCst);
    things.put(b"a", b"1").unwrap();
}

#[test]
fn a_write_that_takes_too_long_is_dropped_and_its_key_forgotten_and_the_next_is_made() {
    let (runtime, client) = (multi_thread(), Client::new());
    let config = through(&client, &runtime).write_timeout(Duration::from_millis(50));
    let (_engine, things, _) = keyspace(config);
    things.put(b"a", b"1").unwrap();
    client.hold(true);
    let error = runtime.block_on(things.put_async(b"a", b"2")).unwrap_err();
    assert!(matches!(error, Error::StoreTimedOut { .. } | Error::StoreFailed(_)), "{error}");
    assert!(things.peek(b"a").unwrap().is_none(), "it is not known what the store has");
    until("the write is dropped", || client.running() == 0);
    client.hold(false);
    until("the next write is made", || things.put(b"a", b"3").is_ok());
    assert_eq!(client.database.history(b"a"), [some("1"), some("3")]);
}

/// A future that is being polled cannot be dropped: the next write waits for it.
#[test]
fn a_write_that_is_polled_for_too_long_comes_before_the_next_one() {
    let (runtime, client) = (multi_thread(), Client::new());
    let config = through(&client, &runtime).write_timeout(Duration::from_millis(20));
    let (_engine, things, _) = keyspace(config);
    client.database.hold(b"2");
    assert!(matches!(things.put(b"a", b"2"), Err(Error::StoreTimedOut { .. })));
    client.database.wait_for_held(1);
    assert!(matches!(things.put(b"a", b"3"), Err(Error::StoreTimedOut { .. })));
    assert_eq!((client.running(), client.database.log().len()), (1, 0));
    client.database.let_go();
    client.database.wait_for_log(|log| log.len() == 2);
    assert_eq!(client.database.history(b"a"), [some("2"), some("3")]);
    assert_eq!(*client.most_running_of_a_key.lock(), 1);
    until("the cache has the last one too", || {
        things.peek(b"a").expect("an answer").is_some_and(|found| *found == *b"3")
    });
}

#[test]
fn a_caller_that_is_dropped_harms_no_write() {
    let (runtime, client) = (multi_thread(), Client::new());
    let (_engine, things, _) = keyspace(through(&client, &runtime));
    client.hold(true);
    let of_task = things.clone();
    let task = runtime.spawn(async move { of_task.put_async(b"a", b"1").await });
    until("it is on its way", || client.running() == 1);
    task.abort();
    client.permits.add_permits(1);
    client.database.wait_for_log(|log| log.len() == 1);
    until("the cache has it too", || {
        things.peek(b"a").expect("an answer").is_some_and(|found| *found == *b"1")
    });
}

#[test]
fn a_runtime_that_ends_is_told_to_those_who_write() {
    let (runtime, client) = (multi_thread(), Client::new());
    let (_engine, things, _) = keyspace(through(&client, &runtime));
    client.hold(true);
    std::thread::scope(|scope| {
        let writes = scope.spawn(|| things.put(b"a", b"1"));
        until("it is on its way", || client.running() == 1);
        runtime.shutdown_background();
        let error = writes.join().expect("no panic").unwrap_err();
        let told =
            "the store failed to write: the store's runtime has ended; the outcome is unknown";
        assert_eq!(error.to_string(), told);
    });
    let error = things.put(b"a", b"1").unwrap_err();
    assert!(matches!(error, Error::StoreFailed(_)), "{error}");
}

#[test]
fn of_several_writes_behind_only_the_last_is_made_and_a_miss_sees_it_before() {
    let (runtime, client) = (multi_thread(), Client::new());
    let (engine, things, _) = keyspace(behind(&client, &runtime, at_the_end()));
    client.database.set(b"b", b"old");
    runtime.block_on(async {
        for value in [b"1", b"2", b"3"] {
            things.put_async(b"a", value).await.unwrap();
        }
        things.put_async(b"b", b"1").await.unwrap();
        things.delete_async(b"b").await.unwrap();
        things.invalidate_async(b"a").await.unwrap();
        assert_eq!(text(&things.get_async(b"a").await.unwrap().unwrap()), "3");
        assert!(things.get_async(b"b").await.unwrap().is_none());
        assert_eq!((client.database.log().len(), client.database.fetches()), (0, 0));
    });
    engine.shutdown(LONG).unwrap();
    assert_eq!(client.database.history(b"a"), [some("3")]);
    assert_eq!(client.database.history(b"b"), [None]);
    assert_eq!(client.batches.load(Ordering::SeqCst), 1, "in one request");
}

/// A thread of the runtime that waited for the store's futures would wait for
/// itself: so what ends a keyspace has its twins.
#[test]
fn what_waits_is_written_by_tasks_that_end_its_keyspace_on_one_thread() {
    for how in 0..3_u8 {
        let (runtime, client) = (current_thread(), Client::new());
        let (engine, things, _) = keyspace(behind(&client, &runtime, at_the_end()));
        runtime.block_on(async {
            for key in 0..50_u8 {
                things.put_async(&[key], b"1").await.unwrap();
            }
            assert_eq!(things.stats_async().await.unwrap().writes_waiting, 50);
            match how {
                0 => engine.shutdown_async(LONG).await.unwrap(),
                1 => engine.delete_keyspace_async("things").await.unwrap(),
                _ => {
                    let config = through(&client, &runtime);
                    engine.update_keyspace_async(config).await.unwrap();
                    things.put_async(b"a", b"1").await.unwrap();
                }
            }
        });
        assert_eq!(client.database.log().len(), 50 + usize::from(how == 2));
    }
}

#[test]
fn writes_behind_of_a_runtime_that_ends_are_counted_as_lost() {
    let (runtime, client) = (multi_thread(), Client::new());
    let how = at_the_end().tries_max(2).retry_after(Duration::ZERO);
    let (engine, things, _) = keyspace(behind(&client, &runtime, how));
    (0..50_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    runtime.shutdown_background();
    let error = engine.shutdown(LONG).unwrap_err();
    assert_eq!((error.threads, error.writes), (0, 50));
}

#[test]
fn a_store_is_shared_behind_any_pointer() {
    let (runtime, client) = (multi_thread(), Client::new());
    let (engine, _) = engine();
    let boxed: Box<dyn DataStore> = Box::new(client.database.clone());
    for (name, config) in [
        ("a", KeyspaceConfig::new("a").async_write_through(client.clone(), spawner(&runtime))),
        ("b", {
            let boxed = Box::new(client.clone());
            KeyspaceConfig::new("b").async_write_through(boxed, spawner(&runtime))
        }),
        ("c", KeyspaceConfig::new("c").write_through(boxed)),
    ] {
        let things = engine.add_keyspace(config).unwrap();
        things.put(name.as_bytes(), b"1").unwrap();
        assert_eq!(client.database.row(name.as_bytes()), some("1"));
        let items = [b"x", b"y"].map(|key| distcache::Item::new(key, b"2"));
        assert!(things.put_many(&items).iter().all(Result::is_ok));
        assert_eq!(client.database.row(b"y"), some("2"));
        assert!(things.delete_many(&[b"x", b"y"]).iter().all(Result::is_ok));
    }
}

#[test]
fn many_tasks_write_at_once_and_all_of_it_is_stored() {
    for dispatch in [Dispatch::Inline, Dispatch::Worker] {
        let (runtime, client) = (current_thread(), Client::new());
        let engine = Engine::builder().dispatch(dispatch).call_timeout(LONG).start().unwrap();
        let things = engine.add_keyspace(through(&client, &runtime)).unwrap();
        let tasks: Vec<_> = (0..200_u8)
            .map(|key| {
                let things = things.clone();
                runtime.spawn(async move { things.put_async(&[key], &[key]).await })
            })
            .collect();
        for (key, task) in (0..200_u8).zip(tasks) {
            runtime.block_on(task).unwrap().unwrap();
            assert_eq!(client.database.row(&[key]), Some(vec![key]));
        }
        runtime.block_on(engine.shutdown_async(SECOND * 30)).unwrap();
    }
}
