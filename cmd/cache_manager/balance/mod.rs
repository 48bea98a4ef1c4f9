//! The load balancer, as `[balancer]` says; without the feature `cluster`, none, by the same
//! names.

#[cfg(feature = "cluster")]
mod before;
#[cfg(feature = "cluster")]
pub(crate) use before::start;

#[cfg(not(feature = "cluster"))]
mod absent;
#[cfg(not(feature = "cluster"))]
pub(crate) use absent::start;
