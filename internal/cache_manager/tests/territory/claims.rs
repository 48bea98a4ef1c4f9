//! Whoever does not answer for a key does nothing with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use distcache_manager::{
    CacheManager, Condition, Config, Epoch, Error, PutItem, Tick, Version, Write,
};

use crate::fields::{Fields, OURS, THEIRS};
use crate::support::block_on;

fn start() -> CacheManager {
    CacheManager::start(Config { data_nodes: 2, ..Config::default() }).expect("good settings")
}

/// One that had both keys before it began to share them.
fn sharing() -> (CacheManager, Arc<Fields>) {
    let cache = start();
    for key in [OURS, THEIRS] {
        cache.put(key, b"1", None).expect("there is room");
    }
    let fields = Arc::new(Fields::of(b"o"));
    cache.settle(1, Some(fields.clone())).expect("a first view");
    (cache, fields)
}

/// What a node holds, whoever answers for it.
fn held(cache: &CacheManager, key: &[u8]) -> Option<Vec<u8>> {
    let (space, node) = (cache.default_keyspace(), cache.owner(key));
    let (id, hash) = (space.id(), cache.key_hash(space, key));
    let peeked = cache.on_node(node, |state| state.peek(id, hash, key)).expect("it is there");
    peeked.map(|(value, _)| value.to_vec())
}

/// What each of the calls about one key says, blocking and async.
fn every_change(cache: &CacheManager, key: &[u8]) -> Vec<(&'static str, Result<(), Error>)> {
    let space = cache.default_keyspace();
    let write = Write::new(key, b"7");
    let version = Version::from(1);
    let items = [PutItem { key, value: b"7", ttl: None }];
    let first = |results: Vec<Result<(), Error>>| results.into_iter().next().expect("one key");
    let unit =
        |result: Vec<Result<bool, Error>>| first(result.into_iter().map(|r| r.map(drop)).collect());
    let stored = |result: Vec<Result<_, Error>>| {
        first(
            result.into_iter().map(|r: Result<distcache_manager::Stored, _>| r.map(drop)).collect(),
        )
    };
    vec![
        ("put", cache.put_in(space, &write).map(drop)),
        ("put_async", block_on(cache.put_in_async(space, &write)).map(drop)),
        ("set_expires", cache.set_expires_in(space, key, Tick::NEVER).map(drop)),
        (
            "set_expires_async",
            block_on(cache.set_expires_in_async(space, key, Tick::NEVER)).map(drop),
        ),
        ("add", cache.add_in(space, key, 1, None).map(drop)),
        ("add_async", block_on(cache.add_in_async(space, key, 1, None)).map(drop)),
        ("delete_if", cache.delete_if_in(space, key, version).map(drop)),
        ("delete_if_async", block_on(cache.delete_if_in_async(space, key, version)).map(drop)),
        ("put_many", stored(cache.put_many(&items))),
        ("put_many_async", stored(block_on(cache.put_many_async(&items)))),
        ("delete", cache.delete(key).map(drop)),
        ("delete_async", block_on(cache.delete_async(key)).map(drop)),
        ("delete_many", unit(cache.delete_many(&[key]))),
        ("delete_many_async", unit(block_on(cache.delete_many_in_async(space, &[key])))),
    ]
}

fn every_read(cache: &CacheManager, key: &[u8]) -> Vec<(&'static str, Result<(), Error>)> {
    let space = cache.default_keyspace();
    let load = Duration::from_secs(1);
    let first = |mut results: Vec<Result<_, Error>>| results.remove(0).map(drop);
    let looked = |mut results: Vec<Result<_, Error>>| results.remove(0).map(drop);
    vec![
        ("get", cache.get(key).map(drop)),
        ("get_async", block_on(cache.get_async(key)).map(drop)),
        ("peek", cache.peek_in(space, key).map(drop)),
        ("peek_async", block_on(cache.peek_in_async(space, key)).map(drop)),
        ("trace", cache.trace_in(space, key).map(drop)),
        ("trace_async", block_on(cache.trace_in_async(space, key)).map(drop)),
        ("look", cache.look_in(space, key, load).map(drop)),
        ("look_async", block_on(cache.look_in_async(space, key, load)).map(drop)),
        ("look_fresh", cache.look_fresh_in(space, key, load).map(drop)),
        ("get_many", first(cache.get_many(&[key]))),
        ("get_many_async", first(block_on(cache.get_many_async(&[key])))),
        ("look_many", looked(cache.look_many_in(space, &[key], load))),
        ("look_many_async", looked(block_on(cache.look_many_in_async(space, &[key], load)))),
    ]
}

