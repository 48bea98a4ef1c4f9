//! Near copies: keys of other members that one reads often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{Cause, Engine, Item, Keyspace, KeyspaceConfig, Value};

use crate::fleet::{Fleet, keyspaces, until};

fn space(engine: &Engine, name: &str) -> Keyspace {
    engine.keyspace(name).expect("it is there")
}

/// Reads of keys of others that a member has answered with near copies.
fn near_hits(space: &Keyspace) -> u64 {
    space.stats().expect("it is there").near_hits
}

/// Three members, a key of the first, and the keyspace as each of them has it.
fn three(name: &str) -> (Fleet, Vec<u8>, [Keyspace; 3]) {
    let fleet = Fleet::of(3, keyspaces);
    let key = fleet.a_key_of_each(name).swap_remove(0);
    let spaces = [0, 1, 2].map(|at| space(&fleet.engines[at], name));
    (fleet, key, spaces)
}

/// Reads a key until it is answered without its owner.
fn warm(space: &Keyspace, key: &[u8], value: &[u8]) {
    until("there is a near copy", || {
        let before = near_hits(space);
        let found = space.get(key).expect("an answer");
        assert_eq!(found.as_deref(), Some(value));
        before < near_hits(space)
    });
}

#[test]
fn a_key_that_is_read_often_is_answered_without_its_owner() {
    let (_fleet, key, [owner, other, _]) = three("plain");
    let item = Item::new(&key, b"1").content_type("text/plain").ttl(Duration::from_mins(1));
    let version = owner.put_item(&item).unwrap();
    warm(&other, &key, b"1");
    let asked = owner.stats().unwrap().gets;
    for _ in 0..100 {
        let found = other.get(&key).unwrap().expect("it is there");
        assert_eq!((&*found, found.version()), (&b"1"[..], version));
        assert_eq!(found.content_type(), Some("text/plain"));
    }
    let more = owner.stats().unwrap().gets - asked;
    // Some go there to have the near copy anew.
    assert!(more < 50, "{more} of 100 went to the owner");
    assert_eq!(near_hits(&owner), 0, "it owns the key");
}

#[test]
fn tasks_and_batches_have_them_too() {
    let (fleet, _, [_, other, _]) = three("plain");
    let keys: Vec<_> = (0..9).map(|n| format!("key-{n}").into_bytes()).collect();
    for key in &keys {
        other.put(key, b"1").unwrap();
    }
    let theirs = keys.iter().filter(|key| fleet.owner("plain", key) != 1).count() as u64;
    let named: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reads: [(&str, &dyn Fn()); 2] = [
        ("together", &|| {
            let all = other.get_many(&named);
            assert!(all.into_iter().all(|found| found.unwrap().as_deref() == Some(b"1")));
        }),
        ("by tasks", &|| {
            let all = runtime.block_on(other.get_many_async(&named));
            assert!(all.into_iter().all(|found| found.unwrap().as_deref() == Some(b"1")));
            let one = runtime.block_on(other.get_async(named[0])).unwrap();
            assert_eq!(one.as_deref(), Some(&b"1"[..]));
        }),
    ];
    for (what, read) in reads {
        until(what, || {
            let before = near_hits(&other);
            read();
            theirs <= near_hits(&other) - before
        });
    }
    assert!(0 < theirs, "some of nine are other members'");
}

/// What each call does to a key, and what is read then.
#[test]
fn whatever_changes_a_key_is_answered_when_nobody_reads_what_was_there_before() {
    type Change = fn(&Keyspace, &[u8]);
    let (_fleet, key, spaces) = three("plain");
    let changes: [(&str, Change, Option<&[u8]>); 9] = [
        ("put", |space, key| _ = space.put(key, b"2").unwrap(), Some(b"2")),
        (
            "put_many",
            |space, key| _ = space.put_many(&[Item::new(key, b"2")]).pop().unwrap().unwrap(),
            Some(b"2"),
        ),
        ("increment", |space, key| _ = space.increment(key, 1).unwrap(), Some(b"2")),
        ("delete", |space, key| assert!(space.delete(key).unwrap()), None),
        (
            "delete_many",
            |space, key| assert!(space.delete_many(&[key]).pop().unwrap().unwrap()),
            None,
        ),
        ("invalidate", |space, key| assert!(space.invalidate(key).unwrap()), None),
        ("tag", |space, _| space.invalidate_tags(&["tag"]).unwrap(), None),
        ("prefix", |space, _| assert_eq!(space.invalidate_prefix(b"key").unwrap(), 1), None),
        ("clear", |space, _| assert_eq!(space.clear().unwrap(), 1), None),
    ];
    for (what, change, after) in changes {
        for by in &spaces {
            by.put_item(&Item::new(&key, b"1").tag("tag")).unwrap();
            spaces[1..].iter().for_each(|space| warm(space, &key, b"1"));
            change(by, &key);
            for space in &spaces {
                let found = space.get(&key).unwrap();
                assert_eq!(found.as_deref(), after, "{what}");
            }
        }
    }
}

