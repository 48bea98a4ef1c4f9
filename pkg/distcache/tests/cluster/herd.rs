//! One load for a missing key, however many members are asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use distcache::KeyspaceConfig;

use crate::fleet::Fleet;

const CALLERS: usize = 60;

#[test]
fn a_key_that_all_members_are_asked_for_at_once_is_loaded_once() {
    let loads = Arc::new(AtomicU64::new(0));
    let fleet = Fleet::of(3, || {
        let loads = loads.clone();
        let source = move |key: &[u8]| -> Result<_, std::io::Error> {
            loads.fetch_add(1, Ordering::SeqCst);
            // Long enough for all to come.
            thread::sleep(Duration::from_millis(50));
            Ok(Some(key.to_vec()))
        };
        vec![KeyspaceConfig::new("sourced").source_fn(source)]
    });
    for round in 0..10 {
        loads.store(0, Ordering::SeqCst);
        let key = format!("missing-{round}").into_bytes();
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let engine = &fleet.engines[caller % fleet.engines.len()];
                let (space, key) = (engine.keyspace("sourced").unwrap(), &key);
                scope.spawn(move || assert_eq!(space.get(key).unwrap().as_deref(), Some(&**key)));
            }
        });
        assert_eq!(loads.load(Ordering::SeqCst), 1, "round {round}");
    }
}
