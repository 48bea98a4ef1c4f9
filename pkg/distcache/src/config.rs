//! How an engine works, and how a keyspace does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{
    Ack, EvictionPolicy, FLIGHTS_MAX, KeyspaceSpec, Lifetimes, REPLICAS_MAX, ReadFrom,
    RemovalListener,
};

use crate::gate::{CircuitBreaker, RateLimit};
use crate::source::{
    Answer, AsyncDataSource, AsyncDataStore, AsyncFn, Context, DataSource, DataStore,
    DynAsyncSource, DynAsyncStore, SourceError, Spawn, Spawner,
};

/// How a keyspace works: a name, where values come from, and limits.
///
/// A keyspace is what others call a group or a region: its keys, values, TTLs,
/// statistics and limits are its own. Every setting has a default that suits a
/// service which reads through to a database.
///
/// ```
/// use std::time::Duration;
/// use distcache::KeyspaceConfig;
///
/// let users = KeyspaceConfig::new("users")
///     .bytes_max(64 << 20)
///     .ttl(Duration::from_mins(5))
///     .negative_ttl(Duration::from_secs(10))
///     .stale_if_error(Duration::from_mins(10))
///     .source_fn(|key: &[u8]| -> Result<Option<String>, std::io::Error> {
///         Ok((key == b"42").then(|| "Ada".to_owned()))
///     });
/// ```
#[derive(Clone)]
pub struct KeyspaceConfig {
    pub(crate) name: String,
    pub(crate) spec: KeyspaceSpec,
    pub(crate) ttl: Option<Duration>,
    pub(crate) ttl_jitter: f64,
    pub(crate) is_dated: bool,
    pub(crate) negative_ttl: Duration,
    pub(crate) read_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) load_timeout: Duration,
    pub(crate) loads_max: usize,
    pub(crate) loads_waiting_max: usize,
    pub(crate) loads_on_caller: bool,
    pub(crate) batch_max: usize,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) warm_keys: Vec<Vec<u8>>,
    pub(crate) source: Option<Source>,
    pub(crate) store: Option<Store>,
}

/// Where values come from.
#[derive(Clone)]
pub(crate) enum Source {
    Blocking(Arc<dyn DataSource>),
    Async(Arc<dyn DynAsyncSource>, Spawner),
}

/// Where writes go beside the cache.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) way: StoreWay,
    pub(crate) mode: WriteMode,
}

/// How a store is called.
#[derive(Clone)]
pub(crate) enum StoreWay {
    Blocking(Arc<dyn DataStore>),
    Async(Arc<dyn DynAsyncStore>, Spawner),
}

/// When writes reach their store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteMode {
    Through,
    Behind(WriteBehind),
}

/// How writes are kept that reach their store later.
///
/// Of several writes of one key only the last is made. A miss is answered from
/// what waits here before the source is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBehind {
    pub(crate) waiting_max: usize,
    pub(crate) waiting_bytes_max: u64,
    pub(crate) delay: Duration,
    pub(crate) batch_max: usize,
    pub(crate) tries_max: u32,
    pub(crate) retry_after: Duration,
}

impl WriteBehind {
    /// The defaults of every setting.
    pub fn new() -> Self {
        Self {
            waiting_max: 10_000,
            waiting_bytes_max: 16 << 20,
            delay: Duration::from_millis(100),
            batch_max: 100,
            tries_max: 5,
            retry_after: Duration::from_secs(1),
        }
    }

    /// Keys that wait at most; a write of one more is refused. Default 10,000.
    #[must_use]
    pub fn waiting_max(self, waiting_max: usize) -> Self {
        Self { waiting_max: waiting_max.max(1), ..self }
    }

    /// Bytes that wait at most, of keys and values. Default 16 MiB. They are not
    /// part of the cache's capacity.
    #[must_use]
    pub fn waiting_bytes_max(self, waiting_bytes_max: u64) -> Self {
        Self { waiting_bytes_max, ..self }
    }

    /// How long a write waits for others of its key, and for company. Default
    /// 100 ms: what a crash may cost.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Writes in one request. Default 100.
    #[must_use]
    pub fn batch_max(self, batch_max: usize) -> Self {
        Self { batch_max: batch_max.max(1), ..self }
    }

    /// How often a write is tried before it is given up, counted as lost, and
    /// its key forgotten. Default 5.
    #[must_use]
    pub fn tries_max(self, tries_max: u32) -> Self {
        Self { tries_max: tries_max.max(1), ..self }
    }

