//! The numbers of a keyspace add up, and are those of what has happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use distcache::{Answer, Error, Found, How, Item, Keyspace, KeyspaceConfig, KeyspaceStats};

use crate::support::{
    LONG, Origin, SECOND, engine, keyspace, on_threads, over, text, until, validate,
};

/// Numbers that look like chance, and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX generator; its upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn key(&mut self) -> u8 {
        u8::try_from(self.below(64)).expect("below 64")
    }
}

/// What callers have seen, to be compared with what the keyspace tells.
#[derive(Default)]
struct Seen {
    gets: AtomicU64,
    hits: AtomicU64,
    errors: AtomicU64,
    nothing: AtomicU64,
    puts: AtomicU64,
    /// Only gets of one key: see the test of batches that look again.
    is_without_batches: bool,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn total(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Seen {
    fn got(&self, got: &Result<Option<Found>, Error>) {
        count(&self.gets);
        match got {
            Ok(Some(found)) if found.how() == How::Hit => count(&self.hits),
            Ok(Some(_)) => {}
            Ok(None) => count(&self.nothing),
            Err(_) => count(&self.errors),
        }
    }

    /// One call by chance.
    fn call(&self, things: &Keyspace, chance: &mut Chance) {
        let key = [chance.key()];
        match chance.below(20) {
            0..8 => self.got(&things.get(&key)),
            8 if self.is_without_batches => {}
            8 => {
                let keys: Vec<[u8; 1]> = (0..5).map(|_| [chance.key()]).collect();
                let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                things.get_many(&keys).iter().for_each(|got| self.got(got));
            }
            9..13 => {
                count(&self.puts);
                things.put_item(&Item::new(&key, b"put").ttl(SECOND * 3).tag("t")).expect("stored");
            }
            13 => {
                let items: Vec<_> = (0..3).map(|_| Item::new(&key, b"many")).collect();
                for put in things.put_many(&items) {
                    put.expect("stored");
                    count(&self.puts);
                }
            }
            14 => _ = things.delete(&key).expect("an answer"),
            15 => _ = things.invalidate_prefix(&key).expect("an answer"),
            16 => things.invalidate_tags(&["t"]).expect("an answer"),
            17 => _ = things.expire(&key, SECOND).expect("an answer"),
            18 => _ = things.peek(&key).expect("an answer"),
            _ => _ = things.contains(&key).expect("an answer"),
        }
    }

    fn compare(&self, stats: &KeyspaceStats) {
        assert_eq!(stats.gets, total(&self.gets), "gets");
        assert_eq!(stats.gets, stats.hits + stats.misses);
        assert_eq!(stats.hits, total(&self.hits) + stats.absent_hits, "hits");
        assert!(stats.absent_hits <= total(&self.nothing));
        let ended = stats.loads_found + stats.loads_not_found + stats.load_failures;
        assert_eq!(stats.loads, ended + stats.load_timeouts + stats.loads_cancelled);
        assert!(stats.source_requests <= stats.loads);
        let gone = stats.deletes + stats.evictions + stats.expirations + stats.invalidations;
        assert_eq!(stats.inserts, stats.entries + gone, "{stats:?}");
        assert!(total(&self.puts) <= stats.inserts + stats.updates);
        assert!(stats.inserts + stats.updates <= total(&self.puts) + stats.loads);
        assert!(stats.collapsed <= stats.misses);
        assert_eq!((stats.flights, stats.loads_waiting, stats.gave_up), (0, 0, 0));
    }
}

/// A source that has a value, has none, or fails, by the key; it counts.
fn mixed(calls: &Arc<AtomicU64>) -> KeyspaceConfig {
    let calls = calls.clone();
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .negative_ttl(SECOND)
        .ttl(SECOND * 2)
        .entries_max(40)
        .source_fn(move |key: &[u8]| {
            count(&calls);
            match key[0] % 4 {
                0 => Err(std::io::Error::other("no answer")),
                1 => Ok(None),
                _ => Ok(Some("loaded")),
            }
        })
}

#[test]
fn after_any_calls_of_one_thread_the_numbers_add_up() {
    for seed in 0..8 {
        let (calls, seen) = (Arc::new(AtomicU64::new(0)), Seen::default());
        let (engine, things, clock) = keyspace(mixed(&calls));
        let mut chance = Chance(seed);
        for call in 0..3_000 {
            seen.call(&things, &mut chance);
            if chance.below(50) == 0 {
                clock.advance(SECOND);
            }
            if call % 500 == 0 {
                until("loads have ended", || things.stats().expect("an answer").flights == 0);
                let stats = things.stats().unwrap();
                seen.compare(&stats);
                assert_eq!(stats.loads, calls.load(Ordering::Relaxed), "seed {seed}");
            }
        }
        validate(&engine);
        let stats = things.stats().unwrap();
        assert!(stats.loads_found * stats.loads_not_found * stats.load_failures != 0);
        assert!(stats.evictions * stats.expirations * stats.invalidations * stats.deletes != 0);
    }
}

#[test]
fn after_any_calls_of_many_threads_the_numbers_add_up() {
    let seen = Seen { is_without_batches: true, ..Seen::default() };
    let calls = Arc::new(AtomicU64::new(0));
    let (engine, things, clock) = keyspace(mixed(&calls));
    on_threads(4, |thread| {
        let mut chance = Chance(thread as u64);
        for _ in 0..3_000 {
            seen.call(&things, &mut chance);
            if chance.below(200) == 0 {
                clock.advance(SECOND);
            }
        }
    });
    until("loads have ended", || things.stats().expect("an answer").flights == 0);
    let stats = things.stats().unwrap();
    seen.compare(&stats);
    assert_eq!(stats.loads, calls.load(Ordering::Relaxed));
    validate(&engine);
}

#[test]
fn a_batch_counts_each_key_once_though_it_looks_again() {
    let origin = Origin::new("");
    origin.set(distcache::Loaded::new("1").tag("t").into());
    let (_engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    std::thread::scope(|scope| {
        let early = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        things.invalidate_tags(&["t"]).unwrap();
        let late = scope.spawn(|| things.get_many(&[b"a"]));
        until("it waits too", || things.stats().expect("an answer").collapsed == 1);
        origin.open_gate();
        early.join().expect("no panic").unwrap();
        assert!(late.join().expect("no panic")[0].is_ok());
    });
    assert_eq!(things.stats().unwrap().gets, 2);
}

#[test]
fn a_load_that_failed_is_not_counted_as_one_that_found() {
    let config = KeyspaceConfig::new("things")
        .source(|_: &[u8], _: &distcache::Context| Ok(Answer::Unchanged { ttl: None }));
    let (_engine, things, _) = keyspace(config);
    things.get(b"a").unwrap_err();
    let stats = things.stats().unwrap();
    assert_eq!((stats.loads_found, stats.load_failures), (0, 1));
}

#[test]
fn numbers_never_go_back_when_nodes_come_and_go() {
    let (engine, _) = engine();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
    for key in 0..=255_u8 {
        things.put(&[key], b"1").unwrap();
        things.get(&[key]).unwrap();
    }
    let before = things.stats().unwrap();
    let leaver = engine.manager().nodes()[0].id;
    engine.manager().remove_node(leaver).unwrap();
    let after = things.stats().unwrap();
    assert_eq!((after.entries, after.gets, after.inserts), (256, before.gets, before.inserts));
}

#[test]
fn numbers_never_go_back_when_nodes_die() {
    let (engine, _) = engine();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
    for key in 0..=255_u8 {
        things.put(&[key], b"1").unwrap();
        things.get(&[key]).unwrap();
    }
    for node in engine.manager().nodes() {
        let _lost = engine.manager().on_node(node.id, |_| panic!("a fuse has blown"));
    }
    let stats = things.stats().unwrap();
    assert_eq!((stats.entries, stats.gets, stats.hits, stats.inserts), (0, 256, 256, 256));
    assert_eq!(stats.bytes_max, 64 << 20, "what is measured is of the nodes that are there");
}

#[test]
fn numbers_never_go_back_when_a_node_sleeps_and_is_given_up() {
    let config = distcache::Config {
        data_nodes: 1,
        call_timeout: LONG,
        status_every: Duration::from_millis(5),
        silence_max: Duration::from_millis(300),
        ..distcache::Config::default()
    };
    let engine = distcache::Engine::builder().config(config).start().unwrap();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
    (0..=255_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    let before = things.stats().unwrap();
    let only = engine.manager().nodes()[0].id;
    let (wake, sleeper) = std::sync::mpsc::sync_channel::<()>(1);
    std::thread::scope(|scope| {
        let manager = engine.manager();
        scope.spawn(move || manager.on_node(only, |_| _ = sleeper.recv()));
        until("it is replaced", || manager.nodes()[0].incarnation == 1);
        let after = things.stats().unwrap();
        assert_eq!((after.entries, after.inserts), (0, before.inserts));
        drop(wake);
    });
}

#[test]
fn a_keyspace_has_no_numbers_of_one_that_had_its_name_before() {
    let (engine, _) = engine();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
    (0..=255_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    engine.manager().remove_node(engine.manager().nodes()[0].id).unwrap();
    engine.delete_keyspace("things").unwrap();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
    assert_eq!(things.stats().unwrap().inserts, 0);
    engine.manager().remove_node(engine.manager().nodes()[0].id).unwrap();
    assert_eq!(things.stats().unwrap().inserts, 0);
}

/// What only grows, if there is no source.
fn counts(stats: &KeyspaceStats) -> [u64; 8] {
    let KeyspaceStats { gets, hits, misses, .. } = *stats;
    [gets, hits, misses, stats.inserts, stats.updates, stats.deletes, stats.evictions, stats.moved]
}

/// Reads and writes, and asks for the numbers, while `change` changes the nodes.
/// Returns how many reads there were, and how many are told.
fn numbers_while(mut change: impl FnMut(&distcache::Engine)) -> (u64, u64) {
    let (engine, _) = engine();
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).expect("an answer");
    let (reads, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for key in (0..=255_u8).cycle() {
                // While a node is being replaced a call may fail.
                let _lost = things.put(&[key], b"1");
                reads.fetch_add(u64::from(things.get(&[key]).is_ok()), Ordering::SeqCst);
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        scope.spawn(|| {
            let mut before = counts(&things.stats().expect("numbers"));
            while !is_over.load(Ordering::SeqCst) {
                let now = counts(&things.stats().expect("numbers"));
                let is_less = now.iter().zip(&before).any(|(now, before)| now < before);
                if is_less {
                    is_over.store(true, Ordering::SeqCst);
                }
                assert!(!is_less, "{now:?} after {before:?}");
                before = now;
            }
        });
        for _ in 0..20 {
            change(&engine);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    (reads.load(Ordering::SeqCst), things.stats().expect("an answer").gets)
}

#[test]
fn each_read_is_counted_once_while_nodes_come_and_go() {
    let (reads, told) = numbers_while(|engine| {
        let added = engine.manager().add_node().expect("room for one more");
        engine.manager().remove_node(added).expect("it was there");
    });
    assert_eq!(reads, told);
}

#[test]
fn no_number_falls_while_nodes_die() {
    let (reads, told) = numbers_while(|engine| {
        let victim = engine.manager().nodes()[0].clone();
        let _lost = engine.manager().on_node(victim.id, |_| panic!("a fuse has blown"));
        let life = || engine.manager().nodes()[0].incarnation;
        until("it is replaced", || victim.incarnation < life());
    });
    assert!(reads <= told, "a read whose node dies is counted, and looks again: {reads}, {told}");
}

/// 1. A read misses at node A, which counts that.
/// 2. A is lost; an empty node stands in its place, which has counted nothing.
///    Somebody puts a value there.
/// 3. The read looks again, for a load: finds the value, and lets the node
///    count a hit instead of a miss.
#[test]
fn a_read_that_finds_its_value_on_another_node_than_it_missed_harms_none() {
    let (engine, _) = engine();
    let things = engine.add_keyspace(over(&Origin::new("1"))).unwrap();
    let manager = engine.manager();
    let cache = manager.keyspace("things").unwrap();
    let owner = manager.owner_in(&cache, b"a");
    let mut read = Box::pin(things.get_async(b"a"));
    let mut context = TaskContext::from_waker(Waker::noop());
    manager
        .on_node(owner, |_| {
            // The node is busy: the read goes to its inbox.
            assert!(read.as_mut().poll(&mut context).is_pending());
        })
        .unwrap();
    until("its worker has answered", || things.stats().expect("an answer").misses == 1);
    let _lost = manager.on_node(owner, |_| panic!("a fuse has blown"));
    until("it was replaced", || things.put(b"a", b"2").is_ok());
    let read = match read.as_mut().poll(&mut context) {
        Poll::Ready(read) => read,
        Poll::Pending => panic!("nobody else has the node"),
    };
    assert_eq!(text(&read.unwrap().unwrap()), "2");
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "2", "the node is still there");
    assert!(things.stats().unwrap().misses <= 1);
}
