//! What the handles of one keyspace share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use distcache_bus::Deadline;
use distcache_manager::{Bound, CacheManager, Cargo, Flight, Landed, Landing, Lead, NodeStatus};

use super::hot::HotKeys;
use super::marks::{Marks, QueueMarks};
use super::stats::{Counters, raise};
use crate::cluster::Away;
use crate::config::{Source, Store, StoreWay};
use crate::engine::Progress;
use crate::gate::{Breaker, Limiter, Permit};
use crate::load::{Arrival, Full, Load, LoadError, Pool, Runs, Stays, UnderWay};
use crate::otel::{Here, Watch};
use crate::write::{Kept, OnRuntime, Outcome, Writer};
use crate::{Answer, DataStore, Error, KeyspaceConfig};

/// One keyspace of an engine.
pub(crate) struct Inner {
    pub(crate) manager: Arc<CacheManager>,
    pub(crate) cache: distcache_manager::Keyspace,
    pub(crate) stats: Counters,
    pub(crate) marks: Marks,
    /// Which of its keys are read most.
    pub(crate) hot: HotKeys,
    /// How it works: replaced whole when that changes. Loads and writes that
    /// have begun go on by the one they began with.
    pub(crate) setup: ArcSwap<Setup>,
    /// Its loads, whatever settings they began with.
    pub(crate) under_way: Arc<UnderWay>,
    pub(crate) warming: Progress,
    /// Who is told of its calls and loads.
    pub(crate) watch: Watch,
    /// The way to the other members of the cluster, if there is one.
    pub(crate) away: Away,
    /// Loads of keys that are another member's.
    #[cfg(feature = "cluster")]
    pub(crate) passing: crate::cluster::Passing,
    /// Whether the keyspace was deleted.
    pub(crate) is_deleted: AtomicBool,
}

/// A configuration at work.
pub(crate) struct Setup {
    pub(crate) config: KeyspaceConfig,
    pub(crate) breaker: Option<Arc<Breaker>>,
    limiter: Option<Limiter>,
    loader: Option<Loader>,
    pub(crate) writer: Option<Writer>,
}

/// Where loads run.
enum Loader {
    /// On a pool's threads; or on a caller's, of which at most `loads_max` do so
    /// at once.
    Blocking(Arc<dyn crate::DataSource>, Pool, AtomicUsize, Arc<QueueMarks>),
    Async(Arc<dyn crate::source::DynAsyncSource>, Runs),
}

impl Setup {
    pub(crate) fn new(manager: &Arc<CacheManager>, marks: &Marks, config: KeyspaceConfig) -> Self {
        let (at_once, waiting) = (config.loads_max, config.loads_waiting_max);
        let loader = config.source.clone().map(|source| match source {
            Source::Blocking(source) => {
                let name = format!("distcache-load-{}", config.name);
                let pool = Pool::new(name, at_once, waiting, marks.loads.clone());
                Loader::Blocking(source, pool, AtomicUsize::new(0), marks.loads.clone())
            }
            Source::Async(source, spawner) => {
                Loader::Async(source, Runs::new(spawner, at_once, waiting, marks.loads.clone()))
            }
        });
        let writer = config.store.clone().map(|Store { way, mode }| {
            let store: Arc<dyn DataStore> = match way {
                StoreWay::Blocking(store) => store,
                StoreWay::Async(store, spawner) => {
                    Arc::new(OnRuntime::new(store, spawner, manager.clone()))
                }
            };
            Writer::new(&config.name, store, mode, config.write_timeout, marks)
        });
        Self {
            breaker: config.breaker.map(Breaker::new),
            limiter: config.rate_limit.map(|limit| Limiter::new(limit, manager.now())),
            loader,
            writer,
            config,
        }
    }

    /// Lets the keyspace count what becomes of writes that were made later, and
    /// forget the keys of those that were lost: the cache has what the store will
    /// never have.
    fn tell_of_writes(&self, inner: Weak<Inner>) {
        let Some(writer) = &self.writer else { return };
        writer.forget_by(Box::new(move |key, outcome| {
            let Some(inner) = inner.upgrade() else { return };
            match outcome {
                Outcome::Stored => raise(&inner.stats.stored),
                Outcome::Failed => raise(&inner.stats.store_failures),
                Outcome::Lost => {
                    raise(&inner.stats.store_failures);
                    raise(&inner.stats.store_lost);
                    if let Err(error) = inner.forget_written(key, None) {
                        log::error!("{}: a key whose write was lost stays: {error}", error.code());
                    }
                }
            }
        }));
    }

