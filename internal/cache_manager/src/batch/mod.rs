//! Many keys in one call: one command for each owner, a result for each key.

mod blocking;
mod gets;
mod places;
mod tasks;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Call, CallError, Command, Deadline, Epoch, Replier};
use distcache_node::commands::{Batch, Delete, Item, LookUp, Put};
use distcache_node::{DataNode, Entry, Landing};

use places::Places;

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace, NodeId, Write};

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

/// What goes to one node, and where in the call its keys are.
struct Part<C> {
    node: Arc<NodeHandle>,
    places: Vec<usize>,
    batch: Batch<C>,
}

impl CacheManager {
    fn hashes<'a>(&self, keyspace: &Keyspace, keys: impl Iterator<Item = &'a [u8]>) -> Vec<u64> {
        keys.map(|key| self.shared.hash(keyspace, key)).collect()
    }

    /// Sends each owner what concerns it, and waits for one after the other.
    fn by_owner<C: Command<DataNode>>(
        &self,
        keyspace: &Keyspace,
        hashes: &[u64],
        command: impl Fn(usize, Epoch) -> Option<C>,
        send: impl Fn(&NodeHandle, Epoch, Batch<C>) -> Result<Vec<C::Reply>, CallError>,
    ) -> Vec<Ran<C::Reply>> {
        let mut ran: Vec<_> = hashes.iter().map(|_| Ran::Alone).collect();
        let routing = self.shared.routing.load();
        for Part { node, places, batch } in parts(&routing, keyspace, hashes, command) {
            note(&mut ran, node.id, places, send(&node, routing.epoch, batch));
        }
        ran
    }

    /// The same for a task, which waits for all owners at once.
    async fn by_owner_async<C: Command<DataNode, Reply: Unpin>>(
        &self,
        keyspace: &Keyspace,
        hashes: &[u64],
        command: impl Fn(usize, Epoch) -> Option<C>,
        begin: impl Fn(&NodeHandle, Epoch, &Deadline, Batch<C>) -> Call<Vec<C::Reply>>,
    ) -> Vec<Ran<C::Reply>> {
        let routing = self.shared.routing.load_full();
        let deadline = self.shared.deadline();
        let parts = parts(&routing, keyspace, hashes, command).into_iter();
        let begun: Vec<_> = parts
            .map(|Part { node, places, batch }| {
                (node.id, places, begin(&node, routing.epoch, &deadline, batch))
            })
            .collect();
        let mut ran: Vec<_> = hashes.iter().map(|_| Ran::Alone).collect();
        for (node, places, call) in begun {
            note(&mut ran, node, places, call.await);
        }
        ran
    }
}

/// A batch of commands for each owner, or several if it has many keys; none while
/// entries are on their way between nodes.
fn parts<C>(
    routing: &Routing,
    keyspace: &Keyspace,
    hashes: &[u64],
    command: impl Fn(usize, Epoch) -> Option<C>,
) -> Vec<Part<C>> {
    let mut parts = Vec::with_capacity(routing.nodes.len());
    if routing.before.is_some() {
        return parts;
    }
    let sorted = Places::of(routing, hashes);
    for (node, part) in sorted.parts(routing) {
        let mut places = Vec::with_capacity(part.len());
        let mut batch = Batch::with_capacity(keyspace.id(), part.len());
        for &at in &sorted.sorted()[part] {
            if let Some(command) = command(at, routing.epoch) {
                places.push(at);
                batch.push(hashes[at], command);
            }
        }
        parts.push(Part { node: node.clone(), places, batch });
    }
    parts
}

/// Notes what one node has answered.
fn note<R>(
    ran: &mut [Ran<R>],
    node: NodeId,
    places: Vec<usize>,
    answered: Result<Vec<R>, CallError>,
) {
    match answered.map_err(judge) {
        Ok(replies) => {
            for (at, reply) in places.into_iter().zip(replies) {
                ran[at] = Ran::At(node, reply);
            }
        }
        Err(Verdict::Final(error)) => {
            for at in places {
                ran[at] = Ran::Failed(error.clone());
            }
        }
        Err(Verdict::LookAgain) => {}
    }
}

fn deletes<'a>(
    keyspace: &Keyspace,
    hashes: &[u64],
    keys: &[&'a [u8]],
) -> impl Fn(usize, Epoch) -> Option<Delete<&'a [u8]>> {
    let keyspace = keyspace.id();
    move |at, _| Some(Delete { keyspace, hash: hashes[at], key: keys[at] })
}

/// An entry that could not be made takes no part; asked for alone, it says why.
fn puts(
    keyspace: &Keyspace,
    hashes: &[u64],
    writes: &[Write<'_>],
) -> impl Fn(usize, Epoch) -> Option<Put<'static>> {
    let entry = |write: &Write<'_>| write.draft().map(|draft| draft.entry()).ok();
    let entries: Vec<Option<Entry>> = writes.iter().map(entry).collect();
    let keyspace = keyspace.id();
    move |at, epoch| {
        let item = Item::Entry(entries[at].clone()?);
        let (hash, condition) = (hashes[at], writes[at].condition);
        Some(Put { epoch, keyspace, hash, item, condition })
    }
}

/// Each command takes its replier along.
fn looks<'a>(
    keyspace: &Keyspace,
    hashes: &[u64],
    keys: &[&'a [u8]],
    load_time: Duration,
    repliers: Vec<Replier<Landing>>,
) -> impl Fn(usize, Epoch) -> Option<LookUp<&'a [u8]>> {
    let repliers: Vec<_> = repliers.into_iter().map(|replier| Cell::new(Some(replier))).collect();
    let keyspace = keyspace.id();
    move |at, epoch| {
        let (hash, key, waiter) = (hashes[at], keys[at], repliers[at].take()?);
        Some(LookUp { epoch, keyspace, hash, key, load_time, waiter })
    }
}
