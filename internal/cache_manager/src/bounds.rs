//! The bounds of a cache, and how far they were ever filled.

use distcache_bus::{WAITS_MAX, Watermark};
use distcache_node::{JOURNAL_BYTES_MAX, NodeStatus};

use crate::config::DATA_NODES_MAX;
use crate::keyspace::KEYSPACES_MAX;
use crate::{CacheManager, Error, NodeId};

/// A bound: of a queue, a buffer, a table, a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What is bounded, as metrics and reports name it: `flights_per_node`.
    pub name: &'static str,
    /// In what it is measured: `bytes`, `entries`, `commands`.
    pub unit: &'static str,
    /// The keyspace that it belongs to; `None` if it is one of all together.
    pub keyspace: Option<String>,
    /// The bound.
    pub max: u64,
    /// How much there is now; `None` where it bounds one thing and not a sum of
    /// many, as the size of a value.
    pub used: Option<u64>,
    /// The most there has been; `None` where nobody has looked.
    pub peak: Option<u64>,
    /// How often it was reached: something had to wait, was refused, or made
    /// something else go.
    pub reached: u64,
}

impl Bound {
    /// A bound that is shared by all keyspaces and was never reached.
    pub fn new(name: &'static str, unit: &'static str, max: u64) -> Self {
        Self { name, unit, keyspace: None, max, used: None, peak: None, reached: 0 }
    }

    /// Of one keyspace.
    #[must_use]
    pub fn of(self, keyspace: &str) -> Self {
        Self { keyspace: Some(keyspace.to_owned()), ..self }
    }

    /// So much there is now, and so much there has been. There has never been
    /// less than there is.
    #[must_use]
    pub fn filled(self, used: u64, peak: u64) -> Self {
        Self { used: Some(used), peak: Some(peak.max(used)), ..self }
    }

    /// So often it was reached.
    #[must_use]
    pub fn reached(self, reached: u64) -> Self {
        Self { reached, ..self }
    }

    /// So much there is now; the rest is as it was marked.
    #[must_use]
    pub fn marked(self, used: u64, mark: &Watermark) -> Self {
        self.filled(used, mark.peak()).reached(mark.reached())
    }
}

impl CacheManager {
    /// The bounds that all keyspaces share. What nodes have counted that are gone
    /// is not in them.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn bounds(&self) -> Result<Vec<Bound>, Error> {
        Ok(self.bounds_by(&self.statuses()?))
    }

    /// Like [`bounds`](Self::bounds), without ever parking the thread.
    ///
    /// # Errors
    /// As of `bounds`.
    pub async fn bounds_async(&self) -> Result<Vec<Bound>, Error> {
        Ok(self.bounds_by(&self.statuses_async().await?))
    }

    fn bounds_by(&self, statuses: &[(NodeId, NodeStatus)]) -> Vec<Bound> {
        let sum = |part: fn(&NodeStatus) -> u64| statuses.iter().map(|(_, node)| part(node)).sum();
        let memory = Bound::new("memory", "bytes", sum(|node| node.capacity_bytes))
            .filled(sum(|node| node.bytes), sum(|node| node.peaks.bytes))
            .reached(sum(|node| node.reached.memory));
        let (near_max, near, near_mark) = self.shared.near.fill();
        let near = Bound::new("near_copies", "bytes", near_max).marked(near, near_mark);
        let nodes = statuses.len() as u64;
        let nodes = Bound::new("data_nodes", "nodes", DATA_NODES_MAX as u64).filled(nodes, nodes);
        let keyspaces = self.keyspaces().len() as u64;
        let keyspaces = Bound::new("keyspaces", "keyspaces", KEYSPACES_MAX as u64)
            .marked(keyspaces, self.shared.directory.mark());
        let timer = self.timer();
        let waits = Bound::new("waiting_tasks", "tasks", WAITS_MAX as u64)
            .marked(timer.waits() as u64, timer.mark());
        let journal = self.journal();
        let journal = Bound::new("journal", "bytes", JOURNAL_BYTES_MAX)
            .marked(journal.bytes(), journal.mark());
        vec![memory, nodes, keyspaces, waits, self.inboxes(), journal, near]
    }

    /// The bound of each node's inbox, as far as the fullest was filled.
    fn inboxes(&self) -> Bound {
        let routing = self.shared.routing.load();
        let mailboxes = || routing.nodes.iter().map(|node| &node.mailbox);
        let max = mailboxes().map(|mailbox| mailbox.inbox_capacity()).max();
        let used = mailboxes().map(|mailbox| mailbox.inbox_depth()).max();
        let peak = mailboxes().map(|mailbox| mailbox.inbox_mark().peak()).max();
        Bound::new("inbox_per_node", "commands", max.unwrap_or(0) as u64)
            .filled(used.unwrap_or(0) as u64, peak.unwrap_or(0))
            .reached(mailboxes().map(|mailbox| mailbox.inbox_mark().reached()).sum())
    }
}
