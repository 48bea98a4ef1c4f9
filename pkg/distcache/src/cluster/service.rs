//! What other members ask, answered by this process alone: nothing is passed on.

use std::collections::HashSet;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use distcache_bus::Deadline;
use distcache_cluster::links::{Serve, Serving};
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{
    self, Failure, Forgotten, ManyForgotten, ManyRead, ManyWritten, Moved, Nothing, Read, Reply,
    Request, Written, many_forgotten, many_read, many_written,
};
use distcache_cluster::wire::Address;
use distcache_cluster::{Tenant, View};
use distcache_manager::{CacheManager, Error as CacheError, codes};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::everywhere::{Order, Scan};
use super::many::{KEYS_A_REQUEST, in_one_piece};
use super::member::{Member, changes, is_loss};
use super::words::{Moment, OwnItem, Question, failure, found_to, found_with, name_of, outcome};
use crate::engine::Shared;
use crate::keyspace::ask::{Ask, Asks, Told};
use crate::{Error, Found, Item, Keyspace};

/// Answers other members from the keyspaces of this process.
pub(super) struct Service {
    keyspaces: Arc<ArcSwap<Vec<Keyspace>>>,
    manager: Arc<CacheManager>,
    /// It ends when its users let go of it, whatever others ask meanwhile.
    engine: Weak<Shared>,
    /// The members by the view before.
    known: Mutex<Vec<Member>>,
}

/// Bytes of the values in one reply: well below a frame.
const BYTES_A_REPLY: usize = 8 << 20;

/// What is known of a request beside its operation.
struct Asked {
    /// What its operation is called.
    what: &'static str,
    time_left: Duration,
    /// As it was sent: anything.
    traceparent: Bytes,
}

/// A reply on its way.
type Replying = BoxFuture<'static, Reply>;

impl Service {
    pub(super) fn of(engine: &Arc<Shared>) -> Self {
        let (keyspaces, manager) = (engine.keyspaces.clone(), engine.manager.clone());
        Self { keyspaces, manager, engine: Arc::downgrade(engine), known: Mutex::default() }
    }

    /// Does `work` in a keyspace of this process, whose reads end when the sender's
    /// patience does.
    fn within<F>(&self, name: &str, asked: &Asked, work: impl FnOnce(Keyspace) -> F) -> Replying
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let keyspaces = self.keyspaces.load();
        match keyspaces.iter().find(|keyspace| keyspace.name() == name) {
            Some(keyspace) => {
                let told = keyspace.inner.watch.answers(asked.what, &asked.traceparent);
                let work = told.here().run_async(work(keyspace.within(asked.time_left)));
                self.replying(async move {
                    let outcome = work.await;
                    told.answered(Some(&outcome));
                    outcome
                })
            }
            None => self.replying(ready(failed(&Error::keyspace_unknown(name)))),
        }
    }

    /// The reply that says what `work` comes to, and by which view.
    fn replying(&self, work: impl Future<Output = Outcome> + Send + 'static) -> Replying {
        let manager = self.manager.clone();
        Box::pin(async move {
            let outcome = work.await;
            // Afterwards: it is by this view, or a later one, that it was done.
            let epoch = manager.epoch().view();
            Reply { epoch, outcome: Some(outcome), ..Reply::default() }
        })
    }

    fn begin(&self, operation: Operation, asked: &Asked) -> Replying {
        let operation = match operation {
            Operation::Get(proto::Get { keyspace, key, passes: true, began_ago_ms, .. }) => {
                let (began_ago, left) = (Duration::from_millis(began_ago_ms), asked.time_left);
                return self
                    .within(&keyspace, asked, |keyspace| passed(keyspace, key, began_ago, left));
            }
            Operation::Get(proto::Get { keyspace, key, near_tenure: Some(tenure), .. }) => {
                return self.within(&keyspace, asked, |keyspace| granted(keyspace, key, tenure));
            }
            other => other,
        };
        let operation = match Question::of(operation) {
            Ok((keyspace, question)) => {
                return self.within(&keyspace, asked, |keyspace| one(keyspace, question));
            }
            Err(operation) => *operation,
        };
        match operation {
            Operation::GetMany(proto::GetMany { keyspace, keys, near_tenure, near })
                if fits(keys.len()) && fits(near.len()) =>
            {
                self.within(&keyspace, asked, |keyspace| async move {
                    let near = near_tenure.map_or_else(HashSet::new, |tenure| {
                        granted_of_many(&keyspace, tenure, &keys, &near)
                    });
                    get_many(keyspace, keys, near).await
                })
            }
            Operation::PutMany(proto::PutMany { keyspace, items }) if fits(items.len()) => {
                self.within(&keyspace, asked, |keyspace| put_many(keyspace, items))
            }
            Operation::DeleteMany(proto::DeleteMany { keyspace, keys }) if fits(keys.len()) => {
                self.within(&keyspace, asked, |keyspace| delete_many(keyspace, keys))
            }
            Operation::GetMany(_) | Operation::PutMany(_) | Operation::DeleteMany(_) => {
                self.replying(ready(too_many()))
            }
            Operation::Scan(scan) => {
                let scan = Scan::from(scan);
                self.within(&scan.keyspace.clone(), asked, |keyspace| async move {
                    scan.answered(&keyspace).await.unwrap_or_else(|error| failed(&error))
                })
            }
            other => match Order::of(other) {
                Some((keyspace, order)) => self.within(&keyspace, asked, |keyspace| async move {
                    order.answered(&keyspace).await.unwrap_or_else(|error| failed(&error))
                }),
                None => self.replying(ready(Outcome::Unsupported(Nothing {}))),
            },
        }
    }
}

