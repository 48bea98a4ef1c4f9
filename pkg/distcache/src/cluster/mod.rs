//! The other members of the cluster.
//!
//! ```text
//!   Keyspace::get ── Elsewhere ──► afar ──► Away ──► Cluster::call_by ──► the owner's Service
//!                                   │                                          │
//!                                   │ nobody answers for the key               ▼
//!                                   ▼                                Keyspace::here_async
//!                                Passing: loads, and keeps nothing
//! ```
//!
//! A call is tried here first: a key of this process costs no more than its claim. Only
//! what the cache refuses because it is another's (`Elsewhere`) comes here.
//!
//! The caller may stand on the runtime that is to answer him (`ClusterConfig::runtime`):
//! so whatever of the engine parks a thread does it `in_place`.

mod afar;
mod away;
mod carrier;
mod config;
mod error;
mod everywhere;
mod keyspaces;
mod many;
mod member;
mod passing;
mod service;
mod shared_keyspace;
mod start;
mod tasks;
mod words;

pub(crate) use away::Away;
pub use config::{ClusterConfig, DiscoveryFailed, Dns, Srv, Standalone, Static};
pub use error::ClusterError;
pub(crate) use everywhere::Order;
pub(crate) use keyspaces::{Agreed, Turn};
pub use member::{Member, MemberState, Members};
pub(crate) use passing::Passing;
pub(crate) use shared_keyspace::SharedKeyspace;

pub use distcache_cluster::in_place;

pub use distcache_cluster::wire::interface::{NoAddress, resolve as address_of_interface};

/// What servers of NATS, or subjects there, cannot be.
#[cfg(feature = "nats")]
pub use distcache_cluster::ConfigError as NatsError;
pub use distcache_cluster::agreement::OnMinority;
#[cfg(feature = "nats")]
pub use distcache_cluster::nats::NatsAccount;
#[cfg(feature = "nats")]
pub use distcache_cluster::wire::Nats;
pub use distcache_cluster::wire::{Certificates, Tls, TlsError};
pub use distcache_cluster::{ClusterId, Discovery, MemberId};
