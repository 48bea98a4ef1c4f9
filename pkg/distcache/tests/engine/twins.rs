//! What tasks can do as threads do it: walks through every node, and changes of
//! the engine. None of it may hold up the one thread of a runtime.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache::{
    Cause, Cursor, Dispatch, Engine, Error, Event, Item, Keyspace, KeyspaceConfig, Received, Ttl,
    Value,
};
use tokio::runtime::Runtime;

use crate::runtimes::{current_thread, multi_thread};
use crate::support::{LONG, SECOND, until};

fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things")
}

/// An engine, and a keyspace with some tagged entries.
fn filled(dispatch: Dispatch, entries: u32, config: KeyspaceConfig) -> (Engine, Keyspace) {
    let builder = Engine::builder().dispatch(dispatch).call_timeout(LONG).data_nodes(2);
    let engine = builder.start().expect("good settings");
    let things = engine.add_keyspace(config).expect("good settings");
    for number in 0..entries {
        let key = number.to_be_bytes();
        things.put_item(&Item::new(&key, b"1").tag("t")).expect("stored");
    }
    (engine, things)
}

fn entries(things: &Keyspace) -> u64 {
    things.stats().expect("an answer").entries
}

/// Every key of a keyspace, page by page.
async fn scan_all(things: &Keyspace, entries: usize) -> BTreeSet<Box<[u8]>> {
    let (mut keys, mut from) = (BTreeSet::new(), None::<Cursor>);
    loop {
        let page = things.scan_async(b"*", from, entries).await.expect("an answer");
        keys.extend(page.keys);
        from = page.next;
        if from.is_none() {
            return keys;
        }
    }
}

#[test]
fn walks_of_tasks_do_what_walks_of_threads_do() {
    for dispatch in [Dispatch::Inline, Dispatch::Worker] {
        for runtime in [multi_thread(), current_thread()] {
            let (engine, things) = filled(dispatch, 3_000, things());
            let of_task = engine.clone();
            let task = async move {
                let (engine, things) = (of_task, things);
                assert_eq!(scan_all(&things, 500).await.len(), 3_000);
                let page = things.scan_async(b"*\x07", None, 10_000).await.expect("an answer");
                assert_eq!((page.keys.len(), page.next), (12, None));
                let of_thread = things.stats().expect("an answer");
                assert_eq!(things.stats_async().await.expect("an answer"), of_thread);
                let removed = things.invalidate_prefix_async(&[0, 0, 1]).await;
                assert_eq!(removed.expect("an answer"), 256);
                assert_eq!(entries(&things), 3_000 - 256);
                let bare = Item::new(b"bare", b"1");
                things.put_item_async(&bare).await.expect("stored");
                things.invalidate_tags_async(&["none", "t"]).await.expect("an answer");
                assert_eq!(scan_all(&things, 10_000).await, BTreeSet::from([b"bare"[..].into()]));
                let cleared = things.clear_async().await.expect("an answer");
                assert_eq!((0 < cleared, entries(&things)), (true, 0));
                things.put_item_async(&bare).await.expect("stored");
                assert_eq!(engine.clear_all_async().await.expect("an answer"), 1);
            };
            // As a task of its own: what it does can go from thread to thread.
            let task = runtime.spawn(task);
            runtime.block_on(task).unwrap();
        }
    }
}

#[test]
fn times_of_entries_are_changed_by_tasks_as_by_threads() {
    for runtime in [multi_thread(), current_thread()] {
        let (_engine, things) = filled(Dispatch::Worker, 0, things().ttl(SECOND * 100));
        runtime.block_on(async {
            things.put_async(b"a", b"1").await.unwrap();
            assert!(things.persist_async(b"a").await.unwrap());
            assert_eq!(things.ttl_async(b"a").await.unwrap(), Some(Ttl::UntilEvicted));
            assert!(things.touch_async(b"a").await.unwrap());
            let Some(Ttl::For(ttl)) = things.ttl_async(b"a").await.unwrap() else {
                panic!("it has the keyspace's TTL again");
            };
            assert!(SECOND * 50 < ttl && ttl <= SECOND * 100, "{ttl:?}");
            assert!(things.expire_async(b"a", Duration::ZERO).await.unwrap());
            assert!(!things.contains_async(b"a").await.unwrap());
            assert!(!things.touch_async(b"a").await.unwrap(), "it is over");
        });
    }
}

#[test]
fn a_task_warms_keys_in_batches_and_is_told_how_many_could_not_be_loaded() {
    let runtime = multi_thread();
    let source = |key: &[u8]| if key == [7] { Err("not this one") } else { Ok(Some("1")) };
    let (_engine, things) = filled(Dispatch::Inline, 0, things().batch_max(4).source_fn(source));
    let keys: Vec<[u8; 1]> = (0..10).map(|key| [key]).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let warming = runtime.block_on(things.warm_async(&keys));
    assert_eq!((warming.keys, warming.loaded, warming.failed), (10, 9, 1));
    assert_eq!((entries(&things), things.stats().unwrap().source_requests), (9, 3));
}

