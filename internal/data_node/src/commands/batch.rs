//! Many commands for one node in one.

use distcache_bus::Command;

use crate::{DataNode, KeyspaceId};

/// Several commands of one kind about keys of one keyspace, under one lock.
///
/// What they will look at is brought near for all of them before the first one
/// runs: the processor waits for many lines of memory at once, instead of for
/// one after the other.
#[derive(Debug)]
pub struct Batch<C> {
    keyspace: KeyspaceId,
    /// Of the keys that the commands are about.
    hashes: Vec<u64>,
    commands: Vec<C>,
}

impl<C> Batch<C> {
    /// A batch without commands, and with room for some.
    pub fn with_capacity(keyspace: KeyspaceId, commands: usize) -> Self {
        let (hashes, commands) = (Vec::with_capacity(commands), Vec::with_capacity(commands));
        Self { keyspace, hashes, commands }
    }

    /// Adds a command about the key with this hash.
    pub fn push(&mut self, hash: u64, command: C) {
        self.hashes.push(hash);
        self.commands.push(command);
    }
}

impl<C: Command<DataNode>> Command<DataNode> for Batch<C> {
    type Reply = Vec<C::Reply>;
    type Owned = Batch<C::Owned>;

    fn into_owned(self) -> Self::Owned {
        let Self { keyspace, hashes, commands } = self;
        let commands = commands.into_iter().map(C::into_owned).collect();
        Batch { keyspace, hashes, commands }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        node.bring_near(self.keyspace, &self.hashes);
        self.commands.into_iter().map(|command| command.run(node)).collect()
    }
}
