//! The calls of the cache.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use distcache_bus::{Call, CallError, Deadline, Epoch, Timer};
use distcache_node::commands::{Clear, Delete, Fetch, Fetched, Get, Item, Put};
use distcache_node::{Clock, DataNode, Draft, NodeStatus, Tick, Value, Version};
use distcache_ring::KeyHasher;
use parking_lot::Mutex;

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::membership::Membership;
use crate::routing::{Routing, RoutingCell};
use crate::supervisor::{Alarms, Supervisor};
use crate::topics::{Assignment, Invalidation, Topics};
use crate::{Config, ConfigError, Error, NodeId, NodeReport, NodeState};

/// A cache of one process: data nodes behind a ring. Shared by reference; every
/// call may be made from any thread, or task, at any time.
///
/// ```
/// use distcache_manager::{CacheManager, Config};
///
/// let cache = CacheManager::start(Config::default())?;
/// cache.put(b"user:42", b"Ada", None)?;
/// let hit = cache.get(b"user:42")?.expect("nothing was evicted yet");
/// assert_eq!(&*hit.value, b"Ada");
/// assert!(cache.delete(b"user:42")?);
/// assert!(cache.get(b"user:42")?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CacheManager {
    pub(crate) shared: Arc<Shared>,
    supervisor: Mutex<Option<Supervisor>>,
}

/// What the manager's threads share with its callers.
pub(crate) struct Shared {
    pub(crate) routing: RoutingCell,
    pub(crate) hasher: KeyHasher,
    pub(crate) call_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) topics: Topics,
    pub(crate) timer: Timer,
    pub(crate) closed: AtomicBool,
    /// Changes of membership, one at a time.
    pub(crate) membership: Mutex<Membership>,
}

/// A value that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The node that held it.
    pub node: NodeId,
    /// The value.
    pub value: Value,
}

/// A put that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The node that holds it.
    pub node: NodeId,
    /// The value's version: greater than that of every earlier put of the key.
    pub version: Version,
}

