//! A store of each policy, so that a hit is compiled for its policy.

use crate::eviction::{Eviction, EvictionPolicy, Fifo, Lru, S3Fifo, Sieve, TinyLfu};
use crate::removals::RemovalLog;
use crate::store::{Limits, Store};

#[derive(Debug)]
pub(crate) enum AnyStore {
    Lru(Store<Lru>),
    S3Fifo(Store<S3Fifo>),
    Sieve(Store<Sieve>),
    TinyLfu(Store<TinyLfu>),
    Fifo(Store<Fifo>),
    Custom(Store<Box<dyn Eviction>>),
}

/// Runs the same expression on whichever store there is.
macro_rules! on_store {
    ($any:expr, $store:ident => $run:expr) => {
        match $any {
            $crate::any_store::AnyStore::Lru($store) => $run,
            $crate::any_store::AnyStore::S3Fifo($store) => $run,
            $crate::any_store::AnyStore::Sieve($store) => $run,
            $crate::any_store::AnyStore::TinyLfu($store) => $run,
            $crate::any_store::AnyStore::Fifo($store) => $run,
            $crate::any_store::AnyStore::Custom($store) => $run,
        }
    };
}
pub(crate) use on_store;

impl AnyStore {
    pub(crate) fn new(policy: &EvictionPolicy, limits: Limits, log: RemovalLog) -> Self {
        match policy {
            EvictionPolicy::Lru => Self::Lru(Store::new(Lru::new(), limits, log)),
            EvictionPolicy::S3Fifo => Self::S3Fifo(Store::new(S3Fifo::new(), limits, log)),
            EvictionPolicy::Sieve => Self::Sieve(Store::new(Sieve::new(), limits, log)),
            EvictionPolicy::TinyLfu => Self::TinyLfu(Store::new(TinyLfu::new(), limits, log)),
            EvictionPolicy::Fifo => Self::Fifo(Store::new(Fifo::new(), limits, log)),
            EvictionPolicy::Custom(custom) => Self::Custom(Store::new(custom.make(), limits, log)),
        }
    }

    /// The same entries behind another policy. Goes through all of them.
    pub(crate) fn with_policy(self, policy: &EvictionPolicy) -> Self {
        on_store!(self, store => match policy {
            EvictionPolicy::Lru => Self::Lru(store.with_policy(Lru::new())),
            EvictionPolicy::S3Fifo => Self::S3Fifo(store.with_policy(S3Fifo::new())),
            EvictionPolicy::Sieve => Self::Sieve(store.with_policy(Sieve::new())),
            EvictionPolicy::TinyLfu => Self::TinyLfu(store.with_policy(TinyLfu::new())),
            EvictionPolicy::Fifo => Self::Fifo(store.with_policy(Fifo::new())),
            EvictionPolicy::Custom(custom) => Self::Custom(store.with_policy(custom.make())),
        })
    }
}
