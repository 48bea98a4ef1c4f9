//! Entries pass from one process to another, with the keys that they are of.
//!
//! One view gives some keys from this process (A) to another (B). A answers for them
//! no more from the moment on in which it settles in that view, and keeps their entries
//! until B asks for them. B, before it answers for the first of them, begins to note
//! which keys are used ([`DataNode::expect_arrivals`]); it takes an entry over only if
//! its key was not. So B need not wait for what is on its way: such a key is a miss
//! until its entry has arrived.
//!
//! What B does not ask for are strays. They must be gone before A answers for their
//! keys again.

use std::sync::Arc;

use distcache_bus::Epoch;
use distcache_node::{DataNode, Entry, KeyspaceId};

use super::{MOVE_WAIT, Membership};
use crate::handle::NodeHandle;
use crate::routing::{Routing, RoutingCell};
use crate::{Error, Keyspace, Territory};

/// Entries of a node that are looked at under one lock: some 100 us.
const ENTRIES_A_LOCK: usize = 256;

/// Where to go on with giving entries to another process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passage {
    node: usize,
    at: usize,
}

impl Membership {
    /// Lets every node note which keys are used, before others give it entries.
    pub(super) fn expect_arrivals(&self, routing: &Routing) {
        self.on_each(routing, DataNode::expect_arrivals);
    }

    /// What still arrives comes too late.
    pub(crate) fn end_arrivals(&self, routing: &RoutingCell) {
        self.on_each(&routing.load_full(), DataNode::end_arrivals);
    }

    fn on_each(&self, routing: &Routing, work: impl Fn(&mut DataNode)) {
        for node in &routing.nodes {
            if node.mailbox.locked(MOVE_WAIT, &work).is_err() {
                self.give_up(node);
            }
        }
    }

    /// Takes entries of a keyspace off this process that are another's by the present
    /// view, `heir`'s: some hundreds, or a few more. Returns where to go on; `None` at
    /// the end.
    pub(crate) fn give(
        &self,
        routing: &RoutingCell,
        keyspace: &Keyspace,
        heir: u64,
        from: Passage,
        given: &mut Vec<Entry>,
    ) -> Option<Passage> {
        let routing = routing.load_full();
        let territory = routing.territory.as_ref()?;
        let leaves = |key: &[u8]| territory.heir(keyspace, key) == Some(heir);
        let node = routing.nodes.get(from.node)?;
        let next = match self.take_some(node, keyspace.id(), from.at, leaves, given) {
            Some(at) => Passage { at, ..from },
            None => Passage { node: from.node + 1, at: 0 },
        };
        (next.node < routing.nodes.len()).then_some(next)
    }

    /// Drops what this process does not answer for by the present view.
    pub(crate) fn drop_strays(&mut self, routing: &Routing) {
        self.has_strays = false;
        let Some(territory) = &routing.territory else { return };
        for (keyspace, _) in &self.keyspaces {
            let strays = |key: &[u8]| territory.heir(keyspace, key).is_some();
            for node in &routing.nodes {
                let mut next = Some(0);
                while let Some(at) = next {
                    next = self.take_some(node, keyspace.id(), at, strays, &mut Vec::new());
                }
            }
        }
    }

    fn take_some(
        &self,
        node: &NodeHandle,
        id: KeyspaceId,
        at: usize,
        leaves: impl Fn(&[u8]) -> bool,
        taken: &mut Vec<Entry>,
    ) -> Option<usize> {
        let mut entries = Vec::new();
        let take =
            |state: &mut DataNode| state.give_some(id, at, ENTRIES_A_LOCK, leaves, &mut entries);
        let next = node.mailbox.locked(MOVE_WAIT, take).unwrap_or_else(|_silent| {
            // What it still holds is gone with it.
            self.give_up(node);
            None
        });
        taken.extend(entries.into_iter().map(|(_, entry)| entry));
        next
    }

    /// Takes over entries of another process, which has answered for their keys until
    /// the present view. Returns how many: not those whose keys were used here
    /// meanwhile, and none that is not ours.
    pub(crate) fn absorb(
        routing: &RoutingCell,
        keyspace: &Keyspace,
        hash: impl Fn(&[u8]) -> u64,
        entries: Vec<Entry>,
    ) -> Result<usize, Error> {
        let routing = routing.load_full();
        let of_view = Epoch::of_view(routing.epoch.view()).ok_or(Error::Elsewhere)?;
        let mut absorbed = 0;
        for entry in entries {
            let key = entry.key();
            let is_ours = |territory: &Arc<dyn Territory>| territory.heir(keyspace, key).is_none();
            if !routing.territory.as_ref().is_some_and(is_ours) {
                continue;
            }
            let hash = hash(key);
            let node = routing.owner(hash);
            let take = |state: &mut DataNode| state.absorb(of_view, keyspace.id(), hash, entry);
            absorbed += usize::from(node.mailbox.locked(MOVE_WAIT, take).unwrap_or(false));
        }
        Ok(absorbed)
    }
}