impl CacheManager {
    /// Starts the nodes and the threads that look after them.
    ///
    /// # Errors
    /// When the settings do not go together, or threads are not to be had.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever starts a cache is done with its settings"
    )]
    pub fn start(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let (alarms, alarm_inbox) = Alarms::new();
        let topics = Topics::new();
        let membership = Membership::new(&config, topics.clone(), alarms.clone());
        let (membership, routing) = membership.found(config.data_nodes)?;
        let hash_key = config.hash_key.map_or_else(random_key, Ok)?;
        let shared = Arc::new(Shared {
            routing: RoutingCell::new(routing),
            hasher: KeyHasher::new(hash_key),
            call_timeout: config.call_timeout,
            clock: config.clock.clone(),
            topics,
            timer: Timer::start()?,
            closed: AtomicBool::new(false),
            membership: Mutex::new(membership),
        });
        let supervisor = Supervisor::start(&config, shared.clone(), alarms, alarm_inbox)?;
        Ok(Self { shared, supervisor: Mutex::new(Some(supervisor)) })
    }

    /// The value of a key; `None` is a miss.
    ///
    /// # Errors
    /// `Closed`, `TimedOut`, `NodeFailed`, `Busy`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Result<Option<Hit>, Error> {
        let hash = self.shared.hasher.hash(key);
        let (node, value) = self.shared.ask(hash, key, |routing, node, deadline| {
            node.mailbox.read(routing.epoch, deadline, Get { hash, key })
        })?;
        Ok(value.map(|value| Hit { node, value }))
    }

    /// Like [`get`](Self::get), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get`.
    pub async fn get_async(&self, key: &[u8]) -> Result<Option<Hit>, Error> {
        let hash = self.shared.hasher.hash(key);
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            node.mailbox.begin_read(routing.epoch, deadline, &shared.timer, Get { hash, key })
        };
        let (node, value) = self.shared.ask_async(hash, key, begin).await?;
        Ok(value.map(|value| Hit { node, value }))
    }

    /// Stores a value, for `ttl` or until it is evicted. Returns when it can be
    /// read.
    ///
    /// # Errors
    /// `ValueTooLarge`, `KeyTooLong`, and those of [`get`](Self::get). After
    /// `TimedOut` the value may be there or not.
    pub fn put(&self, key: &[u8], value: &[u8], ttl: Option<Duration>) -> Result<Stored, Error> {
        let item = self.shared.item(key, value, ttl)?;
        let hash = self.shared.hasher.hash(key);
        let (node, stored) = self.shared.ask(hash, key, |routing, node, deadline| {
            let command = Put { epoch: routing.epoch, hash, item: item.clone() };
            node.mailbox.call(routing.epoch, deadline, command)
        })?;
        Ok(self.shared.stored(hash, node, &stored?))
    }

    /// Like [`put`](Self::put), without ever parking the thread.
    ///
    /// # Errors
    /// As of `put`.
    pub async fn put_async(
        &self,
        key: &[u8],
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<Stored, Error> {
        let item = self.shared.item(key, value, ttl)?;
        let hash = self.shared.hasher.hash(key);
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let command = Put { epoch: routing.epoch, hash, item: item.clone() };
            node.mailbox.begin(routing.epoch, deadline, &shared.timer, command)
        };
        let (node, stored) = self.shared.ask_async(hash, key, begin).await?;
        Ok(self.shared.stored(hash, node, &stored?))
    }

    /// Forgets a key. Returns whether it had a value.
    ///
    /// # Errors
    /// Those of [`get`](Self::get). After `TimedOut` the value may be gone or not.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        let hash = self.shared.hasher.hash(key);
        let (node, deleted) = self.shared.ask(hash, key, |routing, node, deadline| {
            node.mailbox.call(routing.epoch, deadline, Delete { hash, key })
        })?;
        Ok(self.shared.deleted(hash, node, deleted))
    }

    /// Like [`delete`](Self::delete), without ever parking the thread.
    ///
    /// # Errors
    /// As of `delete`.
    pub async fn delete_async(&self, key: &[u8]) -> Result<bool, Error> {
        let hash = self.shared.hasher.hash(key);
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            node.mailbox.begin(routing.epoch, deadline, &shared.timer, Delete { hash, key })
        };
        let (node, deleted) = self.shared.ask_async(hash, key, begin).await?;
        Ok(self.shared.deleted(hash, node, deleted))
    }

    /// Forgets every key, node after node. Returns how many entries there were.
    /// A key that is put meanwhile may stay.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some nodes may have been cleared then.
    pub fn clear(&self) -> Result<usize, Error> {
        // No entry is on its way between two nodes while we hold this.
        let _settled = self.shared.membership.lock();
        let routing = self.shared.routing.load();
        let deadline = Deadline::within(self.shared.call_timeout);
        let mut entries = 0;
        for node in &routing.nodes {
            entries += match node.mailbox.call(routing.epoch, &deadline, Clear) {
                Ok(entries) => entries,
                Err(CallError::Retired) => 0,
                Err(error) => match judge(error) {
                    Verdict::Final(error) => return Err(error),
                    Verdict::LookAgain => return Err(Error::TimedOut),
                },
            };
        }
        Ok(entries)
    }

    /// The node that owns a key.
    pub fn owner(&self, key: &[u8]) -> NodeId {
        self.shared.routing.load().owner(self.shared.hasher.hash(key)).id
    }

    /// The present ring's epoch.
    pub fn epoch(&self) -> Epoch {
        self.shared.routing.load().epoch
    }

    /// Where to listen to what happens.
    pub fn topics(&self) -> &Topics {
        &self.shared.topics
    }

    /// Every node, in the order of the ring's nodes.
    pub fn nodes(&self) -> Vec<NodeReport> {
        let routing = self.shared.routing.load();
        let shares = routing.ring.shares();
        let joining = |node: &NodeHandle| {
            routing.before.as_ref().is_some_and(|before| before.node(node.id).is_none())
        };
        let state = |node: &NodeHandle| match () {
            () if self.is_closed() || node.mailbox.fence().is_retired() => NodeState::Stopped,
            () if joining(node) => NodeState::Joining,
            () => NodeState::Serving,
        };
        let reports = routing.nodes.iter().zip(shares).map(|(node, ring_share)| NodeReport {
            id: node.id,
            incarnation: node.incarnation,
            state: state(node),
            ring_share,
            status: node.pulse.status(),
        });
        reports.collect()
    }

    /// What every node has counted by now, asked of the nodes themselves.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn statuses(&self) -> Result<Vec<(NodeId, NodeStatus)>, Error> {
        let routing = self.shared.routing.load();
        let wait = self.shared.call_timeout;
        let status = |node: &Arc<NodeHandle>| {
            let status = node.mailbox.locked(wait, |state| state.status());
            status.map(|status| (node.id, status)).map_err(|error| match judge(error) {
                Verdict::Final(error) => error,
                Verdict::LookAgain => Error::NodeFailed,
            })
        };
        routing.nodes.iter().map(status).collect()
    }

    /// Runs `work` on the state of one node, under its lock: a door for tests
    /// that break a node, or look into it.
    #[doc(hidden)]
    pub fn on_node<R>(
        &self,
        id: NodeId,
        work: impl FnOnce(&mut DataNode) -> R,
    ) -> Result<R, Error> {
        let routing = self.shared.routing.load();
        let node = routing.node(id).ok_or(Error::NodeUnknown)?;
        node.mailbox.locked(self.shared.call_timeout, work).map_err(|error| match judge(error) {
            Verdict::Final(error) => error,
            Verdict::LookAgain => Error::NodeFailed,
        })
    }

    /// Adds an empty node under a new name, gives it its part of the capacity,
    /// and moves to it exactly the keys that it now owns. Requests go on
    /// meanwhile. Returns when everything has moved.
    ///
    /// # Errors
    /// `NodeRefused` when the capacity would be too small for one more node,
    /// `Closed`.
    pub fn add_node(&self) -> Result<NodeId, Error> {
        self.shared.change(Membership::add)
    }

    /// Removes a node after its keys have moved to those that now own them.
    /// Requests go on meanwhile.
    ///
    /// # Errors
    /// `NodeUnknown`, `LastNode`, `Closed`.
    pub fn remove_node(&self, id: NodeId) -> Result<(), Error> {
        self.shared.change(|membership, routing| membership.remove(routing, id))
    }

    /// Bytes that one value may have, now.
    pub fn value_bytes_max(&self) -> u64 {
        self.shared.membership.lock().value_bytes_max()
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Ends the cache: what has begun is finished, every other call says
    /// `Closed` from now on, and every thread is joined. Calling it again does
    /// nothing.
    ///
    /// # Errors
    /// `ShutdownIncomplete` when some thread did not end within `timeout`.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), Error> {
        self.shared.closed.store(true, Ordering::Release);
        let deadline = Deadline::within(timeout);
        let mut late = 0;
        if let Some(supervisor) = self.supervisor.lock().take() {
            late += usize::from(!supervisor.stop(&deadline));
        }
        match self.shared.membership.try_lock_until(deadline.instant()) {
            Some(mut membership) => {
                late += membership.close(&self.shared.routing.load(), &deadline);
            }
            None => late += 1,
        }
        if late == 0 { Ok(()) } else { Err(Error::ShutdownIncomplete { threads: late }) }
    }
}

