//! The engine: keyspaces over one cache.

mod builder;
mod calls;
mod changes;
mod elsewhere;
mod events;
mod limits;
#[cfg(feature = "cluster")]
mod members;
mod warm;

pub use builder::{EngineBuilder, StartError};
pub(crate) use changes::{CHANGES_MAX, Changes};
pub use events::Event;
pub(crate) use warm::Progress;
pub use warm::Warming;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use distcache_bus::{Deadline, Subscription, Topic, join_by};
use distcache_manager::codes::{self, Code};
use distcache_manager::{CacheManager, Tick, Topics};
use parking_lot::Mutex;

use crate::cluster::{Away, in_place};
use crate::keyspace::{Inner, Marks, Setup};
use crate::otel::{Operation, Otel};
use crate::{Error, Keyspace, KeyspaceConfig};

/// A cache of one process: keyspaces that share its memory, each with its own
/// source, limits and times.
///
/// Cloning it gives another handle to the same engine, which ends with the last
/// one. Nothing is global: a process may have several.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) manager: Arc<CacheManager>,
    /// Every keyspace that was added. Replaced whole.
    pub(crate) keyspaces: Arc<ArcSwap<Vec<Keyspace>>>,
    /// The way to the other members of the cluster, if there is one.
    pub(crate) away: Away,
    /// Changes of the keyspaces, one at a time.
    changes: Mutex<()>,
    /// Those that tasks wait for.
    changes_of_tasks: Arc<Changes>,
    events: Topic<Event>,
    /// Threads that warm keyspaces up.
    warmers: Mutex<Vec<JoinHandle<()>>>,
    otel: Otel,
    /// The keyspaces that the members have agreed on.
    #[cfg(feature = "cluster")]
    agreed: Mutex<crate::cluster::Agreed>,
}

/// An engine did not end in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{threads} threads did not end before the deadline, and {writes} writes did not reach their \
     store"
)]
pub struct ShutdownError {
    /// Threads that did not end: they are fenced off, and end when they wake.
    pub threads: usize,
    /// Writes of write-behind that waited for the end, and are lost.
    pub writes: u64,
}

impl ShutdownError {
    /// The stable code.
    pub fn code(&self) -> Code {
        codes::SHUTDOWN_INCOMPLETE
    }
}

