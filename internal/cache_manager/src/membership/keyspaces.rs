//! Keyspaces come, change and go, on every node.

use distcache_node::{DataNode, KeyspaceId};
use distcache_ring::KeyHasher;

use super::{MOVE_WAIT, Membership, refused};
use crate::handle::NodeHandle;
use crate::keyspace::{KEYSPACES_MAX, REPLICAS_MAX, check_name};
use crate::routing::RoutingCell;
use crate::{Ack, Config, ConfigError, Error, Keyspace, KeyspaceSpec, ReadFrom};

impl Membership {
    /// Adds an empty keyspace.
    ///
    /// It is known to whoever makes nodes before the nodes know it, and to
    /// callers after they do.
    pub(crate) fn add_keyspace(
        &mut self,
        routing: &RoutingCell,
        hasher: &KeyHasher,
        name: &str,
        spec: &KeyspaceSpec,
    ) -> Result<Keyspace, Error> {
        check_name(name)?;
        check_copies(name, spec)?;
        if self.keyspaces.iter().any(|(keyspace, _)| keyspace.name() == name) {
            return Err(Error::KeyspaceExists { name: name.to_owned() });
        }
        let current = routing.load_full();
        let limits = self.budget.divide_keyspace(&current.ring, spec);
        let limits = limits.map_err(|error| keyspace_refused(name, &error))?;
        let salt = salt(hasher, name);
        let copies = if 1 < spec.holders() {
            let id = self.next_place()?;
            let copies = Keyspace::of_copies(id, name, salt, spec);
            self.keyspaces.push((copies.clone(), of_copies(spec)));
            Some(copies)
        } else {
            None
        };
        let id = match self.next_place() {
            Ok(id) => id,
            Err(error) => {
                self.keyspaces
                    .retain(|(held, _)| Some(held.id()) != copies.as_ref().map(Keyspace::id));
                return Err(error);
            }
        };
        let keyspace = Keyspace::new(id, name, salt, spec, copies);
        self.keyspaces.push((keyspace.clone(), spec.clone()));
        for (node, limits) in current.nodes.iter().zip(limits) {
            if let Some(copies) = keyspace.copies() {
                let settings = self.settings(&of_copies(spec), limits);
                self.on(node, |state| state.add_keyspace(copies.id(), &settings));
            }
            let settings = self.settings(spec, limits);
            self.on(node, |state| state.add_keyspace(id, &settings));
        }
        self.directory.add(&keyspace);
        Ok(keyspace)
    }

    fn next_place(&mut self) -> Result<KeyspaceId, Error> {
        self.free_place().ok_or_else(|| {
            self.directory.mark().reach();
            Error::KeyspacesFull
        })
    }

    /// Adds the keyspace that a manager begins with, as the process's settings say.
    pub(crate) fn add_default_keyspace(
        &mut self,
        routing: &RoutingCell,
        hasher: &KeyHasher,
        config: &Config,
    ) -> Result<Keyspace, ConfigError> {
        let spec = KeyspaceSpec {
            entries_max: config.entries_max,
            value_bytes_max: config.value_bytes_max,
            eviction: config.eviction.clone(),
            ..KeyspaceSpec::default()
        };
        self.budget.divide_keyspace(&routing.load().ring, &spec)?;
        let added = self.add_keyspace(routing, hasher, crate::DEFAULT_KEYSPACE, &spec);
        Ok(added.expect("its name is good, it is the first, and its limits were tried"))
    }

    /// Lets a keyspace work in another way. Values stay where it allows them.
    pub(crate) fn change_keyspace(
        &mut self,
        routing: &RoutingCell,
        name: &str,
        spec: &KeyspaceSpec,
    ) -> Result<(), Error> {
        let at = self.keyspace_at(name)?;
        check_copies(name, spec)?;
        let current = routing.load_full();
        let limits = self.budget.divide_keyspace(&current.ring, spec);
        let limits = limits.map_err(|error| keyspace_refused(name, &error))?;
        let (keyspace, before) = &mut self.keyspaces[at];
        if before.replicas != spec.replicas {
            return Err(replicas_refused(name, "how many replicas there are cannot be changed"));
        }
        if before.ack != spec.ack {
            return Err(replicas_refused(
                name,
                "how many replicas are waited for cannot be changed",
            ));
        }
        let is_policy_new = before.eviction != spec.eviction;
        *before = spec.clone();
        let keyspace = keyspace.clone();
        for (held, before) in &mut self.keyspaces {
            if keyspace.copies().is_some_and(|copies| copies.id() == held.id()) {
                *before = of_copies(spec);
            }
        }
        for (node, limits) in current.nodes.iter().zip(limits) {
            if let Some(copies) = keyspace.copies() {
                let settings = self.settings(&of_copies(spec), limits);
                let change = |state: &mut DataNode| {
                    state.change_keyspace(copies.id(), &settings, is_policy_new);
                };
                self.on(node, change);
            }
            let settings = self.settings(spec, limits);
            self.on(node, |state| state.change_keyspace(keyspace.id(), &settings, is_policy_new));
        }
        // A caller that takes the lock for itself is right whatever the policy.
        keyspace.follow(spec);
        Ok(())
    }

