//! Which entry goes when room is needed.
//!
//! A policy sees slots, hashes and sizes; never keys or values. It keeps what
//! it needs to know of each slot in arrays of its own.

mod links;

mod lru;
pub use lru::Lru;

mod sieve;
pub use sieve::Sieve;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Slot;

/// An eviction policy.
///
/// The store calls [`inserted`](Self::inserted) and [`removed`](Self::removed)
/// in turns for each slot, and [`hit`](Self::hit) or
/// [`hit_shared`](Self::hit_shared) only in between. Implementers MUST name a
/// slot that is in use in [`victim`](Self::victim) whenever there is one, and
/// must not call back into the cache.
pub trait Eviction: fmt::Debug + Send + Sync + 'static {
    /// Whether hits are told by [`hit_shared`](Self::hit_shared), so that
    /// readers need not exclude each other. Must never change.
    fn shares_hits(&self) -> bool;

    /// A new entry of `bytes` is in `slot`.
    fn inserted(&mut self, slot: Slot, hash: u64, bytes: u64);

    /// The entry in `slot` was read, or was given another value.
    fn hit(&mut self, slot: Slot);

    /// The entry in `slot` was read while others may read too.
    fn hit_shared(&self, slot: Slot);

    /// The entry in `slot` is gone, for whatever reason.
    fn removed(&mut self, slot: Slot);

    /// The slot to empty next; `None` only if none is in use. The store will
    /// then remove it.
    fn victim(&mut self) -> Option<Slot>;

    /// What the policy takes from the heap, in bytes.
    fn heap_bytes(&self) -> u64;

    /// What knowing slots up to `slots` would add to that, in bytes.
    fn growth_bytes(&self, slots: usize) -> u64;

    /// Forgets every slot.
    fn clear(&mut self);

    /// Recounts its structures and compares with `entries` slots in use.
    ///
    /// # Panics
    /// When something does not add up. For tests.
    fn validate(&self, entries: usize);
}

/// The store's own way to a policy whose type was forgotten.
impl Eviction for Box<dyn Eviction> {
    fn shares_hits(&self) -> bool {
        (**self).shares_hits()
    }

    fn inserted(&mut self, slot: Slot, hash: u64, bytes: u64) {
        (**self).inserted(slot, hash, bytes);
    }

    fn hit(&mut self, slot: Slot) {
        (**self).hit(slot);
    }

    fn hit_shared(&self, slot: Slot) {
        (**self).hit_shared(slot);
    }

    fn removed(&mut self, slot: Slot) {
        (**self).removed(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        (**self).victim()
    }

    fn heap_bytes(&self) -> u64 {
        (**self).heap_bytes()
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        (**self).growth_bytes(slots)
    }

    fn clear(&mut self) {
        (**self).clear();
    }

    fn validate(&self, entries: usize) {
        (**self).validate(entries);
    }
}

/// A policy of your own: its name, and how one is made for each node.
#[derive(Clone)]
pub struct CustomPolicy {
    name: &'static str,
    shares_hits: bool,
    make: Arc<dyn Fn() -> Box<dyn Eviction> + Send + Sync>,
}

impl CustomPolicy {
    /// A policy of which `make` makes one that knows no slot yet.
    pub fn new<P: Eviction>(
        name: &'static str,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        let shares_hits = make().shares_hits();
        Self { name, shares_hits, make: Arc::new(move || Box::new(make())) }
    }

    pub(crate) fn make(&self) -> Box<dyn Eviction> {
        (self.make)()
    }
}

impl fmt::Debug for CustomPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomPolicy").field(&self.name).finish()
    }
}

/// Two are equal if they are copies of one.
impl PartialEq for CustomPolicy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.make, &other.make)
    }
}

impl Eq for CustomPolicy {}

/// The policies that come with the cache, and yours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EvictionPolicy {
    /// The least recently used entry goes; exact. See [`Lru`].
    #[default]
    Lru,
    /// The oldest entry that was not used since it was last looked at goes;
    /// hits share the lock. See [`Sieve`].
    Sieve,
    /// Your own.
    Custom(CustomPolicy),
}

impl EvictionPolicy {
    /// Every policy that comes with the cache, in the order of their
    /// documentation.
    pub const ALL: [Self; 2] = [Self::Lru, Self::Sieve];

    /// The name by which it is configured.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Sieve => "sieve",
            Self::Custom(custom) => custom.name,
        }
    }

    /// Whether its hits share the node's lock.
    pub fn shares_hits(&self) -> bool {
        match self {
            Self::Lru => false,
            Self::Sieve => true,
            Self::Custom(custom) => custom.shares_hits,
        }
    }
}

impl fmt::Display for EvictionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no policy of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no eviction policy '{name}'; there are lru and sieve")]
pub struct UnknownPolicy {
    name: String,
}

impl FromStr for EvictionPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        let known = Self::ALL.into_iter().find(|policy| policy.name() == name);
        known.ok_or_else(|| UnknownPolicy { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_known_by_their_names() {
        for policy in EvictionPolicy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy.clone()));
        }
        let error = "lfu".parse::<EvictionPolicy>().unwrap_err();
        for policy in EvictionPolicy::ALL {
            assert!(error.to_string().contains(policy.name()), "the message lists {policy}");
        }
    }
}