    pub(crate) fn has_source(&self) -> bool {
        self.loader.is_some()
    }

    /// Loads that wait for their turn.
    pub(crate) fn loads_waiting(&self) -> usize {
        match &self.loader {
            Some(Loader::Blocking(_, pool, ..)) => pool.waiting(),
            Some(Loader::Async(_, runs)) => runs.waiting(),
            None => 0,
        }
    }

    /// The bounds before its source, as far as `marks` tell.
    pub(crate) fn bounds_of_loads(&self, marks: &QueueMarks) -> Vec<Bound> {
        let (running, waiting) = match &self.loader {
            Some(Loader::Blocking(_, pool, on_callers, _)) => {
                (pool.running() + on_callers.load(Ordering::Relaxed), pool.waiting())
            }
            Some(Loader::Async(_, runs)) => (runs.running(), runs.waiting()),
            None => return Vec::new(),
        };
        let loads = Bound::new("loads", "requests", self.config.loads_max as u64);
        let queue = Bound::new("loads_waiting", "requests", self.config.loads_waiting_max as u64);
        vec![
            loads.marked(running as u64, &marks.running),
            queue.marked(waiting as u64, &marks.waiting),
        ]
    }

    /// Writes that wait for the store.
    pub(crate) fn writes_waiting(&self) -> usize {
        self.writer.as_ref().map_or(0, Writer::waiting)
    }

    /// Bytes that write-behind keeps for the store.
    pub(crate) fn writes_waiting_bytes(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::waiting_bytes)
    }

    /// Takes no more loads and writes; what waits to be loaded is dropped if
    /// `cancels`, what waits to be written is written. Returns how many threads
    /// did not end, and how many writes were lost.
    pub(crate) fn close(&self, cancels: bool, deadline: &Deadline) -> (usize, u64) {
        match &self.loader {
            Some(Loader::Blocking(_, pool, ..)) => pool.close(!cancels),
            Some(Loader::Async(_, runs)) if cancels => runs.close(),
            Some(Loader::Async(..)) | None => {}
        }
        // The writes first: a source that hangs must not cost them their time.
        let (mut late, lost) = self.close_writer(deadline);
        if let Some(Loader::Blocking(_, pool, ..)) = &self.loader {
            late += pool.join(deadline);
        }
        (late, lost)
    }

    /// Takes no more writes, and makes those that wait. Returns how many threads
    /// did not end, and how many writes were lost or still wait.
    pub(crate) fn close_writer(&self, deadline: &Deadline) -> (usize, u64) {
        self.writer.as_ref().map_or((0, 0), |writer| writer.close(deadline))
    }

    /// Whether a load may be made now, and after which wait.
    fn admit(&self, manager: &CacheManager) -> Result<(Option<Permit>, Duration), LoadError> {
        let now = manager.now();
        let permit = match &self.breaker {
            Some(breaker) => Some(
                breaker.admit(now).map_err(|retry_after| LoadError::CircuitOpen { retry_after })?,
            ),
            None => None,
        };
        let wait = match &self.limiter {
            Some(limiter) => {
                limiter.take(now).map_err(|retry_after| LoadError::RateLimited { retry_after })?
            }
            None => Duration::ZERO,
        };
        Ok((permit, wait))
    }
}

impl Inner {
    pub(crate) fn new(
        manager: Arc<CacheManager>,
        cache: distcache_manager::Keyspace,
        marks: Marks,
        setup: Setup,
        watch: Watch,
        away: Away,
    ) -> Arc<Self> {
        let warming = Progress::default();
        let stats = Counters::default();
        let setup = Arc::new(setup);
        Arc::new_cyclic(|inner| {
            setup.tell_of_writes(inner.clone());
            let (setup, is_deleted) = (ArcSwap::new(setup), AtomicBool::new(false));
            Self {
                manager,
                cache,
                stats,
                marks,
                hot: HotKeys::default(),
                setup,
                under_way: Arc::default(),
                warming,
                watch,
                away,
                #[cfg(feature = "cluster")]
                passing: crate::cluster::Passing::default(),
                is_deleted,
            }
        })
    }