#[test]
fn an_end_that_comes_earlier_is_no_later_for_a_near_copy() {
    let (_fleet, key, [owner, other, _]) = three("plain");
    owner.put(&key, b"1").unwrap();
    warm(&other, &key, b"1");
    assert!(owner.expire(&key, Duration::from_millis(1)).unwrap());
    until("it has ended at its owner", || owner.get(&key).unwrap().is_none());
    assert!(other.get(&key).unwrap().is_none());
    owner.put_item(&Item::new(&key, b"2").ttl(Duration::from_millis(300))).unwrap();
    for _ in 0..20 {
        other.get(&key).unwrap();
    }
    until("it has ended at its owner", || owner.get(&key).unwrap().is_none());
    assert!(other.get(&key).unwrap().is_none());
}

/// 1. B has a near copy of version 1. The owner evicts the entry, and loads it anew: the
///    source has another value by now.
/// 2. A reader asks the owner, and gets that. A later one asks B, and gets version 1.
#[test]
fn a_value_that_was_loaded_anew_is_told_when_nobody_reads_the_one_before() {
    let source = Arc::new(AtomicU64::new(1));
    let fleet = Fleet::of(3, || {
        let source = source.clone();
        let load = move |_: &[u8]| -> Result<_, std::io::Error> {
            Ok(Some(source.load(Ordering::SeqCst).to_string()))
        };
        vec![KeyspaceConfig::new("sourced").source_fn(load).bytes_max(2 << 20)]
    });
    let key = fleet.a_key_of_each("sourced").swap_remove(0);
    let [owner, other, _] = [0, 1, 2].map(|at| space(&fleet.engines[at], "sourced"));
    warm(&other, &key, b"1");
    source.store(2, Ordering::SeqCst);
    // Others of its own take the place of the key's entry.
    let filler = vec![0; 100 << 10];
    let mine = (0..).map(|n: u32| format!("filler-{n}").into_bytes());
    let mut mine = mine.filter(|key| fleet.owner("sourced", key) == 0);
    until("it is evicted", || {
        owner.put(&mine.next().unwrap(), &filler).unwrap();
        owner.peek(&key).unwrap().is_none()
    });
    assert_eq!(owner.get(&key).unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(other.get(&key).unwrap().as_deref(), Some(&b"2"[..]));
}

#[test]
fn nothing_is_granted_of_what_is_not_there() {
    let (_fleet, key, [_, other, _]) = three("plain");
    for _ in 0..20 {
        assert!(other.get(&key).unwrap().is_none());
    }
    assert_eq!(near_hits(&other), 0);
}

#[test]
fn who_has_no_room_for_them_asks_each_time() {
    let mut fleet = Fleet::to_be_of(2);
    for near_bytes in [0, 1 << 20] {
        let engine = fleet.start_with(keyspaces(), |cluster| cluster.near_bytes(near_bytes));
        fleet.engines.push(engine);
    }
    fleet.settle();
    let keys = fleet.a_key_of_each("plain");
    let [without, with] = [0, 1].map(|at| space(&fleet.engines[at], "plain"));
    for key in &keys {
        with.put(key, b"1").unwrap();
    }
    warm(&with, &keys[0], b"1");
    for _ in 0..20 {
        without.get(&keys[1]).unwrap();
    }
    assert_eq!(near_hits(&without), 0);
}

/// Lets readers end also when who writes has failed.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Readers of all members, and who changes what they read most: nobody finds anything older
/// than what was acknowledged or read before.
#[test]
fn while_the_key_that_is_read_most_is_changed_nobody_reads_what_was_there_before() {
    const WRITES: u64 = 300;
    let (fleet, key, spaces) = three("plain");
    let (floor, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let number = |value: &[u8]| -> u64 { std::str::from_utf8(value).unwrap().parse().unwrap() };
    spaces[0].put(&key, b"0").unwrap();
    thread::scope(|scope| {
        let _end = SetOnDrop(&is_over);
        for space in &spaces {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let least = floor.load(Ordering::SeqCst);
                    let read = number(&space.get(&key).unwrap().expect("it is there"));
                    assert!(least <= read, "{read} after {least}");
                    floor.fetch_max(read, Ordering::SeqCst);
                }
            });
        }
        for write in 1..=WRITES {
            let by = &spaces[usize::try_from(write % 3).unwrap()];
            by.put(&key, write.to_string().as_bytes()).unwrap();
            floor.fetch_max(write, Ordering::SeqCst);
            // So that there are near copies again.
            if write.is_multiple_of(30) {
                let hits = || spaces.iter().map(near_hits).sum::<u64>();
                let before = hits();
                until("near copies are read", || before < hits());
            }
        }
    });
    drop(fleet);
}

