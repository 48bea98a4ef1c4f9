//! What an engine tells of its bounds and its topics.

use distcache_manager::{Bound, Lag};

use super::Engine;
use crate::Error;

impl Engine {
    /// Every bound there is, those of all together first: its value, how much
    /// there is now, the most there has been, and how often it was reached.
    ///
    /// # Errors
    /// `Cache` when the cache cannot answer.
    pub fn limits(&self) -> Result<Vec<Bound>, Error> {
        let mut bounds = self.shared.manager.bounds()?;
        bounds.push(self.shared.changes_of_tasks.bound());
        bounds.extend(self.shared.away.bounds());
        for keyspace in self.shared.keyspaces.load_full().iter() {
            let nodes = self.shared.manager.keyspace_statuses(&keyspace.inner.cache);
            bounds.extend(keyspace.inner.bounds_if_there(nodes)?);
        }
        Ok(bounds)
    }

    /// Like [`limits`](Self::limits), without ever parking the thread.
    ///
    /// # Errors
    /// As of `limits`.
    pub async fn limits_async(&self) -> Result<Vec<Bound>, Error> {
        let mut bounds = self.shared.manager.bounds_async().await?;
        bounds.push(self.shared.changes_of_tasks.bound());
        bounds.extend(self.shared.away.bounds());
        for keyspace in self.shared.keyspaces.load_full().iter() {
            let nodes = self.shared.manager.keyspace_statuses_async(&keyspace.inner.cache);
            bounds.extend(keyspace.inner.bounds_if_there(nodes.await)?);
        }
        Ok(bounds)
    }

    /// How far the subscribers of each topic are behind: those of
    /// [`topics`](Self::topics) and of [`events`](Self::events).
    pub fn lags(&self) -> Vec<Lag> {
        let mut lags = self.shared.manager.topics().lags();
        lags.push(self.shared.events.lag());
        lags
    }
}
