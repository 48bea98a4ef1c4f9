//! Calls that go through a keyspace, node after node.

use std::sync::Arc;

use distcache_bus::{CallError, Deadline};
use distcache_node::commands::{Clear, InvalidateSome, Revoke, Survey};
use distcache_node::{Departed, KeyspaceId, NodeStatus, Selection};

use super::count::Count;
use super::tour::Tour;
use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace, NodeId};

/// An entry that has gone, and from which keyspace.
pub(super) type Gone = (KeyspaceId, Departed);

/// Entries that a walk looks at under one lock: some 100 us.
pub(super) const ENTRIES_A_LOCK: usize = 1024;

impl CacheManager {
    /// Forgets every key of the default keyspace; see
    /// [`clear_in`](Self::clear_in).
    ///
    /// # Errors
    /// As of `clear_in`.
    pub fn clear(&self) -> Result<usize, Error> {
        self.clear_in(&self.shared.default)
    }

    /// Forgets every key of a keyspace, node after node, and what loads that are
    /// on their way will bring. Returns how many entries there were. A key that
    /// is put meanwhile may stay.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some nodes may have been cleared then.
    pub fn clear_in(&self, keyspace: &Keyspace) -> Result<usize, Error> {
        let mut entries = 0;
        self.on_every_node(|routing, node, deadline| {
            let command = Clear { keyspace: keyspace.id() };
            let told = node.mailbox.call(routing.epoch, deadline, command)?;
            entries += told.reply;
            Ok(told.departed)
        })?;
        Ok(entries)
    }

    /// Like [`clear_in`](Self::clear_in), for a task: the nodes' own threads do
    /// it.
    ///
    /// # Errors
    /// As of `clear_in`.
    pub async fn clear_in_async(&self, keyspace: &Keyspace) -> Result<usize, Error> {
        let mut entries = 0;
        let mut tour = Tour::begin(&self.shared).await?;
        while let Some(node) = tour.node() {
            let (epoch, deadline) = (tour.epoch(), tour.deadline());
            let command = Clear { keyspace: keyspace.id() };
            let timer = &self.shared.timer;
            let told = node.mailbox.begin_on_worker(epoch, &deadline, timer, command).await;
            if let Some(told) = tour.heard(told).await? {
                entries += told.reply;
                tour.tell(told.departed).await;
                tour.go_on(None).await;
            }
        }
        Ok(entries)
    }

    /// Forgets every value of a keyspace that bears one of the tags with these
    /// hashes. When it returns, no read gets one that was stored or loaded
    /// before. Costs the same however many values there are.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some of the values may have gone then.
    pub fn revoke_in(&self, keyspace: &Keyspace, tags: &[u64]) -> Result<(), Error> {
        self.on_every_node(|routing, node, deadline| {
            let epoch = routing.epoch;
            let command = Revoke { epoch, keyspace: keyspace.id(), tags: tags.to_vec() };
            node.mailbox.call(epoch, deadline, command)?;
            Ok(Vec::new())
        })
    }

    /// Like [`revoke_in`](Self::revoke_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `revoke_in`.
    pub async fn revoke_in_async(&self, keyspace: &Keyspace, tags: &[u64]) -> Result<(), Error> {
        let mut tour = Tour::begin(&self.shared).await?;
        while let Some(node) = tour.node() {
            let (epoch, deadline) = (tour.epoch(), tour.deadline());
            let command = Revoke { epoch, keyspace: keyspace.id(), tags: tags.to_vec() };
            let told = node.mailbox.begin(epoch, &deadline, &self.shared.timer, command).await;
            if tour.heard(told).await?.is_some() {
                tour.go_on(None).await;
            }
        }
        Ok(())
    }

    /// Forgets every key of a keyspace that is selected, and what loads of them
    /// that are on their way will bring. Goes through all of them, a thousand
    /// under one lock. Returns how many entries there were.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some of the keys may have gone then.
    pub fn invalidate_in(&self, keyspace: &Keyspace, selection: &Selection) -> Result<u64, Error> {
        let _walk = self.shared.journal.walk();
        let mut removed = 0;
        self.on_every_node(|routing, node, _| {
            let (mut next, mut departed) = (Some(0), Vec::new());
            while let Some(at) = next {
                let command = InvalidateSome {
                    keyspace: keyspace.id(),
                    at,
                    entries: ENTRIES_A_LOCK,
                    selection: selection.clone(),
                };
                // Each step has its own patience: the walk has no end in time.
                let deadline = Deadline::within(self.shared.call_timeout);
                let told = node.mailbox.call(routing.epoch, &deadline, command)?;
                departed.extend(told.departed);
                removed += told.reply.0;
                next = told.reply.1;
            }
            Ok(departed)
        })?;
        Ok(removed)
    }

