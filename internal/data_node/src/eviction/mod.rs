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

use crate::Slot;

/// An eviction policy.
///
/// The store calls [`inserted`](Self::inserted) and [`removed`](Self::removed)
/// in turns for each slot, and [`hit`](Self::hit) or
/// [`hit_shared`](Self::hit_shared) only in between. Implementers MUST name a
/// slot that is in use in [`victim`](Self::victim) whenever there is one, and
/// must not call back into the cache.
pub trait Eviction: Send + Sync + 'static {
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

/// The policies that come with the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EvictionPolicy {
    /// The least recently used entry goes; exact. See [`Lru`].
    #[default]
    Lru,
    /// The oldest entry that was not used since it was last looked at goes;
    /// hits share the lock. See [`Sieve`].
    Sieve,
}

impl EvictionPolicy {
    /// Every policy, in the order of their documentation.
    pub const ALL: [Self; 2] = [Self::Lru, Self::Sieve];

    /// The name by which it is configured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Sieve => "sieve",
        }
    }

    /// Whether its hits share the node's lock.
    pub fn shares_hits(self) -> bool {
        match self {
            Self::Lru => false,
            Self::Sieve => true,
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
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        let error = "lfu".parse::<EvictionPolicy>().unwrap_err();
        for policy in EvictionPolicy::ALL {
            assert!(error.to_string().contains(policy.name()), "the message lists {policy}");
        }
    }
}
