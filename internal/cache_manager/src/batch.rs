//! Many keys in one call: one command for each owner, a result for each key.

use std::cell::Cell;
use std::time::Duration;

use distcache_bus::{CallError, Command, Epoch, Waiter, reply_slot};
use distcache_node::commands::{Batch, Delete, Get, Item, LookUp, Put, Told};
use distcache_node::{DataNode, Entry, Landing, Look};

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
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

/// What became of one command of a batch.
enum Ran<R> {
    /// The node has answered.
    At(NodeId, R),
    /// It has not, and this is why.
    Failed(Error),
    /// It was not asked. The key takes the way of a single one, which knows what
    /// to do while the ring changes.
    Alone,
}

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
        let deadline = self.shared.deadline();
        let hashes = self.hashes(keyspace, keys.iter().copied());
        let id = keyspace.id();
        let command =
            |at: usize, _: Epoch| Some(Get { keyspace: id, hash: hashes[at], key: keys[at] });
        let ran = self.by_owner(keyspace, &hashes, command, |node, epoch, batch| {
            if keyspace.shares_hits() {
                node.mailbox.read(epoch, &deadline, batch)
            } else {
                node.mailbox.call(epoch, &deadline, batch)
            }
        });
        let result = |(ran, key): (Ran<_>, &&[u8])| match ran {
            Ran::At(node, value) => Ok(Option::map(value, |value| Hit { node, value })),
            Ran::Failed(error) => Err(error),
            Ran::Alone => self.shared.get(keyspace, key, &deadline),
        };
        ran.into_iter().zip(keys).map(result).collect()
    }

    /// What a caller finds who has missed many keys and can see to their loads;
    /// see [`look_in`](Self::look_in).
    pub fn look_many_in(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        load_time: Duration,
    ) -> Vec<Result<(Look, Waiter<Landing>), Error>> {
        let deadline = self.shared.deadline();
        let hashes = self.hashes(keyspace, keys.iter().copied());
        let slots = keys.iter().map(|_| reply_slot());
        let (repliers, waiters): (Vec<_>, Vec<_>) = slots.unzip();
        let repliers: Vec<_> =
            repliers.into_iter().map(|replier| Cell::new(Some(replier))).collect();
        let id = keyspace.id();
        let command = |at: usize, epoch: Epoch| {
            let (hash, key, waiter) = (hashes[at], keys[at], repliers[at].take()?);
            Some(LookUp { epoch, keyspace: id, hash, key, load_time, waiter })
        };
        let ran = self.by_owner(keyspace, &hashes, command, |node, epoch, batch| {
            node.mailbox.call(epoch, &deadline, batch)
        });
        let result = |((ran, key), waiter): ((Ran<Told<_>>, &&[u8]), _)| match ran {
            Ran::At(_, told) => {
                self.shared.directory.tell(&told.departed);
                Ok((told.reply, waiter))
            }
            Ran::Failed(error) => Err(error),
            Ran::Alone => self.shared.look(keyspace, key, load_time, &deadline, |look| look),
        };
        ran.into_iter().zip(keys).zip(waiters).map(result).collect()
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
        let deadline = self.shared.deadline();
        let hashes = self.hashes(keyspace, writes.iter().map(|write| write.key));
        let entries: Vec<Result<Entry, Error>> =
            writes.iter().map(|write| write.draft().map(|draft| draft.entry())).collect();
        let id = keyspace.id();
        // An entry that could not be made takes no part; asked for alone, it says why.
        let command = |at: usize, epoch: Epoch| {
            let item = Item::Entry(entries[at].clone().ok()?);
            let (hash, condition) = (hashes[at], writes[at].condition);
            Some(Put { epoch, keyspace: id, hash, item, condition })
        };
        let ran = self.by_owner(keyspace, &hashes, command, |node, epoch, batch| {
            node.mailbox.call(epoch, &deadline, batch)
        });
        let result = |((ran, write), hash): ((Ran<_>, &Write<'_>), &u64)| match ran {
            Ran::At(node, told) => self.shared.stored(keyspace, *hash, node, told),
            Ran::Failed(error) => Err(error),
            Ran::Alone => self.shared.put(keyspace, write, &deadline),
        };
        ran.into_iter().zip(writes).zip(&hashes).map(result).collect()
    }

    /// Forgets many keys; for each, whether it had a value.
    pub fn delete_many(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        self.delete_many_in(&self.shared.default, keys)
    }

    /// The same in a keyspace; see [`delete_in`](Self::delete_in).
    pub fn delete_many_in(&self, keyspace: &Keyspace, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        let deadline = self.shared.deadline();
        let hashes = self.hashes(keyspace, keys.iter().copied());
        let id = keyspace.id();
        let command =
            |at: usize, _: Epoch| Some(Delete { keyspace: id, hash: hashes[at], key: keys[at] });
        let ran = self.by_owner(keyspace, &hashes, command, |node, epoch, batch| {
            node.mailbox.call(epoch, &deadline, batch)
        });
        let result = |((ran, key), hash): ((Ran<_>, &&[u8]), &u64)| match ran {
            Ran::At(node, told) => Ok(self.shared.deleted(*hash, node, &told)),
            Ran::Failed(error) => Err(error),
            Ran::Alone => self.shared.delete(keyspace, key, &deadline),
        };
        ran.into_iter().zip(keys).zip(&hashes).map(result).collect()
    }

    fn hashes<'a>(&self, keyspace: &Keyspace, keys: impl Iterator<Item = &'a [u8]>) -> Vec<u64> {
        keys.map(|key| self.shared.hash(keyspace, key)).collect()
    }

    /// Sends to each owner what concerns it, [`KEYS_A_LOCK`] keys at a time;
    /// nothing while entries are on their way between nodes.
    fn by_owner<C: Command<DataNode>>(
        &self,
        keyspace: &Keyspace,
        hashes: &[u64],
        command: impl Fn(usize, Epoch) -> Option<C>,
        send: impl Fn(&NodeHandle, Epoch, Batch<C>) -> Result<Vec<C::Reply>, CallError>,
    ) -> Vec<Ran<C::Reply>> {
        let mut ran: Vec<_> = hashes.iter().map(|_| Ran::Alone).collect();
        let routing = self.shared.routing.load();
        if routing.before.is_some() {
            return ran;
        }
        for (node, places) in routing.nodes.iter().zip(places_by_owner(&routing, hashes)) {
            for places in places.chunks(KEYS_A_LOCK) {
                let mut batch = Batch::with_capacity(keyspace.id(), places.len());
                let mut taking = Vec::with_capacity(places.len());
                for &at in places {
                    if let Some(command) = command(at, routing.epoch) {
                        taking.push(at);
                        batch.push(hashes[at], command);
                    }
                }
                match send(node, routing.epoch, batch) {
                    Ok(replies) => {
                        for (at, reply) in taking.into_iter().zip(replies) {
                            ran[at] = Ran::At(node.id, reply);
                        }
                    }
                    Err(error) => {
                        if let Verdict::Final(error) = judge(error) {
                            for at in taking {
                                ran[at] = Ran::Failed(error.clone());
                            }
                        }
                    }
                }
            }
        }
        ran
    }
}

/// For each node, where in a batch the keys are that it owns, in their order.
fn places_by_owner(routing: &Routing, hashes: &[u64]) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); routing.nodes.len()];
    for (at, hash) in hashes.iter().enumerate() {
        places[routing.owner_index(*hash)].push(at);
    }
    places
}
