//! Calls that change or forget one key.

use std::time::Duration;

use distcache_bus::Deadline;
use distcache_node::commands::{Add, Delete, DeleteIf, Item, Put, SetExpires, Told};
use distcache_node::{
    Added, Condition, Draft, Label, Landing, NotAdded, PutRefused, Tick, Version,
};

use super::Asked;
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;
use crate::topics::{Assignment, Invalidation};
use crate::{CacheManager, Error, Keyspace, NodeId};

/// A put that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The node that holds it.
    pub node: NodeId,
    /// The value's version: greater than that of every earlier put of the key.
    pub version: Version,
}

/// A value to be stored, and how.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Its content type.
    pub content_type: Option<&'a str>,
    /// Its end: until when it is fresh, and the keyspace's stale window.
    pub expires: Tick,
    /// When it was made, if that is to be noted.
    pub born: Option<Tick>,
    /// The hashes of its tags.
    pub tags: &'a [u64],
    /// When it is stored at all.
    pub condition: Condition,
}

impl<'a> Write<'a> {
    /// A value that stays until it is evicted, whatever the key has now.
    pub fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        let (expires, condition) = (Tick::NEVER, Condition::Always);
        Self { key, value, content_type: None, expires, born: None, tags: &[], condition }
    }

    /// Whether it could be an entry at all: how long the key is, how many tags
    /// there are, and what the content type is.
    ///
    /// # Errors
    /// `KeyTooLong`, `TooManyTags`, `LabelInvalid`.
    pub fn check(&self) -> Result<(), Error> {
        self.draft().map(drop)
    }

    pub(crate) fn draft(&self) -> Result<Draft<'a>, Error> {
        let label = Label::new(self.content_type, None)?;
        let draft = Draft::new(self.key, self.value, self.expires)?.tagged(self.tags)?;
        let draft = draft.labelled(label);
        Ok(self.born.map_or(draft, |born| draft.born(born)))
    }

    fn item(&self) -> Result<Item<'a>, Error> {
        let draft = self.draft()?;
        let is_short = self.value.len() <= SHORT_VALUE_BYTES;
        Ok(if is_short { Item::Draft(draft) } else { Item::Entry(draft.entry()) })
    }
}

/// Values up to this size are copied while the node is locked, into the memory
/// of the value before if they can be: to allocate takes longer than to copy.
const SHORT_VALUE_BYTES: usize = 1024;

impl CacheManager {
    /// Stores a value, for `ttl` or until it is evicted. Returns when it can be
    /// read.
    ///
    /// # Errors
    /// `ValueTooLarge`, `KeyTooLong`, and those of [`get`](Self::get). After
    /// `TimedOut` the value may be there or not.
    pub fn put(&self, key: &[u8], value: &[u8], ttl: Option<Duration>) -> Result<Stored, Error> {
        let expires = self.shared.expires(ttl);
        self.put_in(&self.shared.default, &Write { expires, ..Write::new(key, value) })
    }

    /// Stores a value in a keyspace. Returns when it can be read.
    ///
    /// # Errors
    /// `Unmet`, `TooManyTags`, `LabelInvalid`, `KeyspaceUnknown`, and those of
    /// [`put`](Self::put).
    pub fn put_in(&self, keyspace: &Keyspace, write: &Write<'_>) -> Result<Stored, Error> {
        self.shared.put(keyspace, write, &self.shared.deadline())
    }

    /// Like [`put`](Self::put), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put`.
    pub async fn put_async(
        &self,
        key: &[u8],
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<Stored, Error> {
        let write = Write { expires: self.shared.expires(ttl), ..Write::new(key, value) };
        self.put_in_async(&self.shared.default, &write).await
    }

    /// Like [`put_in`](Self::put_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put_in`.
    pub async fn put_in_async(
        &self,
        keyspace: &Keyspace,
        write: &Write<'_>,
    ) -> Result<Stored, Error> {
        let (item, key, condition) = (write.item()?, write.key, write.condition);
        let asked @ Asked { hash, .. } = self.shared.about_put(keyspace, key, condition);
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let epoch = routing.epoch;
            let command = Put { epoch, keyspace: id, hash, item: item.clone(), condition };
            node.mailbox.begin(epoch, deadline, &shared.timer, command)
        };
        let (node, told, right) = self.shared.tell_async(asked, begin).await?;
        right.confirm(self.shared.stored(keyspace, hash, node, told))
    }

