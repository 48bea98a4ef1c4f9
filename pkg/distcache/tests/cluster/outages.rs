//! Members that are not there, or not any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{ClusterConfig, Engine, Error, KeyspaceConfig, codes};

use crate::fleet::{Fleet, keyspaces, until};

#[test]
fn an_engine_that_waits_for_others_reads_from_its_source_and_keeps_nothing() {
    let cluster = ClusterConfig::new("127.0.0.1:0").members(["127.0.0.1:1", "127.0.0.1:2"]);
    let builder = Engine::builder().cluster(cluster);
    let engine = keyspaces().into_iter().fold(builder, distcache::EngineBuilder::keyspace);
    let engine = engine.start().unwrap();
    let sourced = engine.keyspace("sourced").unwrap();
    for _ in 0..2 {
        assert_eq!(sourced.get(b"k").unwrap().as_deref(), Some(&b"k"[..]));
    }
    let stats = sourced.stats().unwrap();
    assert_eq!((stats.loads_found, stats.entries), (2, 0));
    let plain = engine.keyspace("plain").unwrap().within(Duration::from_millis(20));
    let error = plain.get(b"k").unwrap_err();
    assert!(matches!(error, Error::NoLease), "{error}");
    assert_eq!(error.code(), codes::NO_LEASE);
}

/// Reads that pass the cache by share loads, but none that began before them: what was
/// acknowledged in between would be missing.
#[test]
fn a_read_that_passes_gets_what_was_loaded_after_it_began_and_few_loads_are_made() {
    const READERS: usize = 24;
    let (ticks, loads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, count) = (ticks.clone(), loads.clone());
    let source = move |_: &[u8]| -> Result<_, std::io::Error> {
        count.fetch_add(1, Ordering::SeqCst);
        let began = now.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        Ok(Some(began.to_string()))
    };
    let cluster = ClusterConfig::new("127.0.0.1:0").members(["127.0.0.1:1", "127.0.0.1:2"]);
    let sourced = KeyspaceConfig::new("sourced").source_fn(source);
    let engine = Engine::builder().cluster(cluster).keyspace(sourced).start().unwrap();
    let sourced = engine.keyspace("sourced").unwrap();
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                for _ in 0..4 {
                    let began = ticks.fetch_add(1, Ordering::SeqCst);
                    let found = sourced.get(b"k").unwrap().expect("there is one");
                    let loaded: usize = std::str::from_utf8(&found).unwrap().parse().unwrap();
                    assert!(began < loaded, "{began} {loaded}");
                }
            });
        }
    });
    // Each waits for the end of one load, and shares the next: 24 readers of 4 values.
    let loads = loads.load(Ordering::SeqCst);
    assert!(loads < READERS * 2, "{loads}");
}

#[test]
fn when_a_member_has_left_the_others_answer_for_its_keys() {
    let mut fleet = Fleet::of(3, keyspaces);
    let keys = fleet.a_key_of_each("plain");
    let gone = fleet.engines.pop().unwrap();
    gone.shutdown(Duration::from_secs(20)).unwrap();
    assert!(gone.members().is_none());
    fleet.settle();
    for engine in &fleet.engines {
        let plain = engine.keyspace("plain").unwrap();
        for key in &keys {
            plain.put(key, b"after").unwrap();
            assert_eq!(plain.get(key).unwrap().as_deref(), Some(&b"after"[..]));
        }
    }
}

#[test]
fn one_that_joins_later_gets_its_share_and_sees_what_was_put_before() {
    let mut fleet = Fleet::of(2, keyspaces);
    let space = fleet.engines[0].keyspace("plain").unwrap();
    let keys: Vec<_> = (0..200).map(|n| format!("key-{n}").into_bytes()).collect();
    let put = |value: &[u8]| keys.iter().for_each(|key| _ = space.put(key, value).unwrap());
    put(b"1");
    let joined = fleet.start(keyspaces());
    fleet.engines.push(joined);
    fleet.settle();
    put(b"2");
    let joined = fleet.engines[2].keyspace("plain").unwrap();
    for key in &keys {
        assert_eq!(joined.get(key).unwrap().as_deref(), Some(&b"2"[..]));
    }
    until("it owns some", || keys.iter().any(|key| fleet.owner("plain", key) == 2));
}
