//! Keys that are asked for together are answered as if they were asked for one
//! by one.

use std::sync::Arc;
use std::time::Duration;

use distcache_node::{
    DataNode, Draft, Entry, EvictionPolicy, KeyspaceId, KeyspaceSettings, Lifetimes, Limits,
    ManualClock, NodeSettings, Tick, Value,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{EPOCH, KEYSPACE, LIMITS, delete, hash, node, put, settings, store};

/// More than the limit of entries, so that some are evicted.
const KEYS: u8 = 60;
const ENTRIES_MAX: u64 = 40;
const TAGS: u64 = 4;

/// By the first byte's hash, as many keys have one hash as a search passes three
/// buckets for.
fn key(number: u8) -> [u8; 2] {
    [number % 6, number]
}

/// One thing that is done to a node.
#[derive(Debug, Clone)]
enum Step {
    Put(Kind, u8),
    Delete(u8),
    Revoke(u64),
    Pass(Duration),
    Sweep,
    Get(Vec<u8>),
    GetShared(Vec<u8>),
}

/// What is stored.
#[derive(Debug, Clone)]
enum Kind {
    Lasting,
    For(Duration),
    Absent(Duration),
    Tagged(u64),
}

fn millis(below: u64) -> impl Strategy<Value = Duration> {
    (0..below).prop_map(Duration::from_millis)
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Lasting),
        2 => millis(4_000).prop_map(Kind::For),
        1 => millis(4_000).prop_map(Kind::Absent),
        1 => (0..TAGS).prop_map(Kind::Tagged),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (kinds(), 0..KEYS).prop_map(|(kind, key)| Step::Put(kind, key)),
        1 => (0..KEYS).prop_map(Step::Delete),
        1 => (0..TAGS).prop_map(Step::Revoke),
        2 => millis(1_500).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
        2 => vec(0..KEYS, 0..=300).prop_map(Step::Get),
        2 => vec(0..KEYS, 0..=300).prop_map(Step::GetShared),
    ]
}

fn lifetimes() -> impl Strategy<Value = Lifetimes> {
    let idle = prop_oneof![Just(None), Just(Some(Duration::from_secs(2)))];
    (millis(500), millis(500), idle).prop_map(|(stale_if_error, refresh_ahead, idle)| Lifetimes {
        stale_if_error,
        refresh_ahead,
        idle,
        ..Lifetimes::default()
    })
}

/// Two nodes to which the same is done; but the one is asked for many keys at
/// once, and the other for each of them.
struct Twins {
    clock: Arc<ManualClock>,
    by_batch: DataNode,
    one_by_one: DataNode,
    lifetimes: Lifetimes,
    shares_hits: bool,
}

/// A value, its version, and whether it is the word that there is none.
fn told(value: Option<Value>) -> Option<(Vec<u8>, u64, bool)> {
    value.map(|value| (value.to_vec(), value.version().get(), value.is_absent()))
}

impl Twins {
    fn new(policy: EvictionPolicy, lifetimes: Lifetimes, listens: bool) -> Self {
        let clock = Arc::new(ManualClock::new());
        let shares_hits = policy.shares_hits();
        let limits = Limits { entries: ENTRIES_MAX, ..LIMITS };
        let settings = KeyspaceSettings { policy, limits, lifetimes, listens, ..settings() };
        let node = || {
            let settings_of_node = NodeSettings { bytes_max: LIMITS.bytes, clock: clock.clone() };
            let mut node = DataNode::new(settings_of_node);
            node.add_keyspace(KEYSPACE, &settings);
            node
        };
        let (by_batch, one_by_one) = (node(), node());
        Self { clock, by_batch, one_by_one, lifetimes, shares_hits }
    }

    fn entry(&self, kind: &Kind, key: &[u8]) -> Entry {
        let now = Tick::ZERO.after(Duration::from_millis(self.by_batch.status().uptime_ms));
        let end = |fresh: &Duration| now.after(*fresh).after(self.lifetimes.stale());
        let draft = match kind {
            Kind::Lasting | Kind::Tagged(_) => Draft::new(key, key, Tick::NEVER),
            Kind::For(fresh) => Draft::new(key, key, end(fresh)),
            Kind::Absent(fresh) => Draft::absent(key, end(fresh)),
        };
        let draft = draft.expect("a short key").born(now);
        match kind {
            Kind::Tagged(tag) => draft.tagged(&[*tag]).expect("one tag").entry(),
            Kind::Lasting | Kind::For(_) | Kind::Absent(_) => draft.entry(),
        }
    }

