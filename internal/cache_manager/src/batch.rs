//! Many keys in one call: one command for each owner, a result for each key.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use distcache_bus::{Command, Deadline, Waiter, reply_slot};
use distcache_node::commands::{Batch, Delete, Get, Item, LookUp, Put, Told};
use distcache_node::{DataNode, Entry, Landing, Look};

use crate::routing::Routing;
use crate::{CacheManager, Error, Hit, Keyspace, NodeId, Stored, Write};

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
        self.get_many_in(&self.shared.default, keys)
    }

    /// The same in a keyspace; see [`get_in`](Self::get_in).
    pub fn get_many_in(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
    ) -> Vec<Result<Option<Hit>, Error>> {
        let hashes = self.hashes(keyspace, keys.iter().copied());
        let id = keyspace.id();
        let command =
            |at: usize, _: &Routing| Some(Get { keyspace: id, hash: hashes[at], key: keys[at] });
        let replies = self.by_owner(&hashes, command).into_iter().zip(keys);
        let result = |(reply, key): (_, &&[u8])| match reply {
            Some((node, value)) => Ok(Option::map(value, |value| Hit { node, value })),
            None => self.get_in(keyspace, key),
        };
        replies.map(result).collect()
    }

    /// What a caller finds who has missed many keys and can see to their loads;
    /// see [`look_in`](Self::look_in).
    pub fn look_many_in(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        load_time: Duration,
    ) -> Vec<Result<(Look, Waiter<Landing>), Error>> {
        let hashes = self.hashes(keyspace, keys.iter().copied());
        let slots = keys.iter().map(|_| reply_slot());
        let (repliers, waiters): (Vec<_>, Vec<_>) = slots.unzip();
        let repliers: Vec<_> =
            repliers.into_iter().map(|replier| Cell::new(Some(replier))).collect();
        let command = |at: usize, routing: &Routing| {
            let (id, epoch, waiter) = (keyspace.id(), routing.epoch, repliers[at].take()?);
            let (hash, key) = (hashes[at], keys[at]);
            Some(LookUp { epoch, keyspace: id, hash, key, load_time, waiter })
        };
        let replies = self.by_owner(&hashes, command).into_iter().zip(keys).zip(waiters);
        let result = |((reply, key), waiter): ((_, &&[u8]), _)| match reply {
            Some((_, told)) => {
                let told: Told<Look> = told;
                self.shared.directory.tell(&told.departed);
                Ok((told.reply, waiter))
            }
            None => self.look_in(keyspace, key, load_time),
        };
        replies.map(result).collect()
    }

    /// Stores many values. One key's failure is its own; of a key that comes
    /// twice, the later value stays.
    pub fn put_many(&self, items: &[PutItem<'_>]) -> Vec<Result<Stored, Error>> {
        let writes: Vec<_> = items
            .iter()
            .map(|item| {
                let expires = self.shared.expires(item.ttl);
                Write { expires, ..Write::new(item.key, item.value) }
            })
            .collect();
        self.put_many_in(&self.shared.default, &writes)
    }

    /// The same in a keyspace; see [`put_in`](Self::put_in).
    pub fn put_many_in(
        &self,
        keyspace: &Keyspace,
        writes: &[Write<'_>],
    ) -> Vec<Result<Stored, Error>> {
        let hashes = self.hashes(keyspace, writes.iter().map(|write| write.key));
        let entries: Vec<Result<Entry, Error>> =
            writes.iter().map(|write| write.draft().map(|draft| draft.entry())).collect();
        let id = keyspace.id();
        // An entry that could not be made takes no part; its error is its reply.
        let command = |at: usize, routing: &Routing| {
            let item = Item::Entry(entries[at].clone().ok()?);
            let (epoch, hash, condition) = (routing.epoch, hashes[at], writes[at].condition);
            Some(Put { epoch, keyspace: id, hash, item, condition })
        };
        let replies = self.by_owner(&hashes, command).into_iter().zip(writes).zip(&hashes);
        let result = |((reply, write), hash): ((_, &Write<'_>), &u64)| match reply {
            Some((node, told)) => self.shared.stored(keyspace, *hash, node, told),
            None => self.put_in(keyspace, write),
        };
        replies.map(result).collect()
    }

    /// Forgets many keys; for each, whether it had a value.
    pub fn delete_many(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        self.delete_many_in(&self.shared.default, keys)
    }

    /// The same in a keyspace; see [`delete_in`](Self::delete_in).
    pub fn delete_many_in(&self, keyspace: &Keyspace, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        let hashes = self.hashes(keyspace, keys.iter().copied());
        let id = keyspace.id();
        let command =
            |at: usize, _: &Routing| Some(Delete { keyspace: id, hash: hashes[at], key: keys[at] });
        let replies = self.by_owner(&hashes, command).into_iter().zip(keys).zip(&hashes);
        replies
            .map(|((reply, key), hash)| match reply {
                Some((node, told)) => Ok(self.shared.deleted(*hash, node, &told)),
                None => self.delete_in(keyspace, key),
            })
            .collect()
    }

    fn hashes<'a>(&self, keyspace: &Keyspace, keys: impl Iterator<Item = &'a [u8]>) -> Vec<u64> {
        keys.map(|key| self.shared.hash(keyspace, key)).collect()
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
