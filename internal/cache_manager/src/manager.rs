//! The manager: its beginning, its nodes and keyspaces, its end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use distcache_bus::{Deadline, Epoch, Timer};
use distcache_node::{Clock, DataNode, Journal, NodeStatus};
use distcache_ring::KeyHasher;
use parking_lot::Mutex;

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::keyspace::Directory;
use crate::membership::Membership;
use crate::near::Near;
use crate::routing::RoutingCell;
use crate::supervisor::{Alarms, Supervisor};
use crate::tentative::Tentative;
use crate::text_hash::text_hash;
use crate::topics::{Assignment, Topics};
use crate::{
    Config, ConfigError, Error, Keyspace, KeyspaceSpec, NodeId, NodeReport, NodeState, Tick,
};

/// The keyspace that a manager begins with, and that calls are about which name
/// none. When it was removed, they say that it is unknown.
pub const DEFAULT_KEYSPACE: &str = "default";

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
    pub(crate) directory: Arc<Directory>,
    pub(crate) default: Keyspace,
    pub(crate) hasher: KeyHasher,
    pub(crate) call_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) topics: Topics,
    pub(crate) timer: Timer,
    pub(crate) closed: AtomicBool,
    /// Changes of membership, one at a time.
    pub(crate) membership: Mutex<Membership>,
    /// What was done to keyspaces of which others keep copies.
    pub(crate) journal: Arc<Journal>,
    /// Which copies of what others own may be of changes that are not committed.
    pub(crate) tentative: Tentative,
    /// What this process may read of other processes' keys without asking them.
    pub(crate) near: Near,
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
        let directory = Arc::new(Directory::default());
        let hasher = KeyHasher::new(config.hash_key.map_or_else(random_key, Ok)?);
        let journal = Arc::new(Journal::new(config.clock.clone()));
        let membership = Membership::new(
            &config,
            directory.clone(),
            topics.clone(),
            alarms.clone(),
            journal.clone(),
        );
        let (mut membership, routing) = membership.found(config.data_nodes)?;
        let routing = RoutingCell::new(routing);
        let default = membership.add_default_keyspace(&routing, &hasher, &config)?;
        let shared = Arc::new(Shared {
            routing,
            directory,
            default,
            hasher,
            call_timeout: config.call_timeout,
            clock: config.clock.clone(),
            topics,
            timer: Timer::start()?,
            closed: AtomicBool::new(false),
            membership: Mutex::new(membership),
            journal,
            tentative: Tentative::default(),
            near: Near::new(config.near_bytes),
        });
        let supervisor = Supervisor::start(&config, shared.clone(), alarms, alarm_inbox)?;
        Ok(Self { shared, supervisor: Mutex::new(Some(supervisor)) })
    }

    /// The keyspace that calls are about which name none.
    #[inline]
    pub fn default_keyspace(&self) -> &Keyspace {
        &self.shared.default
    }

    /// The keyspace of this name.
    #[inline]
    pub fn keyspace(&self, name: &str) -> Option<Keyspace> {
        self.shared.directory.find(name)
    }

    /// Every keyspace, the default one included.
    pub fn keyspaces(&self) -> Vec<Keyspace> {
        self.shared.directory.all()
    }

    /// How a keyspace works.
    pub fn keyspace_spec(&self, name: &str) -> Option<KeyspaceSpec> {
        self.shared.membership.lock().spec(name)
    }

    /// Adds an empty keyspace.
    ///
    /// # Errors
    /// `KeyspaceExists`, `KeyspaceNameInvalid`, `KeyspaceRefused`,
    /// `KeyspacesFull`, `Closed`.
    pub fn add_keyspace(&self, name: &str, spec: &KeyspaceSpec) -> Result<Keyspace, Error> {
        let hasher = &self.shared.hasher;
        self.shared
            .change(|membership, routing| membership.add_keyspace(routing, hasher, name, spec))
    }

    /// Lets a keyspace work in another way. Values stay where that allows them,
    /// and keep their ends. For another eviction policy each node goes through
    /// all entries, and answers nobody meanwhile.
    ///
    /// # Errors
    /// `KeyspaceUnknown`, `KeyspaceRefused`, `Closed`.
    pub fn change_keyspace(&self, name: &str, spec: &KeyspaceSpec) -> Result<(), Error> {
        self.shared.change(|membership, routing| membership.change_keyspace(routing, name, spec))
    }

    /// Removes a keyspace with all that it holds. What was loaded for it is
    /// stored nowhere, although another keyspace gets its name.
    ///
    /// # Errors
    /// `KeyspaceUnknown`, `Closed`.
    pub fn remove_keyspace(&self, name: &str) -> Result<(), Error> {
        self.shared.change(|membership, routing| membership.remove_keyspace(routing, name))
    }

    /// The clock by which entries expire.
    pub fn now(&self) -> Tick {
        self.shared.clock.now()
    }

    /// The hash of a key: which node owns it follows from that and the ring.
    pub fn key_hash(&self, keyspace: &Keyspace, key: &[u8]) -> u64 {
        self.shared.hash(keyspace, key)
    }

    /// The hash by which a value bears a tag: the same in every process, so that a
    /// value can pass from one to another. Tags of one hash are one tag.
    pub fn tag_hash(&self, tag: &str) -> u64 {
        text_hash(tag)
    }

    /// The timer that ends the waits of futures.
    pub fn timer(&self) -> &Timer {
        &self.shared.timer
    }

    /// The node that owns a key.
    pub fn owner(&self, key: &[u8]) -> NodeId {
        self.owner_in(&self.shared.default, key)
    }

    /// The node that owns a key of a keyspace.
    pub fn owner_in(&self, keyspace: &Keyspace, key: &[u8]) -> NodeId {
        self.shared.routing.load().owner(self.shared.hash(keyspace, key)).id
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

    /// How often the data nodes that there are were replaced: each time one lost what it
    /// held.
    pub fn replacements(&self) -> u64 {
        self.shared.routing.load().nodes.iter().map(|node| node.incarnation).sum()
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

    /// What every node has of one keyspace, and has counted by now; and last, what
    /// those have counted that are gone. The sums of what is counted never fall:
    /// of a node that sleeps and is given up, what it had counted last may be
    /// missing, but nothing that anybody was told.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), and `KeyspaceUnknown`.
    pub fn keyspace_statuses(&self, keyspace: &Keyspace) -> Result<Vec<NodeStatus>, Error> {
        let deadline = Deadline::within(self.shared.call_timeout);
        loop {
            let routing = self.shared.routing.load_full();
            let status =
                |node: &Arc<NodeHandle>| node.keyspace_status(keyspace.id(), deadline.remaining());
            match routing.counting().map(status).collect::<Result<Option<Vec<_>>, _>>() {
                Ok(Some(mut statuses)) => {
                    statuses.push(routing.departed.of(keyspace.id()));
                    return Ok(statuses);
                }
                Ok(None) => return Err(Error::gone(keyspace)),
                Err(error) => match judge(error) {
                    Verdict::Final(error) => return Err(error),
                    Verdict::LookAgain if self.is_closed() => return Err(Error::Closed),
                    Verdict::LookAgain => {}
                },
            }
            // A node has gone. The next picture says so; it may be of this epoch.
            if deadline.is_over() {
                return Err(Error::NodeFailed);
            }
            let soon = Deadline::within(LOOK_AGAIN_AFTER.min(deadline.remaining()));
            self.shared.routing.wait_after(routing.epoch, &soon);
        }
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
        self.value_bytes_max_in(DEFAULT_KEYSPACE).unwrap_or(0)
    }

    /// Bytes that one value may have in a keyspace, now; `None` if there is no
    /// such keyspace.
    pub fn value_bytes_max_in(&self, keyspace: &str) -> Option<u64> {
        self.shared.membership.lock().value_bytes_max(&self.shared.routing, keyspace)
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

/// How long a call that finds a node gone waits for the next picture before it
/// tries again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// How long a dropped manager waits for its threads.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

fn random_key() -> Result<[u8; 16], ConfigError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| ConfigError::Random(Box::new(error)))?;
    Ok(key)
}

impl Shared {
    /// The hash of a key of a keyspace: equal keys of two keyspaces are two keys.
    #[inline]
    pub(crate) fn hash(&self, keyspace: &Keyspace, key: &[u8]) -> u64 {
        self.hasher.hash(key) ^ keyspace.salt()
    }

    pub(crate) fn hashes(&self, keyspace: &Keyspace, keys: &[&[u8]]) -> Vec<u64> {
        keys.iter().map(|key| self.hash(keyspace, key)).collect()
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
