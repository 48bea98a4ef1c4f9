//! A member that nobody follows, though others should: what it does is never committed, but
//! by these tests.

use std::sync::Arc;
use std::thread;

use distcache_manager::{Claim, Journal, Territory, Write, codes};

use super::*;
use crate::{Engine, KeyspaceConfig};

/// Every key is ours, since this tenure.
#[derive(Debug)]
struct OursSince(u64);

impl Territory for OursSince {
    fn heir(&self, _: &distcache_manager::Keyspace, _: &[u8]) -> Option<u64> {
        None
    }

    fn claim(&self, _: &distcache_manager::Keyspace, _: &[u8]) -> Option<Claim> {
        Some(Claim(1))
    }

    fn is_over(&self, _: Claim) -> bool {
        false
    }

    fn tenure(&self) -> u64 {
        self.0
    }

    fn is_ours_since(&self, _: &distcache_manager::Keyspace, _: &[u8], tenure: u64) -> bool {
        self.0 <= tenure
    }
}

/// Of a call that never ends, and of one that does.
const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_mins(1);

fn engine(timeout: Duration) -> (Engine, Keyspace) {
    let config = KeyspaceConfig::new("things").replicas(2);
    let config = config.read_timeout(timeout).write_timeout(timeout);
    let engine = Engine::builder().keyspace(config).start().expect("good settings");
    engine.manager().settle(1, Some(Arc::new(OursSince(1)))).expect("a first view");
    engine.manager().journal().begin(Arc::new(|| ()));
    let keyspace = engine.keyspace("things").expect("it is there");
    (engine, keyspace)
}

fn journal(keyspace: &Keyspace) -> &Journal {
    keyspace.inner.manager.journal()
}

/// What each call that tells of a key says, by its code.
fn told(keyspace: &Keyspace) -> Vec<Result<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (key, keys): (&[u8], &[&[u8]]) = (b"key", &[b"key"]);
    let absent = Item::new(key, b"2").if_absent();
    let unmet = |put: Result<Version>| match put {
        Err(error) if error.unmet().is_some() => Ok(()),
        put => put.map(drop),
    };
    let mut told = vec![
        keyspace.get(key).map(drop),
        runtime.block_on(keyspace.get_async(key)).map(drop),
        keyspace.peek(key).map(drop),
        runtime.block_on(keyspace.peek_async(key)).map(drop),
        keyspace.trace(key).map(drop),
        runtime.block_on(keyspace.here_async(Ask::Get { key })).map(drop),
        unmet(keyspace.put_item(&absent)),
        unmet(runtime.block_on(keyspace.put_item_async(&absent))),
        match keyspace.increment(key, 1) {
            Err(Error::Cache(CacheError::NoNumber)) => Ok(()),
            sum => sum.map(drop),
        },
    ];
    told.extend(keyspace.get_many(keys).into_iter().map(|one| one.map(drop)));
    let many = runtime.block_on(keyspace.get_many_async(keys));
    told.extend(many.into_iter().map(|one| one.map(drop)));
    told
}

#[test]
fn no_call_tells_of_a_change_before_it_is_committed() {
    let (_engine, keyspace) = engine(SHORT);
    let inner = &keyspace.inner;
    inner.manager.put_in(&inner.cache, &Write::new(b"key", b"no number")).unwrap();
    for (at, told) in told(&keyspace).into_iter().enumerate() {
        let code = told.map_err(|error| error.code());
        assert_eq!(code, Err(codes::NOT_COMMITTED), "call {at}");
    }
    journal(&keyspace).commit(u64::MAX);
    for (at, told) in told(&keyspace).into_iter().enumerate() {
        assert!(told.is_ok(), "call {at}: {told:?}");
    }
}

/// See [`Begun`].
#[test]
fn what_was_begun_before_its_key_was_another_s_is_not_acknowledged_after() {
    let calls: [fn(&Keyspace) -> Result<()>; 4] = [
        |keyspace| keyspace.put(b"key", b"2").map(drop),
        |keyspace| keyspace.increment(b"key", 1).map(drop),
        |keyspace| keyspace.delete(b"key").map(drop),
        |keyspace| keyspace.put_many(&[Item::new(b"key", b"2")]).remove(0).map(drop),
    ];
    for (at, call) in calls.iter().enumerate() {
        for tenure in [1, 2] {
            let (engine, keyspace) = engine(LONG);
            let (manager, inner) = (engine.manager(), &keyspace.inner);
            manager.put_in(&inner.cache, &Write::new(b"key", b"1")).unwrap();
            thread::scope(|scope| {
                let called = scope.spawn(|| call(&keyspace));
                while journal(&keyspace).head() < 2 {
                    thread::yield_now();
                }
                manager.settle(2, Some(Arc::new(OursSince(tenure)))).unwrap();
                journal(&keyspace).commit(u64::MAX);
                let told = called.join().unwrap();
                assert_eq!(told.is_ok(), tenure == 1, "call {at}: {told:?}");
            });
        }
    }
}

#[test]
fn a_put_that_is_made_again_is_made_over_an_older_version_alone() {
    let (_engine, keyspace) = engine(LONG);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    journal(&keyspace).end();
    let version = keyspace.put(b"key", b"1").unwrap();
    let again = |key: &[u8], before: u64| {
        let condition = Condition::Before(Version::from(before));
        let item = Item { condition, ..Item::new(key, b"2") };
        runtime.block_on(keyspace.here_async(Ask::Put(&item))).map(|told| told.stored())
    };
    for before in [1, version.get()] {
        assert_eq!(again(b"key", before).unwrap(), Some(Version::from(before)));
        assert_eq!(keyspace.get(b"key").unwrap().as_deref(), Some(&b"1"[..]));
    }
    assert!(again(b"key", version.get() + 1).unwrap() > Some(version));
    assert_eq!(keyspace.get(b"key").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(again(b"none", 7).unwrap_err().unmet(), Some(None));
}
