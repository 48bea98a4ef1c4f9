//! A read-through cache to embed in a service: the latest acknowledged value or
//! a miss, never an older one; one load for a missing key, however many ask.
//!
//! ```
//! use std::time::Duration;
//! use distcache::{Engine, KeyspaceConfig};
//!
//! let users = KeyspaceConfig::new("users")
//!     .ttl(Duration::from_mins(5))
//!     .source_fn(|key: &[u8]| -> Result<Option<String>, std::io::Error> {
//!         // Here a service asks its database.
//!         Ok((key == b"42").then(|| "Ada".to_owned()))
//!     });
//! let engine = Engine::builder().capacity_bytes(64 << 20).keyspace(users).start()?;
//!
//! assert_eq!(engine.get("users", b"42")?.as_deref(), Some(&b"Ada"[..])); // loaded
//! assert_eq!(engine.get("users", b"42")?.as_deref(), Some(&b"Ada"[..])); // a hit
//! assert!(engine.get("users", b"7")?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One read
//!
//! 1. The key's hash names the data node that owns it; the node looks. A fresh
//!    value is the answer: nothing was allocated, and no thread changed.
//! 2. A value whose time is nearly over, or over and within
//!    [`stale_while_revalidate`](KeyspaceConfig::stale_while_revalidate), is the
//!    answer too, and one caller's load begins.
//! 3. Else the caller waits, to its own deadline: for the load that is on its
//!    way, or for the one that it begins. The source is asked on threads of its
//!    own (or on your async runtime), so many at a time and no more.
//! 4. What the source brings is stored, if nothing has changed or forgotten the
//!    key since the load began; and handed to all who wait.
//!
//! # Why a load holds a lease
//!
//! In June 2026 a catalogue service mended this fault in its caches
//! ([lakekeeper#1843]). A request misses a user's roles, and the load reads them
//! from the database. A role is revoked there, and the cache's entry invalidated.
//! Then the load comes back, and fills the cache with the roles of before: the
//! revoked role is granted again, for up to the 120 seconds of the entry's TTL.
//! The cache under it, moka, had removed what it *held* at that moment; a load
//! that was on its way was not its business.
//!
//! Here a load on its way is known to the node that owns the key. Whatever
//! changes or forgets the key, a put, a delete, an invalidation by tag or by
//! prefix, takes the load's lease away under the same lock. What it brings goes
//! to those who asked before, and is not kept; who asks afterwards begins another
//! load. It does not matter whether the key had an entry, or had been evicted.
//!
//! # Threads and tasks
//!
//! Every call that may wait has a twin, by the name of `_async`, that never parks
//! the thread: a task waits for its load, its write or a busy data node as a future
//! does. Both take one path, and a service may use both. Sources and stores block,
//! on threads that are kept for them, or are futures on your runtime
//! ([`AsyncDataSource`], [`AsyncDataStore`]). Only one thing must not be done: to
//! block a thread of a runtime by a call that waits for a future of the same one.
//!
//! # Several processes
//!
//! With the feature `cluster`, engines of several processes share their keys
//! (`EngineBuilder::cluster`, `ClusterConfig`): each answers for all of them, and asks
//! the owner for what is not its own. The owner loads; so a missing key is loaded once,
//! however many processes are asked for it. A member answers from its cache only while it
//! holds a lease that a majority of the members stands behind. Without one it reads from
//! its source and keeps nothing; where there is no source, [`Error::NoLease`] says so.
//! Every member needs the sources and stores of every keyspace: they are code, and do not
//! travel. Keyspaces that are settings alone are added at all members by one
//! ([`Engine::add_keyspace`]). They speak over TCP, with TLS or without, or with the feature
//! `nats` over servers of NATS (`ClusterConfig::nats`). All of that runs on two threads of its own, or on the
//! runtime of the service (`ClusterConfig::runtime`).
//!
//! A write that was asked of another member and of which nothing was heard may have been
//! made ([`Error::OutcomeUnknown`]). With write-behind, what waits to be written when a
//! member dies, or is cut off for longer than its lease, is written late or never.
//!
//! Of a keyspace with [`replicas`](KeyspaceConfig::replicas) so many members have each
//! entry. Nobody is told of a change before all of them have it: neither who has made it,
//! nor who reads the key; if that takes too long, [`Error::NotCommitted`] says so. So what
//! anybody has seen outlives its owner. A member that falls silent holds such calls up
//! until it is removed, which takes a lease and a second; not so where a majority is enough
//! ([`Ack::Quorum`]).
//!
//! With [`ReadFrom::Any`] a member answers reads with its copy, as long as it has a lease
//! and knows that all who hold the entry have that value. What was acknowledged is read
//! all the same, by whichever member: a write is not acknowledged before each of them has
//! made it to its copy.
//!
//! # What it does not know
//!
//! What changes in the database behind the cache's back is unseen until it is
//! invalidated or expires. So give a keyspace a [`ttl`](KeyspaceConfig::ttl), and
//! tell it what your own service writes: with [`Keyspace::invalidate`] after the
//! write, or by writing [through](KeyspaceConfig::write_through) it.
//!
//! [lakekeeper#1843]: https://github.com/lakekeeper/lakekeeper/pull/1843
#![forbid(unsafe_code)]

