//! What a mailbox can ask of a node.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{CallError, Command, Epoch, Mailbox, Read};

use crate::node::Stored;
use crate::{DataNode, Draft, Entry, Refused, Value};

/// The value of a key. Borrows the key; hence allocates nothing where it runs
/// on its caller's stack.
#[derive(Debug, Clone, Copy)]
pub struct Get<K> {
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Get<K> {
    type Reply = Option<Value>;
    type Owned = Get<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        Get { hash: self.hash, key: self.key.as_ref().into() }
    }

    #[inline]
    fn run(self, node: &mut DataNode) -> Option<Value> {
        node.get(self.hash, self.key.as_ref())
    }
}

impl<K: AsRef<[u8]>> Read<DataNode> for Get<K> {
    #[inline]
    fn read(self, node: &DataNode) -> Option<Value> {
        node.get_shared(self.hash, self.key.as_ref())
    }
}

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
    /// The key's hash.
    pub hash: u64,
    /// Key, value and expiry.
    pub item: Item<'a>,
}

impl Command<DataNode> for Put<'_> {
    type Reply = Result<Stored, Refused>;
    type Owned = Put<'static>;

    fn into_owned(self) -> Put<'static> {
        let entry = match self.item {
            Item::Draft(draft) => draft.entry(),
            Item::Entry(entry) => entry,
        };
        Put { epoch: self.epoch, hash: self.hash, item: Item::Entry(entry) }
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        match self.item {
            Item::Draft(draft) => node.put_draft(self.epoch, self.hash, &draft),
            Item::Entry(entry) => node.put(self.epoch, self.hash, entry),
        }
    }
}

/// Forgets a key; answers whether it had a value.
#[derive(Debug, Clone, Copy)]
pub struct Delete<K> {
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: K,
}

impl<K: AsRef<[u8]>> Command<DataNode> for Delete<K> {
    type Reply = bool;
    type Owned = Delete<Box<[u8]>>;

    fn into_owned(self) -> Self::Owned {
        Delete { hash: self.hash, key: self.key.as_ref().into() }
    }

    fn run(self, node: &mut DataNode) -> bool {
        node.delete(self.hash, self.key.as_ref())
    }
}

/// Forgets everything; answers how many entries there were.
#[derive(Debug, Clone, Copy)]
pub struct Clear;

impl Command<DataNode> for Clear {
    type Reply = usize;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> usize {
        node.clear()
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

/// Brings the entry of one key over from the node that owned it before.
///
/// Runs on the new owner, and takes the old owner's lock while it holds the
/// new one's. The order of these two locks is fixed for as long as a change of
/// the ring lasts: entries travel one way only.
#[derive(Debug, Clone)]
pub struct Fetch<K> {
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
        Fetch { hash: self.hash, key: self.key.as_ref().into(), from: self.from }
    }

    fn run(self, node: &mut DataNode) -> Fetched {
        let key = self.key.as_ref();
        let handed = self.from.locked(FETCH_WAIT, |old| old.hand_over(self.hash, key));
        match handed {
            Ok(Some(entry)) => node.take_over(self.hash, entry),
            Err(CallError::TimedOut) => return Fetched::Busy,
            // It holds no such key, or it was given up and what it held is gone.
            Ok(None) | Err(_) => {}
        }
        Fetched::Done
    }
}
