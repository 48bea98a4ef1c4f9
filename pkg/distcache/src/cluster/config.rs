//! How an engine is one of a cluster.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::Discovery;
use distcache_cluster::agreement::{OnMinority, Settings};
use distcache_cluster::discovery::Pace;
pub use distcache_cluster::discovery::{DiscoveryFailed, Dns, Srv, Standalone, Static};
use distcache_cluster::lease::Uptime;
#[cfg(feature = "nats")]
use distcache_cluster::wire::Nats;
use distcache_cluster::wire::{Tls, Wire};
use tokio::runtime::Handle;

/// Near copies take such a part of the capacity, if nothing else is said.
const NEAR_PART: u64 = 32;

/// How an engine is one of a cluster. Every setting but where it listens has a default.
///
/// ```
/// use distcache::ClusterConfig;
///
/// let cluster = ClusterConfig::new("127.0.0.1:7001")
///     .members(["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"]);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ClusterConfig {
    pub(super) listen: String,
    pub(super) advertise: Option<String>,
    pub(super) discovery: Arc<dyn Discovery>,
    pub(super) tls: Option<Arc<Tls>>,
    #[cfg(feature = "nats")]
    pub(super) nats: Option<Nats>,
    pub(super) is_insecure: bool,
    pub(super) pace: Pace,
    pub(super) runtime: Option<Handle>,
    pub(super) world: Option<World>,
    near_bytes: Option<u64>,
    /// Its address is filled in when it is known.
    pub(super) agreement: Settings,
}

/// What carries frames, and which clock a lease goes by.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) wire: Arc<dyn Wire>,
    pub(super) uptime: Arc<dyn Uptime>,
}

impl ClusterConfig {
    /// One that listens for others at `HOST:PORT`; with port 0 the system chooses one.
    pub fn new(listen: impl Into<String>) -> Self {
        Self {
            listen: listen.into(),
            advertise: None,
            discovery: Arc::new(Standalone),
            tls: None,
            #[cfg(feature = "nats")]
            nats: None,
            is_insecure: false,
            pace: Pace::default(),
            runtime: None,
            world: None,
            near_bytes: None,
            agreement: Settings::new(""),
        }
    }

