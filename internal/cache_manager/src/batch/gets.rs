//! Many keys that are read together: blocking, and for tasks.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use distcache_bus::{Call, CallError};
use distcache_node::Value;
use distcache_node::commands::GetMany;

use super::claims::Claims;
use super::places::Places;
use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::routing::Routing;
use crate::{CacheManager, Error, Hit, Keyspace, NodeId};

/// What the cache says of one key.
type Answer = Result<Option<Hit>, Error>;

/// What one node says of its keys.
type Answered = Result<Vec<Option<Value>>, CallError>;

/// The keys of a call, sorted by their owners.
struct Gets<'a> {
    places: Places,
    /// In the order of the sorted places.
    asked: Vec<(u64, &'a [u8])>,
}

impl<'a> Gets<'a> {
    fn new(routing: &Routing, hashes: &[u64], keys: &[&'a [u8]]) -> Self {
        let places = Places::of(routing, hashes);
        let asked = places.sorted().iter().map(|&at| (hashes[at], keys[at])).collect();
        Self { places, asked }
    }

    /// A command for each owner, and where its keys are among the sorted ones.
    fn commands<'b>(
        &'b self,
        routing: &'b Routing,
        keyspace: &Keyspace,
    ) -> impl Iterator<Item = (&'b Arc<NodeHandle>, Range<usize>, GetMany<'b, &'a [u8]>)> {
        let keyspace = keyspace.id();
        self.places.parts(routing).map(move |(node, part)| {
            let asked = Cow::Borrowed(&self.asked[part.clone()]);
            (node, part, GetMany { keyspace, asked })
        })
    }

    /// Gives what a node has answered to `each`, or notes the keys that have to be
    /// asked for alone.
    fn give(
        &self,
        node: NodeId,
        part: Range<usize>,
        answered: Answered,
        each: &mut impl FnMut(usize, Answer),
        alone: &mut Vec<usize>,
    ) {
        let places = &self.places.sorted()[part];
        match answered.map_err(judge) {
            Ok(values) => {
                for (&at, value) in places.iter().zip(values) {
                    each(at, Ok(value.map(|value| Hit { node, value })));
                }
            }
            Err(Verdict::Final(error)) => {
                for &at in places {
                    each(at, Err(error.clone()));
                }
            }
            Err(Verdict::LookAgain) => alone.extend_from_slice(places),
        }
    }
}

impl CacheManager {
    /// The values of many keys, in their order. One key's failure is its own. All
    /// share one deadline.
    pub fn get_many(&self, keys: &[&[u8]]) -> Vec<Result<Option<Hit>, Error>> {
        self.get_many_in(&self.shared.default, keys)
    }

    /// The same in a keyspace; see [`get_in`](Self::get_in).
    pub fn get_many_in(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
    ) -> Vec<Result<Option<Hit>, Error>> {
        let mut answers: Vec<_> = keys.iter().map(|_| Ok(None)).collect();
        self.get_each_in(keyspace, keys, |at, answer| answers[at] = answer);
        answers
    }

    /// The same; each answer is told with the place of its key, once, in any order
    /// and with no lock held.
    pub fn get_each_in(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        mut each: impl FnMut(usize, Result<Option<Hit>, Error>),
    ) {
        let routing = self.shared.routing.load();
        let claims = Claims::of(&routing, keyspace, keys.iter().copied());
        let Some(ours) = ours(&claims, keys, &mut each) else {
            return self.get_ours(&routing, keyspace, keys, each);
        };
        self.get_ours(&routing, keyspace, &ours.keys, |at, answer| each(ours.places[at], answer));
    }

    /// Of keys for which this process answers.
    fn get_ours(
        &self,
        routing: &Routing,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        mut each: impl FnMut(usize, Result<Option<Hit>, Error>),
    ) {
        let deadline = self.shared.deadline();
        let mut alone = Vec::new();
        if routing.is_moving() {
            alone.extend(0..keys.len());
        } else {
            let gets = Gets::new(routing, &self.shared.hashes(keyspace, keys), keys);
            for (node, part, command) in gets.commands(routing, keyspace) {
                let answered = if keyspace.shares_hits() {
                    node.mailbox.read(routing.epoch, &deadline, command)
                } else {
                    node.mailbox.call(routing.epoch, &deadline, command)
                };
                gets.give(node.id, part, answered, &mut each, &mut alone);
            }
        }
        for at in alone {
            each(at, self.shared.get(keyspace, keys[at], &deadline));
        }
    }

