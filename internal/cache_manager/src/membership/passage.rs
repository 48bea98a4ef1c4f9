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
//!
//! From one view by which keys change their owners to the next is a **tenure**: it bears
//! the number of the first. Whatever is given and taken belongs to one:
//!
//! 1. In tenure 8, A gives B a key's entry. It is on its way.
//! 2. The key is deleted at B. B notes that it was used.
//! 3. Tenure 9 begins. B notes anew which keys are used; of that one it knows nothing.
//! 4. The entry arrives. A reader gets what was deleted.

use std::sync::Arc;

use distcache_bus::Epoch;
use distcache_node::{DataNode, Entry, KeyspaceId, Parcel};

use super::{MOVE_WAIT, Membership};
use crate::handle::NodeHandle;
use crate::routing::{Routing, RoutingCell};
use crate::{Error, Keyspace, Territory};

/// Entries of a node that are looked at under one lock: some 100 us.
pub(super) const ENTRIES_A_LOCK: usize = 256;

/// Where to go on with giving entries to another process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passage {
    /// Which of the data nodes, by its place.
    pub node: usize,
    /// Where in it.
    pub at: usize,
}

impl Membership {
    /// That tenure is over, or has not begun.
    pub(super) fn is_in(&self, tenure: u64) -> Result<(), Error> {
        if self.tenure == tenure { Ok(()) } else { Err(Error::Elsewhere) }
    }

    /// Lets every node note which keys are used, before others give it entries.
    pub(super) fn expect_arrivals(&self, routing: &Routing) {
        routing.nodes.iter().for_each(|node| self.on(node, DataNode::expect_arrivals));
        routing.arrivals.expect();
    }

    /// What still arrives comes too late.
    pub(super) fn end_arrivals(&self, routing: &RoutingCell) {
        let routing = routing.load_full();
        routing.arrivals.end();
        routing.nodes.iter().for_each(|node| self.on(node, DataNode::end_arrivals));
    }

    /// The same, in that tenure only.
    pub(crate) fn end_arrivals_of(&self, routing: &RoutingCell, tenure: u64) -> Result<(), Error> {
        self.is_in(tenure)?;
        self.end_arrivals(routing);
        Ok(())
    }

    /// Takes entries of a keyspace off this process that are another's in this tenure,
    /// `heir`'s: some hundreds, as far as the parcel has room. Returns where to go on;
    /// `None` at the end.
    pub(crate) fn give(
        &self,
        routing: &RoutingCell,
        tenure: u64,
        keyspace: &Keyspace,
        heir: u64,
        from: Passage,
        parcel: &mut Parcel,
    ) -> Result<Option<Passage>, Error> {
        self.is_in(tenure)?;
        let routing = routing.load_full();
        let Some(territory) = &routing.territory else { return Ok(None) };
        let Some(node) = routing.nodes.get(from.node) else { return Ok(None) };
        let leaves = |key: &[u8]| territory.heir(keyspace, key) == Some(heir);
        let next = match self.take_some(node, keyspace.id(), from.at, leaves, parcel) {
            Some(at) => Passage { at, ..from },
            None => Passage { node: from.node + 1, at: 0 },
        };
        Ok((next.node < routing.nodes.len()).then_some(next))
    }

    /// The same of these keys, as far as they are `heir`'s and the parcel has room. Returns
    /// whether it had for all.
    pub(crate) fn give_keys<'k>(
        &self,
        routing: &Routing,
        tenure: u64,
        keyspace: &Keyspace,
        heir: u64,
        keys: impl Iterator<Item = (u64, &'k [u8])>,
        parcel: &mut Parcel,
    ) -> Result<bool, Error> {
        self.is_in(tenure)?;
        let Some(territory) = &routing.territory else { return Ok(true) };
        let leaves = |key: &[u8]| territory.heir(keyspace, key) == Some(heir);
        let give = |(hash, key): (u64, &[u8])| {
            let give = |node: &mut DataNode| node.give_one(keyspace.id(), hash, key, parcel);
            // What a node that cannot be had still holds is gone with it.
            routing.owner(hash).mailbox.locked(MOVE_WAIT, give).unwrap_or(true)
        };
        Ok(keys.filter(|(_, key)| leaves(key)).all(give))
    }

    /// These keys get no entries of other processes any more: they have none.
    pub(crate) fn end_arrivals_for(
        &self,
        routing: &Routing,
        tenure: u64,
        hashes: impl Iterator<Item = u64>,
    ) -> Result<(), Error> {
        self.is_in(tenure)?;
        for hash in hashes {
            self.on(routing.owner(hash), |node| node.end_arrival(hash));
        }
        Ok(())
    }

    /// Drops what this process does not answer for in that tenure.
    pub(crate) fn drop_strays_of(&mut self, routing: &Routing, tenure: u64) -> Result<(), Error> {
        self.is_in(tenure)?;
        self.drop_strays(routing);
        Ok(())
    }

    /// Drops what this process does not answer for by the present view.
    pub(super) fn drop_strays(&mut self, routing: &Routing) {
        self.has_strays = false;
        let Some(territory) = &routing.territory else { return };
        for (keyspace, _) in &self.keyspaces {
            let strays = |key: &[u8]| territory.heir(keyspace, key).is_some();
            for node in &routing.nodes {
                let mut next = Some(0);
                while let Some(at) = next {
                    let mut dropped = Parcel::new(u64::MAX);
                    next = self.take_some(node, keyspace.id(), at, strays, &mut dropped);
                }
            }
        }
    }

    pub(super) fn take_some(
        &self,
        node: &NodeHandle,
        id: KeyspaceId,
        at: usize,
        leaves: impl Fn(&[u8]) -> bool,
        parcel: &mut Parcel,
    ) -> Option<usize> {
        let take = |state: &mut DataNode| state.give_some(id, at, ENTRIES_A_LOCK, leaves, parcel);
        node.mailbox.locked(MOVE_WAIT, take).unwrap_or_else(|_silent| {
            // What it still holds is gone with it.
            self.give_up(node);
            None
        })
    }

    /// Takes over entries of another process, which has answered for their keys until
    /// this tenure. Returns how many: not those whose keys were used here meanwhile, and
    /// none that is not ours.
    pub(crate) fn absorb(
        &self,
        routing: &RoutingCell,
        tenure: u64,
        keyspace: &Keyspace,
        hash: impl Fn(&[u8]) -> u64,
        entries: Vec<Entry>,
    ) -> Result<usize, Error> {
        self.is_in(tenure)?;
        let routing = routing.load_full();
        let of_tenure = Epoch::of_view(tenure).ok_or(Error::Elsewhere)?;
        let mut absorbed = 0;
        for entry in entries {
            let key = entry.key();
            let is_ours = |territory: &Arc<dyn Territory>| territory.heir(keyspace, key).is_none();
            if !routing.territory.as_ref().is_some_and(is_ours) {
                continue;
            }
            let hash = hash(key);
            let node = routing.owner(hash);
            let take = |state: &mut DataNode| state.absorb(of_tenure, keyspace.id(), hash, entry);
            absorbed += usize::from(node.mailbox.locked(MOVE_WAIT, take).unwrap_or(false));
        }
        Ok(absorbed)
    }
}