impl Serve for Service {
    fn serve(&self, _from: &Address, request: Request) -> Serving {
        let Request { time_left_ms, traceparent, operation, .. } = request;
        let time_left = Duration::from_millis(time_left_ms.into());
        let mut replying = match operation {
            Some(operation) => {
                let what = name_of(&operation);
                self.begin(operation, &Asked { what, time_left, traceparent })
            }
            None => self.replying(ready(Outcome::Unsupported(Nothing {}))),
        };
        // A hit is there at once, and needs no task.
        match replying.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reply) => Serving::Now(reply),
            Poll::Pending => Serving::Later(replying),
        }
    }
}

impl Tenant for Service {
    fn settled(&self, view: &Arc<View>) {
        let Some(engine) = self.engine.upgrade() else { return };
        engine.conform(view.keyspaces());
        engine.end_writes_of_before();
        let members: Vec<_> = view.members().iter().map(Member::from).collect();
        let mut known = self.known.lock();
        let changes = changes(&known, &members);
        if changes.iter().any(is_loss) {
            engine.warm_up_again();
        }
        for change in changes {
            engine.tell(change);
        }
        *known = members;
    }
}

fn failed(error: &Error) -> Outcome {
    if error.is_elsewhere() { Outcome::Moved(Moved {}) } else { Outcome::Failure(failure(error)) }
}

fn fits(keys: usize) -> bool {
    keys <= KEYS_A_REQUEST
}

fn too_many() -> Outcome {
    Outcome::Failure(Failure {
        code: codes::NOT_UNDERSTOOD.number().into(),
        message: format!("a request between members has {KEYS_A_REQUEST} keys at most"),
        ..Failure::default()
    })
}

async fn one(keyspace: Keyspace, question: Question) -> Outcome {
    match question {
        Question::Get(key) => asked(&keyspace, Ask::Get { key: &key }).await,
        Question::Peek(key) => asked(&keyspace, Ask::Peek { key: &key }).await,
        Question::Trace(key) => asked(&keyspace, Ask::Trace { key: &key }).await,
        Question::Put(item) => asked(&keyspace, Ask::Put(&item.item())).await,
        Question::Delete { key, condition, is_invalidation } => {
            asked(&keyspace, Ask::Delete { key: &key, condition, is_invalidation }).await
        }
        Question::Touch { key, until } => asked(&keyspace, Ask::Touch { key: &key, until }).await,
        Question::Increment { key, by } => asked(&keyspace, Ask::Increment { key: &key, by }).await,
    }
}

async fn asked(keyspace: &Keyspace, ask: Ask<'_>) -> Outcome {
    here_or_by_copy(keyspace, ask, keyspace.here_async(ask).await).await
}

async fn here_or_by_copy(keyspace: &Keyspace, ask: Ask<'_>, here: Result<Told, Error>) -> Outcome {
    let told = match here {
        Err(error) if error.is_elsewhere() => keyspace.by_copy_async(ask).await.ok_or(error),
        told => told,
    };
    match told {
        Ok(told) => outcome(&keyspace.inner, ask, told),
        Err(error) => failed(&error),
    }
}

/// A read by somebody who would have a near copy.
async fn granted(keyspace: Keyspace, key: Bytes, tenure: u64) -> Outcome {
    let is_granted = keyspace.grant_near(tenure, &key);
    let ask = Ask::Get { key: &key };
    match keyspace.here_async(ask).await {
        Ok(Told::Read(found)) => {
            let near_ms = near_ms(&keyspace, found.as_ref(), is_granted);
            let found = found.map(|found| found_to(&keyspace.inner, &found));
            Outcome::Get(Read { found, near_ms })
        }
        here => here_or_by_copy(&keyspace, ask, here).await,
    }
}

/// For how long what was read may be kept.
fn near_ms(keyspace: &Keyspace, found: Option<&Found>, is_granted: bool) -> Option<u32> {
    found.filter(|_| is_granted).and_then(|found| keyspace.near_ms(found))
}