mod engine;
pub use engine::{Engine, EngineBuilder, Event, ShutdownError, StartError, Warming};

mod keyspace;
pub use keyspace::{
    Found, Freshness, HOT_KEYS_MAX, Held, HotKey, How, Item, Keyspace, KeyspaceStats, Trace, Ttl,
    Until,
};

mod durations;
pub use durations::{DURATION_BOUNDS_US, Durations, Histogram};

mod config;
pub use config::{KeyspaceConfig, WriteBehind};

mod settings;
pub use settings::KeyspaceSettings;

mod source;
pub use source::{
    Answer, Answers, AsyncDataSource, AsyncDataStore, BoxFuture, Cancelled, Context, DataSource,
    DataStore, Loaded, SourceError, Spawn,
};

mod typed;
#[cfg(feature = "json")]
pub use typed::Json;
pub use typed::{Codec, Typed};

pub mod policy;
pub use policy::{CustomPolicy, Eviction, EvictionPolicy, Slot};

mod gate;
pub use gate::{BreakerState, CircuitBreaker, RateLimit};

mod load;
pub use load::LoadError;

mod write;

#[cfg(feature = "cluster")]
mod cluster;
#[cfg(not(feature = "cluster"))]
#[path = "cluster/absent.rs"]
mod cluster;
#[cfg(feature = "cluster")]
pub use cluster::{
    Certificates, ClusterConfig, ClusterError, ClusterId, Discovery, DiscoveryFailed, Dns, Member,
    MemberId, MemberState, Members, OnMinority, Srv, Standalone, Static, Tls, TlsError,
};
#[cfg(feature = "nats")]
pub use cluster::{Nats, NatsAccount, NatsError};

/// For what parks its thread, where that may be one of the runtime that carries the
/// cluster's tasks.
#[doc(hidden)]
pub use cluster::in_place;

/// For who tells others himself what `ClusterConfig::advertise` says: in a list of NATS,
/// say.
#[cfg(feature = "cluster")]
#[doc(hidden)]
pub use cluster::{NoAddress, address_of_interface};

mod otel;
/// Whose types the engine's builder takes.
#[cfg(feature = "otel")]
pub use opentelemetry;

mod error;
pub use error::Error;

pub use distcache_bus::{Received, Subscription};
pub use distcache_manager::{
    AGE_BOUNDS_S, Ack, Ages, Bound, CONTENT_TYPE_BYTES_MAX, Cause, Clock, Config, ConfigError,
    Cursor, Dispatch, Epoch, Error as CacheError, FLIGHTS_MAX, InFlight, Invalidation, Lag,
    LossReason, ManualClock, NodeId, NodeReport, NodeState, NodeStatus, Page, REPLICAS_MAX,
    ReadFrom, Removal, RemovalListener, RingChange, Stopwatch, SystemClock, Tick, Topics,
    VALIDATOR_BYTES_MAX, Value, Version, Watermark, codes, codes::Code,
};

/// The README's code is run as a test, and is no part of the crate.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
