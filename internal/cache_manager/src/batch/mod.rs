//! Many keys in one call: one command for each owner, a result for each key.

mod blocking;
mod claims;
mod gets;
mod places;
mod tasks;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Call, CallError, Command, Deadline, Epoch, Replier};
use distcache_node::commands::{Batch, Delete, Item, LookUp, Put};
use distcache_node::{DataNode, Entry, Landing};

use claims::Claims;
use places::Places;

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::manager::Shared;
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

/// What a batch is about.
struct Subject<'a> {
    keyspace: &'a Keyspace,
    keys: Vec<&'a [u8]>,
    hashes: Vec<u64>,
}

impl CacheManager {
    /// Sends each owner what concerns it, and waits for one after the other.
    fn by_owner<C: Command<DataNode>>(
        &self,
        keys: &Subject<'_>,
        command: impl Fn(usize, Epoch) -> Option<C>,
        send: impl Fn(&NodeHandle, Epoch, Batch<C>) -> Result<Vec<C::Reply>, CallError>,
    ) -> (Vec<Ran<C::Reply>>, Claims) {
        let routing = self.shared.routing.load();
        let claims = keys.claims(&routing);
        let mut ran = keys.nothing_ran(&claims);
        for Part { node, places, batch } in parts(&routing, keys, &claims, command) {
            note(&mut ran, node.id, places, send(&node, routing.epoch, batch));
        }
        (ran, claims)
    }

    /// The same for a task, which waits for all owners at once.
    async fn by_owner_async<C: Command<DataNode, Reply: Unpin>>(
        &self,
        keys: &Subject<'_>,
        command: impl Fn(usize, Epoch) -> Option<C>,
        begin: impl Fn(&NodeHandle, Epoch, &Deadline, Batch<C>) -> Call<Vec<C::Reply>>,
    ) -> (Vec<Ran<C::Reply>>, Claims) {
        let routing = self.shared.routing.load_full();
        let deadline = self.shared.deadline();
        let claims = keys.claims(&routing);
        let parts = parts(&routing, keys, &claims, command).into_iter();
        let begun: Vec<_> = parts
            .map(|Part { node, places, batch }| {
                (node.id, places, begin(&node, routing.epoch, &deadline, batch))
            })
            .collect();
        let mut ran = keys.nothing_ran(&claims);
        for (node, places, call) in begun {
            note(&mut ran, node, places, call.await);
        }
        (ran, claims)
    }
}

impl<'a> Subject<'a> {
    fn of(shared: &Shared, keyspace: &'a Keyspace, keys: Vec<&'a [u8]>) -> Self {
        let hashes = shared.hashes(keyspace, &keys);
        Self { keyspace, keys, hashes }
    }

    fn claims(&self, routing: &Routing) -> Claims {
        Claims::of(routing, self.keyspace, self.keys.iter().copied())
    }

    /// What is known of each before any node was asked.
    fn nothing_ran<R>(&self, claims: &Claims) -> Vec<Ran<R>> {
        let mut ran: Vec<_> = self.keys.iter().map(|_| Ran::Alone).collect();
        for at in claims.elsewhere() {
            ran[at] = Ran::Failed(Error::Elsewhere);
        }
        ran
    }
}

/// A batch of commands for each owner, or several if it has many keys; none while
/// entries are on their way.
fn parts<C>(
    routing: &Routing,
    Subject { keyspace, hashes, .. }: &Subject<'_>,
    claims: &Claims,
    command: impl Fn(usize, Epoch) -> Option<C>,
) -> Vec<Part<C>> {
    let mut parts = Vec::with_capacity(routing.nodes.len());
    if routing.is_moving() {
        return parts;
    }
    let sorted = Places::of(routing, hashes);
    for (node, part) in sorted.parts(routing) {
        let mut places = Vec::with_capacity(part.len());
        let mut batch = Batch::with_capacity(keyspace.id(), part.len());
        for &at in &sorted.sorted()[part] {
            if claims.has(at)
                && let Some(command) = command(at, routing.epoch)
            {
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
    Subject { keyspace, keys, hashes }: &Subject<'a>,
) -> impl Fn(usize, Epoch) -> Option<Delete<&'a [u8]>> {
    let keyspace = keyspace.id();
    move |at, _| Some(Delete { keyspace, hash: hashes[at], key: keys[at] })
}

/// An entry that could not be made takes no part; asked for alone, it says why.
fn puts(
    Subject { keyspace, hashes, .. }: &Subject<'_>,
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
    Subject { keyspace, keys, hashes }: &Subject<'a>,
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
