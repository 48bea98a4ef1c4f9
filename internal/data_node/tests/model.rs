//! The node against a plain map: whatever it answers is what the map has, or a
//! miss; and every structure adds up after every operation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::Epoch;
use distcache_node::{
    Clock, Condition, DataNode, Draft, EvictionPolicy, KeyspaceId, KeyspaceSettings, Label,
    Lifetimes, Limits, ManualClock, NodeSettings, STRUCTURE_BYTES_MIN, Tick, Value,
};

const KEYSPACE: KeyspaceId = KeyspaceId { index: 0, generation: 0 };

/// Xorshift (G. Marsaglia, "Xorshift RNGs", 2003): the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// One value as the map has it.
struct Modelled {
    value: Vec<u8>,
    expires: Tick,
    label: Label<'static>,
}

/// A node, a map, and the dice.
struct Bench {
    policy: EvictionPolicy,
    node: DataNode,
    clock: Arc<ManualClock>,
    model: HashMap<u64, Modelled>,
    random: Random,
    keys: u64,
    value_bytes: u64,
    hash: fn(u64) -> u64,
    last_version: u64,
    hits: u64,
    /// A value, and what it was when it was found.
    held: Option<(Value, Vec<u8>)>,
}

fn good_hash(key: u64) -> u64 {
    let mixed = (key + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
    mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// Every key in one bucket: the node must compare keys, not hashes.
fn worst_hash(_: u64) -> u64 {
    7
}

const UNLIMITED: u64 = u64::MAX;

/// So few keys that everything can be recounted at any time.
const SMALL_KEYS: u64 = 200;

fn limits(bytes: u64, entries: u64) -> Limits {
    Limits { bytes: STRUCTURE_BYTES_MIN + bytes, entries, value_bytes: 1024 }
}

impl Bench {
    fn new(policy: EvictionPolicy, limits: Limits, keys: u64, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new());
        let settings = NodeSettings { bytes_max: limits.bytes, clock: clock.clone() };
        let mut node = DataNode::new(settings);
        let keyspace = KeyspaceSettings {
            policy: policy.clone(),
            limits,
            lifetimes: Lifetimes::default(),
            listens: false,
            flights_max: 16,
            journal: None,
            is_copied: false,
        };
        node.add_keyspace(KEYSPACE, &keyspace);
        Self {
            policy,
            node,
            clock,
            model: HashMap::new(),
            random: Random(seed),
            keys,
            value_bytes: 100,
            hash: good_hash,
            last_version: 0,
            hits: 0,
            held: None,
        }
    }

    fn run(&mut self, operations: u64, validate_every: u64) {
        for number in 1..=operations {
            self.step();
            if number % validate_every == 0 {
                self.node.validate();
            }
        }
        assert!(operations / 100 < self.hits, "a cache that always misses proves nothing");
    }

    fn step(&mut self) {
        let key = self.random.below(self.keys);
        match self.random.below(100) {
            0..45 => self.get(key),
            45..86 => self.put(key),
            86..94 => self.delete(key),
            94..97 => self.clock.advance(Duration::from_millis(self.random.below(40))),
            97..99 => _ = self.node.sweep(),
            _ => self.clear_or_squeeze(),
        }
    }

    fn get(&mut self, key: u64) {
        let (name, hash) = (key.to_le_bytes(), (self.hash)(key));
        let found = if self.policy.shares_hits() && self.random.below(2) == 0 {
            self.node.get_shared(KEYSPACE, hash, &name)
        } else {
            self.node.get(KEYSPACE, hash, &name)
        };
        let Some(found) = found else { return };
        let expected = self.model.get(&key).expect("only what was put is found");
        assert_eq!(&found[..], expected.value, "the latest value, or a miss");
        assert_eq!(found.label(), expected.label, "what was said of it, and nothing older");
        assert!(self.clock.now() < expected.expires, "nothing is served after its time");
        assert!(found.version().get() <= self.last_version);
        self.hits += 1;
        self.hold(found);
    }

    /// Keeps a value as a slow reader would, and looks at one kept before.
    fn hold(&mut self, value: Value) {
        let bytes = value.to_vec();
        if let Some((held, bytes)) = self.held.replace((value, bytes)) {
            assert_eq!(held[..], bytes, "a value that was handed out never changes");
        }
    }

    fn put(&mut self, key: u64) {
        let value: Vec<u8> = (0..self.random.below(self.value_bytes))
            .map(|_| self.random.below(256).to_le_bytes()[0])
            .collect();
        let expires = match self.random.below(3) {
            0 => self.clock.now().after(Duration::from_millis(1 + self.random.below(400))),
            _ => Tick::NEVER,
        };
        let (name, hash) = (key.to_le_bytes(), (self.hash)(key));
        let label = self.label();
        let draft = Draft::new(&name, &value, expires).expect("a short key").labelled(label);
        let stored = if self.random.below(2) == 0 {
            self.node.put_draft(Epoch::FIRST, KEYSPACE, hash, &draft, Condition::Always)
        } else {
            self.node.put(Epoch::FIRST, KEYSPACE, hash, draft.entry(), Condition::Always)
        };
        let stored = stored.expect("a small value");
        assert!(stored.replaced.is_none() || !stored.is_new);
        assert!(self.last_version < stored.version.get(), "versions grow");
        self.last_version = stored.version.get();
        self.model.insert(key, Modelled { value, expires, label });
    }

    /// None as often as one.
    fn label(&mut self) -> Label<'static> {
        // Some as long as others, for values that are written over.
        const CONTENT_TYPES: [&str; 2] = ["image/gif", "image/png"];
        const VALIDATORS: [&str; 3] = ["\"1\"", "\"2\"", "Wed, 21 Oct 2015 07:28:00 GMT"];
        let mut any_of = |texts: &[&'static str]| {
            let number = usize::try_from(self.random.below(6)).expect("six fit");
            texts.get(number).copied()
        };
        let (content_type, validator) = (any_of(&CONTENT_TYPES), any_of(&VALIDATORS));
        Label::new(content_type, validator).expect("short texts")
    }

    fn delete(&mut self, key: u64) {
        let there = self.node.delete(KEYSPACE, (self.hash)(key), &key.to_le_bytes());
        let modelled = self.model.remove(&key);
        assert!(!there || modelled.is_some_and(|one| self.clock.now() < one.expires));
    }

    fn clear_or_squeeze(&mut self) {
        if self.random.below(self.keys) == 0 {
            self.node.clear(KEYSPACE);
            self.model.clear();
            return;
        }
        let before = self.node.limits(KEYSPACE).expect("it was added");
        self.node.set_limits(KEYSPACE, Limits { bytes: before.bytes - 900, ..before });
        if self.keys <= SMALL_KEYS {
            self.node.validate();
        }
        self.node.set_limits(KEYSPACE, before);
    }
}