    /// Forgets a key. Returns whether it had a value.
    ///
    /// # Errors
    /// Those of [`get`](Self::get). After `TimedOut` the value may be gone or not.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        self.delete_in(&self.shared.default, key)
    }

    /// Forgets a key of a keyspace, and what a load that is on its way will
    /// bring. Returns whether it had a value.
    ///
    /// # Errors
    /// As of [`delete`](Self::delete).
    pub fn delete_in(&self, keyspace: &Keyspace, key: &[u8]) -> Result<bool, Error> {
        self.shared.delete(keyspace, key, &self.shared.deadline())
    }

    /// Like [`delete`](Self::delete), without ever parking the thread.
    ///
    /// # Errors
    /// As of `delete`.
    pub async fn delete_async(&self, key: &[u8]) -> Result<bool, Error> {
        self.delete_in_async(&self.shared.default, key).await
    }

    /// Like [`delete_in`](Self::delete_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `delete_in`.
    pub async fn delete_in_async(&self, keyspace: &Keyspace, key: &[u8]) -> Result<bool, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key).blindly();
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = Delete { keyspace: id, hash, key };
            node.mailbox.begin(routing.epoch, deadline, &shared.timer, command)
        };
        let (node, told, right) = self.shared.tell_async(asked, begin).await?;
        right.confirm(Ok(self.shared.deleted(hash, node, &told)))
    }

    /// Forgets a key of a keyspace if its value has this version, at once: nothing
    /// that is put meanwhile goes with it.
    ///
    /// # Errors
    /// `Unmet`: nothing has changed. Else as of [`delete`](Self::delete).
    pub fn delete_if_in(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        version: Version,
    ) -> Result<(), Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let deadline = self.shared.deadline();
        let (node, told, right) =
            self.shared.tell(&deadline, asked, |routing, node, deadline| {
                let command = DeleteIf { keyspace: id, hash, key, version };
                node.mailbox.call(routing.epoch, deadline, command)
            })?;
        right.confirm(self.shared.deleted_if(hash, node, &told))
    }

    /// Like [`delete_if_in`](Self::delete_if_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `delete_if_in`.
    pub async fn delete_if_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        version: Version,
    ) -> Result<(), Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = DeleteIf { keyspace: id, hash, key, version };
            node.mailbox.begin(routing.epoch, deadline, &shared.timer, command)
        };
        let (node, told, right) = self.shared.tell_async(asked, begin).await?;
        right.confirm(self.shared.deleted_if(hash, node, &told))
    }

    /// Gives a fresh value another end, until when it is fresh. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// As of [`delete`](Self::delete).
    pub fn set_expires_in(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        expires: Tick,
    ) -> Result<bool, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let deadline = self.shared.deadline();
        let (_, was_there, right) =
            self.shared.tell(&deadline, asked, |routing, node, deadline| {
                let command = SetExpires { keyspace: id, hash, key, expires };
                node.mailbox.call(routing.epoch, deadline, command)
            })?;
        right.confirm(Ok(was_there))
    }

    /// Like [`set_expires_in`](Self::set_expires_in), without ever parking the
    /// thread.
    ///
    /// # Errors
    /// As of `set_expires_in`.
    pub async fn set_expires_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        expires: Tick,
    ) -> Result<bool, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = SetExpires { keyspace: id, hash, key, expires };
            node.mailbox.begin(routing.epoch, deadline, &shared.timer, command)
        };
        let (_, was_there, right) = self.shared.tell_async(asked, begin).await?;
        right.confirm(Ok(was_there))
    }

    /// Adds `by` to the decimal number that a key has as its value, which keeps
    /// its end. A key without a value begins with `by` if `begins_until` says
    /// until when; else `None` is returned.
    ///
    /// # Errors
    /// `NoNumber`, `Overflow`, `KeyspaceUnknown`, and those of
    /// [`put`](Self::put).
    pub fn add_in(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        by: i64,
        begins_until: Option<Tick>,
    ) -> Result<Option<i64>, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let deadline = self.shared.deadline();
        let (node, told, right) =
            self.shared.tell(&deadline, asked, |routing, node, deadline| {
                let epoch = routing.epoch;
                let command = Add { epoch, keyspace: id, hash, key, by, begins_until };
                node.mailbox.call(epoch, deadline, command)
            })?;
        right.confirm(self.shared.added(keyspace, hash, node, told))
    }

    /// Like [`add_in`](Self::add_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `add_in`.
    pub async fn add_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        by: i64,
        begins_until: Option<Tick>,
    ) -> Result<Option<i64>, Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let epoch = routing.epoch;
            let command = Add { epoch, keyspace: id, hash, key, by, begins_until };
            node.mailbox.begin(epoch, deadline, &shared.timer, command)
        };
        let (node, told, right) = self.shared.tell_async(asked, begin).await?;
        right.confirm(self.shared.added(keyspace, hash, node, told))
    }
}

