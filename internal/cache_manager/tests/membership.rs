//! Nodes added, removed, killed and made silent, idle and under load: no call
//! hangs, no read goes back in time, and every miss is accounted for.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use distcache_manager::{
    CacheManager, Cargo, Config, Dispatch, Entry, Error, Hit, Landed, Look, LossReason, NodeId,
    Received, RingChange, Subscription, Tick,
};

use support::block_on;

const DISPATCHES: [Dispatch; 2] = [Dispatch::Inline, Dispatch::Worker];

fn start(dispatch: Dispatch) -> CacheManager {
    start_with(dispatch, Duration::from_mins(5))
}

/// Silence is declared by real time: only the test that wants it declared asks
/// for little of it, so that no other depends on a quick machine.
fn start_with(dispatch: Dispatch, silence_max: Duration) -> CacheManager {
    let config = Config {
        data_nodes: 4,
        dispatch,
        call_timeout: Duration::from_secs(30),
        status_every: Duration::from_millis(5),
        silence_max,
        ..Config::default()
    };
    CacheManager::start(config).expect("settings that go together")
}

fn key(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

/// The next change of the ring that `pick` is looking for.
fn wait_for<T>(changes: &Subscription<RingChange>, pick: impl Fn(&RingChange) -> Option<T>) -> T {
    loop {
        let received = changes.recv_timeout(Duration::from_mins(1)).expect("a change of the ring");
        if let Received::Message(change) = received
            && let Some(found) = pick(&change)
        {
            return found;
        }
    }
}

fn settled(change: &RingChange) -> Option<u64> {
    match change {
        RingChange::Settled { moved, .. } => Some(*moved),
        _ => None,
    }
}

fn replaced(change: &RingChange) -> Option<(NodeId, u64)> {
    match change {
        RingChange::Replaced { node, incarnation, .. } => Some((*node, *incarnation)),
        _ => None,
    }
}

#[test]
fn a_node_added_takes_exactly_the_keys_that_it_now_owns() {
    for dispatch in DISPATCHES {
        let cache = start(dispatch);
        let changes = cache.topics().ring_change.subscribe(4_096);
        (0..20_000).for_each(|n| _ = cache.put(&key(n), &key(n), None).unwrap());
        let before: Vec<_> = (0..20_000).map(|n| cache.owner(&key(n))).collect();
        let added = cache.add_node().unwrap();
        let changed: Vec<u32> =
            (0..20_000).filter(|&n| cache.owner(&key(n)) != before[n as usize]).collect();
        assert!(changed.iter().all(|&n| cache.owner(&key(n)) == added));
        assert_eq!(wait_for(&changes, settled), changed.len() as u64);
        for n in 0..20_000 {
            let hit = cache.get(&key(n)).unwrap().expect("nothing was lost on the way");
            assert_eq!((&hit.value[..], hit.node), (&key(n)[..], cache.owner(&key(n))));
        }
        let statuses = cache.statuses().unwrap();
        assert_eq!(statuses.iter().map(|(_, status)| status.entries).sum::<u64>(), 20_000);
        let bytes: u64 = statuses.iter().map(|(_, status)| status.capacity_bytes).sum();
        assert!(bytes <= 256 << 20, "the capacity was divided anew");
    }
}

#[test]
fn a_node_removed_leaves_its_keys_to_the_others() {
    for dispatch in DISPATCHES {
        let cache = start(dispatch);
        (0..20_000).for_each(|n| _ = cache.put(&key(n), &key(n), None).unwrap());
        let leaver = cache.owner(&key(0));
        let others: Vec<_> = (0..20_000).map(|n| cache.owner(&key(n))).collect();
        cache.remove_node(leaver).unwrap();
        for n in 0..20_000 {
            let hit = cache.get(&key(n)).unwrap().expect("nothing was lost on the way");
            assert_eq!(&hit.value[..], key(n));
            assert!(hit.node != leaver);
            let before = others[n as usize];
            assert!(before == leaver || before == hit.node, "no other key has moved");
        }
        assert_eq!(cache.remove_node(leaver).unwrap_err(), Error::NodeUnknown);
    }
}

#[test]
fn the_last_node_stays() {
    let cache = CacheManager::start(Config { data_nodes: 1, ..Config::default() }).unwrap();
    let only = cache.nodes()[0].id;
    assert_eq!(cache.remove_node(only).unwrap_err(), Error::LastNode);
    cache.put(b"k", b"1", None).unwrap();
}

#[test]
fn a_node_that_panics_is_announced_and_replaced_by_an_empty_one() {
    for dispatch in DISPATCHES {
        let cache = start(dispatch);
        let changes = cache.topics().ring_change.subscribe(4_096);
        (0..1_000).for_each(|n| _ = cache.put(&key(n), b"", None).unwrap());
        let victim = cache.owner(&key(0));
        let outcome = cache.on_node(victim, |_| panic!("a fuse has blown"));
        assert_eq!(outcome, Err::<(), _>(Error::NodeFailed));
        let lost = wait_for(&changes, |change| match change {
            RingChange::Lost { node, incarnation, reason } => Some((*node, *incarnation, *reason)),
            _ => None,
        });
        assert_eq!(lost, (victim, 0, LossReason::Panicked));
        assert_eq!(wait_for(&changes, replaced), (victim, 1));
        for n in 0..1_000 {
            let there = cache.get(&key(n)).unwrap().is_some();
            assert_eq!(there, cache.owner(&key(n)) != victim, "what it held is gone, no more");
        }
        cache.put(&key(0), b"new", None).unwrap();
        assert_eq!(&cache.get(&key(0)).unwrap().unwrap().value[..], b"new");
    }
}

#[test]
fn a_node_that_falls_silent_is_replaced_and_acknowledges_nothing_when_it_wakes() {
    for dispatch in DISPATCHES {
        let cache = start_with(dispatch, Duration::from_millis(300));
        let changes = cache.topics().ring_change.subscribe(4_096);
        let stored = cache.put(&key(0), b"old", None).unwrap();
        let (begun, has_begun) = bounded(1);
        let (wake, sleeper) = bounded::<()>(1);
        thread::scope(|scope| {
            let zombie = scope.spawn(|| {
                cache.on_node(stored.node, |_| {
                    begun.send(()).unwrap();
                    let _ = sleeper.recv();
                })
            });
            has_begun.recv().unwrap();
            // Served by the replacement, long before this call's own deadline.
            let newer = cache.put(&key(0), b"new", None).unwrap();
            assert!(stored.version < newer.version, "versions never repeat for a key");
            assert_eq!(wait_for(&changes, replaced), (stored.node, 1));
            drop(wake);
            assert_eq!(zombie.join().unwrap(), Err(Error::NodeFailed));
        });
        assert_eq!(&cache.get(&key(0)).unwrap().unwrap().value[..], b"new");
        cache.shutdown(Duration::from_secs(30)).unwrap();
    }
}

#[test]
fn a_caller_that_sleeps_on_a_node_does_not_hold_up_the_shutdown() {
    let cache = start(Dispatch::Inline);
    let (begun, has_begun) = bounded(1);
    let (wake, sleeper) = bounded::<()>(1);
    let node = cache.owner(b"k");
    thread::scope(|scope| {
        scope.spawn(|| {
            cache.on_node(node, |_| {
                begun.send(()).unwrap();
                let _ = sleeper.recv();
            })
        });
        has_begun.recv().unwrap();
        assert_eq!(cache.shutdown(Duration::from_secs(30)), Ok(()));
        assert_eq!(cache.get(b"other").unwrap_err(), Error::Closed);
        drop(wake);
    });
}

#[test]
fn a_batch_waits_once_for_a_node_that_does_not_answer_and_has_what_others_answer() {
    let call_timeout = Duration::from_secs(2);
    let silence_max = Duration::from_mins(5);
    let config = Config { data_nodes: 4, call_timeout, silence_max, ..Config::default() };
    let cache = CacheManager::start(config).unwrap();
    let keys: Vec<_> = (0..200).map(key).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let busy = cache.owner(keys[0]);
    let (begun, has_begun) = bounded(1);
    let (wake, sleeper) = bounded::<()>(1);
    let (answered, answers) = bounded(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            cache.on_node(busy, |_| {
                begun.send(()).unwrap();
                let _ = sleeper.recv();
            })
        });
        has_begun.recv().unwrap();
        let by_thread = || (cache.get_many(&keys), cache.delete_many(&keys));
        let by_task = || {
            let calls =
                async { (cache.get_many_async(&keys).await, cache.delete_many_async(&keys).await) };
            block_on(calls)
        };
        scope.spawn(move || [by_thread(), by_task()].map(|both| answered.send(both).unwrap()));
        // Two seconds for each call; for each key they would be minutes.
        let answers = [(); 2].map(|()| answers.recv_timeout(Duration::from_secs(30)));
        drop(wake);
        for answers in answers {
            let (got, deleted) = answers.expect("the batches end");
            for (key, (got, deleted)) in keys.iter().zip(got.into_iter().zip(deleted)) {
                if cache.owner(key) == busy {
                    assert_eq!(got.unwrap_err(), Error::TimedOut);
                    assert_eq!(deleted, Err(Error::TimedOut));
                } else {
                    assert!(got.unwrap().is_none() && deleted == Ok(false));
                }
            }
        }
    });
}

