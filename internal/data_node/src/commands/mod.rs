//! What a mailbox can ask of a node.

mod change;
pub use change::{Add, Clear, Delete, InvalidateSome, Item, Put, Revoke, SetExpires};

mod load;
pub use load::{Land, LookFresh, LookUp};

mod read;
pub use read::{Get, Peek, Scan};

mod transfer;
pub use transfer::{Fetch, Fetched};

use distcache_bus::Command;

use crate::{DataNode, Departed, KeyspaceId};

/// A reply, and the entries that went meanwhile, if somebody wants to be told.
#[derive(Debug)]
pub struct Told<R> {
    /// The reply.
    pub reply: R,
    /// What has gone, and from which keyspace: it need not be the one that the
    /// command was about. For the caller to tell of without the lock.
    pub departed: Vec<(KeyspaceId, Departed)>,
}

impl<R> Told<R> {
    fn of(node: &mut DataNode, reply: R) -> Self {
        Self { reply, departed: node.take_departed() }
    }
}

/// Several commands of one kind for one node, under one lock.
#[derive(Debug)]
pub struct Batch<C>(pub Vec<C>);

impl<C: Command<DataNode>> Command<DataNode> for Batch<C> {
    type Reply = Vec<C::Reply>;
    type Owned = Batch<C::Owned>;

    fn into_owned(self) -> Self::Owned {
        Batch(self.0.into_iter().map(C::into_owned).collect())
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        self.0.into_iter().map(|command| command.run(node)).collect()
    }
}
