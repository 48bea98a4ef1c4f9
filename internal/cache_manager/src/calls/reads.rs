//! Calls that read.

use distcache_bus::Deadline;
use distcache_node::commands::{Get, Peek, Trace as AskTrace};
use distcache_node::{Tick, Trace, Value};

use super::Asked;
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace, NodeId};

/// A value that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The node that held it.
    pub node: NodeId,
    /// The value.
    pub value: Value,
}

/// A value as it lies in the cache.
#[derive(Debug, Clone)]
pub struct Peeked {
    /// The node that holds it.
    pub node: NodeId,
    /// The value.
    pub value: Value,
    /// Since when it is not fresh any more; `None` if it is.
    pub stale_since: Option<Tick>,
}

impl CacheManager {
    /// The value of a key; `None` is a miss.
    ///
    /// # Errors
    /// `Closed`, `TimedOut`, `NodeFailed`, `Busy`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Result<Option<Hit>, Error> {
        self.get_in(&self.shared.default, key)
    }

    /// The value of a key of a keyspace, if it is fresh and not due to be loaded
    /// again; it may be the word that there is none
    /// ([`Value::is_absent`]). `None` is a miss.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    #[inline]
    pub fn get_in(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Hit>, Error> {
        self.shared.get(keyspace, key, &self.shared.deadline())
    }

    /// Like [`get`](Self::get), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_async(&self, key: &[u8]) -> Result<Option<Hit>, Error> {
        self.get_in_async(&self.shared.default, key).await
    }

    /// Like [`get_in`](Self::get_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get_in`.
    #[inline]
    pub async fn get_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
    ) -> Result<Option<Hit>, Error> {
        let asked = self.shared.about(keyspace, key);
        // A get is so short that a future for it would take a fourth of its time
        // (`cargo bench -p distcache --bench reads -- hit-async`).
        match self.shared.get_at_once(asked) {
            Some(told) => told,
            None => Box::pin(self.shared.get_patiently(asked)).await,
        }
    }

    /// The value of a key as it lies in the cache, stale or fresh. No use of it:
    /// it is neither counted nor loaded.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub fn peek_in(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Peeked>, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let (node, found) = self.shared.ask(asked, |routing, node, deadline| {
            node.mailbox.read(routing.epoch, deadline, Peek { keyspace: id, hash, key })
        })?;
        Ok(found.map(|(value, stale_since)| Peeked { node, value, stale_since }))
    }

    /// Like [`peek_in`](Self::peek_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `peek_in`.
    pub async fn peek_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
    ) -> Result<Option<Peeked>, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = Peek { keyspace: id, hash, key };
            node.mailbox.begin_read(routing.epoch, deadline, &shared.timer, command)
        };
        let (node, found) = self.shared.ask_async(asked, begin).await?;
        Ok(found.map(|(value, stale_since)| Peeked { node, value, stale_since }))
    }
}

impl CacheManager {
    /// What the owner of a key knows of it, and which node that is. No use of it.
    ///
    /// # Errors
    /// As of [`get`](Self::get), and `KeyspaceUnknown`.
    pub fn trace_in(&self, keyspace: &Keyspace, key: &[u8]) -> Result<(NodeId, Trace), Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let (node, trace) = self.shared.ask(asked, |routing, node, deadline| {
            node.mailbox.read(routing.epoch, deadline, AskTrace { keyspace: id, hash, key })
        })?;
        Ok((node, trace.ok_or_else(|| Error::gone(keyspace))?))
    }

    /// Like [`trace_in`](Self::trace_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `trace_in`.
    pub async fn trace_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
    ) -> Result<(NodeId, Trace), Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = AskTrace { keyspace: id, hash, key };
            node.mailbox.begin_read(routing.epoch, deadline, &shared.timer, command)
        };
        let (node, trace) = self.shared.ask_async(asked, begin).await?;
        Ok((node, trace.ok_or_else(|| Error::gone(keyspace))?))
    }
}

impl Shared {
    #[inline]
    pub(crate) fn get(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        deadline: &Deadline,
    ) -> Result<Option<Hit>, Error> {
        let asked @ Asked { hash, .. } = self.about(keyspace, key);
        let id = keyspace.id();
        let (node, value) = self.ask_until(deadline, asked, |routing, node, deadline| {
            let command = Get { keyspace: id, hash, key };
            if keyspace.shares_hits() {
                node.mailbox.read(routing.epoch, deadline, command)
            } else {
                node.mailbox.call(routing.epoch, deadline, command)
            }
        })?;
        Ok(value.map(|value| Hit { node, value }))
    }

    /// What a get comes to if it can be told at once; `None` if the node is busy, has
    /// refused, or the ring is changing.
    #[inline]
    fn get_at_once(&self, asked: Asked<'_>) -> Option<Result<Option<Hit>, Error>> {
        let Asked { keyspace, hash, key, .. } = asked;
        let command = Get { keyspace: keyspace.id(), hash, key };
        let attempt = |routing: &Routing, node: &NodeHandle| {
            if keyspace.shares_hits() {
                node.mailbox.attempt_read(routing.epoch, command)
            } else {
                node.mailbox.attempt(routing.epoch, command)
            }
        };
        match self.first(asked, attempt, |_, _| ()) {
            // Whoever asks again finds out what an error is, and whether it passes.
            Ok(first) => first.and_then(|(node, told, ())| {
                let value = told?.ok()?;
                Some(Ok(value.map(|value| Hit { node, value })))
            }),
            Err(error) => Some(Err(error)),
        }
    }

    /// The same for a task that waits.
    async fn get_patiently(&self, asked: Asked<'_>) -> Result<Option<Hit>, Error> {
        let Asked { keyspace, hash, key, .. } = asked;
        let id = keyspace.id();
        let begin = |shared: &Self, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = Get { keyspace: id, hash, key };
            if keyspace.shares_hits() {
                node.mailbox.begin_read(routing.epoch, deadline, &shared.timer, command)
            } else {
                node.mailbox.begin(routing.epoch, deadline, &shared.timer, command)
            }
        };
        let (node, value) = self.ask_async(asked, begin).await?;
        Ok(value.map(|value| Hit { node, value }))
    }
}
