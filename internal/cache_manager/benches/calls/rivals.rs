//! Ourselves and the others, behind one small face.

use std::hash::BuildHasher;
use std::num::NonZeroUsize;

use distcache_manager::{CacheManager, Config, Dispatch, EvictionPolicy};
use hashbrown::DefaultHashBuilder;
use parking_lot::Mutex;

use crate::workload::{KEYS, Key, Value};

/// Room for twice the keys: nobody evicts.
const CAPACITY: usize = 2 * KEYS;

/// What everybody can do. A value that is got is shared, never copied. To put
/// one, the others share it too; we copy it, as we do for everybody.
pub(crate) trait Cache: Send + Sync {
    /// Whether the key was there.
    fn get(&self, key: &Key) -> bool;
    fn put(&self, key: &Key, value: &Value);
}

pub(crate) struct Ours(CacheManager);

impl Ours {
    pub(crate) fn start(eviction: EvictionPolicy, dispatch: Dispatch) -> Self {
        let config = Config { eviction, dispatch, ..Config::default() };
        Self(CacheManager::start(config).expect("the defaults go together"))
    }
}

impl Cache for Ours {
    fn get(&self, key: &Key) -> bool {
        self.0.get(key).expect("the cache is open").is_some()
    }

    fn put(&self, key: &Key, value: &Value) {
        self.0.put(key, value, None).expect("the value fits");
    }
}

type QuickCache = quick_cache::sync::Cache<Vec<u8>, Value>;

pub(crate) fn quick_cache() -> impl Cache {
    QuickCache::new(CAPACITY)
}

impl Cache for QuickCache {
    fn get(&self, key: &Key) -> bool {
        self.get(key.as_slice()).is_some()
    }

    fn put(&self, key: &Key, value: &Value) {
        self.insert(key.to_vec(), value.clone());
    }
}

type Moka = moka::sync::Cache<Vec<u8>, Value>;

pub(crate) fn moka() -> impl Cache {
    Moka::new(CAPACITY as u64)
}

impl Cache for Moka {
    fn get(&self, key: &Key) -> bool {
        self.get(key.as_slice()).is_some()
    }

    fn put(&self, key: &Key, value: &Value) {
        self.insert(key.to_vec(), value.clone());
    }
}

type Shard = Mutex<lru::LruCache<Vec<u8>, Value>>;

/// What one would write first: a map of locked LRU caches.
pub(crate) struct MutexLru {
    shards: Vec<Shard>,
    hasher: DefaultHashBuilder,
}

impl MutexLru {
    pub(crate) fn with_as_many_shards_as_we_have_nodes() -> Self {
        let capacity = NonZeroUsize::new(CAPACITY).expect("there are keys");
        let shard = || Mutex::new(lru::LruCache::new(capacity));
        let shards = std::iter::repeat_with(shard).take(Config::default().data_nodes).collect();
        Self { shards, hasher: DefaultHashBuilder::default() }
    }

    fn shard(&self, key: &Key) -> &Shard {
        // The top bits by a multiplication; the map uses others.
        let hash = u128::from(self.hasher.hash_one(key.as_slice()));
        let index = (hash * self.shards.len() as u128) >> 64;
        &self.shards[usize::try_from(index).expect("below the number of shards")]
    }
}

impl Cache for MutexLru {
    fn get(&self, key: &Key) -> bool {
        self.shard(key).lock().get(key.as_slice()).cloned().is_some()
    }

    fn put(&self, key: &Key, value: &Value) {
        self.shard(key).lock().put(key.to_vec(), value.clone());
    }
}
