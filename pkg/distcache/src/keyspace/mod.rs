//! A keyspace as callers hold it.

pub(crate) mod ask;
mod bounds;
mod committed;
mod copies;
mod forget;
mod found;
mod hot;
mod inner;
mod item;
mod many;
mod marks;
mod near;
mod read;
mod stats;
mod trace;
mod write;

pub use found::{Found, How, Ttl};
pub use hot::{HOT_KEYS_MAX, HotKey};
pub(crate) use inner::{Inner, Setup};
pub use item::{Item, Until};
pub(crate) use marks::{BehindMarks, Marks, QueueMarks};
pub use stats::KeyspaceStats;
pub use trace::{Freshness, Held, Trace};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{NodeId, Tick};

use crate::gate::BreakerState;
use crate::{Error, KeyspaceConfig};

/// A keyspace of an engine, to read and write.
///
/// Cloning it gives another handle to the same keyspace. After that was removed,
/// every call says so.
///
/// ```
/// use distcache::{Engine, KeyspaceConfig};
///
/// let engine = Engine::builder().start()?;
/// let colours = engine.add_keyspace(KeyspaceConfig::new("colours"))?;
/// colours.put(b"sky", b"blue")?;
/// assert_eq!(colours.get(b"sky")?.as_deref(), Some(&b"blue"[..]));
/// assert!(colours.delete(b"sky")?);
/// assert!(colours.get(b"sky")?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Keyspace {
    pub(crate) inner: Arc<Inner>,
    /// Instead of the keyspace's read timeout.
    timeout: Option<Duration>,
}

impl Keyspace {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, timeout: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.inner.cache.name()
    }

    /// A handle whose reads wait for so long, whatever the keyspace's read
    /// timeout is. What they wait for goes on without them.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { inner: self.inner.clone(), timeout: Some(timeout) }
    }

    /// The data node that owns a key now.
    pub fn owner(&self, key: &[u8]) -> NodeId {
        self.inner.manager.owner_in(&self.inner.cache, key)
    }

    /// What time it is on the engine's clock.
    pub fn now(&self) -> Tick {
        self.inner.manager.now()
    }

    /// The largest value that it takes, in bytes; `None` once it was removed.
    pub fn value_bytes_max(&self) -> Option<u64> {
        self.inner.manager.value_bytes_max_in(self.name())
    }

    pub(crate) fn timeout(&self, setup: &Setup) -> Duration {
        self.timeout.unwrap_or(setup.config.read_timeout)
    }

    /// How it works.
    pub fn config(&self) -> KeyspaceConfig {
        self.inner.setup.load().config.clone()
    }

    /// What has happened in it, and what it holds.
    ///
    /// # Errors
    /// When a data node does not answer, or the keyspace was removed.
    pub fn stats(&self) -> Result<KeyspaceStats, Error> {
        let nodes = self.inner.manager.keyspace_statuses(&self.inner.cache)?;
        Ok(KeyspaceStats::of(&self.inner.stats, &self.inner.setup.load(), &nodes))
    }

    /// Like [`stats`](Self::stats), without ever parking the thread.
    ///
    /// # Errors
    /// As of `stats`.
    pub async fn stats_async(&self) -> Result<KeyspaceStats, Error> {
        let nodes = self.inner.manager.keyspace_statuses_async(&self.inner.cache).await?;
        Ok(KeyspaceStats::of(&self.inner.stats, &self.inner.setup.load(), &nodes))
    }

    /// What its circuit breaker does; `None` if it has none.
    pub fn breaker(&self) -> Option<BreakerState> {
        let setup = self.inner.setup.load();
        Some(setup.breaker.as_ref()?.state(self.inner.manager.now()))
    }
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyspace").field("name", &self.name()).finish_non_exhaustive()
    }
}
