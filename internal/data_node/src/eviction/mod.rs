//! Which entry goes when room is needed.
//!
//! A policy sees slots, hashes and sizes; never keys or values. It keeps what
//! it needs to know of each slot in arrays of its own.

mod lines;
mod links;
mod noted;
mod queues;

mod lru;
pub use lru::Lru;

mod ghost;
mod s3_fifo;
pub use s3_fifo::S3Fifo;

mod sieve;
pub use sieve::Sieve;

mod climber;
mod sketch;
mod tiny_lfu;
pub use tiny_lfu::TinyLfu;

mod fifo;
pub use fifo::Fifo;

mod trial;
pub use trial::{Trial, check};

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Slot;

/// Entries that one search for a victim spares at most.
///
/// Policies that spare what was used pay for each step by a use that somebody has
/// made: over time a victim costs no more steps than there were hits. But one
/// search may meet all of them, with the node locked: of a million entries that
/// had all been used, the first took 0.7 s by SIEVE, and 1.4 s by S3-FIFO, on two
/// busy cores. With this bound it is some 3 ms of that. What goes then was used
/// too; but so were as many before it, and it is one entry in so many.
///
/// Where no run of used entries is as long, nothing changes: the traces of the
/// benchmark `hit_ratio` give what they gave without it, to the last digit.
const SPARED_MAX: usize = 4096;

/// An eviction policy.
///
/// The store calls [`inserted`](Self::inserted) and [`removed`](Self::removed)
/// in turns for each slot, and [`hit`](Self::hit), [`hit_shared`](Self::hit_shared)
/// or [`resized`](Self::resized) only in between. Implementers MUST name a slot
/// that is in use in [`victim`](Self::victim) whenever there is one, and must
/// not call back into the cache. [`check`] tries that out.
pub trait Eviction: fmt::Debug + Send + Sync + 'static {
    /// Whether hits are told by [`hit_shared`](Self::hit_shared), so that
    /// readers need not exclude each other. Must never change.
    fn shares_hits(&self) -> bool;

    /// A new entry of `bytes` is in `slot`.
    fn inserted(&mut self, slot: Slot, hash: u64, bytes: u64);

    /// The entry in `slot` takes another number of bytes from now on. Policies
    /// that do not weigh entries need not know; the others would otherwise
    /// reckon with the size of the first value for as long as its key lives.
    fn resized(&mut self, _slot: Slot, _bytes: u64) {}

    /// The entry in `slot` was read, or was given another value.
    fn hit(&mut self, slot: Slot);

    /// The entry in `slot` was read while others may read too.
    fn hit_shared(&self, slot: Slot);

    /// The entry in `slot` is gone, for whatever reason.
    fn removed(&mut self, slot: Slot);

    /// The slot to empty next; `None` only if none is in use. The store will
    /// then remove it, unless it finds that it need not.
    fn victim(&mut self) -> Option<Slot>;

    /// What the policy takes from the heap, in bytes. It MUST grow by nothing but
    /// [`inserted`](Self::inserted), and then by no more than
    /// [`growth_bytes`](Self::growth_bytes) has told of: the store asks for room
    /// before.
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

    fn resized(&mut self, slot: Slot, bytes: u64) {
        (**self).resized(slot, bytes);
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
    /// The oldest entry that was not used twice while it was new, nor since it
    /// was last looked at, goes; hits share the lock. See [`S3Fifo`].
    S3Fifo,
    /// The oldest entry that was not used since it was last looked at goes;
    /// hits share the lock. See [`Sieve`].
    Sieve,
    /// Of a new entry and an old one, the one that was asked for less often
    /// goes. See [`TinyLfu`].
    TinyLfu,
    /// The oldest entry goes; hits share the lock. See [`Fifo`].
    Fifo,
    /// Your own.
    Custom(CustomPolicy),
}

impl EvictionPolicy {
    /// Every policy that comes with the cache, in the order of their
    /// documentation.
    pub const ALL: [Self; 5] = [Self::Lru, Self::S3Fifo, Self::Sieve, Self::TinyLfu, Self::Fifo];

    /// The name by which it is configured.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::S3Fifo => "s3-fifo",
            Self::Sieve => "sieve",
            Self::TinyLfu => "w-tinylfu",
            Self::Fifo => "fifo",
            Self::Custom(custom) => custom.name,
        }
    }

    /// Whether its hits share the node's lock.
    pub fn shares_hits(&self) -> bool {
        match self {
            Self::Lru | Self::TinyLfu => false,
            Self::S3Fifo | Self::Sieve | Self::Fifo => true,
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
#[error("there is no eviction policy '{name}'; there are lru, s3-fifo, sieve, w-tinylfu and fifo")]
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
    use crate::slots::SLOTS_A_SEGMENT;

    fn start(policy: &EvictionPolicy) -> Box<dyn Eviction> {
        match policy {
            EvictionPolicy::Lru => Box::new(Lru::new()),
            EvictionPolicy::S3Fifo => Box::new(S3Fifo::new()),
            EvictionPolicy::Sieve => Box::new(Sieve::new()),
            EvictionPolicy::TinyLfu => Box::new(TinyLfu::new()),
            EvictionPolicy::Fifo => Box::new(Fifo::new()),
            EvictionPolicy::Custom(custom) => custom.make(),
        }
    }

    fn hash(slot: Slot) -> u64 {
        (u64::from(slot.get()) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
    }

    #[test]
    fn policies_are_known_by_their_names() {
        for policy in EvictionPolicy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy.clone()));
            assert_eq!(policy.shares_hits(), start(&policy).shares_hits());
        }
        let error = "lfu".parse::<EvictionPolicy>().unwrap_err();
        for policy in EvictionPolicy::ALL {
            assert!(error.to_string().contains(policy.name()), "the message lists {policy}");
        }
    }

    /// What each policy takes of an entry; the last segments are not full.
    #[test]
    fn growth_is_told_in_advance_and_comes_in_segments() {
        for policy in EvictionPolicy::ALL {
            let mut eviction = start(&policy);
            for first in (0..40 * SLOTS_A_SEGMENT).step_by(SLOTS_A_SEGMENT) {
                let slots = first + SLOTS_A_SEGMENT;
                let told = eviction.heap_bytes() + eviction.growth_bytes(slots);
                for slot in (first..slots).map(Slot::new) {
                    eviction.inserted(slot, hash(slot), 100);
                    assert_eq!(eviction.heap_bytes(), told, "{policy}: slot {slot:?}");
                }
                assert!(eviction.growth_bytes(slots + SLOTS_A_SEGMENT) < 32 * 1024, "{policy}");
            }
            let bytes = eviction.heap_bytes() / (40 * SLOTS_A_SEGMENT as u64);
            let expected = match policy {
                EvictionPolicy::Lru | EvictionPolicy::Fifo => 8,
                EvictionPolicy::Sieve => 9,
                EvictionPolicy::TinyLfu => 20,
                EvictionPolicy::S3Fifo => 23,
                EvictionPolicy::Custom(_) => unreachable!("it is none of all"),
            };
            assert_eq!(bytes, expected, "{policy}: bytes an entry");
        }
    }
}
