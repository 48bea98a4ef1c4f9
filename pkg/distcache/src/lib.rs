//! A read-through cache to embed in a service.
#![forbid(unsafe_code)]

mod error;
pub use error::Error;

mod source;
pub use source::{
    Answer, AsyncDataSource, BoxFuture, Cancelled, Context, DataSource, DataStore, Loaded,
    SourceError, Spawn,
};

mod gate;
pub use gate::{BreakerState, CircuitBreaker, RateLimit};

mod config;
pub use config::{KeyspaceConfig, WriteBehind};

mod keyspace;
pub use keyspace::{Found, How, Item, Keyspace, KeyspaceStats, Ttl, Until};

mod load;
pub use load::LoadError;

mod write;

mod typed;
#[cfg(feature = "json")]
pub use typed::Json;
pub use typed::{Codec, Typed};

mod engine;
pub use engine::{Engine, EngineBuilder, Event, ShutdownError, StartError, Warming};

pub use distcache_bus::{Received, Subscription};
pub use distcache_manager::{
    Cause, Clock, Config, Cursor, CustomPolicy, Dispatch, Eviction, EvictionPolicy, ManualClock,
    Page, RemovalListener, Slot, SystemClock, Tick, Value, Version, codes, codes::Code,
};
