//! Writes that reach a store, from every member, while keys change owners.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use distcache::{
    Answer, Context, DataSource, DataStore, KeyspaceConfig, Loaded, SourceError, WriteBehind,
};
use parking_lot::Mutex;

use crate::fleet::Fleet;

/// A database that all members share.
#[derive(Debug, Clone, Default)]
struct Database(Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>);

impl DataSource for Database {
    fn fetch(&self, key: &[u8], _: &Context) -> Result<Answer, SourceError> {
        let found = self.0.lock().get(key).cloned();
        Ok(found.map_or(Answer::NotFound, |value| Answer::Found(Loaded::new(value))))
    }
}

impl DataStore for Database {
    fn store(&self, key: &[u8], value: &[u8], _: &Context) -> Result<(), SourceError> {
        self.0.lock().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn remove(&self, key: &[u8], _: &Context) -> Result<(), SourceError> {
        self.0.lock().remove(key);
        Ok(())
    }
}

fn number(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).expect("digits").parse().expect("a number")
}

/// Writes ever larger numbers through all members while one joins and one leaves: what is
/// read anywhere is never less than what was acknowledged before.
fn written_while_owners_change(database: &Database, keyspace: impl Fn() -> KeyspaceConfig) {
    let mut fleet = Fleet::of(2, || vec![keyspace()]);
    let keys: Vec<_> = (0..40).map(|n| format!("key-{n}").into_bytes()).collect();
    let mut round = 0_usize;
    let mut write_and_read = |fleet: &Fleet, rounds: usize| {
        // What was written before, by owners that are none any more perhaps.
        for key in keys.iter().filter(|_| round != 0) {
            let found = fleet.engines[0].get("stored", key).expect("it is read");
            assert_eq!(number(&found.expect("the store has it")), round);
        }
        for _ in 0..rounds {
            round += 1;
            for (at, key) in keys.iter().enumerate() {
                let engines = fleet.engines.len();
                let writer = &fleet.engines[(at + round) % engines];
                writer.put("stored", key, round.to_string().as_bytes()).expect("it is written");
                let reader = &fleet.engines[(at + round + 1) % engines];
                let found =
                    reader.get("stored", key).expect("it is read").expect("the store has it");
                assert_eq!(number(&found), round, "{} by {at}", String::from_utf8_lossy(key));
            }
        }
    };
    write_and_read(&fleet, 3);
    let joined = fleet.start(vec![keyspace()]);
    // Before it is one of those who are asked, keys become its own.
    thread::scope(|scope| {
        let rounds = scope.spawn(|| write_and_read(&fleet, 60));
        rounds.join().expect("all was as it should be");
    });
    fleet.engines.push(joined);
    fleet.settle();
    write_and_read(&fleet, 3);
    let gone = fleet.engines.remove(0);
    thread::scope(|scope| {
        scope.spawn(|| gone.shutdown(Duration::from_secs(20)).expect("in order"));
        write_and_read(&fleet, 60);
    });
    fleet.settle();
    write_and_read(&fleet, 3);
    for engine in &fleet.engines {
        engine.shutdown(Duration::from_secs(20)).expect("in order");
    }
    let stored = database.0.lock();
    assert!(keys.iter().all(|key| number(&stored[key]) == round), "nothing was lost or late");
}

#[test]
fn what_is_written_through_is_read_everywhere_while_keys_change_owners() {
    let database = Database::default();
    written_while_owners_change(&database, || {
        let shared = Arc::new(database.clone());
        KeyspaceConfig::new("stored").source(database.clone()).write_through(shared)
    });
}

#[test]
fn what_is_written_behind_is_read_everywhere_while_keys_change_owners() {
    let database = Database::default();
    written_while_owners_change(&database, || {
        let shared = Arc::new(database.clone());
        // So long that only the change of owners makes the writes.
        let how = WriteBehind::default().delay(Duration::from_mins(1));
        // Fewer entries than keys: what is not written yet is read from where it waits.
        let keyspace = KeyspaceConfig::new("stored").entries_max(10);
        keyspace.source(database.clone()).write_behind(shared, how)
    });
}
