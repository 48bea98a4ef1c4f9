//! Making a ring at one go.

use std::num::NonZeroU32;

use crate::placement::Placement;
use crate::ring::Member;
use crate::{HashRing, RingError, RingKey, RingNode};

/// Settings and nodes of a ring to be; from [`HashRing::builder`].
///
/// ```
/// use std::num::NonZeroU32;
/// use distcache_ring::HashRing;
///
/// let big = NonZeroU32::new(3).expect("3 is not zero");
/// let ring = HashRing::builder().node("small").weighted_node("big", big).build()?;
/// assert!(ring.share(&"big") > ring.share(&"small"));
/// # Ok::<(), distcache_ring::RingError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct RingBuilder<N> {
    placement: Placement,
    members: Vec<Member<N>>,
}

impl<N> RingBuilder<N> {
    /// Points per unit of weight. Default:
    /// [`DEFAULT_VIRTUAL_NODES`](crate::DEFAULT_VIRTUAL_NODES), where more is
    /// said.
    pub fn virtual_nodes(mut self, per_weight: NonZeroU32) -> Self {
        self.placement.virtual_nodes = per_weight;
        self
    }

    /// The key under which points are placed. Default: [`RingKey::DEFAULT`].
    pub fn ring_key(mut self, key: RingKey) -> Self {
        self.placement.key = key;
        self
    }

    /// Adds a node of weight 1.
    pub fn node(self, node: N) -> Self {
        self.weighted_node(node, NonZeroU32::MIN)
    }

    /// Adds nodes of weight 1 each.
    pub fn nodes(self, nodes: impl IntoIterator<Item = N>) -> Self {
        nodes.into_iter().fold(self, Self::node)
    }

    /// Adds a node that gets `weight` times the keys of a node of weight 1.
    pub fn weighted_node(mut self, node: N, weight: NonZeroU32) -> Self {
        self.members.push(Member { node, weight });
        self
    }
}

impl<N: RingNode> RingBuilder<N> {
    /// The ring, of whatever nodes were added, even none.
    ///
    /// # Errors
    /// [`Duplicate`](RingError::Duplicate) if a label was added twice,
    /// [`TooManyNodes`](RingError::TooManyNodes) and
    /// [`TooManyPoints`](RingError::TooManyPoints) beyond the bounds.
    pub fn build(self) -> Result<HashRing<N>, RingError> {
        HashRing::assemble(self.placement, self.members)
    }
}

impl<N> Default for RingBuilder<N> {
    fn default() -> Self {
        Self { placement: Placement::default(), members: Vec::new() }
    }
}
