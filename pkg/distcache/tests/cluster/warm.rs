//! Keys that are to be warm, when members go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache::{ClusterConfig, Engine, Event, KeyspaceConfig, Received};

use crate::fleet::{Fleet, until};

/// Enough that each of three owns some.
const KEYS: u64 = 60;

fn keys() -> impl Iterator<Item = Vec<u8>> {
    (0..KEYS).map(|n| format!("key-{n}").into_bytes())
}

fn warm(loads: &Arc<AtomicU64>) -> Vec<KeyspaceConfig> {
    let loads = loads.clone();
    let source = move |key: &[u8]| -> Result<_, std::io::Error> {
        loads.fetch_add(1, Ordering::SeqCst);
        Ok(Some(key.to_vec()))
    };
    vec![KeyspaceConfig::new("warm").source_fn(source).warm_keys(keys())]
}

/// How many of the keys are held, by all of them.
fn held(engines: &[Engine]) -> u64 {
    engines.iter().map(|engine| engine.stats("warm").expect("it is there").entries).sum()
}

/// Three engines that are warm, the last with another setting of its cluster.
fn warm_fleet(
    loads: &Arc<AtomicU64>,
    set: impl FnOnce(ClusterConfig) -> ClusterConfig,
) -> (Fleet, Engine) {
    let mut fleet = Fleet::to_be_of(3);
    let started = [fleet.start(warm(loads)), fleet.start(warm(loads))];
    let last = fleet.start_with(warm(loads), set);
    fleet.engines.extend(started.into_iter().chain([last.clone()]));
    fleet.settle();
    until("all are warm", || {
        let is_warm =
            |engine: &Engine| engine.keyspace("warm").is_ok_and(|space| space.warming().is_done());
        fleet.engines.iter().all(is_warm) && held(&fleet.engines) == KEYS
    });
    fleet.engines.pop();
    (fleet, last)
}

#[test]
fn the_warm_keys_of_a_lost_member_are_loaded_again_by_who_owns_them_then() {
    let loads = Arc::default();
    // The last one ends without a word when its runtime does.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let (fleet, lost) = warm_fleet(&loads, |cluster| cluster.runtime(handle));
    let events = fleet.engines[0].events(64);
    let before = loads.load(Ordering::SeqCst);
    let of_lost = KEYS - held(&fleet.engines);
    assert!(0 < of_lost, "it owns some");

    runtime.shutdown_background();
    until("nobody has asked, and all are warm", || held(&fleet.engines) == KEYS);
    assert_eq!(loads.load(Ordering::SeqCst) - before, of_lost, "no other key, and each once");
    until("it is told", || match events.try_recv() {
        Ok(Received::Message(Event::KeyspaceWarmed { failed, .. })) => failed == 0,
        _ => false,
    });
    drop(lost);
}

#[test]
fn who_leaves_in_order_takes_nothing_away_that_is_to_be_warm() {
    let loads = Arc::default();
    let (fleet, leaves) = warm_fleet(&loads, |cluster| cluster);
    let before = loads.load(Ordering::SeqCst);
    leaves.shutdown(Duration::from_secs(20)).expect("in order");
    fleet.settle();
    until("they have what it had", || held(&fleet.engines) == KEYS);
    assert_eq!(loads.load(Ordering::SeqCst), before, "no source was asked");
}
