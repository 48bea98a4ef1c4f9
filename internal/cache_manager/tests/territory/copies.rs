//! Copies of what other processes own.

use std::sync::Arc;

use distcache_manager::{
    CacheManager, Change, Config, Copied, Draft, Error, Keyspace, KeyspaceSpec, Tick, Told,
};

use crate::fields::{Fields, OURS, THEIRS};

/// One in tenure 1, with a keyspace of which it keeps copies.
fn keeper() -> (CacheManager, Keyspace) {
    let config = Config { data_nodes: 2, capacity_bytes: 16 << 20, ..Config::default() };
    let cache = CacheManager::start(config).expect("good settings");
    let spec = KeyspaceSpec { replicas: 2, ..KeyspaceSpec::default() };
    let things = cache.add_keyspace("things", &spec).expect("it is new");
    cache.settle(1, Some(Arc::new(Fields::of(OURS)))).expect("a first view");
    (cache, things)
}

/// What was told with the other's first change.
const TOLD: Told = Told { owner: 2, number: 1 };

fn put(keyspace: &Keyspace, key: &[u8]) -> Copied {
    let draft = Draft::new(key, b"1", Tick::NEVER).expect("a short key");
    Copied { keyspace: keyspace.clone(), change: Change::Put(draft.entry()) }
}

#[test]
fn what_was_told_in_another_tenure_changes_no_copy() {
    let (cache, things) = keeper();
    for tenure in [0, 2] {
        let kept = cache.keep_copies(tenure, TOLD, vec![put(&things, OURS)]);
        assert_eq!(kept, Err(Error::Elsewhere));
    }
    assert_eq!(cache.adopt_copies(1, &things, |_| true), Ok(0));
    cache.keep_copies(1, TOLD, vec![put(&things, OURS)]).unwrap();
    assert_eq!(cache.adopt_copies(2, &things, |_| true), Err(Error::Elsewhere));
    assert_eq!(cache.adopt_copies(1, &things, |_| true), Ok(1));
    let hit = cache.get_in(&things, OURS).unwrap().expect("it is an entry now");
    assert_eq!(&hit.value[..], b"1");
}

#[test]
fn a_copy_that_may_not_be_the_latest_is_dropped_and_not_adopted() {
    let (cache, things) = keeper();
    cache.keep_copies(1, TOLD, vec![put(&things, OURS)]).unwrap();
    assert_eq!(cache.adopt_copies(1, &things, |_| false), Ok(0));
    assert_eq!(cache.adopt_copies(1, &things, |_| true), Ok(0), "it is gone");
    assert!(cache.get_in(&things, OURS).unwrap().is_none());
}

#[test]
fn what_is_to_be_kept_elsewhere_is_not_kept_here() {
    let (cache, things) = keeper();
    cache.keep_copies(1, TOLD, vec![put(&things, THEIRS)]).unwrap();
    let held = cache.statuses().unwrap().iter().map(|(_, status)| status.entries).sum::<u64>();
    assert_eq!(held, 0);
}
