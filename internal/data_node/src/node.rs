//! One data node: a store behind one of the policies, and its versions.

use std::fmt;
use std::sync::Arc;

use distcache_bus::Epoch;

use crate::eviction::{Lru, Sieve};
use crate::store::{Limits, Refused, Store};
use crate::{Clock, Draft, Entry, EvictionPolicy, NodeStatus, Tick, Value, Version};

/// How a node works.
#[derive(Clone)]
pub struct NodeSettings {
    /// Which entry goes when room is needed.
    pub policy: EvictionPolicy,
    /// How much the node may hold.
    pub limits: Limits,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The state of one node. Everything that changes it takes `&mut self`: the
/// mailbox's lock is what stands between callers.
pub struct DataNode {
    store: AnyStore,
    clock: Arc<dyn Clock>,
    /// The sequence of the last version; only grows.
    sequence: u64,
    born: Tick,
}

/// A store of each policy, so that a hit is compiled for its policy.
#[expect(clippy::large_enum_variant, reason = "a node has one store, and never moves it")]
enum AnyStore {
    Lru(Store<Lru>),
    Sieve(Store<Sieve>),
}

/// Runs the same expression on whichever store there is.
macro_rules! on_store {
    ($any:expr, $store:ident => $run:expr) => {
        match $any {
            AnyStore::Lru($store) => $run,
            AnyStore::Sieve($store) => $run,
        }
    };
}

/// Entries that one sweep looks at under one lock: some 100 us.
const ENTRIES_A_SWEEP: usize = 1024;

impl DataNode {
    /// An empty node.
    pub fn new(settings: NodeSettings) -> Self {
        let NodeSettings { policy, limits, clock } = settings;
        let store = match policy {
            EvictionPolicy::Lru => AnyStore::Lru(Store::new(Lru::new(), limits)),
            EvictionPolicy::Sieve => AnyStore::Sieve(Store::new(Sieve::new(), limits)),
        };
        let born = clock.now();
        Self { store, clock, sequence: 0, born }
    }

    /// The value of a key, or a miss.
    #[inline]
    pub fn get(&mut self, hash: u64, key: &[u8]) -> Option<Value> {
        let clock = &self.clock;
        on_store!(&mut self.store, store => store.get(hash, key, || clock.now())).map(Value::from)
    }

    /// The same beside other readers; for policies that share their hits.
    #[inline]
    pub fn get_shared(&self, hash: u64, key: &[u8]) -> Option<Value> {
        let now = || self.clock.now();
        on_store!(&self.store, store => store.get_shared(hash, key, now)).map(Value::from)
    }

    /// Stores an entry for a request of `epoch`, and gives it its version.
    ///
    /// # Errors
    /// When the value is too large; nothing has changed then.
    pub fn put(&mut self, epoch: Epoch, hash: u64, entry: Entry) -> Result<Stored, Refused> {
        on_store!(&mut self.store, store => store.admits(&entry))?;
        let version = self.next_version(epoch);
        entry.set_version(version);
        let replaced = on_store!(&mut self.store, store => store.put(hash, entry));
        Ok(Stored { version, is_new: replaced.is_none(), replaced })
    }

    /// Like [`put`](Self::put) of the draft's entry, which is made here and only
    /// if the memory of the key's present one does not do.
    ///
    /// # Errors
    /// As of `put`.
    pub fn put_draft(
        &mut self,
        epoch: Epoch,
        hash: u64,
        draft: &Draft<'_>,
    ) -> Result<Stored, Refused> {
        let version = self.next_version(epoch);
        if on_store!(&mut self.store, store => store.overwrite(hash, draft, version)) {
            return Ok(Stored { version, is_new: false, replaced: None });
        }
        self.put(epoch, hash, draft.entry())
    }

    /// Forgets a key. Returns whether it had a value that had not expired.
    pub fn delete(&mut self, hash: u64, key: &[u8]) -> bool {
        let deleted = on_store!(&mut self.store, store => store.delete(hash, key));
        deleted.is_some_and(|entry| {
            entry.expires() == Tick::NEVER || self.clock.now() < entry.expires()
        })
    }

