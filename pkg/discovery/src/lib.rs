//! Ready-made discovery for [distcache]: a cluster that finds its members where they
//! are told of anyway.
//!
//! | discovery | who tells | feature |
//! |---|---|---|
//! | `Kubernetes` | the API server: the endpoints of a service, or of what has a label | `kubernetes` |
//! | `Nats` | the members themselves, on a subject of NATS | `nats` |
//!
//! Those that need no other program ([`Standalone`](distcache::Standalone),
//! [`Static`](distcache::Static), [`Dns`](distcache::Dns), [`Srv`](distcache::Srv)) are in
//! [distcache] itself.
//!
//! ```
//! # #[cfg(feature = "kubernetes")]
//! # fn main() -> Result<(), distcache_discovery::ConfigError> {
//! use distcache::ClusterConfig;
//! use distcache_discovery::Kubernetes;
//!
//! // The port called `links` of the headless service `cache`. Three pods are to come.
//! let cluster = ClusterConfig::new("0.0.0.0:18081")
//!     .advertise("10.0.0.7:18081")
//!     .discovery(Kubernetes::service("cache", "links").build()?)
//!     .expect(3);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "kubernetes"))]
//! # fn main() {}
//! ```
//!
//! # What holds for each
//!
//! * **It is asked for ever, and never once.** Each keeps a thread of its own on what is
//!   told, from the first asking until it is dropped; an asking reads what that thread has
//!   heard last, and waits only for the first word, 4 seconds at most.
//! * **It lists all, or it fails.** What is listed is the electorate, of which a majority is
//!   needed: a part of it that took itself for the whole would found a cluster of its own.
//!   So a list that may not be whole is no answer: nobody there, an address that is none,
//!   a port that is missing, more than 256 members, a provider that is away. While it fails,
//!   the cluster holds to the last answer.
//! * **Say how many members there are to be**
//!   ([`ClusterConfig::expect`](distcache::ClusterConfig::expect)). Both lists grow while
//!   members start, and the first would be alone on it.
//! * **Whatever the provider sends is bounded**, in bytes, in number and in time, and costs
//!   the answer alone. Nothing of it stands in an error or a log at more than 200 characters;
//!   no token, password or key does at all.
#![forbid(unsafe_code)]

#[cfg(any(feature = "kubernetes", feature = "nats"))]
mod background;
#[cfg(any(feature = "kubernetes", feature = "nats"))]
pub use distcache_cluster::ConfigError;

#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(feature = "kubernetes")]
pub use kubernetes::{Kubernetes, KubernetesBuilder};

#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
pub use nats::{Nats, NatsBuilder};

/// More members than this are no electorate; a cluster would not take them either.
#[cfg(any(feature = "kubernetes", feature = "nats"))]
const MEMBERS_MAX: usize = 256;
