//! INTERNAL to distcache: one data node.
//!
//! A [`DataNode`] holds the entries of the keys that a ring gives to it. It is
//! plain state: it starts no thread, takes no lock and reads no clock of its
//! own, so that a test can drive it step by step. The manager puts it behind a
//! [`Mailbox`](distcache_bus::Mailbox) and speaks to it in [commands].
//!
//! ```text
//!  DataNode ── statistics, versions
//!     └─ Store ── what may stay, what must go
//!          ├─ Index     hash ► slot        (linear hashing over small tables)
//!          ├─ Slab      slot ► entry       (in segments; entries on the heap)
//!          └─ Eviction  which slot is next (LRU, SIEVE, or your own)
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

mod entry;
pub use entry::{Draft, Entry, KEY_BYTES_MAX, KeyTooLong, Value, Version};

mod heap;
mod segments;

mod slots;
pub use slots::Slot;

mod index;

pub mod eviction;
pub use eviction::{Eviction, EvictionPolicy};

mod store;
pub use store::{Limits, Refused, STRUCTURE_BYTES_MIN};

mod counters;

mod node;
pub use node::{DataNode, NodeSettings, Stored};

mod status;
pub use status::NodeStatus;

pub mod commands;
