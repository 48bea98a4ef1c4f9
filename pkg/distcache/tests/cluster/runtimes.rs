//! The cluster's tasks on a runtime of the caller's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use distcache::{
    ClusterConfig, ClusterError, Context, DataStore, Engine, Error, Item, KeyspaceConfig,
    SourceError, StartError, Stopwatch, codes,
};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::LocalSet;

use crate::fleet::{Fleet, keyspaces, members, until};

fn of_workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().expect("a runtime")
}

/// Two members, the first of which has its cluster's tasks on that runtime.
fn pair_on(runtime: &Handle, keyspaces: impl Fn() -> Vec<KeyspaceConfig>) -> Fleet {
    let mut fleet = Fleet::to_be_of(2);
    let first = fleet.start_with(keyspaces(), |cluster| cluster.runtime(runtime.clone()));
    fleet.engines.push(first);
    fleet.engines.push(fleet.start(keyspaces()));
    fleet.settle();
    fleet
}

/// Does it on a worker of a runtime.
fn on_worker<T: Send + 'static>(runtime: &Runtime, work: impl FnOnce() -> T + Send + 'static) -> T {
    runtime.block_on(runtime.spawn(async { work() })).expect("no panic")
}

/// Waits until so many tasks are on a runtime, and no others.
fn until_tasks_are(runtime: &Runtime, count: usize) {
    until("its tasks have ended", || runtime.metrics().num_alive_tasks() == count);
}

fn refused_on(runtime: &Handle) -> String {
    let cluster = ClusterConfig::new("127.0.0.1:0").runtime(runtime.clone());
    let error = Engine::builder().cluster(cluster).start().expect_err("it cannot run there");
    assert!(matches!(error, StartError::Cluster(ClusterError::RuntimeUnfit { .. })), "{error}");
    assert_eq!(error.code(), codes::CLUSTER_REFUSED);
    error.to_string()
}

#[test]
fn a_runtime_that_cannot_carry_the_cluster_is_refused_with_what_would_be_right() {
    let of_one_thread = Builder::new_current_thread().enable_all().build().unwrap();
    let said = refused_on(of_one_thread.handle());
    assert!(said.contains("has one thread only") && said.contains("new_multi_thread"), "{said}");
    let without_timers = Builder::new_multi_thread().enable_io().build().unwrap();
    let said = refused_on(without_timers.handle());
    assert!(said.contains("no timers or I/O") && said.contains("enable_all"), "{said}");
    let ended = of_workers(1);
    let handle = ended.handle().clone();
    drop(ended);
    assert!(refused_on(&handle).contains("has ended"));
}

#[test]
fn blocking_calls_on_its_one_worker_are_answered() {
    let runtime = of_workers(1);
    let fleet = pair_on(runtime.handle(), keyspaces);
    let engine = fleet.engines[0].clone();
    let [ours, theirs] = fleet.a_key_of_each("plain").try_into().expect("of two");
    on_worker(&runtime, move || {
        let plain = engine.keyspace("plain").unwrap();
        plain.put(&theirs, b"1").unwrap();
        assert_eq!(plain.get(&theirs).unwrap().as_deref(), Some(&b"1"[..]));
        let stored = plain.put_many(&[Item::new(&ours, b"2"), Item::new(&theirs, b"2")]);
        assert!(stored.iter().all(Result::is_ok), "{stored:?}");
        for found in plain.get_many(&[&ours, &theirs]) {
            assert_eq!(found.unwrap().as_deref(), Some(&b"2"[..]));
        }
        assert_eq!(plain.clear().unwrap(), 2);
        plain.invalidate_tags(&["tag"]).unwrap();
        assert!(plain.scan(b"*", None, 10).unwrap().keys.is_empty());
        // All members agree on these, this one among them.
        engine.add_keyspace(KeyspaceConfig::new("shared")).unwrap();
        engine.update_keyspace(KeyspaceConfig::new("shared").ttl(Duration::from_mins(1))).unwrap();
        engine.delete_keyspace("shared").unwrap();
    });
}

#[test]
fn an_engine_starts_and_leaves_in_order_on_its_one_worker() {
    let runtime = Arc::new(of_workers(1));
    let mut fleet = Fleet::to_be_of(2);
    let (fleet, first) = on_worker(&runtime, move || {
        let here = |cluster: ClusterConfig| cluster.runtime(Handle::current());
        let first = fleet.start_with(keyspaces(), here);
        fleet.engines.push(first.clone());
        fleet.engines.push(fleet.start(keyspaces()));
        (fleet, first)
    });
    fleet.settle();
    let took = on_worker(&runtime, move || {
        let since = Stopwatch::start();
        first.shutdown(Duration::from_mins(2)).unwrap();
        since.elapsed()
    });
    // Nobody who left in order has to be waited for.
    assert!(took < Duration::from_secs(30), "{took:?}");
    until("it has left", || members(&fleet.engines[1]).members.len() == 1);
}

