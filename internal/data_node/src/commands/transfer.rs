//! Brings an entry over to its new owner.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{CallError, Command, Mailbox};

use crate::{DataNode, KeyspaceId};

/// Brings the entry of one key over from the node that owned it before.
///
/// Runs on the new owner, and takes the old owner's lock while it holds the
/// new one's. The order of these two locks is fixed for as long as a change of
/// the ring lasts: entries travel one way only.
#[derive(Debug, Clone)]
pub struct Fetch<K> {
    /// Which keyspace.
    pub keyspace: KeyspaceId,
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// The old owner.
    pub from: Arc<Mailbox<DataNode>>,
}

/// What came of a [`Fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The old owner does not hold the key any more.
    Done,
    /// The old owner is busy: nothing has changed; try again.
    Busy,
}

/// How long a new owner, which others wait for, waits for the old one.
const FETCH_WAIT: Duration = Duration::from_micros(500);

impl<K: AsRef<[u8]>> Command<DataNode> for Fetch<K> {
    type Reply = Fetched;
    type Owned = Fetch<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        let Self { keyspace, hash, key, from } = self;
        Fetch { keyspace, hash, key: key.as_ref().into(), from }
    }

    fn run(self, node: &mut DataNode) -> Fetched {
        let Self { keyspace, hash, ref key, ref from } = self;
        let handed = from.locked(FETCH_WAIT, |old| old.hand_over(keyspace, hash, key.as_ref()));
        match handed {
            // Not if there is no room for it: it is a miss then.
            Ok(Some(entry)) => _ = node.take_over(keyspace, hash, entry),
            Err(CallError::TimedOut) => return Fetched::Busy,
            // It holds no such key, or it was given up and what it held is gone.
            Ok(None) | Err(_) => {}
        }
        Fetched::Done
    }
}
