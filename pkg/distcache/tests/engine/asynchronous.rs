//! The engine among tasks: real runtimes, futures that are dropped, sources that
//! are futures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as TaskContext, Wake, Waker};
use std::time::Duration;

use distcache::{
    Answer, AsyncDataSource, Context, Dispatch, Engine, Error, Found, How, Keyspace,
    KeyspaceConfig, LoadError, SourceError,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::runtimes::{multi_thread as runtime, spawner};
use crate::support::{LONG, Origin, SECOND, engine_by_inbox, keyspace, over, text, until, within};

/// What the source does with a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Answers,
    Panics,
    /// Before it has made a future.
    PanicsAtOnce,
    NeverResolves,
}

/// A source of futures, of which each needs a permit to end.
struct AsyncOrigin {
    does: Does,
    permits: Semaphore,
    calls: AtomicU64,
    running: AtomicU64,
    most_running: AtomicU64,
}

/// Counts a fetch that runs; one that is dropped runs no more.
struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncOrigin {
    fn shared(does: Does, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            does,
            permits: Semaphore::new(permits),
            calls: AtomicU64::new(0),
            running: AtomicU64::new(0),
            most_running: AtomicU64::new(0),
        })
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn running(&self) -> u64 {
        self.running.load(Ordering::SeqCst)
    }

    async fn answer(&self) -> Result<Answer, SourceError> {
        let running = Running(&self.running);
        let count = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(count, Ordering::SeqCst);
        self.permits.acquire().await?.forget();
        match self.does {
            Does::Answers => {}
            Does::NeverResolves => std::future::pending().await,
            Does::Panics | Does::PanicsAtOnce => panic!("the source was told to panic"),
        }
        drop(running);
        Ok(Answer::from("1"))
    }
}

impl AsyncDataSource for AsyncOrigin {
    fn fetch(
        &self,
        _key: &[u8],
        _context: &Context,
    ) -> impl Future<Output = Result<Answer, SourceError>> + Send {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(self.does != Does::PanicsAtOnce, "the source was told to panic at once");
        self.answer()
    }
}

/// A patient keyspace over a source of futures.
fn over_futures(origin: &Arc<AsyncOrigin>, runtime: &Runtime) -> KeyspaceConfig {
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(LONG)
        .async_source(origin.clone(), spawner(runtime))
}

type Got = Result<Option<Found>, Error>;

fn get_in_task(runtime: &Runtime, things: &Keyspace, key: u8) -> JoinHandle<Got> {
    let things = things.clone();
    runtime.spawn(async move { things.get_async(&[key]).await })
}

fn value(got: Got) -> String {
    text(&got.expect("an answer").expect("a value"))
}

#[test]
fn two_hundred_tasks_on_one_missing_key_load_it_once_and_hits_are_answered_meanwhile() {
    const TASKS: u64 = 200;
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::Answers, 0));
    let (_engine, things, _) = keyspace(over_futures(&origin, &runtime));
    things.put(b"hit", b"2").unwrap();
    let tasks: Vec<_> = (0..TASKS).map(|_| get_in_task(&runtime, &things, 0)).collect();
    until("all wait", || things.stats().expect("an answer").collapsed == TASKS - 1);
    let hits: Vec<_> = (0..100)
        .map(|_| {
            let things = things.clone();
            runtime.spawn(async move { things.get_async(b"hit").await })
        })
        .collect();
    for hit in hits {
        let found = runtime.block_on(hit).unwrap().unwrap().unwrap();
        assert_eq!((text(&found), found.how()), ("2".to_owned(), How::Hit));
    }
    assert!(tasks.iter().all(|task| !task.is_finished()));
    origin.permits.add_permits(1);
    for task in tasks {
        assert_eq!(value(runtime.block_on(task).unwrap()), "1");
    }
    assert_eq!((origin.calls(), things.stats().unwrap().flights), (1, 0));
}