#[test]
fn a_thread_that_is_no_worker_only_waits() {
    let runtime = of_workers(1);
    let fleet = pair_on(runtime.handle(), keyspaces);
    let theirs = fleet.a_key_of_each("plain").remove(1);
    let plain = fleet.engines[0].keyspace("plain").unwrap();
    let put = || plain.put(&theirs, b"1").map(drop);
    put().unwrap();
    let of_one_thread = Builder::new_current_thread().enable_all().build().unwrap();
    of_one_thread.block_on(async { put() }).unwrap();
    runtime.block_on(async { put() }).unwrap();
    runtime.block_on(LocalSet::new().run_until(async { put() })).unwrap();
}

/// How long a load or a write may wait at a gate.
const GATE_TIMEOUT: Duration = Duration::from_secs(15);

/// Waits until somebody lets it go on.
#[derive(Clone)]
struct Gate {
    opened: Receiver<()>,
    came: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> (Sender<()>, Self) {
        let (opens, opened) = bounded(8);
        (opens, Self { opened, came: Arc::default() })
    }

    fn pass(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        // Who waits in vain is told by its own deadline.
        let _ = self.opened.recv_timeout(GATE_TIMEOUT * 2);
    }

    fn until_came(&self, count: usize) {
        until("somebody is at the gate", || self.came.load(Ordering::SeqCst) == count);
    }
}

impl DataStore for Gate {
    fn store(&self, _: &[u8], _: &[u8], _: &Context) -> Result<(), SourceError> {
        self.pass();
        Ok(())
    }

