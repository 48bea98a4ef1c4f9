//! Batches of threads, which wait for one owner after the other.

use std::time::Duration;

use distcache_bus::{Waiter, reply_slot};
use distcache_node::commands::Told;
use distcache_node::{Landing, Look};

use super::{PutItem, Ran, Subject, deletes, looks, puts};
use crate::{CacheManager, Error, Keyspace, Stored, Write};

impl CacheManager {
    /// What a caller finds who has missed many keys and can see to their loads;
    /// see [`look_in`](Self::look_in).
    pub fn look_many_in(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        load_time: Duration,
    ) -> Vec<Result<(Look, Waiter<Landing>), Error>> {
        let deadline = self.shared.deadline();
        let batch = Subject::of(&self.shared, keyspace, keys.to_vec());
        let (repliers, waiters): (Vec<_>, Vec<_>) = keys.iter().map(|_| reply_slot()).unzip();
        let commands = looks(&batch, load_time, repliers);
        let (ran, _of_reads) = self.by_owner(&batch, commands, |node, epoch, batch| {
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
        self.put_many_in(&self.shared.default, &self.writes(items))
    }

    pub(super) fn writes<'a>(&self, items: &[PutItem<'a>]) -> Vec<Write<'a>> {
        let write = |item: &PutItem<'a>| {
            let expires = self.shared.expires(item.ttl);
            Write { expires, ..Write::new(item.key, item.value) }
        };
        items.iter().map(write).collect()
    }

    /// The same in a keyspace; see [`put_in`](Self::put_in).
    pub fn put_many_in(
        &self,
        keyspace: &Keyspace,
        writes: &[Write<'_>],
    ) -> Vec<Result<Stored, Error>> {
        if let Err(full) = self.shared.admits_change(keyspace) {
            return vec![Err(full); writes.len()];
        }
        let deadline = self.shared.deadline();
        let keys = writes.iter().map(|write| write.key).collect();
        let batch = Subject::of(&self.shared, keyspace, keys);
        let commands = puts(&batch, writes);
        let (ran, claims) = self.by_owner(&batch, commands, |node, epoch, batch| {
            node.mailbox.call(epoch, &deadline, batch)
        });
        let result = |(at, ran): (usize, Ran<_>)| match ran {
            Ran::At(node, told) => {
                claims.confirm(at, self.shared.stored(keyspace, batch.hashes[at], node, told))
            }
            Ran::Failed(error) => Err(error),
            Ran::Alone => self.shared.put(keyspace, &writes[at], &deadline),
        };
        ran.into_iter().enumerate().map(result).collect()
    }

    /// Forgets many keys; for each, whether it had a value.
    pub fn delete_many(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        self.delete_many_in(&self.shared.default, keys)
    }

    /// The same in a keyspace; see [`delete_in`](Self::delete_in).
    pub fn delete_many_in(&self, keyspace: &Keyspace, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        if let Err(full) = self.shared.admits_change(keyspace) {
            return vec![Err(full); keys.len()];
        }
        let deadline = self.shared.deadline();
        let batch = Subject::of(&self.shared, keyspace, keys.to_vec());
        let commands = deletes(&batch);
        let (ran, claims) = self.by_owner(&batch, commands, |node, epoch, batch| {
            node.mailbox.call(epoch, &deadline, batch)
        });
        let result = |(at, ran): (usize, Ran<_>)| match ran {
            Ran::At(node, told) => {
                claims.confirm(at, Ok(self.shared.deleted(batch.hashes[at], node, &told)))
            }
            Ran::Failed(error) => Err(error),
            Ran::Alone => self.shared.delete(keyspace, keys[at], &deadline),
        };
        ran.into_iter().enumerate().map(result).collect()
    }
}
