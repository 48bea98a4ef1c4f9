//! Engines of one cluster: each answers for every key.

mod attacks;
mod batches;
mod calls;
mod fleet;
mod herd;
mod hot_keys;
mod keyspaces;
mod members;
mod named;
mod near;
mod outages;
#[cfg(feature = "nats")]
mod over_nats;
mod replicas;
mod runtimes;
mod stores;
#[cfg(feature = "otel")]
mod traces;
mod walks;
mod warm;