#[test]
fn a_key_for_which_another_answers_is_neither_read_nor_changed() {
    let (cache, _fields) = sharing();
    for (call, outcome) in
        every_read(&cache, THEIRS).into_iter().chain(every_change(&cache, THEIRS))
    {
        assert_eq!(outcome, Err(Error::Elsewhere), "{call}");
    }
    assert_eq!(held(&cache, THEIRS).as_deref(), Some(&b"1"[..]), "nothing touched it");
}

#[test]
fn of_a_batch_each_key_has_its_own_answer() {
    let (cache, _fields) = sharing();
    let keys: [&[u8]; 5] = [THEIRS, OURS, b"other", THEIRS, b"its"];
    let here = |result: &Result<_, Error>| match result {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(*error, Error::Elsewhere);
            false
        }
    };
    let expected = [false, true, true, false, false];
    let space = cache.default_keyspace();
    let gets = cache.get_many(&keys);
    assert_eq!(gets.iter().map(here).collect::<Vec<_>>(), expected);
    assert_eq!(&*gets[1].as_ref().unwrap().as_ref().expect("it was put").value, b"1");
    assert!(gets[2].as_ref().unwrap().is_none());
    let gets = block_on(cache.get_many_in_async(space, &keys));
    assert_eq!(gets.iter().map(here).collect::<Vec<_>>(), expected);
    assert!(gets[1].as_ref().unwrap().is_some() && gets[2].as_ref().unwrap().is_none());
    let items = keys.map(|key| PutItem { key, value: b"2", ttl: None });
    let here = |result: &Result<_, Error>| result.is_ok();
    assert_eq!(cache.put_many(&items).iter().map(here).collect::<Vec<_>>(), expected);
    let here = |result: &Result<bool, Error>| *result == Ok(true);
    assert_eq!(cache.delete_many(&keys).iter().map(here).collect::<Vec<_>>(), expected);
}

#[test]
fn a_change_whose_claim_was_over_when_it_was_made_says_that_its_outcome_is_unknown() {
    let (cache, fields) = sharing();
    fields.is_over.store(true, Ordering::SeqCst);
    for (call, outcome) in every_change(&cache, OURS) {
        assert_eq!(outcome, Err(Error::ClaimEnded), "{call}");
    }
    // A read is of the moment in which its claim was made.
    for (call, outcome) in every_read(&cache, OURS) {
        assert_eq!(outcome, Ok(()), "{call}");
    }
}

/// 1. A writer claims a key by view 1, and has not asked its node yet.
/// 2. View 2 gives the key to another process; this one says that it knows.
/// 3. The writer goes on.
#[test]
fn nothing_is_acknowledged_by_an_older_view_than_the_one_that_was_settled() {
    let (cache, fields) = sharing();
    thread::scope(|scope| {
        let claims = fields.claims.load(Ordering::SeqCst);
        let gate = fields.gate.write();
        let writer = scope.spawn(|| cache.put(OURS, b"2", None));
        while fields.claims.load(Ordering::SeqCst) == claims {
            thread::yield_now();
        }
        cache.settle(2, Some(Arc::new(Fields::none()))).unwrap();
        drop(gate);
        assert_eq!(writer.join().unwrap(), Err(Error::Elsewhere));
    });
    assert_eq!(held(&cache, OURS).as_deref(), Some(&b"1"[..]));
}

#[test]
fn what_is_written_by_a_later_view_has_a_later_version_than_all_that_was_written_before() {
    let (one, another) = (start(), start());
    one.settle(1, Some(Arc::new(Fields::of(b"o")))).unwrap();
    let mut last = Version::ZERO;
    for _ in 0..1_000 {
        // Nodes come and go meanwhile, and make epochs of their own.
        last = one.put(OURS, b"1", None).unwrap().version;
    }
    let added = one.add_node().unwrap();
    one.remove_node(added).unwrap();
    last = last.max(one.put(OURS, b"1", None).unwrap().version);
    another.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    assert!(last < another.put(OURS, b"1", None).unwrap().version);
}

#[test]
fn a_view_is_later_than_the_one_before() {
    let (cache, fields) = sharing();
    cache.settle(5, Some(fields.clone())).unwrap();
    for view in [0, 4, 5, Epoch::VIEW_MAX + 1] {
        let refused = cache.settle(view, Some(fields.clone())).unwrap_err();
        assert!(
            refused.to_string().contains(&format!("view {view} is not one from 6 to")),
            "{refused}"
        );
    }
    cache.settle(6, Some(fields)).unwrap();
    cache.shutdown(Duration::from_mins(1)).unwrap();
    assert_eq!(cache.settle(7, None), Err(Error::Closed));
}