/// A read whose owner the sender cannot reach.
async fn passed(
    keyspace: Keyspace,
    key: Bytes,
    began_ago: Duration,
    time_left: Duration,
) -> Outcome {
    let ends_at = Deadline::within(time_left).instant();
    let ask = Ask::Get { key: &key };
    match keyspace.here_async(ask).await {
        Err(error) if error.is_elsewhere() && keyspace.may_pass() => {}
        Err(error) => return failed(&error),
        Ok(told) => return outcome(&keyspace.inner, ask, told),
    }
    match keyspace.pass(&key, began_ago, ends_at).await {
        Ok(found) => outcome(&keyspace.inner, ask, Told::Read(found)),
        Err(error) => failed(&error),
    }
}

/// One answer of many.
macro_rules! each {
    ($kind:path, $answer:expr, $done:expr) => {{
        use $kind as Kind;
        match $answer {
            Ok(done) => $done(done),
            Err(error) if error.is_elsewhere() => Kind::Moved(Moved {}),
            Err(error) => Kind::Failure(failure(&error)),
        }
    }};
}

/// Grants near copies of those of many keys that are in these places. Returns the places.
fn granted_of_many(
    keyspace: &Keyspace,
    tenure: u64,
    keys: &[Bytes],
    places: &[u32],
) -> HashSet<usize> {
    let places = places.iter().filter_map(|place| usize::try_from(*place).ok());
    let grant = |at: &usize| keys.get(*at).is_some_and(|key| keyspace.grant_near(tenure, key));
    places.filter(grant).collect()
}

/// Reads many keys; near copies of those in the places `near` are granted.
async fn get_many(keyspace: Keyspace, keys: Vec<Bytes>, near: HashSet<usize>) -> Outcome {
    let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    let begun = keyspace.begin_call();
    let mut answers = keyspace.get_many_here_async(&keys).await;
    keyspace.committed_many_async(begun, &mut answers, Asks::Get(&keys)).await;
    let mut bytes = 0;
    // What has no room in a frame is asked for by itself.
    let fitting = |answer: Result<Option<Found>, Error>| {
        bytes += answer.iter().flatten().map(|found| found.len()).sum::<usize>();
        if BYTES_A_REPLY < bytes { Err(CacheError::Elsewhere.into()) } else { answer }
    };
    let answers: Vec<_> = answers.into_iter().map(fitting).collect();
    let values = in_one_piece(answers.iter().map(|answer| match answer {
        Ok(Some(found)) => &found[..],
        _ => &[],
    }));
    let moment = Moment::of(&keyspace.inner);
    let result = |(at, (answer, value)): (usize, (Result<Option<Found>, Error>, _))| {
        let done = |found: Option<Found>| {
            let near_ms = near_ms(&keyspace, found.as_ref(), near.contains(&at));
            let found = found.map(|found| found_with(&moment, &found, value));
            many_read::result::Result::Read(Read { found, near_ms })
        };
        let result = Some(each!(many_read::result::Result, answer, done));
        many_read::Result { result }
    };
    let results = answers.into_iter().zip(values).enumerate().map(result).collect();
    Outcome::GetMany(ManyRead { results })
}

async fn put_many(keyspace: Keyspace, items: Vec<proto::Item>) -> Outcome {
    let items: Vec<OwnItem> = items.into_iter().map(OwnItem::from).collect();
    let items: Vec<Item<'_>> = items.iter().map(OwnItem::item).collect();
    let begun = keyspace.begin_call();
    let mut answers = keyspace.put_many_here_async(&items).await;
    keyspace.committed_many_async(begun, &mut answers, Asks::Put(&items)).await;
    let result = |answer: Result<distcache_manager::Version, Error>| {
        let written = |version: distcache_manager::Version| Written { version: version.get() };
        let done = |version| many_written::result::Result::Written(written(version));
        let result = Some(each!(many_written::result::Result, answer, done));
        many_written::Result { result }
    };
    Outcome::PutMany(ManyWritten { results: answers.into_iter().map(result).collect() })
}

async fn delete_many(keyspace: Keyspace, keys: Vec<Bytes>) -> Outcome {
    let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    let begun = keyspace.begin_call();
    let mut answers = keyspace.delete_many_here_async(&keys).await;
    keyspace.committed_many_async(begun, &mut answers, Asks::Delete(&keys)).await;
    let result = |answer: Result<_, Error>| {
        let done = |was_there| many_forgotten::result::Result::Forgotten(Forgotten { was_there });
        let result = Some(each!(many_forgotten::result::Result, answer, done));
        many_forgotten::Result { result }
    };
    Outcome::DeleteMany(ManyForgotten { results: answers.into_iter().map(result).collect() })
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}
