//! Listeners are told what goes, and may call the engine back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, bounded};
use distcache::{Cause, Item, Keyspace, KeyspaceConfig, Value};

use crate::support::{LONG, SECOND, keyspace, on_threads, text, validate, within};

fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things")
}

/// What a listener was told, as it comes.
type Told = (Vec<u8>, Vec<u8>, Cause);

fn listening(config: KeyspaceConfig) -> (KeyspaceConfig, Receiver<Told>) {
    let (sender, told) = bounded(10_000);
    let listener = move |key: &[u8], value: &Value, cause: Cause| {
        sender.send((key.to_vec(), value.to_vec(), cause)).expect("room for it");
    };
    (config.removal_listener(listener), told)
}

#[test]
fn a_listener_is_told_what_went_and_why() {
    let (config, told) = listening(things());
    let (engine, things, clock) = keyspace(config);
    let next = || {
        let (key, value, cause) = told.recv_timeout(LONG).expect("something has gone");
        (text(&key), text(&value), cause)
    };
    let went = |key: &str, value: &str, cause| (key.to_owned(), value.to_owned(), cause);
    things.put(b"a", b"1").unwrap();
    things.put(b"a", b"2").unwrap();
    assert_eq!(next(), went("a", "1", Cause::Replaced));
    things.delete(b"a").unwrap();
    assert_eq!(next(), went("a", "2", Cause::Deleted));
    things.put_item(&Item::new(b"b", b"1").ttl(SECOND)).unwrap();
    clock.advance(SECOND);
    assert_eq!(next(), went("b", "1", Cause::Expired), "without being asked for");
    things.put_item(&Item::new(b"c", b"1").tag("t")).unwrap();
    things.invalidate_tags(&["t"]).unwrap();
    assert_eq!(next(), went("c", "1", Cause::Invalidated));
    things.put(b"d", b"1").unwrap();
    things.invalidate_prefix(b"d").unwrap();
    assert_eq!(next(), went("d", "1", Cause::Invalidated));
    things.put(b"e", b"1").unwrap();
    things.clear().unwrap();
    assert_eq!(next(), went("e", "1", Cause::Deleted));
    engine.update_keyspace(listening_again(&things)).unwrap();
    assert!(told.is_empty());
}

fn listening_again(things: &Keyspace) -> KeyspaceConfig {
    things.config().entries_max(8)
}

#[test]
fn every_entry_that_goes_is_told_once() {
    let (config, told) = listening(things().entries_max(64));
    let (_engine, things, _) = keyspace(config);
    on_threads(4, |thread| {
        for n in 0..500 {
            things.put(&(thread * 1_000 + n).to_le_bytes(), b"1").expect("stored");
        }
    });
    let stats = things.stats().unwrap();
    assert_eq!((stats.inserts, stats.entries + stats.evictions), (2_000, 2_000));
    let mut keys: Vec<_> = told.try_iter().map(|(key, _, _)| key).collect();
    assert_eq!(keys.len() as u64, stats.evictions);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len() as u64, stats.evictions);
}

#[test]
fn a_listener_may_panic_and_may_be_slow() {
    let gone = Arc::new(AtomicU64::new(0));
    let counted = gone.clone();
    let (entered, has_entered) = bounded(1);
    let (leave, may_leave) = bounded::<()>(0);
    let config = things().removal_listener(move |key: &[u8], _: &Value, _: Cause| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert!(key != b"panics", "the listener was told to panic");
        if key == b"slow" {
            entered.send(()).expect("somebody waits for it");
            let _ = may_leave.recv();
        }
    });
    let (engine, things, _) = keyspace(config);
    for key in [&b"panics"[..], b"slow"] {
        things.put(key, b"1").unwrap();
    }
    assert!(things.delete(b"panics").unwrap());
    assert!(things.get(b"panics").unwrap().is_none());
    std::thread::scope(|scope| {
        let deletes = scope.spawn(|| things.delete(b"slow"));
        has_entered.recv_timeout(LONG).unwrap();
        // Nobody else waits for it: not on this node either.
        for n in 0..=255_u8 {
            things.put(&[n, n], b"1").unwrap();
            assert!(things.get(&[n, n]).unwrap().is_some());
        }
        assert!(things.get(b"slow").unwrap().is_none());
        drop(leave);
        assert!(deletes.join().expect("no panic").unwrap());
    });
    assert_eq!(gone.load(Ordering::SeqCst), 2);
    validate(&engine);
}

/// A call of a keyspace.
type Call = fn(&Keyspace);

/// Whether `call` comes back, although the listener that it tells makes a call
/// too, `again`.
fn calls_back(again: Call, call: Call) -> bool {
    let handle: Arc<OnceLock<Keyspace>> = Arc::default();
    let of_listener = handle.clone();
    let is_inside = AtomicBool::new(false);
    let config = things().removal_listener(move |_: &[u8], _: &Value, _: Cause| {
        // Once: what the listener itself removes is told to it again.
        if !is_inside.swap(true, Ordering::SeqCst) {
            again(of_listener.get().expect("it was set"));
        }
    });
    let (engine, things, _) = keyspace(config);
    handle.set(things.clone()).expect("set once");
    for key in 0..10_u8 {
        things.put_item(&Item::new(&[key], b"1").tag("t")).expect("stored");
    }
    let caller = std::thread::Builder::new().spawn(move || call(&things)).expect("a thread");
    let has_come_back = within(SECOND * 5, || caller.is_finished());
    // An engine of which a call hangs ends as far as it can.
    drop(engine);
    has_come_back
}

const AGAIN: [(&str, Call); 5] = [
    ("get", |things| _ = things.get(&[5]).expect("an answer")),
    ("put", |things| _ = things.put(b"new", b"1").expect("stored")),
    ("tags", |things| things.invalidate_tags(&["u"]).expect("an answer")),
    ("prefix", |things| _ = things.invalidate_prefix(b"x").expect("an answer")),
    ("clear", |things| _ = things.clear().expect("an answer")),
];

#[test]
fn a_listener_that_was_told_by_a_call_of_one_key_may_call_the_engine_back() {
    for (name, again) in AGAIN {
        assert!(calls_back(again, |things| _ = things.delete(&[0]).expect("an answer")), "{name}");
        let put = |things: &Keyspace| _ = things.put(&[0], b"2").expect("stored");
        assert!(calls_back(again, put), "{name}");
    }
}

#[test]
fn a_listener_that_was_told_by_a_walk_may_call_the_engine_back() {
    for (name, again) in AGAIN {
        let clear = |things: &Keyspace| _ = things.clear().expect("an answer");
        assert!(calls_back(again, clear), "{name} from within clear hangs for ever");
        let prefix = |things: &Keyspace| _ = things.invalidate_prefix(b"").expect("an answer");
        assert!(calls_back(again, prefix), "{name} from within invalidate_prefix hangs for ever");
    }
}