impl Engine {
    /// An engine with 256 MiB, to be changed and started.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    pub(crate) fn new(manager: CacheManager, otel: Otel) -> Self {
        let shared = Shared {
            manager: Arc::new(manager),
            keyspaces: Arc::default(),
            away: Away::default(),
            changes: Mutex::default(),
            changes_of_tasks: Arc::default(),
            events: Topic::new("engine"),
            warmers: Mutex::default(),
            otel,
            #[cfg(feature = "cluster")]
            agreed: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A keyspace, to be read and written.
    ///
    /// # Errors
    /// `Cache` with `KeyspaceUnknown`.
    pub fn keyspace(&self, name: &str) -> Result<Keyspace, Error> {
        self.with(name, |keyspace| Ok(keyspace.clone()))
    }

    /// Runs `work` on a keyspace, without another handle to it.
    #[inline]
    fn with<R>(
        &self,
        name: &str,
        work: impl FnOnce(&Keyspace) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let keyspaces = self.shared.keyspaces.load();
        match keyspaces.iter().find(|keyspace| keyspace.name() == name) {
            Some(keyspace) => work(keyspace),
            None if self.shared.manager.is_closed() => Err(distcache_manager::Error::Closed.into()),
            None => Err(Error::keyspace_unknown(name)),
        }
    }

    /// The names of the keyspaces, in alphabetical order.
    pub fn keyspaces(&self) -> Vec<String> {
        let keyspaces = self.shared.keyspaces.load();
        let mut names: Vec<_> = keyspaces.iter().map(|one| one.name().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Adds an empty keyspace, while requests run. Its warm keys are loaded in
    /// the background.
    ///
    /// In a cluster a keyspace that is settings alone is added at every member, now and
    /// later. One with code of yours (a source, a store, a listener) is added here:
    /// every member is to add it, best with its builder.
    ///
    /// # Errors
    /// `Cache` with `KeyspaceExists`, `KeyspaceNameInvalid`, `KeyspaceRefused`,
    /// `KeyspacesFull` or `Closed`.
    pub fn add_keyspace(&self, config: KeyspaceConfig) -> Result<Keyspace, Error> {
        #[cfg(feature = "cluster")]
        if self.shared.away.shares(&config) {
            let watch = self.shared.otel.watch(&config.name);
            return watch.call(Operation::AddKeyspace, || self.add_everywhere(config));
        }
        self.shared.add_own(config)
    }

    /// Lets a keyspace work in another way, while requests run. Its values stay
    /// where the new settings allow it, and keep their TTL. Loads that are on
    /// their way land; writes that wait for the old store are written first.
    ///
    /// # Errors
    /// `Cache` with `KeyspaceUnknown`, `KeyspaceRefused` or `Closed`.
    /// `StoreTimedOut` when what waits for the old store was not written within
    /// its write timeout: the keyspace works as before, but takes no writes until
    /// this is called again and succeeds.
    pub fn update_keyspace(&self, config: KeyspaceConfig) -> Result<(), Error> {
        #[cfg(feature = "cluster")]
        if let Some(updated) = self.update_everywhere(&config) {
            return updated;
        }
        let shared = &self.shared;
        shared.alone(|| {
            let keyspace = self.keyspace(&config.name)?;
            let update = || shared.update(&keyspace, config);
            keyspace.inner.watch.call(Operation::UpdateKeyspace, update)
        })
    }

    /// Removes a keyspace with all that it holds. Loads that are on their way are
    /// cancelled; writes that wait for its store are written, within its write
    /// timeout. One on which the members of a cluster have agreed is removed at all.
    ///
    /// # Errors
    /// `Cache` with `KeyspaceUnknown` or `Closed`. `StoreTimedOut` when what waits
    /// for the store was not written: the keyspace is removed all the same.
    pub fn delete_keyspace(&self, name: &str) -> Result<(), Error> {
        #[cfg(feature = "cluster")]
        if let Some(deleted) = self.delete_everywhere(name) {
            return deleted;
        }
        let shared = &self.shared;
        shared.alone(|| {
            let keyspace = self.keyspace(name)?;
            keyspace.inner.watch.call(Operation::DeleteKeyspace, || shared.delete(&keyspace))
        })
    }

    /// Removes several keyspaces; a result for each. See
    /// [`delete_keyspace`](Self::delete_keyspace).
    pub fn delete_keyspaces(&self, names: &[&str]) -> Vec<Result<(), Error>> {
        names.iter().map(|name| self.delete_keyspace(name)).collect()
    }

    /// Forgets everything in every keyspace, in the cache alone. Returns how many
    /// entries there were.
    ///
    /// # Errors
    /// `Cache`; some keyspaces may have been cleared then.
    pub fn clear_all(&self) -> Result<usize, Error> {
        let keyspaces = self.shared.keyspaces.load_full();
        keyspaces.iter().map(Keyspace::clear).sum()
    }

    /// What time it is on the engine's clock: what [`How::Stale`](crate::How) and
    /// [`Found::born`](crate::Found::born) are compared with.
    pub fn now(&self) -> Tick {
        self.shared.manager.now()
    }

    /// What happens to the keyspaces, and to the members of the cluster, from now on. Up to `capacity` events (at
    /// least one) wait to be read; who reads too slowly is told how many were
    /// missed, and delays nobody. Tasks read by
    /// [`recv_async`](Subscription::recv_async).
    pub fn events(&self, capacity: usize) -> Subscription<Event> {
        self.shared.events.subscribe(capacity)
    }

    /// What happens to the data nodes: their status, their ring, and which keys
    /// come and go, by hash.
    pub fn topics(&self) -> &Topics {
        self.shared.manager.topics()
    }

    /// The cache under the engine: nodes, their ring and their memory.
    pub fn manager(&self) -> &Arc<CacheManager> {
        &self.shared.manager
    }

    /// Ends the engine: who waits for a load is told that it is cancelled, what
    /// waits to be written is written, every other call says that it is closed,
    /// and threads are joined. Calling it again does nothing.
    ///
    /// # Errors
    /// When threads did not end, or writes were not made, within `timeout`.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), ShutdownError> {
        self.shared.shutdown(timeout)
    }
}

impl Shared {
    /// Tells whoever listens.
    #[cfg(feature = "cluster")]
    pub(crate) fn tell(&self, event: Event) {
        self.events.publish(|| event);
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Keyspace>)) {
        // One at a time: `changes` is held.
        let mut keyspaces = Vec::clone(&self.keyspaces.load());
        change(&mut keyspaces);
        self.keyspaces.store(Arc::new(keyspaces));
    }

    /// Adds a keyspace of this process, whatever other members have.
    pub(super) fn add_own(&self, config: KeyspaceConfig) -> Result<Keyspace, Error> {
        let watch = self.otel.watch(&config.name);
        watch.call(Operation::AddKeyspace, || self.add(config))
    }

    /// Makes a change of the keyspaces when no other one is being made. Each may wait for
    /// what is still to be written, and for the turn of the next.
    fn alone<T>(&self, change: impl FnOnce() -> T) -> T {
        in_place(|| {
            let _one_at_a_time = self.changes.lock();
            change()
        })
    }

    fn add(&self, config: KeyspaceConfig) -> Result<Keyspace, Error> {
        self.alone(|| self.add_alone(config))
    }

    fn add_alone(&self, config: KeyspaceConfig) -> Result<Keyspace, Error> {
        let cache = self.manager.add_keyspace(&config.name, &config.spec)?;
        let watch = self.otel.watch(&config.name);
        let marks = Marks::default();
        let setup = Setup::new(&self.manager, &marks, config);
        let inner = Inner::new(self.manager.clone(), cache, marks, setup, watch, self.away.clone());
        let keyspace = Keyspace::new(inner);
        self.change(|keyspaces| keyspaces.push(keyspace.clone()));
        let name = keyspace.name().to_owned();
        self.events.publish(|| Event::KeyspaceAdded { name });
        self.warm_up(&keyspace);
        Ok(keyspace)
    }

    fn update(&self, keyspace: &Keyspace, config: KeyspaceConfig) -> Result<(), Error> {
        keyspace.inner.end_writes()?;
        self.manager.change_keyspace(&config.name, &config.spec)?;
        let before = keyspace.inner.setup.load_full();
        keyspace.inner.set_up(Setup::new(&self.manager, &keyspace.inner.marks, config));
        // Its loads that wait are made, by its own threads.
        before.close(false, &Deadline::within(Duration::ZERO));
        self.events.publish(|| Event::KeyspaceChanged { name: keyspace.name().to_owned() });
        Ok(())
    }

    fn delete(&self, keyspace: &Keyspace) -> Result<(), Error> {
        let name = keyspace.name();
        self.manager.remove_keyspace(name)?;
        keyspace.inner.is_deleted.store(true, Ordering::Release);
        self.change(|keyspaces| keyspaces.retain(|held| held.name() != name));
        self.events.publish(|| Event::KeyspaceRemoved { name: name.to_owned() });
        keyspace.inner.under_way.call_off();
        let written = keyspace.inner.end_writes();
        keyspace.inner.setup.load().close(true, &Deadline::within(Duration::ZERO));
        written
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), ShutdownError> {
        in_place(|| self.end(timeout))
    }

    fn end(&self, timeout: Duration) -> Result<(), ShutdownError> {
        let deadline = Deadline::within(timeout);
        let Some(_one_at_a_time) = self.changes.try_lock_until(deadline.instant()) else {
            return Err(ShutdownError { threads: 1, writes: 0 });
        };
        // Others are answered until it has left.
        self.away.end(timeout / 2);
        let keyspaces = self.keyspaces.swap(Arc::default());
        // First of all of them: to end one of them may take all the time there is.
        keyspaces.iter().for_each(|keyspace| keyspace.inner.under_way.call_off());
        let (mut threads, mut writes) = (0, 0);
        for keyspace in keyspaces.iter() {
            let (late, lost) = keyspace.inner.setup.load().close(true, &deadline);
            threads += late;
            writes += lost;
        }
        let warmers = std::mem::take(&mut *self.warmers.lock());
        threads += warmers
            .into_iter()
            .filter_map(|thread| (!join_by(thread, &deadline)).then_some(()))
            .count();
        let left = deadline.remaining();
        if let Err(distcache_manager::Error::ShutdownIncomplete { threads: late }) =
            self.manager.shutdown(left)
        {
            threads += late;
        }
        if (threads, writes) == (0, 0) { Ok(()) } else { Err(ShutdownError { threads, writes }) }
    }
}

/// How long a dropped engine waits for its threads and its stores.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

impl Drop for Shared {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls shutdown.
        if let Err(error) = self.shutdown(DROP_TIMEOUT) {
            log::warn!("an engine was dropped, and {error}");
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("keyspaces", &self.keyspaces()).finish_non_exhaustive()
    }
}
