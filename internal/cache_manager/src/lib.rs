//! INTERNAL to distcache: the manager of one process's data nodes.
//!
//! A [`CacheManager`] maps each key to the data node that owns it, speaks to
//! that node over the bus, and looks after the nodes: it adds and removes them
//! while requests run, and replaces one that panics or falls silent.
//!
//! ```text
//!   callers ──► CacheManager ──hash once──► Routing (ring + nodes + epoch)
//!                                               │ swapped whole, read lock-free
//!                 one thread each:              ▼
//!                 distcache-<node>          Mailbox ► DataNode    (x nodes)
//!                 distcache-supervisor      looks for silent and failed nodes
//!                 distcache-timer           ends waits of futures
//! ```
//!
//! A key's owner follows from the ring alone; no map of keys is kept. Rings
//! are immutable: a change of membership makes the next one, under the next
//! epoch, and the nodes' fences see to it that nobody acts by the old one.
#![forbid(unsafe_code)]

pub mod codes;

mod config;
pub use config::{Config, ConfigError};

mod error;
pub use error::Error;

mod handle;
pub use handle::NodeId;

mod arrivals;
mod routing;

mod territory;
pub use territory::{Claim, Nowhere, Territory};

mod topics;
pub use topics::{
    Assignment, Invalidation, LossReason, OperationCounts, RingChange, StatusReport, Topics,
};

mod keyspace;
pub use keyspace::{
    Ack, FLIGHTS_MAX, KEYSPACE_NAME_BYTES_MAX, KEYSPACES_MAX, Keyspace, KeyspaceSpec, NoAck,
    NoReadFrom, REPLICAS_MAX, ReadFrom, RemovalListener,
};

mod manager;
pub use manager::{CacheManager, DEFAULT_KEYSPACE};
mod sharing;

mod calls;
pub use calls::{Cursor, Hit, NEAR_LASTS, NoCursor, Page, Peeked, Stored, Write};

mod batch;
pub use batch::PutItem;

mod report;
pub use report::{NodeReport, NodeState};

mod bounds;
pub use bounds::Bound;

mod membership;
pub use membership::{Copied, Passage, Seeds};

mod near;
pub use near::NearAsk;

mod tentative;
pub use tentative::Told;

mod budget;
mod regular;
mod supervisor;
mod tallies;
mod text_hash;

pub use distcache_bus::{Dispatch, Epoch, Lag, Received, Stopwatch, Subscription, Watermark};
pub use distcache_node::{
    AGE_BOUNDS_S, Ages, CONTENT_TYPE_BYTES_MAX, Cargo, Cause, Change, Clock, Condition,
    CustomPolicy, Draft, Entry, Eviction, EvictionPolicy, Excerpt, Failure, Flight, Forgotten,
    Held, InFlight, JOURNAL_BYTES_MAX, Journal, KEY_BYTES_MAX, KeyspaceId, LAGGARDS_MAX, Label,
    LabelInvalid, Landed, Landing, Lead, Lifetimes, Look, ManualClock, NodeStatus, Parcel, Peaks,
    REMOVALS_MAX, Reached, Record, Removal, Selection, Slot, SystemClock, TAG_RECORDS_MAX,
    TAGS_MAX, Tick, Trace, VALIDATOR_BYTES_MAX, Value, Version, WAITERS_MAX, eviction, number_in,
};