    /// Removes a keyspace with all that it holds.
    pub(crate) fn remove_keyspace(
        &mut self,
        routing: &RoutingCell,
        name: &str,
    ) -> Result<(), Error> {
        let at = self.keyspace_at(name)?;
        let (keyspace, _) = self.keyspaces.swap_remove(at);
        self.directory.remove(&keyspace);
        let ids = [Some(keyspace.id()), keyspace.copies().map(Keyspace::id)];
        for id in ids.into_iter().flatten() {
            self.keyspaces.retain(|(held, _)| held.id() != id);
            self.generations[usize::from(id.index)] = id.generation + 1;
            for node in &routing.load_full().nodes {
                self.on(node, |state| state.remove_keyspace(id));
            }
        }
        Ok(())
    }

    /// Runs `work` on a node, and drops what it gives back without the lock. A
    /// node that cannot be had is given up: the one that replaces it is made as
    /// the keyspaces are by then.
    pub(super) fn on<R>(&self, node: &NodeHandle, work: impl FnOnce(&mut DataNode) -> R) {
        if node.mailbox.locked(MOVE_WAIT, work).is_err() {
            self.give_up(node);
        }
    }

    fn keyspace_at(&self, name: &str) -> Result<usize, Error> {
        let is_it =
            |(keyspace, _): &(Keyspace, _)| keyspace.name() == name && !keyspace.is_of_copies();
        let at = self.keyspaces.iter().position(is_it);
        at.ok_or_else(|| Error::KeyspaceUnknown { name: name.to_owned() })
    }

    /// The lowest place that no keyspace has.
    fn free_place(&mut self) -> Option<KeyspaceId> {
        let is_free =
            |index: &u16| self.keyspaces.iter().all(|(held, _)| held.id().index != *index);
        let index = (0..=u16::MAX).take(KEYSPACES_MAX).find(is_free)?;
        let place = usize::from(index);
        self.generations.resize(self.generations.len().max(place + 1), 0);
        Some(KeyspaceId { index, generation: self.generations[place] })
    }

    /// Bytes that one value may have in a keyspace, now.
    pub(crate) fn value_bytes_max(&self, routing: &RoutingCell, name: &str) -> Option<u64> {
        let (_, spec) = &self.keyspaces[self.keyspace_at(name).ok()?];
        let limits = self.budget.divide_keyspace(&routing.load().ring, spec).ok()?;
        limits.iter().map(|limits| limits.value_bytes).min()
    }

    /// How a keyspace works.
    pub(crate) fn spec(&self, name: &str) -> Option<KeyspaceSpec> {
        Some(self.keyspaces[self.keyspace_at(name).ok()?].1.clone())
    }
}

/// The same for every process that has the same hash key. The keyspace that a
/// manager begins with has none: its keys are hashed as they are.
fn salt(hasher: &KeyHasher, name: &str) -> u64 {
    if name == crate::DEFAULT_KEYSPACE { 0 } else { hasher.hash(name.as_bytes()) }
}

/// How the keyspace works in which copies lie of one that works so: nothing is loaded
/// there, and nobody is told of what goes.
fn of_copies(spec: &KeyspaceSpec) -> KeyspaceSpec {
    KeyspaceSpec { flights_max: 0, listener: None, replicas: 1, ..spec.clone() }
}

/// Refuses what cannot be promised.
fn check_copies(name: &str, spec: &KeyspaceSpec) -> Result<(), Error> {
    if !(1..=REPLICAS_MAX).contains(&spec.replicas) {
        return Err(replicas_refused(name, "there are 1 to 7 replicas"));
    }
    // 1. A put is acknowledged when two of three have it.
    // 2. A reader asks the third.
    if spec.read == ReadFrom::Any && spec.ack != Ack::All {
        let why = "reads of any replica (read = any) take writes that wait for all (ack = all)";
        return Err(replicas_refused(name, why));
    }
    Ok(())
}

fn replicas_refused(name: &str, why: &str) -> Error {
    Error::KeyspaceRefused { name: name.to_owned(), reason: why.to_owned() }
}

fn keyspace_refused(name: &str, error: &ConfigError) -> Error {
    match refused(error) {
        Error::NodeRefused { reason } => Error::KeyspaceRefused { name: name.to_owned(), reason },
        other => other,
    }
}
