//! What is on its way to a store while its key goes to another member.

use std::sync::OnceLock;
use std::time::Duration;

use distcache_manager::{CacheManager, Claim, Parcel, Passage, Territory};
use parking_lot::Mutex;

use super::*;
use crate::{CacheError, Context, DataStore, SourceError, Stopwatch};

const HEIR: u64 = 7;

/// Every key is ours, or every key is another's.
#[derive(Debug)]
struct Whole(Option<u64>);

impl Territory for Whole {
    fn heir(&self, _: &distcache_manager::Keyspace, _: &[u8]) -> Option<u64> {
        self.0
    }

    fn claim(&self, _: &distcache_manager::Keyspace, _: &[u8]) -> Option<Claim> {
        self.0.is_none().then_some(Claim(1))
    }

    fn is_over(&self, _: Claim) -> bool {
        false
    }

    fn tenure(&self) -> u64 {
        1
    }

    fn is_ours_since(&self, _: &distcache_manager::Keyspace, _: &[u8], tenure: u64) -> bool {
        self.0.is_none() && tenure == 1
    }
}

/// A store that does something while it writes.
struct Meanwhile<F>(F);

impl<F: Fn(&[u8]) + Send + Sync + 'static> DataStore for Meanwhile<F> {
    fn store(&self, _: &[u8], value: &[u8], _: &Context) -> Result<(), SourceError> {
        (self.0)(value);
        Ok(())
    }

    fn remove(&self, _: &[u8], _: &Context) -> Result<(), SourceError> {
        Ok(())
    }
}

fn engine(config: KeyspaceConfig, meanwhile: impl Fn(&[u8]) + Send + Sync + 'static) -> Engine {
    let keyspace = config.write_through(Arc::new(Meanwhile(meanwhile)));
    let engine = Engine::builder().keyspace(keyspace).start().expect("good settings");
    engine.manager().settle(1, Some(Arc::new(Whole(None)))).expect("a first view");
    engine
}

/// 1. A has an entry of a key, and writes another value to the store.
/// 2. Meanwhile the key goes to B. A cannot tell B that it is to forget the key.
/// 3. B asks for A's entry. It serves what was before, and the store has something else.
#[test]
fn what_the_store_may_have_another_value_of_is_not_handed_over_though_its_heir_was_not_told() {
    let manager = Arc::new(OnceLock::<Arc<CacheManager>>::new());
    let moved = manager.clone();
    let engine = engine(KeyspaceConfig::new("stored"), move |value| {
        if value == b"new" {
            let manager = moved.get().expect("it has begun");
            manager.settle(2, Some(Arc::new(Whole(Some(HEIR))))).expect("the next view");
        }
    });
    manager.set(engine.manager().clone()).expect("once");
    engine.put("stored", b"key", b"old").unwrap();
    engine.put("stored", b"other", b"1").unwrap();
    let error = engine.put("stored", b"key", b"new").unwrap_err();
    assert!(matches!(error, Error::Cache(CacheError::ClaimEnded)), "{error}");
    let (space, mut parcel) = (engine.manager().keyspaces().remove(0), Parcel::new(u64::MAX));
    let mut next = Some(Passage::default());
    while let Some(from) = next {
        next = engine.manager().give(2, &space, HEIR, from, &mut parcel).unwrap();
    }
    let given: Vec<_> = parcel.entries().iter().map(distcache_manager::Entry::key).collect();
    assert_eq!(given, [b"other"]);
}

/// See `Tenant::settled`: whoever has the key next loads what the store has.
#[test]
fn a_view_is_told_as_taken_only_when_what_is_written_through_was_written_or_its_time_is_over() {
    let gate = Arc::new(Mutex::new(()));
    let (entered, has_entered) = crossbeam_channel::bounded(1);
    let closed = gate.clone();
    let timeout = Duration::from_millis(200);
    let engine = engine(KeyspaceConfig::new("stored").write_timeout(timeout), move |_| {
        entered.send(()).expect("the test listens");
        drop(closed.lock());
    });
    let held = gate.lock();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| engine.put("stored", b"key", b"1"));
        has_entered.recv().expect("it is being written");
        let began = Stopwatch::start();
        engine.shared.end_writes_of_before();
        assert!(timeout <= began.elapsed(), "it was not waited for");
        drop(held);
        // It may be told of in time or not.
        let _in_time_or_not = put.join().expect("it does not panic");
    });
}