/// 1. A load of key K begins at node A.
/// 2. Node B is added, and owns K. A read fetches K from A, where it is not.
/// 3. B is removed, so that A owns K again.
/// 4. The load lands at A. Whatever was done to K at B, A knows nothing of it.
#[test]
fn a_load_from_before_its_key_moved_is_not_stored_when_the_key_has_come_back() {
    for dispatch in DISPATCHES {
        let cache = start(dispatch);
        let space = cache.default_keyspace();
        let look = |n: u32| cache.look_in(space, &key(n), Duration::from_mins(5)).unwrap();
        let loads: Vec<_> = (0..1_000)
            .map(|n| match look(n) {
                (Look::Leads(lead), waiter) => (cache.owner(&key(n)), lead, waiter),
                (other, _) => panic!("nobody else loads it: {other:?}"),
            })
            .collect();
        let added = cache.add_node().unwrap();
        let moved: Vec<bool> = (0..1_000).map(|n| cache.owner(&key(n)) == added).collect();
        (0..1_000).for_each(|n| assert!(cache.get(&key(n)).unwrap().is_none()));
        cache.remove_node(added).unwrap();
        for (n, (owner, lead, _waiter)) in (0..).zip(&loads) {
            assert_eq!(cache.owner(&key(n)), *owner);
            let loaded = Entry::new(&key(n), b"old", Tick::NEVER).unwrap();
            let landed = cache.land_in(space, lead.flight(), &Cargo::Entry(loaded)).unwrap();
            let is_stored = matches!(landed, Landed::Stored(_));
            assert_eq!(is_stored, !moved[n as usize], "key {n}: {landed:?}");
        }
        assert!(moved.contains(&true));
    }
}