#[test]
fn tasks_over_a_source_that_blocks_do_not_hold_up_their_runtime() {
    let (runtime, origin) = (runtime(), Origin::new("1"));
    let (_engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    let tasks: Vec<_> = (0..8).map(|key| get_in_task(&runtime, &things, key)).collect();
    origin.wait_for_calls_at_gate(8);
    // Both of its threads are free, though eight loads are on their way.
    let other = runtime.spawn(async { tokio::task::yield_now().await });
    runtime.block_on(other).unwrap();
    origin.open_gate();
    for task in tasks {
        assert_eq!(value(runtime.block_on(task).unwrap()), "1");
    }
}

/// Remembers that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls a future up to `polls` times, each time when it was woken; then drops
/// it. Returns whether it was ready before.
fn poll_and_drop<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_ready() {
            return true;
        }
        // What nothing wakes in time waits for a load that the test holds.
        if !within(Duration::from_millis(200), || woken.0.swap(false, Ordering::SeqCst)) {
            return false;
        }
    }
    false
}

#[test]
fn a_future_dropped_at_any_point_leaves_nobody_waiting() {
    for polls in 0..6_u8 {
        let origin = Origin::new("1");
        let engine = engine_by_inbox();
        let things = engine.add_keyspace(over(&origin)).unwrap();
        poll_and_drop(things.get_async(b"a"), usize::from(polls));
        let got = things.within(SECOND * 20).get(b"a");
        assert_eq!(value(got), "1", "after {polls} polls");
        assert!(origin.calls() <= 2);
    }
}

#[test]
fn a_follower_that_is_dropped_leaves_the_leader_and_the_others() {
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::Answers, 0));
    let (_engine, things, _) = keyspace(over_futures(&origin, &runtime));
    let leader = get_in_task(&runtime, &things, 0);
    until("a load", || origin.calls() == 1);
    let follower = get_in_task(&runtime, &things, 0);
    until("two followers", || {
        poll_and_drop(things.get_async(&[0]), 1);
        2 <= things.stats().expect("an answer").collapsed
    });
    leader.abort();
    origin.permits.add_permits(1);
    assert_eq!(value(runtime.block_on(follower).unwrap()), "1", "the load went on");
    assert_eq!(origin.calls(), 1);
}

#[test]
fn a_future_dropped_at_any_point_leaves_no_flight_behind() {
    let origin = Origin::new("1");
    let engine = engine_by_inbox();
    let things = engine.add_keyspace(over(&origin)).unwrap();
    for polls in 0..6_u8 {
        poll_and_drop(things.get_async(&[polls]), usize::from(polls));
    }
    let flights = || things.stats().expect("an answer").flights;
    assert!(within(SECOND * 3, || flights() == 0), "{} flights are left", flights());
}

#[test]
fn futures_that_were_dropped_do_not_use_up_the_flights() {
    let origin = Origin::new("1");
    let engine = engine_by_inbox();
    let things = engine.add_keyspace(over(&origin).flights_max(2)).unwrap();
    for key in 0..16_u8 {
        // Dropped when it was told to lead, and has not seen to its load yet.
        poll_and_drop(things.get_async(&[key]), 2);
    }
    for key in 100..116_u8 {
        assert_eq!(value(things.get(&[key])), "1");
    }
}

#[test]
fn a_source_that_panics_is_told_to_everybody_and_tried_again() {
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::Panics, 0));
    let (_engine, things, _) = keyspace(over_futures(&origin, &runtime));
    for round in 1..=2 {
        let tasks: Vec<_> = (0..10).map(|_| get_in_task(&runtime, &things, 0)).collect();
        until("all wait", || things.stats().expect("an answer").collapsed == round * 9);
        origin.permits.add_permits(1);
        for task in tasks {
            let error = runtime.block_on(task).unwrap().unwrap_err();
            assert!(matches!(error, Error::Load(LoadError::Panicked)), "{error}");
        }
        assert_eq!(origin.calls(), round);
    }
    let stats = things.stats().unwrap();
    assert_eq!((stats.load_failures, stats.flights), (2, 0));
}

