//! Which entry goes when room is needed: policies of your own, and their trial.
//!
//! A policy implements [`Eviction`]; [`CustomPolicy`] makes one for each data
//! node, and [`EvictionPolicy::Custom`] is what
//! [`KeyspaceConfig::eviction`](crate::KeyspaceConfig::eviction) is told. A policy
//! that forgets an entry, or names one that has gone, harms the keyspace that it
//! serves: so let a test of yours [`check`] it, and show what it is for by a
//! [`Trial`], step by step.
//!
//! ```
//! use distcache::policy::{CustomPolicy, Eviction, Slot, Trial, check};
//!
//! /// The newest entry goes: for loops that are longer than the cache.
//! #[derive(Debug, Default)]
//! struct Newest(Vec<Slot>);
//!
//! impl Eviction for Newest {
//!     fn shares_hits(&self) -> bool {
//!         true
//!     }
//!     fn inserted(&mut self, slot: Slot, _hash: u64, _bytes: u64) {
//!         self.0.push(slot);
//!     }
//!     fn hit(&mut self, _slot: Slot) {}
//!     fn hit_shared(&self, _slot: Slot) {}
//!     fn removed(&mut self, slot: Slot) {
//!         self.0.retain(|held| *held != slot);
//!     }
//!     fn victim(&mut self) -> Option<Slot> {
//!         self.0.last().copied()
//!     }
//!     fn heap_bytes(&self) -> u64 {
//!         (self.0.capacity() * size_of::<Slot>()) as u64
//!     }
//!     fn growth_bytes(&self, slots: usize) -> u64 {
//!         // As a vector grows: to twice its size, and from nothing to four.
//!         let capacity = slots.next_power_of_two().max(4).saturating_sub(self.0.capacity());
//!         (capacity * size_of::<Slot>()) as u64
//!     }
//!     fn clear(&mut self) {
//!         self.0.clear();
//!     }
//!     fn validate(&self, entries: usize) {
//!         assert_eq!(self.0.len(), entries, "every entry is in the list");
//!     }
//! }
//!
//! check(&CustomPolicy::new("newest", Newest::default));
//!
//! let mut trial = Trial::new(Newest::default());
//! let [old, new] = [1, 2].map(|hash| trial.insert(hash, 100));
//! trial.hit(old);
//! assert_eq!(trial.drain(), [new, old]);
//! ```

pub use distcache_manager::Slot;
pub use distcache_manager::eviction::{CustomPolicy, Eviction, EvictionPolicy, Trial, check};