/// Values are numbers that each key's only writer raises; readers remember the
/// highest acknowledged one before they read.
struct Load<'a> {
    cache: &'a CacheManager,
    acknowledged: Vec<AtomicU64>,
    ended: AtomicBool,
    misses: AtomicU64,
    reads: AtomicU64,
}

const KEYS: u32 = 64;
const WRITERS: u32 = 2;

impl<'a> Load<'a> {
    fn new(cache: &'a CacheManager) -> Self {
        let acknowledged = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
        let (ended, misses, reads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        Self { cache, acknowledged, ended, misses, reads }
    }

    fn write(&self, writer: u32) {
        let mut number = 0_u64;
        while !self.ended.load(Ordering::Relaxed) {
            number += 1;
            for k in (writer..KEYS).step_by(WRITERS as usize) {
                match self.cache.put(&key(k), &number.to_le_bytes(), None) {
                    Ok(_) => self.acknowledged[k as usize].store(number, Ordering::SeqCst),
                    Err(error) => assert_eq!(error, Error::NodeFailed),
                }
            }
        }
    }

    /// Reads one key after the other, and now and then all of them: as a thread,
    /// and as a task.
    fn read(&self, seed: u32) {
        let mut n = seed;
        while !self.ended.load(Ordering::Relaxed) {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let k = (n >> 16) % KEYS;
            match (n >> 8) % 32 {
                0 => self.read_all(|keys| self.cache.get_many(keys)),
                1 => self.read_all(|keys| block_on(self.cache.get_many_async(keys))),
                _ => {
                    let floor = self.acknowledged[k as usize].load(Ordering::SeqCst);
                    self.judge(k, floor, self.cache.get(&key(k)));
                }
            }
        }
    }

    fn read_all(&self, get_many: impl FnOnce(&[&[u8]]) -> Vec<Result<Option<Hit>, Error>>) {
        let keys: Vec<_> = (0..KEYS).map(key).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let acknowledged = self.acknowledged.iter();
        let floors: Vec<_> = acknowledged.map(|floor| floor.load(Ordering::SeqCst)).collect();
        let answers = get_many(&keys);
        assert_eq!(answers.len(), keys.len());
        for ((k, floor), answer) in (0..KEYS).zip(floors).zip(answers) {
            self.judge(k, floor, answer);
        }
    }

    /// What was read of a key whose value was `floor` before that.
    fn judge(&self, k: u32, floor: u64, answer: Result<Option<Hit>, Error>) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(Some(hit)) => {
                let seen = u64::from_le_bytes(hit.value[..].try_into().expect("eight bytes"));
                assert!(floor <= seen, "key {k}: read {seen} after {floor} was acknowledged");
            }
            Ok(None) if floor == 0 => {}
            Ok(None) => _ = self.misses.fetch_add(1, Ordering::Relaxed),
            Err(error) => assert_eq!(error, Error::NodeFailed),
        }
    }

    /// Runs `faults` while two threads write and two read.
    fn during(&self, faults: impl FnOnce()) {
        thread::scope(|scope| {
            (0..WRITERS).for_each(|writer| _ = scope.spawn(move || self.write(writer)));
            (0..2).for_each(|seed| _ = scope.spawn(move || self.read(seed)));
            faults();
            self.ended.store(true, Ordering::Relaxed);
        });
        assert!(0 < self.reads.load(Ordering::Relaxed));
    }
}

