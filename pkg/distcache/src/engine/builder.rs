//! How an engine begins.

use std::sync::Arc;
use std::time::Duration;

use distcache_manager::codes::Code;
use distcache_manager::{CacheManager, Clock, Config, ConfigError, DEFAULT_KEYSPACE, Dispatch};

use crate::otel::Otel;
use crate::{Engine, Error, KeyspaceConfig};

/// How an engine works. Every setting has a default.
#[derive(Debug, Clone, Default)]
pub struct EngineBuilder {
    config: Config,
    /// `None` for as many as the machine and the capacity ask for.
    data_nodes: Option<usize>,
    keyspaces: Vec<KeyspaceConfig>,
    pub(crate) otel: Otel,
    #[cfg(feature = "cluster")]
    cluster: Option<crate::ClusterConfig>,
}

/// Why an engine did not start. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The engine's own settings do not go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// One of the keyspaces was refused.
    #[error(transparent)]
    Keyspace(#[from] Error),
    /// It cannot become a member of its cluster.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Cluster(#[from] crate::ClusterError),
}

impl StartError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Config(error) => error.code(),
            Self::Keyspace(error) => error.code(),
            #[cfg(feature = "cluster")]
            Self::Cluster(error) => error.code(),
        }
    }
}

/// What each data node has at least, if their number is not given: so that a
/// small engine starts on a machine with many cores.
const NODE_BYTES: u64 = 2 << 20;

impl EngineBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Bytes that all keyspaces together may hold, overhead included. Default
    /// 256 MiB.
    #[must_use]
    pub fn capacity_bytes(mut self, capacity_bytes: u64) -> Self {
        self.config.capacity_bytes = capacity_bytes;
        self
    }

    /// Data nodes. Default: one a core, at least 4: more than threads, so that
    /// two callers seldom meet at one; but no more than have 2 MiB each.
    #[must_use]
    pub fn data_nodes(mut self, data_nodes: usize) -> Self {
        self.data_nodes = Some(data_nodes);
        self
    }

    /// How a call reaches its node. Default: inline, on the caller's thread.
    #[must_use]
    pub fn dispatch(mut self, dispatch: Dispatch) -> Self {
        self.config.dispatch = dispatch;
        self
    }

    /// How long a call may wait for a data node. Default 1 s.
    #[must_use]
    pub fn call_timeout(mut self, call_timeout: Duration) -> Self {
        self.config.call_timeout = call_timeout;
        self
    }

    /// By which clock values expire. Default: the system's monotonic clock.
    /// Waiting is in real time whatever this says.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.config.clock = clock;
        self
    }

    /// The key of the keys' hash: with equal ones, equal keys are placed equally.
    /// Default: random.
    #[must_use]
    pub fn hash_key(mut self, hash_key: [u8; 16]) -> Self {
        self.config.hash_key = Some(hash_key);
        self
    }

    /// Every setting of the cache under the engine. Those about entries and their
    /// eviction say nothing here: each keyspace of an engine has its own.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.data_nodes = Some(config.data_nodes);
        self.config = config;
        self
    }

    /// Adds a keyspace as soon as the engine has started.
    #[must_use]
    pub fn keyspace(mut self, keyspace: KeyspaceConfig) -> Self {
        self.keyspaces.push(keyspace);
        self
    }

    /// Makes it one of a cluster: it shares its keys with other engines, each of which
    /// answers for all of them. Default: it is alone.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn cluster(mut self, cluster: crate::ClusterConfig) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Starts the engine.
    ///
    /// One of a cluster looks for the others from then on: until it has found them, it
    /// reads from its sources, and keeps nothing.
    ///
    /// # Errors
    /// When its settings do not go together, a keyspace is refused, threads
    /// are not to be had, or it cannot listen for others.
    pub fn start(self) -> Result<Engine, StartError> {
        let fitting =
            usize::try_from(self.config.capacity_bytes / NODE_BYTES).unwrap_or(usize::MAX);
        let by_default = self.config.data_nodes.min(fitting.max(1));
        let data_nodes = self.data_nodes.unwrap_or(by_default);
        #[cfg(feature = "cluster")]
        let near_bytes = self
            .cluster
            .as_ref()
            .map_or(0, |cluster| cluster.near_bytes_of(self.config.capacity_bytes));
        #[cfg(not(feature = "cluster"))]
        let near_bytes = 0;
        let manager = CacheManager::start(Config { data_nodes, near_bytes, ..self.config })?;
        // Every keyspace of an engine is its users': the one for calls that name
        // none would take a name and some memory from them.
        manager.remove_keyspace(DEFAULT_KEYSPACE).map_err(Error::from)?;
        let engine = Engine::new(manager, self.otel);
        #[cfg(feature = "cluster")]
        if let Some(cluster) = self.cluster {
            engine.join(cluster)?;
        }
        for keyspace in self.keyspaces {
            engine.shared.add_own(keyspace)?;
        }
        Ok(engine)
    }
}
