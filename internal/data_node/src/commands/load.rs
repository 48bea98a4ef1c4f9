//! Commands about loads.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Command, Epoch, Replier};

use super::Told;
use crate::{Cargo, DataNode, Flight, KeyspaceId, Landed, Landing, Look};

/// What a caller finds who can see to a load.
#[derive(Debug)]
pub struct LookUp<K> {
    /// The epoch of the request.
    pub epoch: Epoch,
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// How long a load may take before others give it up.
    pub load_time: Duration,
    /// Where the caller waits, if it has to.
    pub waiter: Replier<Landing>,
}

impl<K: AsRef<[u8]>> Command<DataNode> for LookUp<K> {
    type Reply = Told<Look>;
    type Owned = LookUp<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        let Self { epoch, keyspace, hash, key, load_time, waiter } = self;
        LookUp { epoch, keyspace, hash, key: key.as_ref().into(), load_time, waiter }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let key = (self.hash, self.key.as_ref());
        let reply = node.look(self.epoch, self.keyspace, key, self.load_time, self.waiter);
        Told::of(node, reply)
    }
}

/// The same for a caller to whom a stale value is of no use: it waits for the load
/// by which others are served stale meanwhile.
#[derive(Debug)]
pub struct LookFresh<K>(pub LookUp<K>);

impl<K: AsRef<[u8]>> Command<DataNode> for LookFresh<K> {
    type Reply = Told<Look>;
    type Owned = LookFresh<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        LookFresh(self.0.into_owned())
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let LookUp { epoch, keyspace, hash, ref key, load_time, waiter } = self.0;
        let reply = node.look_fresh(epoch, keyspace, (hash, key.as_ref()), load_time, waiter);
        Told::of(node, reply)
    }
}

/// Ends a load, and stores its cargo if its lease still holds.
#[derive(Debug, Clone)]
pub struct Land {
    /// The epoch of the request.
    pub epoch: Epoch,
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The load.
    pub flight: Arc<Flight>,
    /// What it has brought.
    pub cargo: Cargo,
}

impl Command<DataNode> for Land {
    type Reply = Told<Landed>;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        let reply = node.land(self.epoch, self.keyspace, &self.flight, self.cargo);
        Told::of(node, reply)
    }
}