impl Shared {
    fn about_put<'a>(
        &self,
        keyspace: &'a Keyspace,
        key: &'a [u8],
        condition: Condition,
    ) -> Asked<'a> {
        Asked { is_blind: condition == Condition::Always, ..self.about(keyspace, key) }
    }

    pub(crate) fn put(
        &self,
        keyspace: &Keyspace,
        write: &Write<'_>,
        deadline: &Deadline,
    ) -> Result<Stored, Error> {
        let (item, key, condition) = (write.item()?, write.key, write.condition);
        let asked @ Asked { hash, .. } = self.about_put(keyspace, key, condition);
        let id = keyspace.id();
        let (node, told, right) = self.tell(deadline, asked, |routing, node, deadline| {
            let epoch = routing.epoch;
            let command = Put { epoch, keyspace: id, hash, item: item.clone(), condition };
            node.mailbox.call(epoch, deadline, command)
        })?;
        right.confirm(self.stored(keyspace, hash, node, told))
    }

    pub(crate) fn delete(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        deadline: &Deadline,
    ) -> Result<bool, Error> {
        let asked @ Asked { hash, .. } = self.about(keyspace, key).blindly();
        let id = keyspace.id();
        let (node, told, right) = self.tell(deadline, asked, |routing, node, deadline| {
            node.mailbox.call(routing.epoch, deadline, Delete { keyspace: id, hash, key })
        })?;
        right.confirm(Ok(self.deleted(hash, node, &told)))
    }

    pub(crate) fn expires(&self, ttl: Option<Duration>) -> Tick {
        ttl.map_or(Tick::NEVER, |ttl| self.clock.now().after(ttl))
    }

    /// Tells of a put: of what it has removed, to those who wait for a load that
    /// it has overtaken, and of a key that is new to its node.
    pub(crate) fn stored(
        &self,
        keyspace: &Keyspace,
        hash: u64,
        node: NodeId,
        told: Told<Result<distcache_node::Stored, PutRefused>>,
    ) -> Result<Stored, Error> {
        self.directory.tell(&told.departed);
        let stored = told.reply.map_err(|refused| Error::of_put(refused, keyspace))?;
        Ok(self.tell_stored(hash, node, &stored))
    }

    fn tell_stored(&self, hash: u64, node: NodeId, stored: &distcache_node::Stored) -> Stored {
        if let Some((flight, value)) = &stored.overtaken {
            flight.land(&Landing::Value(value.clone()));
        }
        if stored.is_new {
            self.topics.node_key_assignment.publish(|| Assignment {
                key_hash: hash,
                node,
                epoch: self.routing.load().epoch,
            });
        }
        Stored { node, version: stored.version }
    }

    fn added(
        &self,
        keyspace: &Keyspace,
        hash: u64,
        node: NodeId,
        told: Told<Result<Added, NotAdded>>,
    ) -> Result<Option<i64>, Error> {
        self.directory.tell(&told.departed);
        match told.reply {
            Ok(added) => {
                self.tell_stored(hash, node, &added.stored);
                Ok(Some(added.sum))
            }
            Err(not_added) => Error::of_add(not_added, keyspace).map_or(Ok(None), Err),
        }
    }

    pub(crate) fn deleted(&self, hash: u64, node: NodeId, told: &Told<bool>) -> bool {
        self.directory.tell(&told.departed);
        if told.reply {
            self.tell_deleted(hash, node);
        }
        told.reply
    }

    fn deleted_if(
        &self,
        hash: u64,
        node: NodeId,
        told: &Told<Result<(), Option<Version>>>,
    ) -> Result<(), Error> {
        self.directory.tell(&told.departed);
        told.reply.map_err(|version| Error::Unmet { version })?;
        self.tell_deleted(hash, node);
        Ok(())
    }

    fn tell_deleted(&self, key_hash: u64, node: NodeId) {
        self.topics.cache_invalidation.publish(|| Invalidation { key_hash, node });
    }
}
