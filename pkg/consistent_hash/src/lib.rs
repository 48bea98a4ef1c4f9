//! A weighted consistent-hash ring whose lookups take constant time.
//!
//! A [`HashRing`] says which node owns a key. When a node joins, it takes keys
//! from all others in equal measure and no key moves between those; when it
//! leaves, its keys go back to them and no other key moves.
//!
//! A lookup goes:
//!
//! 1. [`KeyHasher`] turns the key into 64 bits, once per request;
//! 2. [`HashRing::owner`] finds the first point at or after that hash,
//!    clockwise, and with it the node that set the point.
//!
//! Step 2 reads one cache line of a table, whatever the size of the ring.
//!
//! ```
//! use distcache_ring::{HashRing, KeyHasher};
//!
//! let ring = HashRing::builder().nodes(["node-0", "node-1", "node-2"]).build()?;
//! let hasher = KeyHasher::new([7; 16]);
//!
//! let hash = hasher.hash(b"user:42");
//! let owner = *ring.owner(hash).expect("a ring with nodes has an owner for every hash");
//!
//! // Another node leaves, and the key stays where it is.
//! let other = *ring.nodes().find(|node| **node != owner).expect("there are three nodes");
//! assert_eq!(ring.without_node(&other)?.owner(hash), Some(&owner));
//! # Ok::<(), distcache_ring::RingError>(())
//! ```
//!
//! # What is the same everywhere
//!
//! Placement is a pure function of the nodes' labels and weights, the
//! [`RingKey`] and the number of virtual nodes: equal on every platform, in
//! every process, in every release of this major version, whatever the order
//! in which nodes came. Virtual node `i` of a node stands at
//!
//! ```text
//! SipHash-1-3(ring key, le64(length of label) ‖ label ‖ le64(i))
//! ```
//!
//! and owns the hashes from behind the point before it up to and including its
//! own. Two virtual nodes at one point: the smaller label has it.
//!
//! Hashing keys and placing points have separate secrets on purpose. Placement
//! must agree between processes, so the ring's key is fixed and public. The
//! key of the [`KeyHasher`] may be drawn at random when a process (or a
//! cluster) starts: then nobody outside can make up keys that all fall to one
//! node, and placement does not change by it.
#![forbid(unsafe_code)]

mod node;
pub use node::RingNode;

mod key_hasher;
pub use key_hasher::KeyHasher;

mod placement;
pub use placement::{DEFAULT_VIRTUAL_NODES, RingKey};

mod ring;
pub use ring::{HashRing, MAX_NODES, MAX_POINTS};

mod builder;
pub use builder::RingBuilder;

mod owners;
pub use owners::Owners;

mod error;
pub use error::RingError;

mod point;
mod shares;
mod table;
