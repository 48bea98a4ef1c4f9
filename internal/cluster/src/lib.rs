//! INTERNAL to distcache: what several processes do to be one cache.
//!
//! ```text
//!   discovery ──addresses──► agreement ──Arc<View>──► Seat (the engine)
//!                              │    ▲
//!                  Change, by  │    │ Post: questions and answers between members
//!                  a majority  ▼    ▼
//!                        openraft  links ──frames──► wire (TCP, TLS, NATS, memory)
//!         (one log for each
//!          cluster, in memory)
//!
//!   lease: the leader's Ledger ──Grant──► a member's Standing ──holds?──► data path
//! ```
//!
//! A [`View`] says who is a member and who owns what. It is agreed upon by a majority;
//! a member serves from its cache only while its [`Standing`] holds a lease on it.
//! Members speak over [`links`], which carry frames over a [`wire`]; what is in the
//! frames is described in `api/cluster/distcache.proto`, and is [`proto`] here.
#![forbid(unsafe_code)]

pub mod view;
pub use view::{Address, ClusterId, Member, MemberId, MemberState, View};

pub mod lease;
pub use lease::{Standing, Uptime};

pub mod discovery;
pub use discovery::{Discovery, DiscoveryFailed};

pub mod agreement;
pub use agreement::{Agreement, NotTaken, Post, Seat, Settings, Unreached};

pub mod wire;

pub mod links;

pub mod proto;

mod config_error;
pub use config_error::ConfigError;

pub mod excerpt;

#[cfg(feature = "nats")]
pub mod nats;

mod in_place;
pub use in_place::in_place;

pub mod cluster;
pub use cluster::{Cluster, Holding, NotStarted, Parts, Tenant, Whose, handover};
