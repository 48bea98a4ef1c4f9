//! What a mailbox can ask of a node.

mod batch;
pub use batch::Batch;

mod change;
pub use change::{Add, Clear, Delete, DeleteIf, InvalidateSome, Item, Put, Revoke, SetExpires};

mod load;
pub use load::{Land, LookFresh, LookUp};

mod read;
pub use read::{Get, GetMany, Peek, Scan, Survey};

mod trace;
pub use trace::Trace;

mod transfer;
pub use transfer::{Fetch, Fetched};

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