#[test]
fn a_million_operations_on_few_keys_validated_after_each() {
    for (seed, policy) in (1..).zip(EvictionPolicy::ALL) {
        // Room for all of the keys, and then for about a third of them.
        Bench::new(policy.clone(), limits(4_000, UNLIMITED), 64, seed).run(120_000, 1);
        Bench::new(policy, limits(64 * 1024, 24), 64, seed + 10).run(120_000, 1);
    }
}

#[test]
fn a_large_run_validated_every_thousand() {
    for (seed, policy) in (21..).zip(EvictionPolicy::ALL) {
        let mut bench = Bench::new(policy, limits(4 << 20, UNLIMITED), 60_000, seed);
        bench.run(200_000, 1_000);
    }
}

#[test]
fn keys_of_one_hash_never_meet() {
    for (seed, policy) in (31..).zip(EvictionPolicy::ALL) {
        let mut bench = Bench::new(policy, limits(64 * 1024, 40), 64, seed);
        bench.hash = worst_hash;
        bench.run(50_000, 10);
    }
}

#[test]
fn values_of_all_sizes_stay_within_the_limit() {
    for (seed, policy) in (41..).zip(EvictionPolicy::ALL) {
        // Room for about half of what the keys would take.
        let mut bench = Bench::new(policy, limits(40_000, UNLIMITED), 1_000, seed);
        bench.value_bytes = 1_024;
        bench.run(20_000, 1);
        assert!(1_000 < bench.node.status().evictions, "the limit was met again and again");
    }
}
