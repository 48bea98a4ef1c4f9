//! A node with one keyspace, and short names for what is done to it.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Deadline, Epoch, Waiter, reply_slot};
use distcache_node::{
    Condition, DataNode, Draft, Entry, EvictionPolicy, KeyspaceId, KeyspaceSettings, Landing, Lead,
    Lifetimes, Limits, Look, ManualClock, NodeSettings, PutRefused, Stored, Tick,
};

pub(crate) const EPOCH: Epoch = Epoch::FIRST;
pub(crate) const KEYSPACE: KeyspaceId = KeyspaceId { index: 0, generation: 0 };
pub(crate) const LIMITS: Limits =
    Limits { bytes: 1 << 20, entries: u64::MAX, value_bytes: 1 << 18 };
/// How long a load may take.
pub(crate) const LOAD_TIME: Duration = Duration::from_mins(1);

pub(crate) fn settings() -> KeyspaceSettings {
    KeyspaceSettings {
        policy: EvictionPolicy::Lru,
        limits: LIMITS,
        lifetimes: Lifetimes::default(),
        listens: false,
        flights_max: 16,
        journal: None,
        is_copied: false,
    }
}

pub(crate) fn node_of(settings: &KeyspaceSettings) -> (DataNode, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let bytes_max = settings.limits.bytes;
    let mut node = DataNode::new(NodeSettings { bytes_max, clock: clock.clone() });
    node.add_keyspace(KEYSPACE, settings);
    (node, clock)
}

pub(crate) fn node() -> (DataNode, Arc<ManualClock>) {
    node_of(&settings())
}

/// A key's hash in these tests: its first byte, spread.
pub(crate) fn hash(key: &[u8]) -> u64 {
    u64::from(key[0]).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

pub(crate) fn put(node: &mut DataNode, key: &[u8], value: &[u8]) -> u64 {
    put_until(node, key, value, Tick::NEVER)
}

pub(crate) fn put_until(node: &mut DataNode, key: &[u8], value: &[u8], expires: Tick) -> u64 {
    let entry = Entry::new(key, value, expires).expect("a short key");
    store(node, entry).expect("a small value").version.get()
}

/// Stores an entry, whatever is there.
pub(crate) fn store(node: &mut DataNode, entry: Entry) -> Result<Stored, PutRefused> {
    let hash = hash(entry.key());
    node.put(EPOCH, KEYSPACE, hash, entry, Condition::Always)
}

pub(crate) fn tagged(key: &[u8], value: &[u8], tags: &[u64]) -> Entry {
    let draft = Draft::new(key, value, Tick::NEVER).expect("a short key");
    draft.tagged(tags).expect("few tags").entry()
}

pub(crate) fn get(node: &mut DataNode, key: &[u8]) -> Option<Vec<u8>> {
    node.get(KEYSPACE, hash(key), key).map(distcache_node::Value::into_bytes)
}

pub(crate) fn delete(node: &mut DataNode, key: &[u8]) -> bool {
    node.delete(KEYSPACE, hash(key), key)
}

/// One caller's look after a miss, and where it waits.
pub(crate) fn look(node: &mut DataNode, key: &[u8]) -> (Look, Waiter<Landing>) {
    let (replier, waiter) = reply_slot();
    assert_eq!(get(node, key), None, "whoever looks has missed");
    (node.look(EPOCH, KEYSPACE, (hash(key), key), LOAD_TIME, replier), waiter)
}

/// The look of a caller to whom a stale value is of no use.
pub(crate) fn look_fresh(node: &mut DataNode, key: &[u8]) -> (Look, Waiter<Landing>) {
    let (replier, waiter) = reply_slot();
    (node.look_fresh(EPOCH, KEYSPACE, (hash(key), key), LOAD_TIME, replier), waiter)
}

/// The load that the caller has to see to.
pub(crate) fn lead(node: &mut DataNode, key: &[u8]) -> (Lead, Waiter<Landing>) {
    match look(node, key) {
        (Look::Leads(lead), waiter) => (lead, waiter),
        (other, _) => panic!("a load was to begin: {other:?}"),
    }
}

/// What a caller was told that waited, if it was.
pub(crate) fn told(waiter: Waiter<Landing>) -> Option<Landing> {
    waiter.wait(&Deadline::within(Duration::ZERO))?.ok()
}

/// The value that a caller was told.
pub(crate) fn told_value(waiter: Waiter<Landing>) -> Option<Vec<u8>> {
    match told(waiter)? {
        Landing::Value(value) => Some(value.to_vec()),
        Landing::Stale(_) | Landing::Failed(_) | Landing::LookAgain => None,
    }
}
