//! What the cache can tell of one key.

use distcache_manager::{InFlight, NodeId, Removal, Tick, Version};

use super::Found;
use super::ask::Ask;
use super::inner::Inner;
use super::{How, Keyspace, Ttl};
use crate::Error;

/// What the cache knows of a key: where it belongs, what is held, and if nothing
/// is, why. To ask is no use of the key: it is neither counted nor loaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trace {
    /// The data node that owns the key.
    pub node: NodeId,
    /// Since when that node is there, on the engine's clock. It began with nothing:
    /// what was held before it went with a node that was lost.
    pub node_born: Tick,
    /// What is held.
    pub held: Option<Held>,
    /// How the last entry of the key went, as far as its node remembers: each
    /// remembers the last thousand. It may be older than what is held.
    pub removal: Option<Removal>,
    /// The load that is on its way, if one is.
    pub load: Option<InFlight>,
    /// Whether a write of the key waits for its store.
    pub write_waits: bool,
}

/// What is held of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Its version.
    pub version: Version,
    /// When it was loaded or put, on the engine's clock.
    pub born: Option<Tick>,
    /// Whether it can be served.
    pub freshness: Freshness,
    /// How long it stays fresh; `None` if it is not.
    pub ttl: Option<Ttl>,
    /// Whether it is the word that there is no value.
    pub is_absent: bool,
    /// Of what type the value is, if that was said.
    pub content_type: Option<Box<str>>,
    /// Bytes of the value.
    pub value_bytes: u64,
    /// Bytes that it takes from memory, key and overhead included.
    pub heap_bytes: u64,
    /// How many tags it bears.
    pub tags: usize,
}

/// Whether a value can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is.
    Fresh,
    /// It is, and who reads it makes it be loaded again.
    Early,
    /// Its time is over since this tick. It is served, marked as stale, if the
    /// keyspace allows it.
    Stale {
        /// Since when.
        since: Tick,
    },
    /// It is not, before its source has been asked whether it is still right:
    /// [`Loaded::no_cache`](crate::Loaded::no_cache).
    NoCache,
}

impl Keyspace {
    /// What the cache knows of a key.
    ///
    /// # Errors
    /// `Cache` when the cache cannot answer, or the keyspace was removed.
    pub fn trace(&self, key: &[u8]) -> Result<Trace, Error> {
        self.anywhere(self.begin_call(), self.trace_here(key), Ask::Trace { key })
    }

    fn trace_here(&self, key: &[u8]) -> Result<Trace, Error> {
        let (node, trace) = self.inner.manager.trace_in(&self.inner.cache, key)?;
        Ok(self.inner.traced(node, trace, key))
    }

    /// Like [`trace`](Self::trace), without ever parking the thread.
    ///
    /// # Errors
    /// As of `trace`.
    pub async fn trace_async(&self, key: &[u8]) -> Result<Trace, Error> {
        self.anywhere_async(self.begin_call(), self.trace_here_async(key).await, Ask::Trace { key })
            .await
    }

    pub(super) async fn trace_here_async(&self, key: &[u8]) -> Result<Trace, Error> {
        let (node, trace) = self.inner.manager.trace_in_async(&self.inner.cache, key).await?;
        Ok(self.inner.traced(node, trace, key))
    }
}

impl Inner {
    fn traced(&self, node: NodeId, trace: distcache_manager::Trace, key: &[u8]) -> Trace {
        let distcache_manager::Trace { held, removal, flight, node_born } = trace;
        let write_waits = self.setup.load().writer.as_ref().is_some_and(|w| w.is_pending(key));
        let held = held.map(|held| self.held(held));
        Trace { node, node_born, held, removal, load: flight, write_waits }
    }

    fn held(&self, held: distcache_manager::Held) -> Held {
        let distcache_manager::Held { value, stale_since, is_early, heap_bytes } = held;
        let freshness = match stale_since {
            Some(since) => Freshness::Stale { since },
            None if is_early => Freshness::Early,
            None if value.is_no_cache() => Freshness::NoCache,
            None => Freshness::Fresh,
        };
        let is_absent = value.is_absent();
        let how = stale_since.map_or(How::Hit, |since| How::Stale { since });
        let found = Found::come_by(value, how);
        Held {
            version: found.version(),
            born: found.born(),
            freshness,
            ttl: self.ttl_of(&found),
            is_absent,
            content_type: found.content_type().map(Into::into),
            value_bytes: found.len() as u64,
            heap_bytes,
            tags: found.tags().count(),
        }
    }
}
