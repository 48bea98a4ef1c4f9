//! Copies of what other processes own.
//!
//! Beside a keyspace with replicas lies one of copies ([`Keyspace::copies`]), on the same
//! nodes and for the same hashes. Whoever keeps copies follows the journal of each owner
//! ([`Journal`](distcache_node::Journal)) and does again what was done there; what lay
//! there before it began to follow is read off the owner's nodes. When the owner is gone
//! and its keys are this process's, the copies become its own entries.

use std::sync::Arc;

use distcache_node::{Change, DataNode, Entry, KeyspaceId, Parcel, Seeding, Selection};

use super::passage::ENTRIES_A_LOCK;
use super::{MOVE_WAIT, Membership};
use crate::handle::NodeHandle;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace, Territory};

/// Where to go on with reading entries off this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seeds {
    /// Of which data node, by its place.
    pub node: usize,
    /// Where in it.
    pub at: Seeding,
}

/// One change that was made at the owner of a keyspace's keys, to be made to its copies.
#[derive(Debug)]
pub struct Copied {
    /// Which keyspace.
    pub keyspace: Keyspace,
    /// What was done.
    pub change: Change,
}

impl CacheManager {
    /// What was done to keyspaces of which others keep copies.
    pub fn journal(&self) -> &Arc<distcache_node::Journal> {
        &self.shared.journal
    }

    /// Makes to the copies here what changes were made to what they are copies of, in this
    /// order. What is no copy of ours by the present view is left out.
    ///
    /// 1. In tenure 8, A owns a key, and tells C of a put. That is under way.
    /// 2. In tenure 9, B owns the key. It is deleted there, and C told of that.
    /// 3. What A has told arrives. B dies; C owns the key, and has what was deleted.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure: nothing was done; `Closed`.
    pub fn keep_copies(&self, tenure: u64, changes: Vec<Copied>) -> Result<(), Error> {
        self.shared.change(|membership, routing| {
            membership.is_in(tenure)?;
            let routing = routing.load_full();
            for Copied { keyspace, change } in changes {
                if let Some(copies) = keyspace.copies() {
                    let hash = |key: &[u8]| self.shared.hash(&keyspace, key);
                    membership.keep(&routing, copies, change, hash);
                }
            }
            Ok(())
        })
    }

    /// Drops the copies of which `goes` says so, in all keyspaces.
    ///
    /// # Errors
    /// `Closed`.
    pub fn drop_copies(&self, goes: impl Fn(&Keyspace, &[u8]) -> bool) -> Result<(), Error> {
        self.shared.change(|membership, routing| {
            membership.drop_copies(&routing.load_full(), goes);
            Ok(())
        })
    }

    /// Makes own entries of those copies whose keys are this process's by the view of this
    /// tenure, and says how many. To be called before this process answers for such a key:
    /// of one that was used since the tenure began the copy is dropped.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn adopt_copies(&self, tenure: u64, keyspace: &Keyspace) -> Result<u64, Error> {
        let hash = |key: &[u8]| self.shared.hash(keyspace, key);
        self.shared.change(|membership, routing| {
            membership.adopt(&routing.load_full(), tenure, keyspace, hash)
        })
    }

    /// Reads entries off this process that `wants` picks, as many as have room in so many
    /// bytes, or one that is larger. They stay. Returns them, and where to go on; `None`
    /// at the end.
    ///
    /// # Errors
    /// `Closed`.
    pub fn read_off(
        &self,
        keyspace: &Keyspace,
        from: Seeds,
        bytes_max: u64,
        wants: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<Entry>, Option<Seeds>), Error> {
        self.shared.change(|membership, routing| {
            Ok(membership.read_off(&routing.load_full(), keyspace.id(), from, bytes_max, wants))
        })
    }
}

