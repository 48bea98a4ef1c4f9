//! Commands that change or forget values.

use distcache_bus::{Command, Epoch};

use super::Told;
use crate::node::{Added, NotAdded, PutRefused, Stored};
use crate::{Condition, DataNode, Draft, Entry, KeyspaceId, Selection, Tick, Version};

/// What a put stores.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// Copied while the node is locked: for short values.
    Draft(Draft<'a>),
    /// Made before.
    Entry(Entry),
}

/// Stores a value.
#[derive(Debug)]
pub struct Put<'a> {
    /// The epoch of the request.
    pub epoch: Epoch,
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// Key, value and expiry.
    pub item: Item<'a>,
    /// When it is stored at all.
    pub condition: Condition,
}

impl Command<DataNode> for Put<'_> {
    type Reply = Told<Result<Stored, PutRefused>>;
    type Owned = Put<'static>;

    fn into_owned(self) -> Put<'static> {
        let Self { epoch, keyspace, hash, item, condition } = self;
        let entry = match item {
            Item::Draft(draft) => draft.entry(),
            Item::Entry(entry) => entry,
        };
        Put { epoch, keyspace, hash, item: Item::Entry(entry), condition }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let Self { epoch, keyspace, hash, item, condition } = self;
        let reply = match item {
            Item::Draft(draft) => node.put_draft(epoch, keyspace, hash, &draft, condition),
            Item::Entry(entry) => node.put(epoch, keyspace, hash, entry, condition),
        };
        Told::of(node, reply)
    }
}

/// Forgets a key; answers whether it had a value.
#[derive(Debug, Clone, Copy)]
pub struct Delete<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Delete<K> {
    type Reply = Told<bool>;
    type Owned = Delete<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        Delete { keyspace: self.keyspace, hash: self.hash, key: self.key.as_ref().into() }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let reply = node.delete(self.keyspace, self.hash, self.key.as_ref());
        Told::of(node, reply)
    }
}

/// Forgets a key if its value has this version; else answers which it has.
#[derive(Debug, Clone, Copy)]
pub struct DeleteIf<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// The version that goes.
    pub version: Version,
}

impl<K: AsRef<[u8]>> Command<DataNode> for DeleteIf<K> {
    type Reply = Told<Result<(), Option<Version>>>;
    type Owned = DeleteIf<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        let Self { keyspace, hash, key, version } = self;
        DeleteIf { keyspace, hash, key: key.as_ref().into(), version }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let reply = node.delete_if(self.keyspace, self.hash, self.key.as_ref(), self.version);
        Told::of(node, reply)
    }
}

/// Adds to a number.
#[derive(Debug, Clone, Copy)]
pub struct Add<K> {
    /// The epoch of the request.
    pub epoch: Epoch,
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// What is added; less than 0 to take away.
    pub by: i64,
    /// When a number ends that begins with this; `None` if it must not begin.
    pub begins_until: Option<Tick>,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Add<K> {
    type Reply = Told<Result<Added, NotAdded>>;
    type Owned = Add<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        let Self { epoch, keyspace, hash, key, by, begins_until } = self;
        Add { epoch, keyspace, hash, key: key.as_ref().into(), by, begins_until }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let key = (self.hash, self.key.as_ref());
        let reply = node.add(self.epoch, self.keyspace, key, self.by, self.begins_until);
        Told::of(node, reply)
    }
}

/// Gives a fresh value another end; answers whether there was one.
#[derive(Debug, Clone, Copy)]
pub struct SetExpires<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// Until when it is fresh.
    pub expires: Tick,
}

impl<K: AsRef<[u8]>> Command<DataNode> for SetExpires<K> {
    type Reply = bool;
    type Owned = SetExpires<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        let Self { keyspace, hash, key, expires } = self;
        SetExpires { keyspace, hash, key: key.as_ref().into(), expires }
    }

    fn run(self, node: &mut DataNode) -> bool {
        node.set_expires(self.keyspace, self.hash, self.key.as_ref(), self.expires)
    }
}

/// Forgets everything; answers how many entries there were.
#[derive(Debug, Clone, Copy)]
pub struct Clear {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
}

impl Command<DataNode> for Clear {
    type Reply = Told<usize>;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let reply = node.clear(self.keyspace);
        Told::of(node, reply)
    }
}

/// Forgets every value that bears one of some tags.
#[derive(Debug, Clone)]
pub struct Revoke {
    /// The epoch of the request.
    pub epoch: Epoch,
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The hashes of the tags.
    pub tags: Vec<u64>,
}

impl Command<DataNode> for Revoke {
    type Reply = ();
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) {
        node.revoke(self.epoch, self.keyspace, &self.tags);
    }
}

/// Removes what is selected among some entries; answers how many went, and
/// where to go on.
#[derive(Debug, Clone)]
pub struct InvalidateSome {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// Where to go on; 0 to begin.
    pub at: usize,
    /// Entries to look at, or some more.
    pub entries: usize,
    /// Which keys.
    pub selection: Selection,
}

impl Command<DataNode> for InvalidateSome {
    type Reply = Told<(u64, Option<usize>)>;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let Self { keyspace, at, entries, selection } = self;
        let mut removed = 0;
        let next = node.invalidate_some(keyspace, at, entries, &selection, &mut removed);
        Told::of(node, (removed, next))
    }
}
