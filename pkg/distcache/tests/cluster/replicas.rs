//! Keyspaces of which other members keep copies.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{
    CacheError, Engine, Error, Found, Item, Keyspace, KeyspaceConfig, ReadFrom, Version,
};
use parking_lot::Mutex;

use crate::fleet::{Fleet, until};

fn replicated() -> Vec<KeyspaceConfig> {
    vec![
        KeyspaceConfig::new("plain").replicas(2),
        KeyspaceConfig::new("sourced")
            .replicas(3)
            .source_fn(|key: &[u8]| -> Result<_, std::io::Error> { Ok(Some(key.to_vec())) }),
    ]
}

fn keys() -> Vec<Vec<u8>> {
    (0..60).map(|n| format!("key-{n}").into_bytes()).collect()
}

fn space(engine: &Engine, name: &str) -> Keyspace {
    engine.keyspace(name).expect("it is there")
}

/// Two keyspaces of which every member of three answers reads of everything.
fn read_from_any() -> Vec<KeyspaceConfig> {
    replicated().into_iter().map(|config| config.replicas(3).read(ReadFrom::Any)).collect()
}

/// How many reads of keys that are not its own each has answered with copies, and how many
/// reads its own nodes have answered.
fn reads(fleet: &Fleet, name: &str) -> Vec<(u64, u64)> {
    let stats = |engine: &Engine| space(engine, name).stats().expect("it is there");
    fleet.engines.iter().map(stats).map(|stats| (stats.copy_hits, stats.gets)).collect()
}

/// How many changes each has written down, and how many are with all who keep copies.
fn journals(fleet: &Fleet) -> Vec<(u64, u64)> {
    let journal = |engine: &Engine| engine.manager().journal().clone();
    fleet.engines.iter().map(journal).map(|one| (one.head(), one.committed())).collect()
}

/// Whoever was answered, by whatever call, was answered after all copies were made.
#[test]
fn every_call_is_answered_when_its_change_is_with_all_who_keep_copies() {
    let fleet = Fleet::of(3, replicated);
    let (keys, [a, b, c]) = (keys(), [0, 1, 2].map(|at| space(&fleet.engines[at], "plain")));
    let all_committed = |what: &str| {
        let journals = journals(&fleet);
        assert!(journals.iter().all(|(head, committed)| head == committed), "{what}: {journals:?}");
    };
    for key in &keys {
        a.put(key, b"1").unwrap();
        all_committed("put");
        assert_eq!(b.get(key).unwrap().as_deref(), Some(&b"1"[..]));
        assert!(c.touch(key).unwrap());
        all_committed("touch");
    }
    let items: Vec<_> = keys.iter().map(|key| Item::new(key, b"2")).collect();
    assert!(b.put_many(&items).into_iter().all(|put| put.is_ok()));
    all_committed("put_many");
    let named: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    assert!(c.get_many(&named).into_iter().all(|got| got.unwrap().as_deref() == Some(b"2")));
    for key in &keys[..20] {
        assert!(c.delete(key).unwrap());
        all_committed("delete");
    }
    assert!(a.delete_many(&named[20..30]).into_iter().all(|was_there| was_there.unwrap()));
    all_committed("delete_many");
    assert_eq!(b.increment(b"number", 5).unwrap(), 5);
    all_committed("increment");
    assert_eq!(c.invalidate_prefix(b"key-3").unwrap(), 10);
    all_committed("invalidate_prefix");
    assert_eq!(a.clear().unwrap(), 21);
    all_committed("clear");
    assert!(named.iter().all(|key| b.get(key).unwrap().is_none()));
    let before: u64 = journals(&fleet).iter().map(|(head, _)| head).sum();
    assert!(200 < before, "they were written down at all: {before}");
}