/// The names by which the engine has the same calls.
#[test]
fn an_engine_has_the_twins_of_its_keyspaces() {
    let (engine, _things) = filled(Dispatch::Inline, 10, things());
    current_thread().block_on(async {
        let page = engine.scan_async("things", b"*", None, 10_000).await.unwrap();
        assert_eq!(page.keys.len(), 10);
        let key = &page.keys[0];
        assert!(engine.touch_async("things", key).await.unwrap());
        assert!(engine.persist_async("things", key).await.unwrap());
        assert!(engine.expire_async("things", key, Duration::ZERO).await.unwrap());
        engine.invalidate_tags_async("things", &["none"]).await.unwrap();
        assert_eq!(engine.invalidate_prefix_async("things", b"none").await.unwrap(), 0);
        assert!(engine.stats_async("things").await.unwrap().inserts == 10);
        assert!(0 < engine.clear_async("things").await.unwrap());
        let error = engine.clear_async("none").await.unwrap_err();
        assert_eq!(error.code(), distcache::codes::KEYSPACE_UNKNOWN);
    });
}

/// Counts how often a task had its turn, until it is told to end.
struct Turns {
    turns: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Turns {
    fn begin(runtime: &Runtime) -> Self {
        let (turns, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, told) = (turns.clone(), is_over.clone());
        runtime.spawn(async move {
            while !told.load(Ordering::SeqCst) {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        });
        Self { turns, is_over }
    }

    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::SeqCst);
        self.turns.load(Ordering::SeqCst)
    }
}

/// A walk looks at a thousand entries at a time: so many turns others have at
/// least, whoever runs it.
#[test]
fn others_have_the_thread_while_a_task_walks() {
    const ENTRIES: u32 = 60_000;
    let told = Arc::new(AtomicU64::new(0));
    let counter = told.clone();
    let count = move |_: &[u8], _: &Value, _: Cause| _ = counter.fetch_add(1, Ordering::SeqCst);
    let (_engine, things) = filled(Dispatch::Inline, ENTRIES, things().removal_listener(count));
    let runtime = current_thread();
    let turns = Turns::begin(&runtime);
    let page = runtime.block_on(things.scan_async(b"*", None, ENTRIES as usize)).unwrap();
    assert_eq!(page.keys.len(), ENTRIES as usize);
    let had = turns.end();
    assert!(30 <= had, "{had} turns during a scan of some 45 steps");
    let turns = Turns::begin(&runtime);
    let removed = runtime.block_on(things.invalidate_prefix_async(&[0, 0, 0])).unwrap();
    assert_eq!(removed, 256);
    let had = turns.end();
    assert!(30 <= had, "{had} turns during an invalidation of some 45 steps");
    let turns = Turns::begin(&runtime);
    runtime.block_on(things.clear_async()).unwrap();
    let had = turns.end();
    assert!(30 <= had, "{had} turns while the listener is told of 60 times 1,024 entries");
    assert_eq!(told.load(Ordering::SeqCst), u64::from(ENTRIES));
}

/// The lock of one node is held until another task of the same thread has had its
/// turn: a walk that parked the thread would wait for itself.
#[test]
fn no_walk_parks_its_thread_while_a_node_is_busy() {
    for walk in 0..5_u8 {
        let (engine, things) = filled(Dispatch::Inline, 100, things());
        let node = engine.manager().nodes()[1].id;
        let (is_held, may_go) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let hold = |_: &mut _| {
                    is_held.store(true, Ordering::SeqCst);
                    until("another task had its turn", || may_go.load(Ordering::SeqCst));
                };
                engine.manager().on_node(node, hold).expect("the node is there");
            });
            until("the node is busy", || is_held.load(Ordering::SeqCst));
            let runtime = current_thread();
            let turn = may_go.clone();
            runtime.spawn(async move {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                turn.store(true, Ordering::SeqCst);
            });
            runtime.block_on(async {
                match walk {
                    0 => _ = things.clear_async().await.unwrap(),
                    1 => _ = things.invalidate_prefix_async(b"").await.unwrap(),
                    2 => things.invalidate_tags_async(&["t"]).await.unwrap(),
                    3 => _ = things.scan_async(b"*", None, 10_000).await.unwrap(),
                    _ => _ = things.stats_async().await.unwrap(),
                }
            });
            assert!(may_go.load(Ordering::SeqCst), "walk {walk} did not wait for its node");
        });
    }
}