    fn take(&mut self, step: &Step) {
        if let Step::Pass(time) = step {
            self.clock.advance(*time);
        }
        if let Step::Put(kind, number) = step {
            let made = [(); 2].map(|()| self.entry(kind, &key(*number)));
            for (node, entry) in [&mut self.by_batch, &mut self.one_by_one].into_iter().zip(made) {
                store(node, entry).expect("a small value");
            }
        }
        for node in [&mut self.by_batch, &mut self.one_by_one] {
            match step {
                Step::Delete(number) => _ = delete(node, &key(*number)),
                Step::Revoke(tag) => node.revoke(EPOCH, KEYSPACE, &[*tag]),
                Step::Sweep => while node.sweep() {},
                Step::Put(..) | Step::Pass(_) | Step::Get(_) | Step::GetShared(_) => {}
            }
        }
        match step {
            Step::Get(numbers) => self.get(numbers),
            Step::GetShared(numbers) if self.shares_hits => self.get_shared(numbers),
            _ => {}
        }
        self.compare();
    }

    fn get(&mut self, numbers: &[u8]) {
        let asked = asked(numbers);
        let many = self.by_batch.get_many(KEYSPACE, &asked);
        let one_by_one = asked.iter().map(|(hash, key)| self.one_by_one.get(KEYSPACE, *hash, key));
        assert!(many.into_iter().map(told).eq(one_by_one.map(told)), "{numbers:?}");
    }

    fn get_shared(&self, numbers: &[u8]) {
        let asked = asked(numbers);
        let many = self.by_batch.get_many_shared(KEYSPACE, &asked);
        let one = |(hash, key): &(u64, [u8; 2])| self.one_by_one.get_shared(KEYSPACE, *hash, key);
        assert!(many.into_iter().map(told).eq(asked.iter().map(one).map(told)), "{numbers:?}");
    }

    /// What is counted, held, and told to listeners.
    fn compare(&mut self) {
        assert_eq!(self.by_batch.status(), self.one_by_one.status());
        let [many, one_by_one] = [&mut self.by_batch, &mut self.one_by_one].map(|node| {
            node.validate();
            let departed = node.take_departed().into_iter();
            departed.map(|(_, gone)| (gone.entry.key().to_vec(), gone.cause)).collect::<Vec<_>>()
        });
        assert_eq!(many, one_by_one);
    }
}

fn asked(numbers: &[u8]) -> Vec<(u64, [u8; 2])> {
    numbers.iter().map(|&number| (hash(&key(number)), key(number))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Values and versions, counts, what is evicted later, and what listeners are
    /// told, with every policy; keys may be absent, expired, early, stale, idle,
    /// known to have no value, invalidated by tag, and asked for repeatedly.
    #[test]
    fn many_keys_are_answered_and_counted_like_each_of_them(
        lifetimes in lifetimes(),
        listens: bool,
        steps in vec(steps(), 0..150),
    ) {
        for policy in EvictionPolicy::ALL {
            let mut twins = Twins::new(policy, lifetimes, listens);
            for step in &steps {
                twins.take(step);
            }
        }
    }
}

#[test]
fn of_a_keyspace_that_is_not_there_every_key_is_a_miss() {
    let (mut node, _) = node();
    put(&mut node, &key(1), b"1");
    let removed = KeyspaceId { index: 0, generation: 1 };
    for id in [removed, KeyspaceId { index: 7, generation: 0 }] {
        assert!(matches!(&node.get_many(id, &asked(&[1, 2]))[..], [None, None]));
        assert!(matches!(&node.get_many_shared(id, &asked(&[1, 2]))[..], [None, None]));
    }
    assert_eq!((node.status().hits, node.status().misses), (0, 0));
}

/// A reader may come with the word that an earlier policy shared its hits.
#[test]
fn a_shared_batch_is_served_by_a_policy_that_shares_no_hits() {
    let (mut node, _) = node();
    put(&mut node, &key(1), b"1");
    let values = node.get_many_shared(KEYSPACE, &asked(&[1, 2, 1]));
    assert!(matches!(&values[..], [Some(_), None, Some(_)]));
    assert_eq!((node.status().hits, node.status().misses), (2, 1));
    node.validate();
}