    /// Time between two tries. Default 1 s.
    #[must_use]
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }
}

impl Default for WriteBehind {
    fn default() -> Self {
        Self::new()
    }
}

/// The default of every timeout: longer than a healthy database needs, and
/// shorter than a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);

impl KeyspaceConfig {
    /// A keyspace of this name, without a source: values come by `put` alone.
    ///
    /// A name has 1 to 255 bytes, no `/` and no control characters; that is
    /// checked when the keyspace is added.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            spec: KeyspaceSpec::default(),
            ttl: None,
            ttl_jitter: 0.1,
            is_dated: true,
            negative_ttl: Duration::ZERO,
            read_timeout: TIMEOUT,
            write_timeout: TIMEOUT,
            load_timeout: TIMEOUT,
            loads_max: 16,
            loads_waiting_max: 1024,
            loads_on_caller: false,
            batch_max: 100,
            rate_limit: None,
            breaker: None,
            warm_keys: Vec::new(),
            source: None,
            store: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that it may hold, overhead included. Default: all that the engine
    /// may. At least 512 KiB a data node: less would hold more tables than
    /// values.
    #[must_use]
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.spec.bytes_max = Some(bytes_max);
        self
    }

    /// Entries that it may hold. Default: no such limit.
    #[must_use]
    pub fn entries_max(mut self, entries_max: u64) -> Self {
        self.spec.entries_max = Some(entries_max);
        self
    }

    /// Bytes of one value. Default: 8 MiB, or a quarter of a data node's share
    /// if that is less. Larger ones are handed to those who wait for them and
    /// not kept.
    #[must_use]
    pub fn value_bytes_max(mut self, value_bytes_max: u64) -> Self {
        self.spec.value_bytes_max = Some(value_bytes_max);
        self
    }

    /// Which entry goes when room is needed. Default: the least recently used.
    #[must_use]
    pub fn eviction(mut self, policy: EvictionPolicy) -> Self {
        self.spec.eviction = policy;
        self
    }

    /// How long a value is fresh, unless its source or its `put` says otherwise.
    /// Default: until it is evicted. A database that others write to needs one.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// By which part of it the TTL of a loaded value is shortened at random,
    /// from 0 to 1, so that what was loaded together does not end together.
    /// Default 0.1.
    #[must_use]
    pub fn ttl_jitter(mut self, part: f64) -> Self {
        self.ttl_jitter = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        self
    }

    /// Whether it is noted when a value was put: what
    /// [`Found::born`](crate::Found::born) tells, and what
    /// [`refresh_ahead`](Self::refresh_ahead) goes by. Default: yes. It takes six
    /// bytes of each value. What is loaded is noted always, and a number that an
    /// increment begins.
    #[must_use]
    pub fn dated(mut self, is_dated: bool) -> Self {
        self.is_dated = is_dated;
        self
    }

    /// How long it is remembered that the source has no value for a key.
    /// Default: not at all. It ends early by a `put`, a `delete` or any other
    /// invalidation.
    #[must_use]
    pub fn negative_ttl(mut self, negative_ttl: Duration) -> Self {
        self.negative_ttl = negative_ttl;
        self
    }

    /// How long an entry may go unused. Default: as long as it likes. It costs
    /// four bytes an entry, and is kept to within 64 ms.
    #[must_use]
    pub fn idle_expiry(mut self, idle: Duration) -> Self {
        self.spec.lifetimes.idle = Some(idle);
        self
    }

    /// How long a value that is not fresh any more is served, marked as stale,
    /// while one caller's load brings the next one. Default: not at all.
    #[must_use]
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.spec.lifetimes.stale_while_revalidate = window;
        self
    }

    /// How long a value that is not fresh any more is served, marked as stale,
    /// when it cannot be loaded. Default: not at all. Never after it was deleted
    /// or invalidated.
    #[must_use]
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.spec.lifetimes.stale_if_error = window;
        self
    }

    /// How long before its end a use of a value makes it be loaded again, by one
    /// caller, while everybody is served; at most half of its TTL. So what is
    /// used often is always there. Default: not at all.
    #[must_use]
    pub fn refresh_ahead(mut self, time: Duration) -> Self {
        self.spec.lifetimes.refresh_ahead = time;
        self
    }

    /// How long a read waits for a load. Default 5 s. The load goes on without
    /// it; [`Keyspace::within`](crate::Keyspace::within) changes it for some
    /// calls.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// How long a write waits for its store, and for copies. Default 5 s.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How long a load may take. Default 5 s. A source that takes longer is
    /// given up: the next caller loads again, and what comes late is not kept.
    #[must_use]
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// Loads at once: the threads that are kept for a blocking source. Default
    /// 16. No more than the source has connections.
    #[must_use]
    pub fn loads_max(mut self, loads_max: usize) -> Self {
        self.loads_max = loads_max.max(1);
        self
    }

    /// Loads that wait for one of those; one more fails at once. Default 1,024.
    #[must_use]
    pub fn loads_waiting_max(mut self, waiting_max: usize) -> Self {
        self.loads_waiting_max = waiting_max;
        self
    }

    /// Lets the caller that leads a load make it on its own thread, if that
    /// blocks anyway and fewer than `loads_max` are being made. It spares two
    /// changes of thread, some 20 us; but no deadline is kept while the source
    /// runs: for sources that compute, and wait for nobody. Default: no.
    #[must_use]
    pub fn loads_on_caller(mut self) -> Self {
        self.loads_on_caller = true;
        self
    }

    /// Keys that a source is asked for in one request. Default 100.
    #[must_use]
    pub fn batch_max(mut self, batch_max: usize) -> Self {
        self.batch_max = batch_max.max(1);
        self
    }

    /// How often the source is asked at most. Default: as often as needed.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// When the source is left alone because it fails. Default: never.
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Keys that are loaded as soon as the keyspace is added, in the background; and in a
    /// cluster those that a lost member had, again, by who owns them then. Default: none.
    #[must_use]
    pub fn warm_keys<K: Into<Vec<u8>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.warm_keys = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Who is told of entries that go. Default: nobody.
    #[must_use]
    pub fn removal_listener(mut self, listener: impl RemovalListener) -> Self {
        self.spec.listener = Some(Arc::new(listener));
        self
    }

    /// Where values come from. Default: nowhere.
    #[must_use]
    pub fn source(mut self, source: impl DataSource) -> Self {
        self.source = Some(Source::Blocking(Arc::new(source)));
        self
    }

    /// Where values come from: any function from a key to something that may be
    /// a value, or an error.
    #[must_use]
    pub fn source_fn<A, E>(
        self,
        fetch: impl Fn(&[u8]) -> Result<A, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: Into<Answer>,
        E: Into<SourceError>,
    {
        self.source(move |key: &[u8], _: &Context| fetch(key).map(Into::into).map_err(Into::into))
    }

    /// Where values come from, as futures on a runtime.
    #[must_use]
    pub fn async_source(mut self, source: impl AsyncDataSource, runtime: impl Spawn) -> Self {
        self.source = Some(Source::Async(Arc::new(source), Spawner::new(runtime)));
        self
    }

    /// Where values come from: any function from a key to a future, which runs on
    /// a runtime, and whose outcome may be a value, or an error.
    ///
    /// ```
    /// use distcache::{BoxFuture, KeyspaceConfig};
    ///
    /// # fn with(runtime: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) {
    /// let fetch = |key: Vec<u8>| async move {
    ///     // Here a client is asked, and awaited.
    ///     Ok::<_, std::io::Error>((key == b"42").then(|| "Ada".to_owned()))
    /// };
    /// let users = KeyspaceConfig::new("users").async_source_fn(fetch, runtime);
    /// # }
    /// ```
    #[must_use]
    pub fn async_source_fn<T, A, E>(
        self,
        fetch: impl Fn(Vec<u8>) -> T + Send + Sync + 'static,
        runtime: impl Spawn,
    ) -> Self
    where
        T: Future<Output = Result<A, E>> + Send,
        A: Into<Answer>,
        E: Into<SourceError>,
    {
        self.async_source(AsyncFn(fetch), runtime)
    }

    /// Where writes go before they are made in the cache. A write is
    /// acknowledged when both have it. Default: nowhere.
    #[must_use]
    pub fn write_through(mut self, store: impl DataStore) -> Self {
        let way = StoreWay::Blocking(Arc::new(store));
        self.store = Some(Store { way, mode: WriteMode::Through });
        self
    }

    /// As [`write_through`](Self::write_through), with a store of futures on a
    /// runtime. A thread of that must not wait for a write itself: tasks call
    /// `put_async` and its like, and end the engine by
    /// [`shutdown_async`](crate::Engine::shutdown_async). Default: nowhere.
    #[must_use]
    pub fn async_write_through(mut self, store: impl AsyncDataStore, runtime: impl Spawn) -> Self {
        let way = StoreWay::Async(Arc::new(store), Spawner::new(runtime));
        self.store = Some(Store { way, mode: WriteMode::Through });
        self
    }

    /// Where writes go after they were made in the cache. A write is
    /// acknowledged when the cache has it and it waits for its store: a crash
    /// loses what waits. Default: nowhere.
    #[must_use]
    pub fn write_behind(mut self, store: impl DataStore, how: WriteBehind) -> Self {
        let way = StoreWay::Blocking(Arc::new(store));
        self.store = Some(Store { way, mode: WriteMode::Behind(how) });
        self
    }

    /// As [`write_behind`](Self::write_behind), with a store of futures on a
    /// runtime. What waits at the end is written by
    /// [`shutdown_async`](crate::Engine::shutdown_async), while the runtime runs.
    /// Default: nowhere.
    #[must_use]
    pub fn async_write_behind(
        mut self,
        store: impl AsyncDataStore,
        runtime: impl Spawn,
        how: WriteBehind,
    ) -> Self {
        let way = StoreWay::Async(Arc::new(store), Spawner::new(runtime));
        self.store = Some(Store { way, mode: WriteMode::Behind(how) });
        self
    }

    /// Loads on their way at once on each data node. Default 4,096.
    #[must_use]
    pub fn flights_max(mut self, flights_max: usize) -> Self {
        self.spec.flights_max = flights_max.clamp(1, FLIGHTS_MAX);
        self
    }

    /// How many members of the cluster hold each entry, its owner included: from 1 to 7.
    /// Default 1. It stays what it was when the keyspace was added.
    ///
    /// With more than one, whoever writes or loads a value waits until each of them has it:
    /// what was acknowledged survives the end of all of them but one at once. If there are
    /// fewer members, all of them hold it. Members in zones are chosen so that they stand
    /// in different ones, as far as there are such.
    ///
    /// Every member MUST have the keyspace, with as many. Copies take as much memory as
    /// what they are copies of, from the same capacity, and are evicted like that.
    #[must_use]
    pub fn replicas(mut self, replicas: u8) -> Self {
        self.spec.replicas = replicas.clamp(1, REPLICAS_MAX);
        self
    }

    /// Which of the members that hold an entry answer reads of it. Default: its owner alone.
    ///
    /// With [`ReadFrom::Any`] a member that has a copy answers `get` and `get_many` with it,
    /// without asking the owner: if it has a lease, and knows that each of the members that
    /// hold the entry has this value. Else it asks the owner. So reads are as consistent as
    /// those of the owner; and a write tells each member once more that it is made, where
    /// there are more than two [`replicas`](Self::replicas).
    ///
    /// It changes nothing of a keyspace with one replica. It takes [`Ack::All`]: a keyspace
    /// that is to wait for fewer is refused.
    #[must_use]
    pub fn read(mut self, read: ReadFrom) -> Self {
        self.spec.read = read;
        self
    }

    /// How many of the members that hold an entry have each change of it before anybody is
    /// told of that change: who has made it, and who reads the key. Default: all of them. It
    /// stays what it was when the keyspace was added.
    ///
    /// Whatever it is, nobody is ever answered with an older value than one that was
    /// acknowledged or read: what differs is when there is none any more.
    ///
    /// * [`Ack::All`]: when all who hold the entry are gone at once. A member that has fallen
    ///   silent holds up changes until it is removed: a lease, and a second.
    /// * [`Ack::Quorum`]: when half of those who hold it are gone at once. Of three, one that
    ///   has fallen silent holds up nothing. When the owner of a key is gone, the next asks
    ///   the others whether its copy is the latest, and drops it if it is not, or if too few
    ///   tell. Of two, both are waited for. No [near copies](crate::ClusterConfig::near_bytes)
    ///   are made.
    /// * [`Ack::One`]: when the owner is gone. No copies are made at all: that of a change
    ///   which nobody has waited for might be older than what was acknowledged, and could
    ///   never be answered with.
    #[must_use]
    pub fn ack(mut self, ack: Ack) -> Self {
        self.spec.ack = ack;
        self
    }

    pub(crate) fn flights_max_per_node(&self) -> usize {
        self.spec.flights_max
    }

    pub(crate) fn entries_max_or_none(&self) -> Option<u64> {
        self.spec.entries_max.filter(|max| *max != u64::MAX)
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        self.spec.lifetimes
    }
}

impl fmt::Debug for KeyspaceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyspaceConfig")
            .field("name", &self.name)
            .field("spec", &self.spec)
            .field("ttl", &self.ttl)
            .field("negative_ttl", &self.negative_ttl)
            .finish_non_exhaustive()
    }
}