    /// An error if the keyspace was deleted: it looks like an empty one.
    pub(crate) fn check_present(&self) -> Result<(), Error> {
        if self.manager.is_closed() {
            return Err(distcache_manager::Error::Closed.into());
        }
        if self.is_deleted.load(Ordering::Acquire) {
            return Err(Error::keyspace_unknown(self.cache.name()));
        }
        Ok(())
    }

    /// Works in another way from now on.
    pub(crate) fn set_up(self: &Arc<Self>, setup: Setup) {
        setup.tell_of_writes(Arc::downgrade(self));
        self.setup.store(Arc::new(setup));
    }

    /// Sees to the load of some flights, by one request for each `batch_max` of
    /// them. Those whose load cannot be made are told so.
    pub(crate) fn start(self: &Arc<Self>, setup: &Arc<Setup>, flights: Vec<Lead>) {
        for (flights, error) in self.submit(setup, flights) {
            for lead in flights {
                self.refuse(setup, lead.flight(), error.clone());
            }
        }
    }

    /// Sees to the load of one flight: on this thread, if the keyspace lets
    /// callers do that.
    pub(crate) fn start_or_make(self: &Arc<Self>, setup: &Arc<Setup>, lead: Lead) {
        let Some(Loader::Blocking(source, _, on_callers, marks)) =
            setup.loader.as_ref().filter(|_| setup.config.loads_on_caller)
        else {
            return self.start(setup, vec![lead]);
        };
        let turn = CallersTurn::take(on_callers);
        if setup.config.loads_max < turn.number {
            drop(turn);
            return self.start(setup, vec![lead]);
        }
        marks.running.note(turn.number as u64);
        match setup.admit(&self.manager) {
            Ok((permit, wait)) => {
                self.load(setup, vec![lead], permit, wait).run(&**source);
            }
            Err(error) => self.refuse(setup, lead.flight(), error),
        }
    }

    /// As [`start`](Self::start), for a task.
    pub(crate) async fn start_async(self: &Arc<Self>, setup: &Arc<Setup>, flights: Vec<Lead>) {
        for (flights, error) in self.submit(setup, flights) {
            for lead in flights {
                self.stats.count_refusal(&error);
                self.land_async(setup, lead.flight(), Err(error.clone())).await;
            }
        }
    }

    fn refuse(&self, setup: &Setup, flight: &Arc<Flight>, error: LoadError) {
        self.stats.count_refusal(&error);
        self.land(setup, flight, Err(error));
    }

    /// Submits requests. Returns the flights whose request cannot be made.
    fn submit(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        mut flights: Vec<Lead>,
    ) -> Vec<(Vec<Lead>, LoadError)> {
        let mut refused = Vec::new();
        while !flights.is_empty() {
            let rest = flights.split_off(flights.len().min(setup.config.batch_max));
            let request = std::mem::replace(&mut flights, rest);
            if let Err(failed) = self.submit_one(setup, request) {
                refused.push(failed);
            }
        }
        refused
    }

    fn submit_one(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        flights: Vec<Lead>,
    ) -> Result<(), (Vec<Lead>, LoadError)> {
        let (permit, wait) = match setup.admit(&self.manager) {
            Ok(admitted) => admitted,
            Err(error) => return Err((flights, error)),
        };
        let mut load = Some(self.load(setup, flights, permit, wait));
        let mut take = || load.take().unwrap_or_else(|| unreachable!("a job is made once"));
        let submitted = match &setup.loader {
            Some(Loader::Blocking(source, pool, ..)) => {
                let source = source.clone();
                pool.submit(|| {
                    let load = take();
                    move || load.run(&*source)
                })
            }
            Some(Loader::Async(source, runs)) => {
                let source = source.clone();
                runs.submit(|| Box::pin(take().run_async(source)))
            }
            None => Err(Full),
        };
        match (submitted, load) {
            (Err(Full), Some(mut load)) => {
                Err((std::mem::take(&mut load.flights), LoadError::Busy))
            }
            _ => Ok(()),
        }
    }

    /// A request, and its place among those that are under way.
    fn load(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        flights: Vec<Lead>,
        permit: Option<Permit>,
        wait: Duration,
    ) -> Load {
        let (place, here) = (self.under_way.enter(&flights), Here::current());
        Load { space: self.clone(), setup: setup.clone(), flights, permit, wait, place, here }
    }

