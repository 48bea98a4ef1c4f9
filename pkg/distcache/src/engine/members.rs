//! The engine as one of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use distcache_bus::Deadline;
use serde_json::Value;

use super::{Engine, Shared};
use crate::cluster::{ClusterConfig, ClusterError, ClusterId, Members, SharedKeyspace, Turn};
use crate::{Error, Keyspace, KeyspaceConfig};

impl Engine {
    /// Becomes a member, by and by.
    pub(super) fn join(&self, cluster: ClusterConfig) -> Result<(), ClusterError> {
        self.shared.away.begin(&self.shared, cluster)
    }

    /// Who the members of its cluster are; `None` if it is alone.
    pub fn members(&self) -> Option<Members> {
        self.shared.away.members()
    }

    /// The cluster that it works in; `None` if it is alone, or has not found one yet.
    /// That is little work, for what marks a version that it hands out.
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.shared.away.cluster_id()
    }

    /// Has every member add a keyspace. It is added here first: what this member refuses,
    /// the others need not hear of.
    pub(super) fn add_everywhere(&self, config: KeyspaceConfig) -> Result<Keyspace, Error> {
        let (name, settings) = (config.name.clone(), config.settings());
        if self.shared.away.shared(&name).is_some() {
            return Err(distcache_manager::Error::KeyspaceExists { name }.into());
        }
        let keyspace = self.shared.add(config)?;
        let shared = SharedKeyspace::new(random(), settings);
        self.shared.away.share(&name, &shared).inspect_err(|_not_agreed| {
            if self.shared.away.shared(&name).is_none() {
                // It has nothing yet that could be lost.
                let _ = self.shared.alone(|| self.shared.delete(&keyspace));
            }
        })?;
        Ok(keyspace)
    }

    /// Has every member let a keyspace work in another way; `None` if they have not
    /// agreed on it.
    pub(super) fn update_everywhere(&self, config: &KeyspaceConfig) -> Option<Result<(), Error>> {
        let before = self.shared.away.shared(&config.name)?;
        let shared = SharedKeyspace::new(before.id, config.settings());
        Some(self.shared.away.share(&config.name, &shared))
    }

    /// Has every member remove a keyspace; `None` if they have not agreed on it.
    pub(super) fn delete_everywhere(&self, name: &str) -> Option<Result<(), Error>> {
        self.shared.away.shared(name)?;
        Some(self.shared.away.unshare(name))
    }
}

/// An id that no other keyspace has.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}

impl Shared {
    /// Has the keyspaces that the members have agreed on.
    pub(crate) fn conform(&self, view: &BTreeMap<String, Value>) {
        let turns = self.agreed.lock().turn_to(view);
        for turn in turns {
            if let Err(error) = self.turn(turn) {
                log::error!(
                    "{}: a keyspace of the cluster is not as agreed: {error}",
                    error.code()
                );
            }
        }
    }

    fn turn(&self, turn: Turn) -> Result<(), Error> {
        let config = |name: String, shared: &SharedKeyspace| {
            let settings = shared.settings().ok_or_else(|| Error::NotAgreed {
                why: "this version does not know its eviction policy".to_owned(),
            })?;
            Ok::<_, Error>(KeyspaceConfig::new(name).with_settings(settings))
        };
        let find = |name: &str| {
            let keyspaces = self.keyspaces.load();
            keyspaces.iter().find(|keyspace| keyspace.name() == name).cloned()
        };
        match turn {
            Turn::Add(name, shared) | Turn::Change(name, shared) => match find(&name) {
                // One to be added may be here already: with a source, perhaps.
                Some(keyspace) => self.change_to(&keyspace, &config(name, &shared)?),
                None => self.add(config(name, &shared)?).map(drop),
            },
            Turn::Remove(name) => {
                find(&name).map_or(Ok(()), |keyspace| self.alone(|| self.delete(&keyspace)))
            }
        }
    }

    fn change_to(&self, keyspace: &Keyspace, agreed: &KeyspaceConfig) -> Result<(), Error> {
        let change = || keyspace.config().with_settings(agreed.settings());
        self.alone(|| self.update(keyspace, change()))
    }

    /// Ends what was begun for keys that are another member's by now: what waits to be
    /// written is written, within each keyspace's write timeout.
    pub(crate) fn end_writes_of_before(&self) {
        for keyspace in self.keyspaces.load().iter() {
            let setup: Arc<_> = keyspace.inner.setup.load_full();
            let Some(writer) = &setup.writer else { continue };
            if !writer.drain(&Deadline::within(setup.config.write_timeout)) {
                log::warn!("writes to the store of {} are late for the next view", keyspace.name());
            }
        }
    }
}

#[cfg(test)]
mod tests;
