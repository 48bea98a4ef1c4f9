//! INTERNAL to distcache: one data node.
//!
//! A [`DataNode`] holds the entries of the keys that a ring gives to it. It is
//! plain state: it starts no thread, takes no lock and reads no clock of its
//! own, so that a test can drive it step by step. The manager puts it behind a
//! [`Mailbox`](distcache_bus::Mailbox) and speaks to it in [commands].
//!
//! ```text
//!  DataNode ── versions, and memory that keyspaces share
//!     └─ Keyspace
//!          ├─ Flights ── loads on their way, and who waits for them
//!          └─ Store ──── what may stay, what must go
//!               ├─ Index     hash ► slot, entry (linear hashing, small tables)
//!               ├─ Slots     slot ► hash        (in segments)
//!               ├─ Eviction  which slot is next (LRU and four others, or your own)
//!               ├─ Life      fresh, early, stale or dead
//!               └─ Tags      what was invalidated, and when
//! ```
//!
//! A look-up in the order in which memory is touched: the index's directory,
//! one group of its table, the slot, the entry (one allocation that holds
//! header, key and value), and the policy's links. The hash comes with the
//! request; nothing here computes one.
//!
//! Bytes are counted where they are allocated: entries by the size class their
//! allocation falls in, tables and segments at their real capacity. The sum
//! never exceeds the limit, at no instant.
#![forbid(unsafe_code)]

mod clock;
pub use clock::{Clock, ManualClock, SystemClock, Tick};

mod version;
pub use version::Version;

mod label;
pub use label::{CONTENT_TYPE_BYTES_MAX, Label, LabelInvalid, VALIDATOR_BYTES_MAX};

mod draft;
pub use draft::{Draft, KEY_BYTES_MAX, KeyTooLong, TooManyTags};

mod entry;
pub use entry::{Entry, TAGS_MAX};

mod value;
pub use value::Value;

mod heap;
mod segments;

mod slots;
pub use slots::Slot;

mod index;

pub mod eviction;
pub use eviction::{CustomPolicy, Eviction, EvictionPolicy};

mod departed;
pub use departed::{Cause, Departed};

mod idle;

mod tags;
pub use tags::TAG_RECORDS_MAX;

mod arrivals;

mod journal;
pub use journal::{
    Change, Excerpt, Forgotten, JOURNAL_BYTES_MAX, JOURNAL_RECORDS_MAX, Journal, LAGGARDS_MAX,
    Record, Walk,
};

mod parcel;
pub use parcel::Parcel;

mod removals;
pub use removals::{REMOVALS_MAX, Removal};

mod ages;
pub use ages::{AGE_BOUNDS_S, Ages};

mod pattern;
pub use pattern::Pattern;

mod store;
pub use store::{Lifetimes, Limits, Refused, STRUCTURE_BYTES_MIN, Selection};

mod any_store;
mod counters;

mod flight;
pub use flight::{Failure, Flight, Landing, Lead, WAITERS_MAX};

mod keyspace;
pub use keyspace::{Cargo, Condition, KeyspaceId, KeyspaceSettings, Landed, Look};

mod node;
pub use node::{
    Added, DataNode, NodeSettings, NotAdded, PutRefused, Removed, Seeding, Stored, number_in,
};

mod status;
pub use status::{NodeStatus, Peaks, Reached};

mod trace;
pub use trace::{Held, InFlight, Trace};

pub mod commands;

#[cfg(all(test, loom))]
mod models;