#[test]
fn where_any_may_be_read_each_member_answers_with_its_copy_and_always_with_the_latest() {
    let fleet = Fleet::of(3, read_from_any);
    let (keys, spaces) = (keys(), [0, 1, 2].map(|at| space(&fleet.engines[at], "plain")));
    for (at, key) in keys.iter().enumerate() {
        spaces[at % 3].put(key, b"old").unwrap();
    }
    for (at, key) in keys.iter().enumerate() {
        spaces[at % 3].put(key, b"new").unwrap();
        for space in &spaces {
            assert_eq!(space.get(key).unwrap().as_deref(), Some(&b"new"[..]));
        }
    }
    // So many reads by copies, and by the owners themselves.
    let told = |read: &dyn Fn(&Keyspace)| {
        let before = reads(&fleet, "plain");
        spaces.iter().for_each(read);
        let pairs = reads(&fleet, "plain").into_iter().zip(before);
        pairs.fold((0, 0), |sum, (now, was)| (sum.0 + now.0 - was.0, sum.1 + now.1 - was.1))
    };
    let is_new = |found: Result<Option<Found>, Error>| {
        assert_eq!(found.unwrap().as_deref(), Some(&b"new"[..]));
    };
    let one_by_one = |space: &Keyspace| keys.iter().for_each(|key| is_new(space.get(key)));
    let (everywhere, by_owners) = (2 * keys.len() as u64, keys.len() as u64);
    until("each member knows that all is committed", || {
        told(&one_by_one) == (everywhere, by_owners)
    });
    let named: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let together = |space: &Keyspace| space.get_many(&named).into_iter().for_each(is_new);
    assert_eq!(told(&together), (everywhere, by_owners));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let by_tasks = |space: &Keyspace| {
        for key in &keys {
            is_new(runtime.block_on(space.get_async(key)));
        }
    };
    assert_eq!(told(&by_tasks), (everywhere, by_owners));
    let of_tasks = |space: &Keyspace| {
        runtime.block_on(space.get_many_async(&named)).into_iter().for_each(is_new);
    };
    assert_eq!(told(&of_tasks), (everywhere, by_owners));
    for key in &keys {
        assert!(spaces[0].delete(key).unwrap());
        assert!(spaces.iter().all(|space| space.get(key).unwrap().is_none()));
    }
}

/// Of four members three hold each entry: the fourth asks each of them in turn.
#[test]
fn who_keeps_no_copy_reads_from_all_who_do() {
    let fleet = Fleet::of(4, read_from_any);
    let (keys, spaces) = (keys(), [0, 1, 2, 3].map(|at| space(&fleet.engines[at], "plain")));
    for key in &keys {
        spaces[0].put(key, key).unwrap();
    }
    // A reader that holds a quarter of the keys, and copies of half of them, asks others for
    // the last quarter: two of three times one that has a copy.
    until("others answer with their copies what is asked of them", || {
        let before = reads(&fleet, "plain");
        assert!(keys.iter().all(|key| spaces[0].get(key).unwrap().as_deref() == Some(key)));
        let after = reads(&fleet, "plain");
        (1..4).map(|at| after[at].0 - before[at].0).sum::<u64>() > 0
    });
}

/// The word that there is none, too; and what is missing is loaded once, by its owner.
#[test]
fn where_any_may_be_read_a_copy_of_the_word_that_there_is_nothing_is_read_too() {
    let loads = Arc::new(AtomicU64::new(0));
    let counting = || {
        let loads = loads.clone();
        let source = move |_: &[u8]| -> Result<Option<Vec<u8>>, std::io::Error> {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok(None)
        };
        let config = KeyspaceConfig::new("sourced").negative_ttl(Duration::from_mins(10));
        vec![config.replicas(3).read(ReadFrom::Any).source_fn(source)]
    };
    let fleet = Fleet::of(3, counting);
    let (keys, spaces) = (keys(), [0, 1, 2].map(|at| space(&fleet.engines[at], "sourced")));
    until("each member knows that there is nothing", || {
        let before: u64 = reads(&fleet, "sourced").iter().map(|(copies, _)| copies).sum();
        for space in &spaces {
            assert!(keys.iter().all(|key| space.get(key).unwrap().is_none()));
        }
        let after: u64 = reads(&fleet, "sourced").iter().map(|(copies, _)| copies).sum();
        after - before == 2 * keys.len() as u64
    });
    assert_eq!(loads.load(Ordering::SeqCst), keys.len() as u64);
}