    fn remove(&self, _: &[u8], _: &Context) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Keyspaces whose source, or store, waits at a gate; and one without.
fn gated(gate: &Gate) -> Vec<KeyspaceConfig> {
    let of_source = gate.clone();
    let source = move |_: &[u8]| -> Result<_, std::io::Error> {
        of_source.pass();
        Ok(Some("loaded"))
    };
    vec![
        KeyspaceConfig::new("sourced")
            .source_fn(source)
            .load_timeout(GATE_TIMEOUT)
            .read_timeout(GATE_TIMEOUT),
        KeyspaceConfig::new("stored").write_through(gate.clone()).write_timeout(GATE_TIMEOUT),
        KeyspaceConfig::new("plain"),
    ]
}

/// Opens a gate as soon as the worker that this is goes on with its other tasks.
fn open_by_a_task(opens: Sender<()>) {
    tokio::spawn(async move { opens.send(()) });
}

/// One of a cluster of one, with those keyspaces, that has its cluster's tasks there.
fn alone_on(runtime: &Runtime, gate: &Gate) -> Engine {
    let cluster = ClusterConfig::new("127.0.0.1:0").runtime(runtime.handle().clone());
    let builder = Engine::builder().data_nodes(2).cluster(cluster);
    let engine = gated(gate).into_iter().fold(builder, distcache::EngineBuilder::keyspace);
    let engine = engine.start().expect("good settings");
    until("it serves", || engine.keyspace("plain").is_ok_and(|plain| plain.peek(b"k").is_ok()));
    engine
}

#[test]
fn its_one_worker_waits_for_a_load_and_leaves_its_other_tasks_alone() {
    let (runtime, (opens, gate)) = (of_workers(1), Gate::new());
    let engine = alone_on(&runtime, &gate);
    let found = on_worker(&runtime, move || {
        open_by_a_task(opens);
        engine.get("sourced", b"k")
    });
    assert_eq!(found.unwrap().as_deref(), Some(&b"loaded"[..]));
}

#[test]
fn its_one_worker_waits_for_a_batch_of_loads_and_leaves_its_other_tasks_alone() {
    let (runtime, (opens, gate)) = (of_workers(1), Gate::new());
    let engine = alone_on(&runtime, &gate);
    let found = on_worker(&runtime, move || {
        open_by_a_task(opens);
        engine.keyspace("sourced").unwrap().get_many(&[b"k"]).remove(0)
    });
    assert_eq!(found.unwrap().as_deref(), Some(&b"loaded"[..]));
}

#[test]
fn its_one_worker_waits_for_a_write_and_leaves_its_other_tasks_alone() {
    let (runtime, (opens, gate)) = (of_workers(1), Gate::new());
    let engine = alone_on(&runtime, &gate);
    let written = on_worker(&runtime, move || {
        open_by_a_task(opens);
        engine.put("stored", b"k", b"1")
    });
    written.unwrap();
}

#[test]
fn its_one_worker_waits_for_the_turn_of_a_change_and_leaves_its_other_tasks_alone() {
    let (runtime, (opens, gate)) = (of_workers(1), Gate::new());
    let engine = alone_on(&runtime, &gate);
    thread::scope(|scope| {
        // Its writes are waited for, and meanwhile no other keyspace is changed.
        let writes = scope.spawn(|| engine.put("stored", b"k", b"1"));
        gate.until_came(1);
        let deletes = scope.spawn(|| engine.delete_keyspace("stored"));
        until("it is deleted", || engine.keyspace("stored").is_err());
        let of_change = engine.clone();
        let changed = on_worker(&runtime, move || {
            open_by_a_task(opens);
            of_change.delete_keyspace("plain")
        });
        changed.unwrap();
        deletes.join().unwrap().unwrap();
        // The keyspace is gone that it was for.
        assert!(writes.join().unwrap().is_err());
    });
}

#[test]
fn when_an_engine_has_ended_nothing_of_it_is_left_on_the_runtime() {
    let runtime = of_workers(2);
    let before = runtime.metrics().num_alive_tasks();
    for is_dropped_only in [false, true] {
        let mut fleet = pair_on(runtime.handle(), keyspaces);
        assert!(before < runtime.metrics().num_alive_tasks());
        let engine = fleet.engines.remove(0);
        if !is_dropped_only {
            engine.shutdown(Duration::from_secs(20)).unwrap();
            until_tasks_are(&runtime, before);
        }
        drop(engine);
        until_tasks_are(&runtime, before);
    }
    // One whose cluster cannot agree that it leaves.
    let (mut fleet, of_other) = (Fleet::to_be_of(2), of_workers(1));
    for runtime in [&runtime, &of_other] {
        let set = |cluster: ClusterConfig| cluster.runtime(runtime.handle().clone());
        fleet.engines.push(fleet.start_with(keyspaces(), set));
    }
    fleet.settle();
    drop(of_other);
    drop(fleet.engines.remove(0));
    until_tasks_are(&runtime, before);
    // One that has found nobody, and ones that are dropped while they found a cluster.
    let alone = ClusterConfig::new("127.0.0.1:0");
    let lost = alone.clone().members(["127.0.0.1:1", "127.0.0.1:2"]);
    for cluster in std::iter::once(lost).chain(std::iter::repeat_n(alone, 20)) {
        let cluster = cluster.runtime(runtime.handle().clone());
        let engine = Engine::builder().data_nodes(1).cluster(cluster).start().unwrap();
        drop(engine);
        until_tasks_are(&runtime, before);
    }
}

#[test]
fn without_its_runtime_an_engine_reads_past_its_cache_and_ends() {
    let runtime = of_workers(2);
    let fleet = pair_on(runtime.handle(), keyspaces);
    let engine = &fleet.engines[0];
    let owned = fleet.a_key_of_each("plain");
    let loaded = fleet.a_key_of_each("sourced");
    for key in &owned {
        engine.put("plain", key, b"1").unwrap();
    }
    drop(runtime);
    until("its lease is over", || !members(engine).has_lease);
    let sourced = engine.keyspace("sourced").unwrap();
    for key in &loaded {
        // In time for the read: nobody waits until it is over before the source is asked.
        assert_eq!(sourced.get(key).unwrap().as_deref(), Some(&key[..]));
    }
    let plain = engine.keyspace("plain").unwrap().within(Duration::from_millis(100));
    assert!(matches!(plain.get(&owned[0]), Err(Error::NoLease)));
    assert!(matches!(plain.get(&owned[1]), Err(Error::Unreachable { .. })));
    let added = engine.add_keyspace(KeyspaceConfig::new("shared"));
    assert!(matches!(added, Err(Error::NotAgreed { .. })), "{added:?}");
    let since = Stopwatch::start();
    engine.shutdown(Duration::from_mins(2)).unwrap();
    assert!(since.elapsed() < Duration::from_secs(30), "nothing is left to wait for");
}

#[test]
fn a_call_that_waits_when_its_runtime_ends_is_told() {
    let runtime = of_workers(1);
    let (opens, gate) = Gate::new();
    let fleet = pair_on(runtime.handle(), || gated(&gate));
    let theirs = fleet.a_key_of_each("stored").remove(1);
    let engine = fleet.engines[0].clone();
    thread::scope(|scope| {
        let writes = scope.spawn(move || engine.put("stored", &theirs, b"1"));
        gate.until_came(1);
        drop(runtime);
        let told = writes.join().unwrap();
        let unknown = told.expect_err("nothing was heard of it");
        assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown}");
        assert!(!unknown.to_string().contains("panicked"), "{unknown}");
        drop(opens);
    });
}
