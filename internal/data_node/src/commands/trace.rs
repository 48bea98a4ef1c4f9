//! What becomes of a key: a question that changes nothing.

use distcache_bus::{Command, Read};

use crate::{DataNode, KeyspaceId};

/// What a node knows of a key, without using it; `None` if the keyspace is not
/// there.
#[derive(Debug, Clone, Copy)]
pub struct Trace<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Trace<K> {
    type Reply = Option<crate::Trace>;
    type Owned = Trace<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        Trace { keyspace: self.keyspace, hash: self.hash, key: self.key.as_ref().into() }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        self.read(node)
    }
}

impl<K: AsRef<[u8]>> Read<DataNode> for Trace<K> {
    fn read(self, node: &DataNode) -> Self::Reply {
        node.trace(self.keyspace, self.hash, self.key.as_ref())
    }
}