/// Versions have room for so many writes of one epoch and no more.
#[test]
fn a_node_that_has_given_half_of_its_versions_makes_everybody_begin_a_new_epoch_once() {
    let config =
        Config { data_nodes: 1, status_every: Duration::from_millis(10), ..Config::default() };
    let cache = CacheManager::start(config).unwrap();
    let before = cache.put(b"k", b"1", None).unwrap().version;
    let node = cache.owner(b"k");
    let first = cache.epoch();
    cache.on_node(node, |state| state.skip_versions(Version::SEQUENCE_MAX / 2 + 1)).unwrap();
    cache.put(b"k", b"2", None).unwrap();
    while cache.epoch() == first {
        thread::yield_now();
    }
    // The supervisor, who looks at the node again and again, has begun no other.
    let looks = cache.topics().operations.subscribe(16);
    for _ in 0..3 {
        cache.get(b"k").unwrap();
        looks.recv_timeout(Duration::from_mins(1)).expect("it tells what has been asked");
    }
    assert_eq!(cache.epoch().get(), first.get() + 1);
    let after = cache.put(b"k", b"3", None).unwrap().version;
    assert!(before < after);
    assert_eq!(cache.statuses().unwrap()[0].1.sequence, 1, "it begins anew with the epoch");
}

/// One of whose keys no entry has come yet, of which the territory waits for each.
fn awaiting() -> CacheManager {
    let (cache, fields) = (start(), Arc::new(Fields::of(b"o")));
    fields.awaits.store(true, Ordering::SeqCst);
    cache.settle(1, Some(fields)).expect("a first view");
    cache
}

#[test]
fn nobody_is_answered_by_what_a_key_has_while_its_entry_is_waited_for() {
    let cache = awaiting();
    let space = cache.default_keyspace();
    for (call, outcome) in every_read(&cache, OURS) {
        assert_eq!(outcome, Err(Error::Elsewhere), "{call}");
    }
    let write = Write { condition: Condition::Absent, ..Write::new(OURS, b"7") };
    let version = Version::from(1);
    let changes = [
        cache.put_in(space, &write).map(drop),
        block_on(cache.put_in_async(space, &write)).map(drop),
        cache.put_many_in(space, &[write]).remove(0).map(drop),
        cache.set_expires_in(space, OURS, Tick::NEVER).map(drop),
        block_on(cache.set_expires_in_async(space, OURS, Tick::NEVER)).map(drop),
        cache.add_in(space, OURS, 1, Some(Tick::NEVER)).map(drop),
        block_on(cache.add_in_async(space, OURS, 1, Some(Tick::NEVER))).map(drop),
        cache.delete_if_in(space, OURS, version),
        block_on(cache.delete_if_in_async(space, OURS, version)),
    ];
    assert!(changes.iter().all(|change| *change == Err(Error::Elsewhere)), "{changes:?}");
    assert_eq!(cache.answers_for(space, OURS), Ok(()), "it is its own all the same");
    cache.end_arrivals_for(1, space, [OURS].into_iter()).unwrap();
    for (call, outcome) in every_read(&cache, OURS) {
        assert_eq!(outcome, Ok(()), "{call}");
    }
    assert_eq!(cache.get(b"other").map(drop), Err(Error::Elsewhere), "that may still come");
    cache.end_arrivals(1).unwrap();
    assert_eq!(cache.get(b"other").map(drop), Ok(()));
}

#[test]
fn what_depends_on_nothing_that_a_key_has_is_done_before_its_entry_has_come() {
    let cache = awaiting();
    let item = PutItem { key: b"o-1", value: b"7", ttl: None };
    let done = [
        cache.put_many(&[item]).remove(0).map(drop),
        cache.put(b"o-2", b"7", None).map(drop),
        block_on(cache.put_async(b"o-3", b"7", None)).map(drop),
        cache.delete(b"o-4").map(drop),
        block_on(cache.delete_async(b"o-5")).map(drop),
        cache.delete_many(&[b"o-6"]).remove(0).map(drop),
    ];
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let keys: [&[u8]; 6] = [b"o-1", b"o-2", b"o-3", b"o-4", b"o-5", b"o-6"];
    let there = keys.map(|key| cache.get(key).expect("nothing arrives any more").is_some());
    assert_eq!(there, [true, true, true, false, false, false]);
}
