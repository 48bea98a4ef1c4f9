//! Batches of tasks, which wait for all owners at once and park no thread.

use std::time::Duration;

use distcache_bus::{Waiter, reply_slot};
use distcache_node::{Landing, Look};

use super::{PutItem, Ran, Subject, deletes, looks, puts};
use crate::{CacheManager, Error, Keyspace, Stored, Write};

impl CacheManager {
    /// Like [`look_many_in`](Self::look_many_in), without ever parking the thread.
    pub async fn look_many_in_async(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        load_time: Duration,
    ) -> Vec<Result<(Look, Waiter<Landing>), Error>> {
        let batch = Subject::of(&self.shared, keyspace, keys.to_vec());
        let (repliers, waiters): (Vec<_>, Vec<_>) = keys.iter().map(|_| reply_slot()).unzip();
        let timer = &self.shared.timer;
        let commands = looks(&batch, load_time, repliers);
        let ran = self.by_owner_async(&batch, commands, |node, epoch, end, batch| {
            node.mailbox.begin(epoch, end, timer, batch)
        });
        let (ran, _of_reads) = ran.await;
        let mut results = Vec::with_capacity(keys.len());
        for ((ran, key), waiter) in ran.into_iter().zip(keys).zip(waiters) {
            results.push(match ran {
                Ran::At(_, told) => {
                    self.shared.directory.tell(&told.departed);
                    Ok((told.reply, waiter))
                }
                Ran::Failed(error) => Err(error),
                Ran::Alone => self.look_in_async(keyspace, key, load_time).await,
            });
        }
        results
    }

    /// Like [`put_many`](Self::put_many), without ever parking the thread.
    pub async fn put_many_async(&self, items: &[PutItem<'_>]) -> Vec<Result<Stored, Error>> {
        self.put_many_in_async(&self.shared.default, &self.writes(items)).await
    }

    /// Like [`put_many_in`](Self::put_many_in), without ever parking the thread.
    pub async fn put_many_in_async(
        &self,
        keyspace: &Keyspace,
        writes: &[Write<'_>],
    ) -> Vec<Result<Stored, Error>> {
        if let Err(full) = self.shared.admits_change(keyspace) {
            return vec![Err(full); writes.len()];
        }
        let keys = writes.iter().map(|write| write.key).collect();
        let batch = Subject::of(&self.shared, keyspace, keys);
        let timer = &self.shared.timer;
        let commands = puts(&batch, writes);
        let ran = self.by_owner_async(&batch, commands, |node, epoch, end, batch| {
            node.mailbox.begin(epoch, end, timer, batch)
        });
        let (ran, claims) = ran.await;
        let mut results = Vec::with_capacity(writes.len());
        for (at, ran) in ran.into_iter().enumerate() {
            results.push(match ran {
                Ran::At(node, told) => {
                    claims.confirm(at, self.shared.stored(keyspace, batch.hashes[at], node, told))
                }
                Ran::Failed(error) => Err(error),
                Ran::Alone => self.put_in_async(keyspace, &writes[at]).await,
            });
        }
        results
    }

    /// Like [`delete_many`](Self::delete_many), without ever parking the thread.
    pub async fn delete_many_async(&self, keys: &[&[u8]]) -> Vec<Result<bool, Error>> {
        self.delete_many_in_async(&self.shared.default, keys).await
    }

    /// Like [`delete_many_in`](Self::delete_many_in), without ever parking the
    /// thread.
    pub async fn delete_many_in_async(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
    ) -> Vec<Result<bool, Error>> {
        if let Err(full) = self.shared.admits_change(keyspace) {
            return vec![Err(full); keys.len()];
        }
        let batch = Subject::of(&self.shared, keyspace, keys.to_vec());
        let timer = &self.shared.timer;
        let commands = deletes(&batch);
        let ran = self.by_owner_async(&batch, commands, |node, epoch, end, batch| {
            node.mailbox.begin(epoch, end, timer, batch)
        });
        let (ran, claims) = ran.await;
        let mut results = Vec::with_capacity(keys.len());
        for (at, ran) in ran.into_iter().enumerate() {
            results.push(match ran {
                Ran::At(node, told) => {
                    claims.confirm(at, Ok(self.shared.deleted(batch.hashes[at], node, &told)))
                }
                Ran::Failed(error) => Err(error),
                Ran::Alone => self.delete_in_async(keyspace, keys[at]).await,
            });
        }
        results
    }
}