#[test]
fn nodes_that_come_and_go_under_load_cause_no_miss_and_no_old_value() {
    for dispatch in DISPATCHES {
        let cache = start(dispatch);
        let load = Load::new(&cache);
        load.during(|| {
            for _ in 0..25 {
                let added = cache.add_node().unwrap();
                cache.remove_node(added).unwrap();
            }
        });
        assert_eq!(load.misses.load(Ordering::Relaxed), 0, "every entry was handed over");
        for (id, _) in cache.statuses().unwrap() {
            cache.on_node(id, |node| node.validate()).unwrap();
        }
    }
}

#[test]
fn nodes_that_die_under_load_cause_misses_and_no_old_value() {
    for dispatch in DISPATCHES {
        let cache = start(dispatch);
        let changes = cache.topics().ring_change.subscribe(1_024);
        let load = Load::new(&cache);
        load.during(|| {
            for round in 0..20 {
                let victim = cache.owner(&key(round % KEYS));
                let _ = cache.on_node(victim, |_| panic!("a fuse has blown"));
                wait_for(&changes, replaced);
            }
        });
    }
}

#[test]
fn a_clock_that_leaps_makes_no_node_silent() {
    let clock = Arc::new(distcache_manager::ManualClock::new());
    let config = Config { clock: clock.clone(), ..Config::default() };
    let cache = CacheManager::start(config).unwrap();
    let changes = cache.topics().ring_change.subscribe(4_096);
    cache.put(b"a", b"1", None).unwrap();
    for _ in 0..100 {
        clock.advance(Duration::from_hours(1));
        // Each change of nodes takes a turn of the supervisor's lock.
        cache.add_node().unwrap();
        cache.remove_node(*cache.nodes().iter().map(|node| &node.id).max().unwrap()).unwrap();
    }
    let is_loss = |change| {
        !matches!(
            change,
            Received::Message(
                RingChange::Added { .. } | RingChange::Removed { .. } | RingChange::Settled { .. }
            )
        )
    };
    assert!(!std::iter::from_fn(|| changes.try_recv().ok()).any(is_loss));
    assert!(cache.get(b"a").unwrap().is_some());
}

#[test]
fn there_are_as_many_nodes_as_there_may_be_and_not_one_more() {
    let config = Config { data_nodes: 1024, capacity_bytes: 1 << 30, ..Config::default() };
    let manager = CacheManager::start(config).unwrap();
    let error = manager.add_node().unwrap_err();
    assert!(error.to_string().contains("there are 1024 already"), "{error}");
    let bounds = manager.bounds().unwrap();
    let nodes = bounds.iter().find(|bound| bound.name == "data_nodes").unwrap();
    assert_eq!((nodes.used, nodes.max), (Some(1024), 1024));
}