impl Membership {
    fn keep(
        &self,
        routing: &Routing,
        copies: &Keyspace,
        change: Change,
        hash: impl Fn(&[u8]) -> u64,
    ) {
        let id = copies.id();
        let is_ours = |key: &[u8]| {
            let heir = |territory: &Arc<dyn Territory>| territory.heir(copies, key);
            routing.territory.as_ref().and_then(heir).is_none()
        };
        match change {
            Change::Put(entry) => {
                if is_ours(entry.key()) {
                    let hash = hash(entry.key());
                    self.on(routing.owner(hash), |node| node.copy(id, hash, entry));
                }
            }
            Change::Forget(key) => {
                let hash = hash(&key);
                self.on(routing.owner(hash), |node| node.drop_copy(id, hash, &key));
            }
            Change::Clear => {
                routing.nodes.iter().for_each(|node| self.on(node, |node| node.drop_copies(id)));
            }
            Change::Revoke(tags, version) => {
                for node in &routing.nodes {
                    self.on(node, |node| node.revoke_copies(id, &tags, version));
                }
            }
            Change::Remove(selection) => {
                for node in &routing.nodes {
                    self.remove_copies(node, id, &selection);
                }
            }
        }
    }

    fn remove_copies(&self, node: &NodeHandle, id: KeyspaceId, selection: &Selection) {
        let mut next = Some(0);
        while let Some(at) = next {
            let remove =
                |state: &mut DataNode| state.remove_copies(id, at, ENTRIES_A_LOCK, selection);
            next = node.mailbox.locked(MOVE_WAIT, remove).unwrap_or_else(|_silent| {
                self.give_up(node);
                None
            });
        }
    }

    fn drop_copies(&self, routing: &Routing, goes: impl Fn(&Keyspace, &[u8]) -> bool) {
        for (keyspace, _) in self.keyspaces.iter().filter(|(held, _)| held.is_of_copies()) {
            for node in &routing.nodes {
                let mut next = Some(0);
                while let Some(at) = next {
                    let mut dropped = Parcel::new(u64::MAX);
                    let goes = |key: &[u8]| goes(keyspace, key);
                    next = self.take_some(node, keyspace.id(), at, goes, &mut dropped);
                }
            }
        }
    }

    fn adopt(
        &self,
        routing: &Routing,
        tenure: u64,
        keyspace: &Keyspace,
        hash: impl Fn(&[u8]) -> u64,
    ) -> Result<u64, Error> {
        self.is_in(tenure)?;
        let mut adopted = 0;
        let (Some(copies), Some(territory)) = (keyspace.copies(), &routing.territory) else {
            return Ok(0);
        };
        let is_ours = |key: &[u8]| territory.heir(keyspace, key).is_none();
        for node in &routing.nodes {
            let mut next = Some(0);
            while let Some(at) = next {
                let (copies, own) = (copies.id(), keyspace.id());
                let adopt = |state: &mut DataNode| {
                    let (is_ours, hash) = (&is_ours, &hash);
                    state.adopt_some(copies, own, at, ENTRIES_A_LOCK, is_ours, hash)
                };
                let some = node.mailbox.locked(MOVE_WAIT, adopt).unwrap_or_else(|_silent| {
                    self.give_up(node);
                    (0, None)
                });
                adopted += some.0;
                next = some.1;
            }
        }
        Ok(adopted)
    }

    fn read_off(
        &self,
        routing: &Routing,
        id: KeyspaceId,
        from: Seeds,
        bytes_max: u64,
        wants: impl Fn(&[u8]) -> bool,
    ) -> (Vec<Entry>, Option<Seeds>) {
        let mut read = Vec::new();
        let Some(node) = routing.nodes.get(from.node) else { return (read, None) };
        let work = |state: &mut DataNode| state.read_off(id, from.at, bytes_max, wants, &mut read);
        let next = node.mailbox.locked(MOVE_WAIT, work).unwrap_or_else(|_silent| {
            self.give_up(node);
            None
        });
        let next = match next {
            Some(at) => Seeds { at, ..from },
            None => Seeds { node: from.node + 1, at: Seeding::default() },
        };
        (read, (next.node < routing.nodes.len()).then_some(next))
    }
}
