//! The server's part in a cluster, as `[cluster]` says; without the feature `cluster`,
//! none, by the same names.

#[cfg(feature = "cluster")]
mod member;
#[cfg(feature = "cluster")]
pub(crate) use member::Membership;

#[cfg(not(feature = "cluster"))]
mod absent;
#[cfg(not(feature = "cluster"))]
pub(crate) use absent::Membership;