    /// Like [`get_many`](Self::get_many), without ever parking the thread.
    pub async fn get_many_async(&self, keys: &[&[u8]]) -> Vec<Result<Option<Hit>, Error>> {
        self.get_many_in_async(&self.shared.default, keys).await
    }

    /// Like [`get_many_in`](Self::get_many_in), without ever parking the thread.
    pub async fn get_many_in_async(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
    ) -> Vec<Result<Option<Hit>, Error>> {
        let mut answers: Vec<_> = keys.iter().map(|_| Ok(None)).collect();
        self.get_each_in_async(keyspace, keys, |at, answer| answers[at] = answer).await;
        answers
    }

    /// Like [`get_each_in`](Self::get_each_in), without ever parking the thread.
    pub async fn get_each_in_async(
        &self,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        mut each: impl FnMut(usize, Result<Option<Hit>, Error>),
    ) {
        let routing = self.shared.routing.load_full();
        let claims = Claims::of(&routing, keyspace, keys.iter().copied());
        let Some(ours) = ours(&claims, keys, &mut each) else {
            return self.get_ours_async(&routing, keyspace, keys, each).await;
        };
        let each_of_ours = |at: usize, answer| each(ours.places[at], answer);
        self.get_ours_async(&routing, keyspace, &ours.keys, each_of_ours).await;
    }

    /// As [`get_ours`](Self::get_ours), for a task.
    async fn get_ours_async(
        &self,
        routing: &Routing,
        keyspace: &Keyspace,
        keys: &[&[u8]],
        mut each: impl FnMut(usize, Result<Option<Hit>, Error>),
    ) {
        let mut alone = Vec::new();
        if routing.is_moving() {
            alone.extend(0..keys.len());
        } else {
            let gets = Gets::new(routing, &self.shared.hashes(keyspace, keys), keys);
            // Every owner is asked before the first is waited for.
            let calls = self.begin_gets(routing, keyspace, &gets);
            for (node, part, call) in calls {
                gets.give(node, part, call.await, &mut each, &mut alone);
            }
        }
        for at in alone {
            each(at, self.get_in_async(keyspace, keys[at]).await);
        }
    }

    fn begin_gets(&self, routing: &Routing, keyspace: &Keyspace, gets: &Gets<'_>) -> Vec<Begun> {
        let (deadline, timer) = (self.shared.deadline(), &self.shared.timer);
        let begin = |(node, part, command): (&Arc<NodeHandle>, _, _)| {
            let call = if keyspace.shares_hits() {
                node.mailbox.begin_read(routing.epoch, &deadline, timer, command)
            } else {
                node.mailbox.begin(routing.epoch, &deadline, timer, command)
            };
            (node.id, part, call)
        };
        gets.commands(routing, keyspace).map(begin).collect()
    }
}

/// The question to one owner, and where its keys are among the sorted ones.
type Begun = (NodeId, Range<usize>, Call<Vec<Option<Value>>>);

/// Those keys of a call for which this process answers, and where in the call they
/// are.
struct Ours<'a> {
    places: Vec<usize>,
    keys: Vec<&'a [u8]>,
}

/// Tells of those keys for which this process does not answer, and returns the others;
/// `None` if it answers for all.
fn ours<'a>(
    claims: &Claims,
    keys: &[&'a [u8]],
    each: &mut impl FnMut(usize, Answer),
) -> Option<Ours<'a>> {
    claims.elsewhere().next()?;
    claims.elsewhere().for_each(|at| each(at, Err(Error::Elsewhere)));
    let places: Vec<_> = (0..keys.len()).filter(|&at| claims.has(at)).collect();
    let keys = places.iter().map(|&at| keys[at]).collect();
    Some(Ours { places, keys })
}
