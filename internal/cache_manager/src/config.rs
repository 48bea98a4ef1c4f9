//! What a manager can be told, and what it refuses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::Dispatch;
use distcache_node::{Clock, EvictionPolicy, SystemClock};

use crate::codes::{self, Code};

/// How a [`CacheManager`](crate::CacheManager) works. Start from
/// [`Config::default`] and change what you need.
#[derive(Clone)]
pub struct Config {
    /// Data nodes at the start. Default: one a core, at least 4: more nodes
    /// than threads, so that two callers seldom meet at one.
    pub data_nodes: usize,
    /// Bytes that the whole cache may hold, overhead included. Default 256 MiB.
    /// Divided over the nodes by their share of the ring.
    pub capacity_bytes: u64,
    /// Bytes of these that near copies of what other processes own may take: the nodes get
    /// the rest. Default 0: there are none.
    pub near_bytes: u64,
    /// Entries that the whole cache may hold. Default: no such limit.
    pub entries_max: Option<u64>,
    /// Bytes of one value. Default: 8 MiB, or a quarter of the smallest node's
    /// share if that is less. A larger one than that quarter is refused: it
    /// would empty its node.
    pub value_bytes_max: Option<u64>,
    /// Which entry goes when room is needed. Default: the least recently used.
    pub eviction: EvictionPolicy,
    /// How a call reaches its node. Default: inline.
    pub dispatch: Dispatch,
    /// Commands that wait at one node at most. Default 1,024.
    pub inbox_capacity: usize,
    /// How long a call may take. Default 1 s: a thousand times what a busy
    /// node needs, and less than what people wait for.
    pub call_timeout: Duration,
    /// How often each node tells its status. Default 1 s.
    pub status_every: Duration,
    /// How long a node may say nothing before it is replaced. Default 5 s; at
    /// least three times `status_every`.
    pub silence_max: Duration,
    /// The key of the keys' hash. Default: random for each process, so that
    /// nobody outside can aim at one node. Equal keys give equal placements.
    pub hash_key: Option<[u8; 16]>,
    /// What time it is, for expiry. Default: the system's monotonic clock.
    pub clock: Arc<dyn Clock>,
}

/// The default of [`Config::capacity_bytes`].
const CAPACITY_BYTES: u64 = 256 << 20;
/// The default of [`Config::value_bytes_max`], where capacity allows it.
pub(crate) const VALUE_BYTES_MAX: u64 = 8 << 20;
/// The default of [`Config::data_nodes`] on a small machine.
const DATA_NODES_MIN: usize = 4;
/// More nodes than this in one process only spread its memory thin.
pub(crate) const DATA_NODES_MAX: usize = 1024;
/// A node with less than this would hold more tables than values.
pub(crate) const NODE_BYTES_MIN: u64 = 512 << 10;

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            data_nodes: cores.clamp(DATA_NODES_MIN, DATA_NODES_MAX),
            capacity_bytes: CAPACITY_BYTES,
            near_bytes: 0,
            entries_max: None,
            value_bytes_max: None,
            eviction: EvictionPolicy::default(),
            dispatch: Dispatch::default(),
            inbox_capacity: 1024,
            call_timeout: Duration::from_secs(1),
            status_every: Duration::from_secs(1),
            silence_max: Duration::from_secs(5),
            hash_key: None,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// Why a manager did not start, or a node was not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No node, or too many.
    #[error("{asked} data nodes are asked for; there can be 1 to {DATA_NODES_MAX}")]
    DataNodes {
        /// The number asked for.
        asked: usize,
    },
    /// A node's share of the capacity is too small to work with.
    #[error(
        "a data node's share of the capacity would be {share} bytes, and it needs {NODE_BYTES_MIN}: \
         raise the capacity or use fewer data nodes"
    )]
    Capacity {
        /// The smallest share, in bytes.
        share: u64,
    },
    /// The largest value would take more than a quarter of a node's share.
    #[error(
        "the largest value may have {value} bytes, but a quarter of a data node's share of the \
         capacity is {quarter}: raise the capacity, or lower the largest value"
    )]
    Value {
        /// The largest value allowed, in bytes.
        value: u64,
        /// A quarter of the smallest share, in bytes.
        quarter: u64,
    },
    /// Fewer entries than nodes.
    #[error("at most {entries} entries for {nodes} data nodes leaves some without any")]
    Entries {
        /// The limit asked for.
        entries: u64,
        /// The number of nodes.
        nodes: usize,
    },
    /// A node that reports every so often cannot be silent for less.
    #[error("silence is declared after {silence:?}, but a status comes only every {status:?}")]
    Silence {
        /// The silence asked for.
        silence: Duration,
        /// The time between two reports.
        status: Duration,
    },
    /// The inbox would hold nothing.
    #[error("an inbox holds at least one command")]
    Inbox,
    /// There is no thread to be had.
    #[error("a thread could not be started")]
    Spawn(#[from] std::io::Error),
    /// The system gave no random bytes for the hash key.
    #[error("the system gave no random bytes")]
    Random(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ConfigError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::DataNodes { .. } | Self::Silence { .. } | Self::Inbox => codes::FLAG_INVALID,
            Self::Capacity { .. } | Self::Value { .. } | Self::Entries { .. } => {
                codes::CAPACITY_TOO_SMALL
            }
            Self::Spawn(_) | Self::Random(_) => codes::SPAWN_FAILED,
        }
    }
}

impl Config {
    /// Checks what can be checked without a ring.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=DATA_NODES_MAX).contains(&self.data_nodes) {
            return Err(ConfigError::DataNodes { asked: self.data_nodes });
        }
        if self.silence_max < self.status_every * 3 {
            let (silence, status) = (self.silence_max, self.status_every);
            return Err(ConfigError::Silence { silence, status });
        }
        if self.inbox_capacity == 0 {
            return Err(ConfigError::Inbox);
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    /// Without the hash key, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_nodes", &self.data_nodes)
            .field("capacity_bytes", &self.capacity_bytes)
            .field("entries_max", &self.entries_max)
            .field("value_bytes_max", &self.value_bytes_max)
            .field("eviction", &self.eviction)
            .field("dispatch", &self.dispatch)
            .finish_non_exhaustive()
    }
}
