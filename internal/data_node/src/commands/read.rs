//! Commands that change nothing but what a policy notes.

use std::borrow::Cow;

use distcache_bus::{Command, Read};

use crate::{DataNode, KeyspaceId, NodeStatus, Tick, Value};

/// The value of a key. Borrows the key; hence allocates nothing where it runs
/// on its caller's stack.
#[derive(Debug, Clone, Copy)]
pub struct Get<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Get<K> {
    type Reply = Option<Value>;
    type Owned = Get<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        Get { keyspace: self.keyspace, hash: self.hash, key: self.key.as_ref().into() }
    }

    #[inline]
    fn run(self, node: &mut DataNode) -> Option<Value> {
        node.get(self.keyspace, self.hash, self.key.as_ref())
    }
}

impl<K: AsRef<[u8]>> Read<DataNode> for Get<K> {
    #[inline]
    fn read(self, node: &DataNode) -> Option<Value> {
        node.get_shared(self.keyspace, self.hash, self.key.as_ref())
    }
}

/// The values of many keys, in their order: what [`Get`] says of each.
///
/// What it looks at is brought near for many keys before the first one is
/// compared: the processor waits for many lines of memory at once, instead of for
/// one after the other.
#[derive(Debug, Clone)]
pub struct GetMany<'a, K: Clone> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The keys, each with its hash.
    pub asked: Cow<'a, [(u64, K)]>,
}

impl<K: AsRef<[u8]> + Clone> Command<DataNode> for GetMany<'_, K> {
    type Reply = Vec<Option<Value>>;
    type Owned = GetMany<'static, Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        let own = |(hash, key): &(u64, K)| (*hash, key.as_ref().into());
        GetMany { keyspace: self.keyspace, asked: self.asked.iter().map(own).collect() }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        node.get_many(self.keyspace, &self.asked)
    }
}

impl<K: AsRef<[u8]> + Clone> Read<DataNode> for GetMany<'_, K> {
    fn read(self, node: &DataNode) -> Self::Reply {
        node.get_many_shared(self.keyspace, &self.asked)
    }
}

/// The value of a key, without using it: stale ones too, with the tick since
/// when they are.
#[derive(Debug, Clone, Copy)]
pub struct Peek<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Peek<K> {
    type Reply = Option<(Value, Option<Tick>)>;
    type Owned = Peek<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        Peek { keyspace: self.keyspace, hash: self.hash, key: self.key.as_ref().into() }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        self.read(node)
    }
}

impl<K: AsRef<[u8]>> Read<DataNode> for Peek<K> {
    fn read(self, node: &DataNode) -> Self::Reply {
        node.peek(self.keyspace, self.hash, self.key.as_ref())
    }
}

/// What there is of keys that begin so, among some entries, and where to go on.
///
/// Whether a key is looked for is for the caller to find out: to compare a pattern
/// with many long keys takes time, and the node is locked meanwhile.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// Where to go on; 0 to begin.
    pub at: usize,
    /// Entries to look at, or some more.
    pub entries: usize,
    /// With what the keys begin.
    pub beginning: Box<[u8]>,
}

impl Command<DataNode> for Scan {
    type Reply = (Vec<Value>, Option<usize>);
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        self.read(node)
    }
}

impl Read<DataNode> for Scan {
    fn read(self, node: &DataNode) -> Self::Reply {
        let mut found = Vec::new();
        let next = node.scan(self.keyspace, self.at, self.entries, &self.beginning, &mut found);
        (found, next)
    }
}

/// What a node has counted of all its keyspaces.
#[derive(Debug, Clone, Copy)]
pub struct Survey;

impl Command<DataNode> for Survey {
    type Reply = NodeStatus;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        self.read(node)
    }
}

impl Read<DataNode> for Survey {
    fn read(self, node: &DataNode) -> Self::Reply {
        node.status()
    }
}