#[test]
fn when_the_owner_has_left_its_near_copies_are_not_read_beside_the_next_owner_s() {
    let (mut fleet, key, [owner, other, third]) = three("plain");
    owner.put(&key, b"1").unwrap();
    for space in [&other, &third] {
        warm(space, &key, b"1");
    }
    drop(owner);
    let gone = fleet.engines.remove(0);
    gone.shutdown(Duration::from_secs(20)).unwrap();
    // Whoever owns the key now: what is acknowledged there, both read at once.
    other.put(&key, b"2").unwrap();
    assert_eq!(third.get(&key).unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(other.get(&key).unwrap().as_deref(), Some(&b"2"[..]));
}

/// 1. Thousands of keys with a prefix are to be forgotten, some at a time.
/// 2. When some are, another member reads of the others often: those that it is granted near
///    copies of are forgotten next.
#[test]
fn what_is_read_often_in_the_middle_of_a_walk_is_forgotten_with_the_rest() {
    const KEYS: u32 = 6_000;
    let key = |n: u32| format!("walked-{n}").into_bytes();
    let is_armed = Arc::new(AtomicBool::new(false));
    let (in_the_middle, is_there) = crossbeam_channel::bounded::<()>(1);
    let (go_on, may_go_on) = crossbeam_channel::bounded::<()>(1);
    let armed = is_armed.clone();
    let listener = move |_: &[u8], _: &Value, _: Cause| {
        if armed.swap(false, Ordering::SeqCst) {
            in_the_middle.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
    };
    let plain = || vec![KeyspaceConfig::new("plain").removal_listener(listener.clone())];
    let mut fleet = Fleet::to_be_of(2);
    for _ in 0..2 {
        // On one data node a walk begins once.
        let engine = fleet.start_as(plain(), |cluster| cluster, |engine| engine.data_nodes(1));
        fleet.engines.push(engine);
    }
    fleet.settle();
    let [owner, other] = [0, 1].map(|at| space(&fleet.engines[at], "plain"));
    let theirs: Vec<_> = (0..KEYS).map(key).filter(|key| fleet.owner("plain", key) == 0).collect();
    for key in &theirs {
        owner.put(key, b"1").unwrap();
    }
    is_armed.store(true, Ordering::SeqCst);
    let removed = thread::scope(|scope| {
        let walk = scope.spawn(|| owner.invalidate_prefix(b"walked").unwrap());
        is_there.recv().unwrap();
        for key in theirs.iter().step_by(50) {
            for _ in 0..8 {
                other.get(key).unwrap();
            }
        }
        go_on.send(()).unwrap();
        walk.join().unwrap()
    });
    assert_eq!(removed, theirs.len() as u64);
    for key in theirs.iter().step_by(50) {
        assert_eq!(other.get(key).unwrap().as_deref(), None, "{}", key.escape_ascii());
    }
}
