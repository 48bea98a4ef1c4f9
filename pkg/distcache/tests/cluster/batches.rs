//! Many keys of many members in one call.

use distcache::Item;

use crate::fleet::{Fleet, keyspaces};

#[test]
fn a_batch_reaches_every_owner_and_keeps_its_order() {
    let fleet = Fleet::of(3, keyspaces);
    let keys: Vec<Vec<u8>> = (0..2_500).map(|n| format!("key-{n}").into_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let [a, b, c] = [0, 1, 2].map(|at: usize| fleet.engines[at].keyspace("plain").unwrap());
    let items: Vec<_> = keys.iter().map(|key| Item::new(key, key)).collect();
    let mut versions = Vec::new();
    for stored in a.put_many(&items) {
        versions.push(stored.unwrap());
    }
    for (at, found) in b.get_many(&keys).into_iter().enumerate() {
        let found = found.unwrap().expect("it was put");
        assert_eq!((&*found, found.version()), (keys[at], versions[at]));
    }
    for was_there in c.delete_many(&keys[..1_000]) {
        assert!(was_there.unwrap());
    }
    let found = a.get_many(&keys);
    assert!(
        found.iter().enumerate().all(|(at, found)| {
            found.as_ref().is_ok_and(|found| found.is_some() == (1_000 <= at))
        })
    );
}

#[test]
fn what_a_batch_misses_is_loaded_once_wherever_it_is_asked_for() {
    let fleet = Fleet::of(3, keyspaces);
    let keys: Vec<Vec<u8>> = (0..300).map(|n| format!("key-{n}").into_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    for engine in &fleet.engines {
        let found = engine.keyspace("sourced").unwrap().get_many(&keys);
        for (key, found) in keys.iter().zip(found) {
            assert_eq!(found.unwrap().as_deref(), Some(*key));
        }
    }
    let loads = |engine: &distcache::Engine| {
        engine.keyspace("sourced").unwrap().stats().unwrap().loads_found
    };
    assert_eq!(fleet.engines.iter().map(loads).sum::<u64>(), 300);
}

#[test]
fn values_that_have_no_room_in_one_frame_are_found_together_all_the_same() {
    let fleet = Fleet::of(2, keyspaces);
    let keys: Vec<Vec<u8>> = (0..60).map(|n| format!("key-{n}").into_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let value = vec![7; 400 << 10];
    let items: Vec<_> = keys.iter().map(|key| Item::new(key, &value)).collect();
    let [a, b] = [0, 1].map(|at: usize| fleet.engines[at].keyspace("plain").unwrap());
    assert!(a.put_many(&items).iter().all(Result::is_ok));
    for space in [a, b] {
        let found = space.get_many(&keys);
        assert!(found.into_iter().all(|found| found.unwrap().is_some_and(|one| *one == *value)));
    }
}