#[test]
fn a_source_that_panics_before_it_has_made_a_future_is_told_as_that_too() {
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::PanicsAtOnce, 0));
    let (_engine, things, _) = keyspace(over_futures(&origin, &runtime));
    let error = runtime.block_on(things.get_async(b"a")).unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Panicked)), "{error}");
    assert_eq!(things.stats().unwrap().load_failures, 1);
}

#[test]
fn a_source_that_never_resolves_is_given_up_at_its_load_timeout_and_dropped() {
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::NeverResolves, 0));
    let config = over_futures(&origin, &runtime).load_timeout(Duration::from_millis(20));
    let (_engine, things, _) = keyspace(config);
    for round in 1..=2 {
        let error = runtime.block_on(things.get_async(b"a")).unwrap_err();
        assert!(matches!(error, Error::Load(LoadError::TimedOut { .. })), "{error}");
        until("its future was dropped", || origin.running() == 0);
        assert_eq!(origin.calls(), round);
    }
    let stats = things.stats().unwrap();
    assert_eq!((stats.load_timeouts, stats.flights), (2, 0));
}

#[test]
fn no_more_futures_run_at_once_than_may_and_more_than_may_wait_are_refused() {
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::Answers, 0));
    let config = over_futures(&origin, &runtime).loads_max(3).loads_waiting_max(2);
    let (_engine, things, _) = keyspace(config);
    let mut tasks: Vec<_> = (0..3).map(|key| get_in_task(&runtime, &things, key)).collect();
    until("three run", || origin.running() == 3);
    tasks.extend((3..5).map(|key| get_in_task(&runtime, &things, key)));
    until("two wait", || things.stats().expect("an answer").loads_waiting == 2);
    let error = runtime.block_on(things.get_async(b"one more")).unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Busy)), "{error}");
    origin.permits.add_permits(5);
    for task in tasks {
        assert_eq!(value(runtime.block_on(task).unwrap()), "1");
    }
    assert_eq!(origin.most_running.load(Ordering::SeqCst), 3);
    assert_eq!((origin.calls(), things.stats().unwrap().loads_refused), (5, 1));
}

#[test]
fn a_runtime_that_shuts_down_tells_those_who_wait_and_all_who_come() {
    let (source_runtime, runtime) = (runtime(), runtime());
    let origin = AsyncOrigin::shared(Does::NeverResolves, 0);
    let config = over_futures(&origin, &source_runtime).loads_max(1);
    let (_engine, things, _) = keyspace(config);
    let tasks: Vec<_> = (0..4).map(|key| get_in_task(&runtime, &things, key)).collect();
    until("one runs, three wait", || things.stats().expect("an answer").loads_waiting == 3);
    until("one runs", || origin.running() == 1);
    source_runtime.shutdown_background();
    for task in tasks {
        let error = runtime.block_on(task).unwrap().unwrap_err();
        assert!(matches!(error, Error::Load(LoadError::Cancelled)), "{error}");
    }
    let error = runtime.block_on(things.get_async(b"after")).unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Cancelled)), "{error}");
    assert!(matches!(things.get(b"after"), Err(Error::Load(LoadError::Cancelled))));
}

#[test]
fn a_runtime_that_was_gone_for_a_while_does_not_use_up_the_flights() {
    let is_there = Arc::new(AtomicBool::new(false));
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::Answers, 1_000));
    let (inner, seen) = (spawner(&runtime), is_there.clone());
    let spawn = move |future| {
        if seen.load(Ordering::SeqCst) {
            inner(future);
        }
    };
    let config = KeyspaceConfig::new("things").async_source(origin, spawn).flights_max(2);
    let (_engine, things, _) = keyspace(config);
    for key in 0..32_u8 {
        assert!(things.get(&[key]).is_err(), "nobody runs its load");
    }
    is_there.store(true, Ordering::SeqCst);
    for key in 100..132_u8 {
        assert_eq!(value(things.get(&[key])), "1");
    }
}

