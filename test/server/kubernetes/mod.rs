//! The manifests for Kubernetes: that they are what Kubernetes takes, that they agree with
//! each other and with this program, and that pods made of them are one cluster.

mod agreement;
mod guide;
mod manifests;
#[cfg(feature = "kubernetes")]
mod pods;
mod schema;