    /// Forgets everything. Returns how many entries there were.
    pub fn clear(&mut self) -> usize {
        on_store!(&mut self.store, store => store.clear())
    }

    /// Takes the entry of a key away, for another node.
    pub fn hand_over(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        on_store!(&mut self.store, store => store.hand_over(hash, key))
    }

    /// Takes away what `leaves` picks by hash among the next `entries`, or some
    /// more, into `moved`; from the beginning if `at` is 0. Returns where to go
    /// on; `None` at the end.
    pub fn hand_over_some(
        &mut self,
        at: usize,
        entries: usize,
        leaves: impl Fn(u64) -> bool,
        moved: &mut Vec<(u64, Entry)>,
    ) -> Option<usize> {
        on_store!(&mut self.store, store => store.hand_over_some(at, entries, leaves, moved))
    }

    /// Takes an entry over from another node, with its version and its expiry.
    pub fn take_over(&mut self, hash: u64, entry: Entry) {
        on_store!(&mut self.store, store => store.take_over(hash, entry));
    }

    /// What the node may hold.
    pub fn limits(&self) -> Limits {
        on_store!(&self.store, store => store.limits())
    }

    /// Changes what the node may hold, and evicts what is too much.
    pub fn set_limits(&mut self, limits: Limits) {
        on_store!(&mut self.store, store => store.set_limits(limits));
    }

    /// Frees some of what has expired. Returns whether there may be more.
    pub fn sweep(&mut self) -> bool {
        let now = self.clock.now();
        on_store!(&mut self.store, store => {
            store.sweep(now, ENTRIES_A_SWEEP);
            store.wants_sweep(now)
        })
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        on_store!(&self.store, store => store.len())
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Accounted bytes.
    pub fn bytes(&self) -> u64 {
        on_store!(&self.store, store => store.bytes())
    }

    /// What the node tells of itself; the inbox is the mailbox's to tell.
    pub fn status(&self) -> NodeStatus {
        let limits = self.limits();
        let counters = on_store!(&self.store, store => &store.counters);
        NodeStatus {
            entries: self.len() as u64,
            entries_max: limits.entries,
            bytes: self.bytes(),
            capacity_bytes: limits.bytes,
            hits: counters.hits.get(),
            misses: counters.misses.get(),
            inserts: counters.inserts.get(),
            updates: counters.updates.get(),
            deletes: counters.deletes.get(),
            evictions: counters.evictions.get(),
            expirations: counters.expirations.get(),
            refusals: counters.refusals.get(),
            moved_in: counters.moved_in.get(),
            moved_out: counters.moved_out.get(),
            inbox_depth: 0,
            uptime_ms: self.clock.now().as_ms() - self.born.as_ms(),
            sequence: self.sequence,
        }
    }

    /// Recounts every structure and compares. For tests: it takes its time.
    ///
    /// # Panics
    /// When something does not add up; the message names it.
    pub fn validate(&self) {
        on_store!(&self.store, store => store.validate());
    }

    /// # Panics
    /// After 10^12 writes in one epoch. The manager begins a new epoch at half
    /// of that; a panic here makes it replace the node.
    fn next_version(&mut self, epoch: Epoch) -> Version {
        assert!(self.sequence < Version::SEQUENCE_MAX, "the sequence of this epoch is used up");
        self.sequence += 1;
        Version::new(epoch, self.sequence)
    }
}

/// A put that was made.
#[derive(Debug)]
pub struct Stored {
    /// The version of the new value.
    pub version: Version,
    /// Whether the key is new to the node.
    pub is_new: bool,
    /// The entry that was there before, for the caller to drop when the lock
    /// is released; unless its memory serves the new one.
    pub replaced: Option<Entry>,
}

impl fmt::Debug for DataNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataNode").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl fmt::Debug for NodeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSettings")
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
