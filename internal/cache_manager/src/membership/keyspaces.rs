//! Keyspaces come, change and go, on every node.

use distcache_node::{DataNode, KeyspaceId};
use distcache_ring::KeyHasher;

use super::{MOVE_WAIT, Membership, refused, settings};
use crate::handle::NodeHandle;
use crate::keyspace::{KEYSPACES_MAX, check_name};
use crate::routing::RoutingCell;
use crate::{Config, ConfigError, Error, Keyspace, KeyspaceSpec};

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
        if self.keyspaces.iter().any(|(keyspace, _)| keyspace.name() == name) {
            return Err(Error::KeyspaceExists { name: name.to_owned() });
        }
        let current = routing.load_full();
        let limits = self.budget.divide_keyspace(&current.ring, spec);
        let limits = limits.map_err(|error| keyspace_refused(name, &error))?;
        let Some(id) = self.free_place() else {
            self.directory.mark().reach();
            return Err(Error::KeyspacesFull);
        };
        let keyspace = Keyspace::new(id, name, salt(hasher, name), spec);
        self.keyspaces.push((keyspace.clone(), spec.clone()));
        for (node, limits) in current.nodes.iter().zip(limits) {
            let settings = settings(spec, limits);
            self.on(node, |state| state.add_keyspace(id, &settings));
        }
        self.directory.add(&keyspace);
        Ok(keyspace)
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
        let current = routing.load_full();
        let limits = self.budget.divide_keyspace(&current.ring, spec);
        let limits = limits.map_err(|error| keyspace_refused(name, &error))?;
        let (keyspace, before) = &mut self.keyspaces[at];
        let is_policy_new = before.eviction != spec.eviction;
        *before = spec.clone();
        let keyspace = keyspace.clone();
        for (node, limits) in current.nodes.iter().zip(limits) {
            let settings = settings(spec, limits);
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
        let id = keyspace.id();
        self.generations[usize::from(id.index)] = id.generation + 1;
        self.directory.remove(&keyspace);
        for node in &routing.load_full().nodes {
            self.on(node, |state| state.remove_keyspace(id));
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
        let at = self.keyspaces.iter().position(|(keyspace, _)| keyspace.name() == name);
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
        let (_, spec) = self.keyspaces.iter().find(|(keyspace, _)| keyspace.name() == name)?;
        let limits = self.budget.divide_keyspace(&routing.load().ring, spec).ok()?;
        limits.iter().map(|limits| limits.value_bytes).min()
    }

    /// How a keyspace works.
    pub(crate) fn spec(&self, name: &str) -> Option<KeyspaceSpec> {
        let found = self.keyspaces.iter().find(|(keyspace, _)| keyspace.name() == name);
        found.map(|(_, spec)| spec.clone())
    }
}

/// The same for every process that has the same hash key. The keyspace that a
/// manager begins with has none: its keys are hashed as they are.
fn salt(hasher: &KeyHasher, name: &str) -> u64 {
    if name == crate::DEFAULT_KEYSPACE { 0 } else { hasher.hash(name.as_bytes()) }
}

fn keyspace_refused(name: &str, error: &ConfigError) -> Error {
    match refused(error) {
        Error::NodeRefused { reason } => Error::KeyspaceRefused { name: name.to_owned(), reason },
        other => other,
    }
}
