//! A store of each policy, so that a hit is compiled for its policy.

use crate::eviction::{Eviction, EvictionPolicy, Lru, Sieve};
use crate::store::{Limits, Store};

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a keyspace has one store, and never moves it")]
pub(crate) enum AnyStore {
    Lru(Store<Lru>),
    Sieve(Store<Sieve>),
    Custom(Store<Box<dyn Eviction>>),
}

/// Runs the same expression on whichever store there is.
macro_rules! on_store {
    ($any:expr, $store:ident => $run:expr) => {
        match $any {
            $crate::any_store::AnyStore::Lru($store) => $run,
            $crate::any_store::AnyStore::Sieve($store) => $run,
            $crate::any_store::AnyStore::Custom($store) => $run,
        }
    };
}
pub(crate) use on_store;

impl AnyStore {
    pub(crate) fn new(policy: &EvictionPolicy, limits: Limits) -> Self {
        match policy {
            EvictionPolicy::Lru => Self::Lru(Store::new(Lru::new(), limits)),
            EvictionPolicy::Sieve => Self::Sieve(Store::new(Sieve::new(), limits)),
            EvictionPolicy::Custom(custom) => Self::Custom(Store::new(custom.make(), limits)),
        }
    }

    /// The same entries behind another policy. Takes some 100 ns an entry.
    pub(crate) fn with_policy(self, policy: &EvictionPolicy) -> Self {
        on_store!(self, store => match policy {
            EvictionPolicy::Lru => Self::Lru(store.with_policy(Lru::new())),
            EvictionPolicy::Sieve => Self::Sieve(store.with_policy(Sieve::new())),
            EvictionPolicy::Custom(custom) => Self::Custom(store.with_policy(custom.make())),
        })
    }
}