#[test]
fn the_end_of_an_engine_tells_those_who_wait_for_a_future_that_never_resolves() {
    let (runtime, origin) = (runtime(), AsyncOrigin::shared(Does::NeverResolves, 0));
    let (engine, things, _) = keyspace(over_futures(&origin, &runtime));
    let task = get_in_task(&runtime, &things, 0);
    until("it runs", || origin.running() == 1);
    engine.shutdown(LONG).unwrap();
    let is_told = within(SECOND * 5, || task.is_finished());
    let is_dropped = within(SECOND * 5, || origin.running() == 0);
    origin.permits.close();
    assert!(is_told, "it waits for its own deadline");
    assert!(is_dropped, "nobody wants it");
    let error = runtime.block_on(task).unwrap().unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Cancelled)), "{error}");
}

#[test]
fn calls_of_tasks_do_what_calls_of_threads_do() {
    for dispatch in [Dispatch::Inline, Dispatch::Worker] {
        let engine = Engine::builder().dispatch(dispatch).call_timeout(LONG).start().unwrap();
        let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
        runtime().block_on(async {
            let version = things.put_async(b"a", b"1").await.unwrap();
            let found = things.get_async(b"a").await.unwrap().unwrap();
            assert_eq!((text(&found), found.version()), ("1".to_owned(), version));
            assert_eq!(things.increment_async(b"a", 41).await.unwrap(), 42);
            assert_eq!(things.decrement_async(b"a", 2).await.unwrap(), 40);
            assert!(things.contains_async(b"a").await.unwrap());
            let third = things.get_async(b"a").await.unwrap().unwrap().version();
            let unmet = things.delete_if_version_async(b"a", version).await.unwrap_err();
            assert_eq!(unmet.unmet(), Some(Some(third)));
            things.delete_if_version_async(b"a", third).await.unwrap();
            assert!(things.peek_async(b"a").await.unwrap().is_none());
            things.put_async(b"a", b"1").await.unwrap();
            assert!(things.delete_async(b"a").await.unwrap());
            assert!(things.peek_async(b"a").await.unwrap().is_none());
            let items = [distcache::Item::new(b"x", b"1"), distcache::Item::new(b"y", b"2")];
            assert!(things.put_many_async(&items).await.iter().all(Result::is_ok));
            let got = things.get_many_async(&[b"x", b"none", b"y"]).await;
            let got: Vec<_> = got
                .into_iter()
                .map(|got| got.expect("an answer").map(|found| text(&found)))
                .collect();
            assert_eq!(got, [Some("1".to_owned()), None, Some("2".to_owned())]);
            let gone = things.delete_many_async(&[b"x", b"none"]).await;
            let gone: Vec<_> = gone.into_iter().map(|gone| gone.expect("an answer")).collect();
            assert_eq!(gone, [true, false]);
        });
    }
}

#[test]
fn an_increment_of_a_task_waits_for_the_load_by_which_others_are_served_stale() {
    let (runtime, origin) = (runtime(), Origin::new("41"));
    let config = over(&origin).ttl(SECOND).stale_while_revalidate(LONG);
    let (_engine, things, clock) = keyspace(config);
    assert_eq!(value(things.get(b"n")), "41");
    clock.advance(SECOND * 2);
    origin.close_gate();
    let of_task = things.clone();
    let task = runtime.spawn(async move { of_task.increment_async(b"n", 1).await });
    origin.wait_for_calls_at_gate(1);
    origin.open_gate();
    assert_eq!(runtime.block_on(task).unwrap().unwrap(), 42);
}

#[test]
fn no_increment_of_many_tasks_is_lost() {
    let engine = engine_by_inbox();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
    let runtime = runtime();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let things = things.clone();
            runtime.spawn(async move {
                for _ in 0..20 {
                    things.increment_async(b"n", 1).await.expect("a sum");
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    assert_eq!(text(&things.get(b"n").unwrap().unwrap()), "1000");
}
