//! Keyspaces on which all members agree.

use std::time::Duration;

use distcache::{CacheError, Engine, Error, KeyspaceConfig};

use crate::fleet::{Fleet, until};

fn none() -> Vec<KeyspaceConfig> {
    vec![KeyspaceConfig::new("own")]
}

fn ttl(engine: &Engine, name: &str) -> Option<Duration> {
    engine.keyspace(name).ok()?.config().settings().ttl
}

#[test]
fn what_one_member_adds_changes_and_removes_all_have() {
    let mut fleet = Fleet::of(3, none);
    let (first, second) = (Duration::from_mins(1), Duration::from_mins(2));
    fleet.engines[0].add_keyspace(KeyspaceConfig::new("shared").ttl(first)).unwrap();
    // At once: it has returned when all have it.
    assert!(fleet.engines.iter().all(|engine| ttl(engine, "shared") == Some(first)));
    for key in fleet.a_key_of_each("shared") {
        fleet.engines[1].put("shared", &key, b"1").unwrap();
        assert_eq!(fleet.engines[2].get("shared", &key).unwrap().as_deref(), Some(&b"1"[..]));
    }
    let again = fleet.engines[2].add_keyspace(KeyspaceConfig::new("shared")).unwrap_err();
    assert!(matches!(again, Error::Cache(CacheError::KeyspaceExists { .. })), "{again}");
    fleet.engines[1].update_keyspace(KeyspaceConfig::new("shared").ttl(second)).unwrap();
    assert!(fleet.engines.iter().all(|engine| ttl(engine, "shared") == Some(second)));
    let joined = fleet.start(none());
    fleet.engines.push(joined);
    fleet.settle();
    until("who joins has it too", || ttl(&fleet.engines[3], "shared") == Some(second));
    fleet.engines[3].delete_keyspace("shared").unwrap();
    for engine in &fleet.engines {
        assert_eq!(engine.keyspaces(), ["own"]);
    }
}

#[test]
fn a_keyspace_that_was_removed_and_added_again_is_empty_everywhere() {
    let fleet = Fleet::of(2, none);
    fleet.engines[0].add_keyspace(KeyspaceConfig::new("shared")).unwrap();
    let keys = fleet.a_key_of_each("shared");
    for key in &keys {
        fleet.engines[0].put("shared", key, b"1").unwrap();
    }
    fleet.engines[1].delete_keyspace("shared").unwrap();
    let error = fleet.engines[0].get("shared", &keys[0]).unwrap_err();
    assert!(matches!(error, Error::Cache(CacheError::KeyspaceUnknown { .. })), "{error}");
    fleet.engines[1].add_keyspace(KeyspaceConfig::new("shared")).unwrap();
    for engine in &fleet.engines {
        assert!(keys.iter().all(|key| engine.get("shared", key).unwrap().is_none()));
    }
}

#[test]
fn what_the_member_refuses_that_is_asked_is_told_and_nobody_has_it() {
    let fleet = Fleet::of(2, none);
    let too_large = KeyspaceConfig::new("shared").value_bytes_max(1 << 40);
    let error = fleet.engines[0].add_keyspace(too_large).unwrap_err();
    assert!(matches!(error, Error::Cache(CacheError::KeyspaceRefused { .. })), "{error:?}");
    assert!(fleet.engines.iter().all(|engine| engine.keyspaces() == ["own"]));
}
