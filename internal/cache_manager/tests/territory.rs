//! Keys that are shared with other processes: whoever does not answer for one does
//! nothing with it.

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use distcache_manager::{
    CacheManager, Claim, Config, Epoch, Error, Keyspace, PutItem, Territory, Tick, Version, Write,
};
use support::block_on;

/// Ours are the keys that begin with an `o`.
#[derive(Debug, Default)]
struct Fields {
    claims: AtomicU64,
    is_over: AtomicBool,
}

impl Territory for Fields {
    fn claim(&self, _keyspace: &Keyspace, key: &[u8]) -> Option<Claim> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        key.starts_with(b"o").then_some(Claim(1))
    }

    fn is_over(&self, claim: Claim) -> bool {
        assert_eq!(claim, Claim(1), "the one that was made");
        self.is_over.load(Ordering::SeqCst)
    }
}

const OURS: &[u8] = b"ours";
const THEIRS: &[u8] = b"theirs";

fn start() -> CacheManager {
    CacheManager::start(Config { data_nodes: 2, ..Config::default() }).expect("good settings")
}

/// One that had both keys before it began to share them.
fn sharing() -> (CacheManager, Arc<Fields>) {
    let cache = start();
    for key in [OURS, THEIRS] {
        cache.put(key, b"1", None).expect("there is room");
    }
    let fields = Arc::new(Fields::default());
    cache.settle(1, Some(fields.clone())).expect("a first view");
    (cache, fields)
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
    let looked_async = |mut results: Vec<Result<_, Error>>| results.remove(0).map(drop);
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
        ("look_many_async", looked_async(block_on(cache.look_many_in_async(space, &[key], load)))),
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
    cache.settle(2, None).unwrap();
    assert_eq!(&*cache.get(THEIRS).unwrap().expect("nothing touched it").value, b"1");
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

/// 1. A writer has claimed the key by view 1, and waits for its node.
/// 2. View 2 gives the key to another process; this one says that it knows.
/// 3. The node is free.
#[test]
fn nothing_is_acknowledged_by_an_older_view_than_the_one_that_was_settled() {
    let (cache, fields) = sharing();
    let (held, is_held) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let owner = cache.owner(OURS);
    thread::scope(|scope| {
        let cache = &cache;
        scope.spawn(move || {
            let hold = |_: &mut _| {
                held.send(()).expect("the test listens");
                may_go_on.recv().expect("the test says when");
            };
            cache.on_node(owner, hold).expect("the node is there");
        });
        is_held.recv().unwrap();
        let claims = fields.claims.load(Ordering::SeqCst);
        let writer = scope.spawn(move || cache.put(OURS, b"2", None));
        while fields.claims.load(Ordering::SeqCst) == claims {
            thread::yield_now();
        }
        #[derive(Debug)]
        struct Nothing;
        impl Territory for Nothing {
            fn claim(&self, _: &Keyspace, _: &[u8]) -> Option<Claim> {
                None
            }
            fn is_over(&self, _: Claim) -> bool {
                true
            }
        }
        cache.settle(2, Some(Arc::new(Nothing))).unwrap();
        go_on.send(()).unwrap();
        assert_eq!(writer.join().unwrap(), Err(Error::Elsewhere));
    });
    cache.settle(3, None).unwrap();
    assert_eq!(&*cache.get(OURS).unwrap().expect("it was put").value, b"1");
}

#[test]
fn what_is_written_by_a_later_view_has_a_later_version_than_all_that_was_written_before() {
    let (one, another) = (start(), start());
    one.settle(1, Some(Arc::new(Fields::default()))).unwrap();
    let mut last = Version::ZERO;
    for _ in 0..1_000 {
        // Nodes come and go meanwhile, and make epochs of their own.
        last = one.put(OURS, b"1", None).unwrap().version;
    }
    let added = one.add_node().unwrap();
    one.remove_node(added).unwrap();
    last = last.max(one.put(OURS, b"1", None).unwrap().version);
    another.settle(2, Some(Arc::new(Fields::default()))).unwrap();
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