impl Drop for CacheManager {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls shutdown.
        let _ = self.shutdown(DROP_TIMEOUT);
    }
}

/// Values up to this size are copied while the node is locked, into the memory
/// of the value before if they can be: to allocate takes longer than to copy.
const SHORT_VALUE_BYTES: usize = 1024;

/// How long a dropped manager waits for its threads.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

fn random_key() -> Result<[u8; 16], ConfigError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| ConfigError::Random(Box::new(error)))?;
    Ok(key)
}

impl Shared {
    /// Asks the owner of a hash, and again if the ring has changed meanwhile.
    #[inline]
    pub(crate) fn ask<R>(
        &self,
        hash: u64,
        key: &[u8],
        attempt: impl Fn(&Routing, &NodeHandle, &Deadline) -> Result<R, CallError>,
    ) -> Result<(NodeId, R), Error> {
        let deadline = Deadline::within(self.call_timeout);
        let routing = self.routing.load();
        if routing.before.is_none() {
            let node = routing.owner(hash);
            match attempt(&routing, node, &deadline) {
                Ok(reply) => return Ok((node.id, reply)),
                Err(error) => self.unless_final(error)?,
            }
        }
        drop(routing);
        self.ask_patiently(hash, key, &deadline, attempt)
    }

    /// `Ok` to look at the ring again, or the error to end with.
    #[cold]
    fn unless_final(&self, error: CallError) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        match judge(error) {
            Verdict::Final(error) => Err(error),
            Verdict::LookAgain => Ok(()),
        }
    }

    #[cold]
    fn ask_patiently<R>(
        &self,
        hash: u64,
        key: &[u8],
        deadline: &Deadline,
        attempt: impl Fn(&Routing, &NodeHandle, &Deadline) -> Result<R, CallError>,
    ) -> Result<(NodeId, R), Error> {
        loop {
            let routing = self.routing.load_full();
            let node = routing.owner(hash);
            let outcome = match self.fetch(&routing, node, hash, key, deadline) {
                Ok(Fetched::Done) => attempt(&routing, node, deadline),
                Ok(Fetched::Busy) => {
                    if deadline.is_over() {
                        return Err(Error::TimedOut);
                    }
                    std::thread::yield_now();
                    continue;
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(reply) => return Ok((node.id, reply)),
                Err(error) => self.unless_final(error)?,
            }
            if !self.routing.wait_after(routing.epoch, deadline) {
                return Err(self.late());
            }
        }
    }

    /// What to say when the deadline has passed before the next ring came.
    fn late(&self) -> Error {
        if self.closed.load(Ordering::Acquire) { Error::Closed } else { Error::TimedOut }
    }

    /// Brings the entry of a key over to its new owner, if one is on its way.
    fn fetch(
        &self,
        routing: &Routing,
        node: &NodeHandle,
        hash: u64,
        key: &[u8],
        deadline: &Deadline,
    ) -> Result<Fetched, CallError> {
        let Some(before) = routing.owner_before(hash) else { return Ok(Fetched::Done) };
        let command = Fetch { hash, key, from: before.mailbox.clone() };
        let fetched = node.mailbox.call(routing.epoch, deadline, command)?;
        self.assigned(hash, node.id, routing.epoch);
        Ok(fetched)
    }

    /// As [`ask`](Self::ask), for a task.
    pub(crate) async fn ask_async<R: Unpin>(
        &self,
        hash: u64,
        key: &[u8],
        begin: impl Fn(&Self, &Routing, &NodeHandle, &Deadline) -> Call<R>,
    ) -> Result<(NodeId, R), Error> {
        let ends_at = Deadline::within(self.call_timeout);
        loop {
            let routing = self.routing.load_full();
            let node = routing.owner(hash);
            let deadline = ends_at.clone();
            let fetched = match routing.owner_before(hash) {
                None => Ok(Fetched::Done),
                Some(before) => {
                    let command = Fetch { hash, key, from: before.mailbox.clone() };
                    node.mailbox.begin(routing.epoch, &deadline, &self.timer, command).await
                }
            };
            let outcome = match fetched {
                Ok(Fetched::Done) => begin(self, &routing, node, &deadline).await,
                Ok(Fetched::Busy) => Err(CallError::Stale),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(reply) => return Ok((node.id, reply)),
                Err(error) => self.unless_final(error)?,
            }
            if ends_at.is_over() {
                return Err(self.late());
            }
            // The next ring is published within microseconds, as a rule; or the
            // old owner is busy, which passes as fast.
            yield_once().await;
        }
    }

    pub(crate) fn draft<'a>(
        &self,
        key: &'a [u8],
        value: &'a [u8],
        ttl: Option<Duration>,
    ) -> Result<Draft<'a>, Error> {
        let expires = ttl.map_or(Tick::NEVER, |ttl| self.clock.now().after(ttl));
        Ok(Draft::new(key, value, expires)?)
    }

    fn item<'a>(
        &self,
        key: &'a [u8],
        value: &'a [u8],
        ttl: Option<Duration>,
    ) -> Result<Item<'a>, Error> {
        let draft = self.draft(key, value, ttl)?;
        let is_short = value.len() <= SHORT_VALUE_BYTES;
        Ok(if is_short { Item::Draft(draft) } else { Item::Entry(draft.entry()) })
    }

    /// Tells of a key that is new to its node.
    pub(crate) fn stored(
        &self,
        hash: u64,
        node: NodeId,
        stored: &distcache_node::Stored,
    ) -> Stored {
        if stored.is_new {
            self.topics.node_key_assignment.publish(|| Assignment {
                key_hash: hash,
                node,
                epoch: self.routing.load().epoch,
            });
        }
        Stored { node, version: stored.version }
    }

    pub(crate) fn deleted(&self, hash: u64, node: NodeId, deleted: bool) -> bool {
        if deleted {
            self.topics.cache_invalidation.publish(|| Invalidation { key_hash: hash, node });
        }
        deleted
    }

    pub(crate) fn assigned(&self, key_hash: u64, node: NodeId, epoch: Epoch) {
        self.topics.node_key_assignment.publish(|| Assignment { key_hash, node, epoch });
    }

    /// Runs one change of membership.
    pub(crate) fn change<R>(
        &self,
        change: impl FnOnce(&mut Membership, &RoutingCell) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut membership = self.membership.lock();
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        change(&mut membership, &self.routing)
    }
}

/// Lets other tasks run once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl fmt::Debug for CacheManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routing = self.shared.routing.load();
        f.debug_struct("CacheManager")
            .field("epoch", &routing.epoch)
            .field("nodes", &routing.nodes.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