    /// The cluster's name: engines with another one are refused. Default `distcache`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.agreement.name = name.into();
        self
    }

    /// Where the others reach it, if that is not where it listens: `HOST:PORT`; or
    /// `%INTERFACE:PORT`, for the one address that an interface of this machine has.
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.advertise = Some(address.into());
        self
    }

    /// Who tells where members might be. Default: nobody, for a cluster of one. What is
    /// listed is the electorate: a majority of it is needed to found a cluster, and to
    /// serve from the cache.
    ///
    /// ```
    /// use distcache::{ClusterConfig, Srv};
    ///
    /// // Each member advertises the target of its own record.
    /// let cluster = ClusterConfig::new("0.0.0.0:7001")
    ///     .advertise("a.example.com:7001")
    ///     .discovery(Srv::new("_distcache._tcp.example.com"));
    /// ```
    pub fn discovery(mut self, discovery: impl Discovery) -> Self {
        self.discovery = Arc::new(discovery);
        self
    }

    /// All members, itself included, by the addresses at which they are reached.
    pub fn members<A: Into<String>>(self, addresses: impl IntoIterator<Item = A>) -> Self {
        self.discovery(Static(addresses.into_iter().map(Into::into).collect()))
    }

    /// How often discovery is asked. Default 5 s.
    pub fn discover_every(mut self, every: Duration) -> Self {
        self.pace.every = every;
        self
    }

    /// How many processes make up the electorate. Default: as many as discovery lists.
    pub fn expect(mut self, members: usize) -> Self {
        self.agreement.expect = Some(members);
        self
    }

    /// How long a lease lasts, and so how long the keys of a member that died have no
    /// owner. Default 2 s; at least 200 ms, recommended 1 s to 10 s. Round trips between
    /// members must be well below a sixteenth of it.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.agreement.lease = lease;
        self
    }

    /// What to do when the majority is lost. Default: to read from the source, and to
    /// keep nothing.
    pub fn on_minority(mut self, on_minority: OnMinority) -> Self {
        self.agreement.on_minority = on_minority;
        self
    }

    /// How much of the keys it owns beside the others. Default 1; at most 16.
    pub fn weight(mut self, weight: NonZeroU32) -> Self {
        self.agreement.weight = weight;
        self
    }

    /// Where it stands: a rack, a data centre. Default: nobody knows.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.agreement.zone = Some(zone.into());
        self
    }

    /// Mutual TLS between the members. Default: none, on loopback only.
    pub fn tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Has the members speak over servers of NATS instead of TCP. Where each listens and is
    /// reached is a name then, and no more: others must know it by exactly that one. No
    /// port is opened.
    ///
    /// Whoever may publish and subscribe under the prefix is believed to be a member: let
    /// the server's rights keep others from it. With a server elsewhere than on loopback
    /// it starts only if the server is spoken to over TLS and this process proves who it
    /// is, or with [`insecure`](Self::insecure). [`tls`](Self::tls) is for TCP alone.
    ///
    /// ```no_run
    /// use distcache::{ClusterConfig, Nats, NatsAccount};
    ///
    /// let account = NatsAccount::at(["tls://nats.example.com:4222"])
    ///     .credentials_file("/etc/distcache/cache.creds");
    /// let cluster = ClusterConfig::new("a.cache:1")
    ///     .nats(Nats::by(account)?)
    ///     .members(["a.cache:1", "b.cache:1", "c.cache:1"]);
    /// # Ok::<(), distcache::NatsError>(())
    /// ```
    #[cfg(feature = "nats")]
    pub fn nats(mut self, nats: Nats) -> Self {
        self.nats = Some(nats);
        self
    }

    /// Bytes of the engine's capacity for near copies: values of keys that other members
    /// own and this one reads often, kept for 2 s at most. Their owners tell of each change,
    /// and wait until it is heard: a near copy is never older than what was acknowledged.
    /// Default: a thirty-second of the capacity, for 4,096 values at most; 0 for none.
    /// Members need not agree.
    pub fn near_bytes(mut self, bytes: u64) -> Self {
        self.near_bytes = Some(bytes);
        self
    }

    /// What near copies may take of a capacity.
    pub(crate) fn near_bytes_of(&self, capacity_bytes: u64) -> u64 {
        self.near_bytes.unwrap_or(capacity_bytes / NEAR_PART).min(capacity_bytes / 2)
    }

    /// Lets it listen elsewhere than on loopback without TLS, or speak over a NATS server
    /// elsewhere in the clear: whoever reaches it is believed.
    pub fn insecure(mut self) -> Self {
        self.is_insecure = true;
        self
    }

    /// Has the cluster's tasks run on a runtime of the caller's: its links and its
    /// listener, what others ask, the agreement, discovery, and the hand-over. Default: on
    /// two threads of its own, `distcache-cluster`.
    ///
    /// For a service whose tasks get keys of other members: a reply is read on the runtime
    /// where the task waits for it, and no other thread is woken for it. What else this
    /// changes:
    ///
    /// * What others ask of this process takes its time from the same threads. A task that
    ///   holds all of them up for longer than a lease costs the lease. The engine's own
    ///   blocking calls do not: on a thread of the runtime they let its other tasks go on
    ///   elsewhere, as [`block_in_place`](tokio::task::block_in_place) does, also where
    ///   there is only one. The `_async` twins spare that.
    /// * It is to be a runtime of tokio of several threads (`new_multi_thread`, of one
    ///   worker or more), with `enable_all`: the engine does not start on another one.
    /// * It is to live as long as the engine. When it ends before, this process has no
    ///   lease any more, and reaches nobody. When the engine ends, its tasks there do.
    ///
    /// ```
    /// use distcache::{ClusterConfig, Engine, KeyspaceConfig};
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    /// let cluster = ClusterConfig::new("127.0.0.1:0").runtime(runtime.handle().clone());
    /// let users = KeyspaceConfig::new("users")
    ///     .source_fn(|_: &[u8]| -> Result<_, std::io::Error> { Ok(Some("Ada")) });
    /// let engine = Engine::builder().cluster(cluster).keyspace(users).start()?;
    ///
    /// let found = runtime.block_on(engine.get_async("users", b"42"))?;
    /// assert_eq!(found.as_deref(), Some(&b"Ada"[..]));
    /// engine.shutdown(std::time::Duration::from_secs(5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Has the members speak over a wire of the caller's, and the leases go by its clock: a
    /// door for tests of whole clusters in one process, whose network and clocks they order.
    #[doc(hidden)]
    pub fn world(mut self, wire: Arc<dyn Wire>, uptime: Arc<dyn Uptime>) -> Self {
        self.world = Some(World { wire, uptime });
        self
    }
}
