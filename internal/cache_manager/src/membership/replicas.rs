//! Copies of what other processes own.
//!
//! Beside a keyspace with replicas lies one of copies ([`Keyspace::copies`]), on the same
//! nodes and for the same hashes. Whoever keeps copies follows the journal of each owner
//! ([`Journal`](distcache_node::Journal)) and does again what was done there; what lay
//! there before it began to follow is read off the owner's nodes. When the owner is gone
//! and its keys are this process's, the copies become its own entries.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use distcache_bus::mutants::{Mutant, is_planted};
use distcache_node::{Change, DataNode, Entry, KeyspaceId, Parcel, Seeding, Selection};

use super::passage::ENTRIES_A_LOCK;
use super::{MOVE_WAIT, Membership};
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;
use crate::tentative::Told;
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
    /// Of copies that more processes keep than this one and the owner, what was `told` is
    /// tentative until the owner says that it is committed
    /// ([`commit_copies`](Self::commit_copies)): it is not read until then.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure: nothing was done; `Closed`.
    pub fn keep_copies(&self, tenure: u64, told: Told, changes: Vec<Copied>) -> Result<(), Error> {
        self.shared.change(|membership, routing| {
            membership.is_in(tenure)?;
            let routing = routing.load_full();
            for Copied { keyspace, change } in changes {
                membership.keep(&self.shared, &routing, told, &keyspace, change);
            }
            Ok(())
        })
    }

    /// The owner says that all its changes up to that number are committed.
    pub fn commit_copies(&self, told: Told) {
        self.shared.tentative.commit(told);
    }

    /// Up to which number the changes of an owner are known to be committed; and whether
    /// reads of copies wait for the word that more are.
    pub fn committed_copies(&self, owner: u64) -> (u64, bool) {
        self.shared.tentative.known_of(owner)
    }

    /// In this tenure nobody says any more what is committed of the one before: copies of
    /// which that is not known are orphans. To be called when this process has
    /// [adopted](Self::adopt_copies) its own. Returns whether copies were dropped, because
    /// it is not known of which of them that is so.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn orphan_copies(&self, tenure: u64) -> Result<bool, Error> {
        self.shared.change(|membership, routing| {
            membership.is_in(tenure)?;
            let (routing, tentative) = (routing.load_full(), &self.shared.tentative);
            let is_overflown = tentative.is_overflown();
            if is_overflown {
                membership.drop_copies(&routing, |copies, _| 2 < copies.replicas());
            }
            tentative.orphan();
            if tentative.has_orphans() {
                let held = RefCell::new(HashSet::new());
                membership.drop_copies(&routing, |copies, key| {
                    let hash = self.shared.hash(copies, key);
                    if tentative.is_orphan(hash) {
                        held.borrow_mut().insert(hash);
                    }
                    false
                });
                tentative.retain_orphans(&held.into_inner());
            }
            Ok(is_overflown)
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
    /// tenure, and says how many: as far as `is_latest` says so of a key, and it was not used
    /// since the tenure began; else the copy is dropped. Of a tentative one nobody is told
    /// anything before all who keep copies of it now have it.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn adopt_copies(
        &self,
        tenure: u64,
        keyspace: &Keyspace,
        is_latest: impl Fn(&[u8]) -> bool,
    ) -> Result<u64, Error> {
        self.shared.change(|membership, routing| {
            membership.is_in(tenure)?;
            Ok(membership.adopt(&self.shared, &routing.load_full(), keyspace, is_latest))
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
    /// Makes a change to what is kept of a keyspace.
    fn keep(
        &self,
        shared: &Shared,
        routing: &Routing,
        told: Told,
        keyspace: &Keyspace,
        change: Change,
    ) {
        shared.change_near(keyspace, &change);
        let Some(copies) = keyspace.copies() else { return };
        if told.number.is_multiple_of(16) && is_planted(Mutant::CopiesLost) {
            return;
        }
        let tentative = &shared.tentative;
        let hash = change.key().map(|key| shared.hash(keyspace, key));
        // Where nobody else keeps copies, what this process has is what the owner has.
        let Some(hash) = hash.filter(|_| 2 < keyspace.replicas()) else {
            return self.copy(shared, routing, copies, change);
        };
        let is_orphan = tentative.has(hash) && tentative.is_orphan(hash);
        // That a key is gone need not be known to be committed: nobody is told anything
        // older of it here.
        if let Change::Put(_) = change {
            tentative.note(told, hash, keyspace.reads_copies());
        }
        // 1. A has stored version 5, and died. B, who has never heard of it, owns the key.
        // 2. This process has version 5. B tells it of version 4.
        // 3. Version 5 is later, and stays; it is not read. B tells it of the next change,
        //    of another key, and that all is committed.
        if let Some(key) = change.key().filter(|_| is_orphan) {
            self.on(routing.owner(hash), |node| node.drop_copy(copies.id(), hash, key));
        }
        self.copy(shared, routing, copies, change);
        tentative.is_told(hash);
    }

    fn copy(&self, shared: &Shared, routing: &Routing, copies: &Keyspace, change: Change) {
        let (id, hash) = (copies.id(), |key: &[u8]| shared.hash(copies, key));
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
            Change::Forget(_) if is_planted(Mutant::ForgetUntold) => {}
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
        shared: &Shared,
        routing: &Routing,
        keyspace: &Keyspace,
        is_latest: impl Fn(&[u8]) -> bool,
    ) -> u64 {
        let mut adopted = 0;
        let (Some(copies), Some(territory)) = (keyspace.copies(), &routing.territory) else {
            return 0;
        };
        let is_ours = |key: &[u8]| territory.heir(keyspace, key).is_none();
        let hash = |key: &[u8]| is_latest(key).then(|| shared.hash(keyspace, key));
        let is_tentative = |hash| shared.tentative.has(hash);
        for node in &routing.nodes {
            let mut next = Some(0);
            while let Some(at) = next {
                let ids = (copies.id(), keyspace.id());
                let adopt = |state: &mut DataNode| {
                    state.adopt_some(ids, at, ENTRIES_A_LOCK, is_ours, hash, is_tentative)
                };
                let some = node.mailbox.locked(MOVE_WAIT, adopt).unwrap_or_else(|_silent| {
                    self.give_up(node);
                    (0, None)
                });
                adopted += some.0;
                next = some.1;
            }
        }
        adopted
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
