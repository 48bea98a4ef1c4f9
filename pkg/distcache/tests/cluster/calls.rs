//! Every call of one key, from every member.

use std::time::Duration;

use distcache::{CacheError, Error, How, Item, KeyspaceConfig, LoadError, Ttl};

use crate::fleet::Fleet;

fn plain() -> Vec<KeyspaceConfig> {
    vec![KeyspaceConfig::new("plain").ttl(Duration::from_mins(10)).dated(true)]
}

#[test]
fn what_is_done_at_one_member_is_seen_at_all() {
    let fleet = Fleet::of(3, plain);
    let spaces: Vec<_> =
        fleet.engines.iter().map(|engine| engine.keyspace("plain").unwrap()).collect();
    for key in fleet.a_key_of_each("plain") {
        for (at, writer) in spaces.iter().enumerate() {
            let value = format!("of {at}");
            let item = Item::new(&key, value.as_bytes()).content_type("text/plain").tag("t");
            let version = writer.put_item(&item).unwrap();
            for reader in &spaces {
                let found = reader.get(&key).unwrap().expect("it was put");
                assert_eq!(found, *value.as_str());
                assert_eq!((found.version(), found.how()), (version, How::Hit));
                assert_eq!(found.content_type(), Some("text/plain"));
                assert!(found.born().is_some());
                let ttl = reader.ttl(&key).unwrap().expect("it is fresh");
                let Ttl::For(left) = ttl else { panic!("{ttl:?}") };
                assert!(left <= Duration::from_mins(10));
                assert!(Duration::from_mins(9) < left);
                let held = reader.trace(&key).unwrap().held.expect("it is held");
                assert_eq!((held.version, held.value_bytes, held.tags), (version, 4, 1));
            }
            assert!(writer.delete(&key).unwrap());
            for reader in &spaces {
                assert!(reader.get(&key).unwrap().is_none());
                assert!(!reader.contains(&key).unwrap());
            }
            assert!(!writer.delete(&key).unwrap());
        }
    }
}

#[test]
fn conditions_and_sums_hold_for_all_members_together() {
    let fleet = Fleet::of(2, plain);
    let [a, b] = [0, 1].map(|at: usize| fleet.engines[at].keyspace("plain").unwrap());
    for key in fleet.a_key_of_each("plain") {
        let version = a.put_item(&Item::new(&key, b"1").if_absent()).unwrap();
        let error = b.put_item(&Item::new(&key, b"2").if_absent()).unwrap_err();
        assert_eq!(error.unmet(), Some(Some(version)));
        b.put_item(&Item::new(&key, b"7").if_version(version)).unwrap();
        assert_eq!(a.increment(&key, 3).unwrap(), 10);
        assert_eq!(b.decrement(&key, 1).unwrap(), 9);
        let error = a.delete_if_version(&key, version).unwrap_err();
        assert!(matches!(error.unmet(), Some(Some(newer)) if version < newer));
        a.put(&key, b"no number").unwrap();
        let errors = [a.increment(&key, 1).unwrap_err(), b.increment(&key, 1).unwrap_err()];
        for error in errors {
            assert!(matches!(error, Error::Cache(CacheError::NoNumber)), "{error}");
        }
        assert!(a.expire(&key, Duration::from_secs(5)).unwrap());
        assert!(
            matches!(b.ttl(&key).unwrap(), Some(Ttl::For(left)) if left <= Duration::from_secs(5))
        );
        assert!(b.persist(&key).unwrap());
        assert_eq!(a.ttl(&key).unwrap(), Some(Ttl::UntilEvicted));
        assert!(b.invalidate(&key).unwrap());
        assert!(!a.touch(&key).unwrap());
    }
}

/// A source that has no value for some keys, and fails for others.
fn sourced() -> Vec<KeyspaceConfig> {
    let source = |key: &[u8]| -> Result<Option<Vec<u8>>, std::io::Error> {
        match key.first() {
            Some(b'f') => Err(std::io::Error::other("the disk is on fire")),
            Some(b'n') => Ok(None),
            _ => Ok(Some(key.to_vec())),
        }
    };
    vec![KeyspaceConfig::new("sourced").source_fn(source)]
}

#[test]
fn what_a_source_says_is_the_same_at_every_member() {
    let fleet = Fleet::of(2, sourced);
    for engine in &fleet.engines {
        let space = engine.keyspace("sourced").unwrap();
        for n in 0..20 {
            let key = |kind: char| format!("{kind}{n}").into_bytes();
            assert_eq!(space.get(&key('v')).unwrap().expect("it has one").to_vec(), key('v'));
            assert!(space.get(&key('n')).unwrap().is_none());
            let error = space.get(&key('f')).unwrap_err();
            assert!(matches!(error, Error::Load(LoadError::Failed(_))), "{error:?}");
            assert_eq!(error.to_string(), "the source failed: the disk is on fire");
        }
    }
    let loads: u64 = fleet
        .engines
        .iter()
        .map(|engine| engine.keyspace("sourced").unwrap().stats().unwrap().loads_found)
        .sum();
    assert_eq!(loads, 20, "one each, in both together");
}

#[test]
fn what_a_member_refuses_is_refused_by_the_same_words_everywhere() {
    let fleet = Fleet::of(2, plain);
    let [a, b] = [0, 1].map(|at: usize| fleet.engines[at].keyspace("plain").unwrap());
    for key in fleet.a_key_of_each("plain") {
        let long = vec![0; 9 << 20];
        let errors = [a.put(&key, &long).unwrap_err(), b.put(&key, &long).unwrap_err()];
        for error in errors {
            assert!(matches!(error, Error::Cache(CacheError::ValueTooLarge { .. })), "{error}");
        }
        let tags: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let item = tags.iter().fold(Item::new(&key, b"1"), |item, tag| item.tag(tag));
        let errors = [a.put_item(&item).unwrap_err(), b.put_item(&item).unwrap_err()];
        for error in errors {
            assert!(matches!(error, Error::Cache(CacheError::TooManyTags { tags: 40 })), "{error}");
        }
    }
}