    /// Like [`invalidate_in`](Self::invalidate_in), without ever parking the
    /// thread; other tasks have it between two locks.
    ///
    /// # Errors
    /// As of `invalidate_in`.
    pub async fn invalidate_in_async(
        &self,
        keyspace: &Keyspace,
        selection: &Selection,
    ) -> Result<u64, Error> {
        let _walk = self.shared.journal.walk();
        let mut removed = 0;
        let mut tour = Tour::begin(&self.shared).await?;
        while let Some(node) = tour.node() {
            let (epoch, deadline) = (tour.epoch(), tour.deadline());
            let command = InvalidateSome {
                keyspace: keyspace.id(),
                at: tour.at(),
                entries: ENTRIES_A_LOCK,
                selection: selection.clone(),
            };
            let told = node.mailbox.begin(epoch, &deadline, &self.shared.timer, command).await;
            if let Some(told) = tour.heard(told).await? {
                removed += told.reply.0;
                tour.tell(told.departed).await;
                tour.go_on(told.reply.1).await;
            }
        }
        Ok(removed)
    }

    /// Like [`keyspace_statuses`](Self::keyspace_statuses), without ever parking
    /// the thread.
    ///
    /// # Errors
    /// As of `keyspace_statuses`.
    pub async fn keyspace_statuses_async(
        &self,
        keyspace: &Keyspace,
    ) -> Result<Vec<NodeStatus>, Error> {
        let mut statuses = Vec::new();
        let mut tour = Tour::begin(&self.shared).await?;
        while let Some(node) = tour.node() {
            let (epoch, deadline) = (tour.epoch(), tour.deadline());
            let command = Count::of(keyspace.id(), &node);
            let counted = node.mailbox.begin_read(epoch, &deadline, &self.shared.timer, command);
            if let Some(counted) = tour.heard(counted.await).await? {
                // Fewer of them, if the tour has begun again.
                statuses.truncate(tour.nodes_done());
                statuses.push(counted.ok_or_else(|| Error::gone(keyspace))?);
                tour.go_on(None).await;
            }
        }
        if statuses.len() < tour.nodes_done() {
            return Err(Error::NodeFailed);
        }
        statuses.push(tour.departed(keyspace.id()));
        Ok(statuses)
    }

    /// Like [`statuses`](Self::statuses), without ever parking the thread.
    ///
    /// # Errors
    /// As of `statuses`.
    pub async fn statuses_async(&self) -> Result<Vec<(NodeId, NodeStatus)>, Error> {
        let mut statuses = Vec::new();
        let mut tour = Tour::begin(&self.shared).await?;
        while let Some(node) = tour.node() {
            let (epoch, deadline) = (tour.epoch(), tour.deadline());
            let told = node.mailbox.begin_read(epoch, &deadline, &self.shared.timer, Survey);
            if let Some(status) = tour.heard(told.await).await? {
                statuses.truncate(tour.nodes_done());
                statuses.push((node.id, status));
                tour.go_on(None).await;
            }
        }
        if statuses.len() < tour.nodes_done() { Err(Error::NodeFailed) } else { Ok(statuses) }
    }

    /// Runs `work` on every node, while no entry is on its way between two. What
    /// has gone is told when the lock is free again: a listener may want it.
    fn on_every_node(
        &self,
        work: impl FnMut(&Routing, &Arc<NodeHandle>, &Deadline) -> Result<Vec<Gone>, CallError>,
    ) -> Result<(), Error> {
        let mut departed = Vec::new();
        let outcome = self.on_every_node_locked(work, &mut departed);
        self.shared.directory.tell(&departed);
        outcome
    }

    fn on_every_node_locked(
        &self,
        mut work: impl FnMut(&Routing, &Arc<NodeHandle>, &Deadline) -> Result<Vec<Gone>, CallError>,
        departed: &mut Vec<Gone>,
    ) -> Result<(), Error> {
        let _settled = self.shared.membership.lock();
        let routing = self.shared.routing.load();
        let deadline = Deadline::within(self.shared.call_timeout);
        for node in &routing.nodes {
            match work(&routing, node, &deadline) {
                Ok(gone) => departed.extend(gone),
                // What was on a node that was given up is gone.
                Err(CallError::Retired) => {}
                Err(error) => match judge(error) {
                    Verdict::Final(error) => return Err(error),
                    Verdict::LookAgain => return Err(Error::TimedOut),
                },
            }
        }
        Ok(())
    }
}
