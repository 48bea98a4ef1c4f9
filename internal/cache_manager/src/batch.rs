//! Many keys in one call: one command for each owner, a result for each key.

use std::collections::BTreeMap;
use std::time::Duration;

use distcache_bus::{Command, Deadline};
use distcache_node::DataNode;
use distcache_node::commands::{Batch, Delete, Get, Item, Put};

use crate::routing::Routing;
use crate::{CacheManager, Error, Hit, NodeId, Stored};

/// One put of a batch.
#[derive(Debug, Clone, Copy)]
pub struct PutItem<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// How long it lives; `None` for until it is evicted.
    pub ttl: Option<Duration>,
}

/// Keys that one batch touches under one lock: others wait no longer for it
/// than some tens of microseconds.
const KEYS_A_LOCK: usize = 128;

impl CacheManager {
    /// The values of many keys, in their order. One key's failure is its own.
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Result<Option<Hit>, Error>> {
        let hashes: Vec<u64> = keys.iter().map(|key| self.shared.hasher.hash(key)).collect();
        let command = |at: usize, _: &Routing| Some(Get { hash: hashes[at], key: keys[at] });
        self.by_owner(&hashes, command)
            .into_iter()
            .zip(keys)
            .map(|(reply, key)| match reply {
                Some((node, value)) => Ok(value.map(|value| Hit { node, value })),
                None => self.get(key),
            })
            .collect()
    }

    /// Stores many values. One key's failure is its own; of a key that comes
    /// twice, the later value stays.
    pub fn put_many(&self, items: &[PutItem<'_>]) -> Vec<Result<Stored, Error>> {
        let shared = &self.shared;
        let hashes: Vec<u64> = items.iter().map(|item| shared.hasher.hash(item.key)).collect();
        let entries: Vec<_> = items
            .iter()
            .map(|item| shared.draft(item.key, item.value, item.ttl).map(|draft| draft.entry()))
            .collect();
        // An entry that could not be made takes no part; its error is its reply.
        let command = |at: usize, routing: &Routing| {
            let entry = entries[at].clone().ok()?;
            Some(Put { epoch: routing.epoch, hash: hashes[at], item: Item::Entry(entry) })
        };
        let replies = self.by_owner(&hashes, command).into_iter().zip(items).zip(&hashes);
        let result = |((reply, item), hash): ((_, &PutItem<'_>), &u64)| match reply {
            Some((node, stored)) => {
                let stored: Result<_, distcache_node::Refused> = stored;
                Ok(shared.stored(*hash, node, &stored?))
            }
            None => self.put(item.key, item.value, item.ttl),
        };
        replies.map(result).collect()
    }

    /// Forgets many keys; for each, whether it had a value.
    pub fn delete_many(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        let hashes: Vec<u64> = keys.iter().map(|key| self.shared.hasher.hash(key)).collect();
        let command = |at: usize, _: &Routing| Some(Delete { hash: hashes[at], key: keys[at] });
        let replies = self.by_owner(&hashes, command).into_iter().zip(keys).zip(&hashes);
        replies
            .map(|((reply, key), hash)| match reply {
                Some((node, deleted)) => Ok(self.shared.deleted(*hash, node, deleted)),
                None => self.delete(key),
            })
            .collect()
    }

    /// Sends to each owner what concerns it, [`KEYS_A_LOCK`] keys at a time.
    /// `None` where a command did not run, and for all while entries are on
    /// their way between nodes: the caller then takes the way of a single key,
    /// which knows all about that.
    fn by_owner<C: Command<DataNode>>(
        &self,
        hashes: &[u64],
        command: impl Fn(usize, &Routing) -> Option<C>,
    ) -> Vec<Option<(NodeId, C::Reply)>> {
        let mut replies: Vec<_> = hashes.iter().map(|_| None).collect();
        let routing = self.shared.routing.load();
        if routing.before.is_some() {
            return replies;
        }
        let mut by_node: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (at, hash) in hashes.iter().enumerate() {
            by_node.entry(routing.owner(*hash).id).or_default().push(at);
        }
        let deadline = Deadline::within(self.shared.call_timeout);
        for (id, places) in by_node {
            let Some(node) = routing.node(id) else { continue };
            for places in places.chunks(KEYS_A_LOCK) {
                let commands = places.iter().filter_map(|&at| Some((at, command(at, &routing)?)));
                let (places, commands): (Vec<_>, Vec<_>) = commands.unzip();
                let ran = node.mailbox.call(routing.epoch, &deadline, Batch(commands));
                for (at, reply) in places.into_iter().zip(ran.into_iter().flatten()) {
                    replies[at] = Some((id, reply));
                }
            }
        }
        replies
    }
}