/// Tells threads that it is over, also by a panic: nobody waits for them in vain.
struct OverWhenDropped<'a>(&'a AtomicBool);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Adds and removes data nodes until it is told to end.
fn with_nodes_that_come_and_go<R>(engine: &Engine, work: impl FnOnce() -> R) -> R {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            let mut changes = 0;
            while !is_over.load(Ordering::SeqCst) {
                let added = engine.manager().add_node().expect("room for one more");
                engine.manager().remove_node(added).expect("it was there");
                changes += 1;
            }
            changes
        });
        let over = OverWhenDropped(&is_over);
        let done = work();
        drop(over);
        assert!(0 < changes.join().expect("no panic"), "nodes came and went");
        done
    })
}

#[test]
fn what_a_task_forgets_is_gone_while_nodes_come_and_go() {
    const KEYS: u32 = 5_000;
    let (engine, things) = filled(Dispatch::Inline, 0, things());
    let runtime = multi_thread();
    with_nodes_that_come_and_go(&engine, || {
        for round in 0..45_u32 {
            for number in 0..KEYS {
                let key = number.to_be_bytes();
                things.put_item(&Item::new(&key, b"1").tag("t")).expect("stored");
            }
            runtime.block_on(async {
                match round % 3 {
                    0 => _ = things.clear_async().await.expect("an answer"),
                    1 => _ = things.invalidate_prefix_async(b"").await.expect("an answer"),
                    _ => things.invalidate_tags_async(&["t"]).await.expect("an answer"),
                }
            });
            let left = (0..KEYS)
                .filter(|key| things.peek(&key.to_be_bytes()).expect("an answer").is_some());
            assert_eq!(left.count(), 0, "round {round}");
        }
    });
}

#[test]
fn a_scan_finds_every_key_that_stays_while_nodes_come_and_go() {
    const KEYS: u32 = 2_000;
    let (engine, things) = filled(Dispatch::Inline, KEYS, things());
    let runtime = multi_thread();
    with_nodes_that_come_and_go(&engine, || {
        for _ in 0..20 {
            assert_eq!(runtime.block_on(scan_all(&things, 300)).len(), KEYS as usize);
            assert_eq!(runtime.block_on(scan_all(&things, 100_000)).len(), KEYS as usize);
        }
    });
}

#[test]
fn a_walk_of_an_engine_that_ends_says_that_it_is_closed() {
    let (engine, things) = filled(Dispatch::Inline, 10, things());
    engine.shutdown(LONG).unwrap();
    current_thread().block_on(async {
        let errors = [
            things.clear_async().await.unwrap_err(),
            things.invalidate_prefix_async(b"").await.unwrap_err(),
            things.invalidate_tags_async(&["t"]).await.unwrap_err(),
            things.scan_async(b"*", None, 10).await.unwrap_err(),
            things.stats_async().await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.code(), distcache::codes::CLOSED, "{error}");
        }
    });
}

#[test]
fn keyspaces_are_added_changed_and_deleted_by_tasks() {
    for runtime in [multi_thread(), current_thread()] {
        let engine = Engine::builder().start().unwrap();
        let of_task = engine.clone();
        let events = engine.events(10);
        let task = runtime.spawn(async move {
            let engine = of_task;
            let things = engine.add_keyspace_async(things()).await.expect("added");
            let error = engine.add_keyspace_async(self::things()).await.expect_err("it is there");
            assert_eq!(error.code(), distcache::codes::KEYSPACE_EXISTS);
            things.put_async(b"a", b"1").await.expect("stored");
            let config = self::things().ttl(SECOND);
            engine.update_keyspace_async(config).await.expect("changed");
            assert!(things.get_async(b"a").await.expect("an answer").is_some(), "values stay");
            let deleted = engine.delete_keyspaces_async(&["things", "none"]).await;
            assert!(matches!(deleted[..], [Ok(()), Err(Error::Cache(_))]), "{deleted:?}");
            let error = engine.delete_keyspace_async("things").await.expect_err("it is gone");
            assert_eq!(error.code(), distcache::codes::KEYSPACE_UNKNOWN);
            engine.shutdown_async(LONG).await.expect("in order");
            assert!(engine.shutdown_async(LONG).await.is_ok(), "again does nothing");
        });
        runtime.block_on(task).unwrap();
        let name = || "things".to_owned();
        for expected in [
            Event::KeyspaceAdded { name: name() },
            Event::KeyspaceChanged { name: name() },
            Event::KeyspaceRemoved { name: name() },
        ] {
            let told = events.recv_timeout(LONG);
            assert!(
                matches!(&told, Ok(Received::Message(event)) if *event == expected),
                "{told:?}"
            );
        }
    }
}

#[test]
fn a_change_whose_task_is_dropped_is_made_all_the_same() {
    let engine = Engine::builder().start().unwrap();
    let runtime = current_thread();
    runtime.block_on(async {
        let mut adds = Box::pin(engine.add_keyspace_async(things()));
        // Polled once, and dropped.
        std::future::poll_fn(|context| {
            let _pending = adds.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    });
    until("it is added", || engine.keyspace("things").is_ok());
}