    /// Ends a load: stores what it brings, if its lease still holds, and tells
    /// those who wait.
    pub(crate) fn land(
        &self,
        setup: &Setup,
        flight: &Arc<Flight>,
        answer: Result<Answer, LoadError>,
    ) {
        self.land_arrival(flight, self.arrival(setup, flight, answer));
    }

    /// The same for a value that waits to be written.
    pub(crate) fn land_kept(&self, setup: &Setup, flight: &Arc<Flight>, kept: &Kept) {
        self.land_arrival(flight, Arrival::kept(kept, flight, &self.stays(setup)));
    }

    fn land_arrival(&self, flight: &Arc<Flight>, arrival: Arrival) {
        // If its node does not answer, the flight is over all the same: the node
        // will find that it has landed.
        let landed = self.manager.land_in(&self.cache, flight, &arrival.cargo);
        self.count_if_overtaken(&arrival, &landed);
        flight.land(&landing(arrival, landed));
    }

    /// As [`land`](Self::land), for a task.
    pub(crate) async fn land_async(
        &self,
        setup: &Setup,
        flight: &Arc<Flight>,
        answer: Result<Answer, LoadError>,
    ) {
        self.land_arrival_async(flight, self.arrival(setup, flight, answer)).await;
    }

    /// As [`land_kept`](Self::land_kept), for a task.
    pub(crate) async fn land_kept_async(&self, setup: &Setup, flight: &Arc<Flight>, kept: &Kept) {
        let arrival = Arrival::kept(kept, flight, &self.stays(setup));
        self.land_arrival_async(flight, arrival).await;
    }

    async fn land_arrival_async(&self, flight: &Arc<Flight>, arrival: Arrival) {
        let landed = self.manager.land_in_async(&self.cache, flight, &arrival.cargo).await;
        self.count_if_overtaken(&arrival, &landed);
        flight.land(&landing(arrival, landed));
    }

    fn count_if_overtaken(
        &self,
        arrival: &Arrival,
        landed: &Result<Landed, distcache_manager::Error>,
    ) {
        let brings = !matches!(arrival.cargo, Cargo::Nothing | Cargo::Failure);
        if brings && matches!(landed, Ok(Landed::Overtaken)) {
            raise(&self.stats.overtaken);
        }
    }

    /// Its bounds; none if it was deleted meanwhile.
    pub(crate) fn bounds_if_there(
        &self,
        nodes: Result<Vec<NodeStatus>, distcache_manager::Error>,
    ) -> Result<Vec<Bound>, Error> {
        match nodes {
            Ok(nodes) => Ok(self.bounds(&nodes)),
            Err(_) if self.is_deleted.load(Ordering::Acquire) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn arrival(
        &self,
        setup: &Setup,
        flight: &Flight,
        answer: Result<Answer, LoadError>,
    ) -> Arrival {
        Arrival::new(answer, flight, &self.stays(setup), |tag| self.manager.tag_hash(tag))
    }

    fn stays(&self, setup: &Setup) -> Stays {
        let config = &setup.config;
        Stays {
            now: self.manager.now(),
            ttl: config.ttl,
            ttl_jitter: config.ttl_jitter,
            negative_ttl: config.negative_ttl,
            serves_stale: !config.lifetimes().stale().is_zero(),
        }
    }

    /// How long a value stays when it is not fresh any more.
    pub(crate) fn stale_window(setup: &Setup) -> Duration {
        setup.config.lifetimes().stale()
    }
}

/// One of the callers that make loads on their own threads.
struct CallersTurn<'a> {
    on_callers: &'a AtomicUsize,
    /// How many there are, this one included.
    number: usize,
}

impl<'a> CallersTurn<'a> {
    fn take(on_callers: &'a AtomicUsize) -> Self {
        let number = on_callers.fetch_add(1, Ordering::Relaxed) + 1;
        Self { on_callers, number }
    }
}

impl Drop for CallersTurn<'_> {
    fn drop(&mut self) {
        self.on_callers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What those who wait are told, whatever became of the cache's own part.
fn landing(arrival: Arrival, landed: Result<Landed, distcache_manager::Error>) -> Landing {
    arrival.landing(landed.unwrap_or_else(|error| {
        // A key of another process: what is read past the cache is not kept.
        if error == distcache_manager::Error::Elsewhere {
            return Landed::Nothing;
        }
        log::warn!("{}: what was loaded is not kept: {error}", error.code());
        Landed::Nothing
    }))
}