#[test]
fn calls_of_tasks_wait_for_the_copies_too_and_one_load_is_enough() {
    let loads = Arc::new(AtomicU64::new(0));
    let counting = || {
        let loads = loads.clone();
        let source = move |key: &[u8]| -> Result<_, std::io::Error> {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok(Some(key.to_vec()))
        };
        vec![KeyspaceConfig::new("sourced").replicas(3).source_fn(source)]
    };
    let fleet = Fleet::of(3, counting);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (at, key) in keys().iter().enumerate() {
            let space = space(&fleet.engines[at % 3], "sourced");
            let found = space.get_async(key).await.unwrap();
            assert_eq!(found.as_deref(), Some(&**key));
            let journals = journals(&fleet);
            assert!(journals.iter().all(|(head, done)| head == done), "{journals:?}");
            space.put_async(key, b"put").await.unwrap();
            let all: Vec<&[u8]> = vec![key];
            let found = space.get_many_async(&all).await.pop().unwrap().unwrap();
            assert_eq!(found.as_deref(), Some(&b"put"[..]));
        }
        space(&fleet.engines[0], "sourced").invalidate_tags_async(&["none"]).await.unwrap();
        space(&fleet.engines[1], "sourced").clear_async().await.unwrap();
    });
    // Settling looks at keys, and loads nothing.
    assert_eq!(loads.load(Ordering::SeqCst), keys().len() as u64);
}

#[test]
fn what_was_put_is_there_when_members_have_left_one_after_the_other() {
    let mut fleet = Fleet::of(4, replicated);
    let keys = keys();
    for key in &keys {
        space(&fleet.engines[0], "plain").put(key, key).unwrap();
    }
    let gone = fleet.engines.remove(0);
    gone.shutdown(Duration::from_secs(20)).unwrap();
    fleet.settle();
    for key in &keys {
        let found = space(&fleet.engines[0], "plain").get(key).unwrap();
        assert_eq!(found.as_deref(), Some(&**key));
    }
    until("who is left keeps the copies", || {
        journals(&fleet).iter().all(|(head, committed)| head == committed)
    });
}

#[test]
fn alone_nobody_waits_for_copies_and_nothing_is_written_down() {
    let engine = Engine::builder().keyspace(KeyspaceConfig::new("plain").replicas(2));
    let engine = engine.start().unwrap();
    space(&engine, "plain").put(b"a", b"1").unwrap();
    assert_eq!(space(&engine, "plain").get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(engine.manager().journal().head(), 0);
}

/// Under which version each value was seen.
#[derive(Default)]
struct Seen(Mutex<HashMap<Vec<u8>, Version>>);

impl Seen {
    fn note(&self, value: &[u8], version: Version) {
        let before = *self.0.lock().entry(value.to_vec()).or_insert(version);
        assert_eq!(before, version, "{} has two versions", String::from_utf8_lossy(value));
    }
}

/// 1. A puts version 5. The key goes to B, and version 5 with it; A's copies are not made.
/// 2. A reader gets version 5 from B. Another put is acknowledged there.
/// 3. The first is made again at B: a reader gets what was there before the second.
#[test]
fn a_put_is_made_once_whoever_owns_its_key_meanwhile() {
    let mut fleet = Fleet::of(2, replicated);
    let (seen, keys, is_over) = (Seen::default(), &keys()[..6], AtomicBool::new(false));
    let spaces = [0, 1].map(|at| space(&fleet.engines[at], "plain"));
    let unknown = AtomicUsize::new(0);
    let write = &|writer: usize| {
        for round in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
            for key in keys {
                let value = format!("{}-{writer}-{round}", String::from_utf8_lossy(key));
                match spaces[writer % 2].put(key, value.as_bytes()) {
                    Ok(version) => seen.note(value.as_bytes(), version),
                    // Where the machine is busy its entry may come too late to its next owner:
                    // nobody knows who has seen it.
                    Err(Error::OwnerChanged { .. } | Error::Cache(CacheError::ClaimEnded)) => {
                        unknown.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    };
    let read = &|reader: usize| {
        while !is_over.load(Ordering::Relaxed) {
            for key in keys {
                if let Some(found) = spaces[reader % 2].get(key).unwrap() {
                    seen.note(&found, found.version());
                }
            }
        }
    };
    thread::scope(|scope| {
        for at in 0..2 {
            scope.spawn(move || write(at));
            scope.spawn(move || read(at));
        }
        let ends = Ends(&is_over);
        for _ in 0..4 {
            let joined = fleet.start(replicated());
            fleet.engines.push(joined);
            fleet.settle();
            let gone = fleet.engines.pop().unwrap();
            gone.shutdown(Duration::from_secs(20)).unwrap();
            fleet.settle();
        }
        drop(ends);
    });
    assert!(100 < seen.0.lock().len());
    let unknown = unknown.into_inner();
    assert!(unknown < 5, "{unknown} puts were neither made nor refused");
}

/// Ends the others, also when one has failed.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
