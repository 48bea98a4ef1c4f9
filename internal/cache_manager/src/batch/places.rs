//! The keys of a batch, sorted by their owners.

use std::ops::Range;
use std::sync::Arc;

use crate::handle::NodeHandle;
use crate::routing::Routing;

/// Keys that one batch touches under one lock: others wait no longer for it
/// than some tens of microseconds.
const KEYS_A_LOCK: usize = 128;

/// Where in a call the keys of each owner are.
pub(super) struct Places {
    /// Those of one owner after those of another; of one, in the order of the call.
    sorted: Vec<usize>,
    /// For each node, where in `sorted` its own end.
    ends: Vec<usize>,
}

impl Places {
    /// Sorts by counting: hashes are many, and nodes few.
    pub(super) fn of(routing: &Routing, hashes: &[u64]) -> Self {
        let owners: Vec<usize> = hashes.iter().map(|hash| routing.owner_index(*hash)).collect();
        let mut ends = vec![0; routing.nodes.len()];
        for &owner in &owners {
            ends[owner] += 1;
        }
        // Where those of each begin, and, when all are placed, end.
        let mut begin = 0;
        for end in &mut ends {
            begin += std::mem::replace(end, begin);
        }
        let mut sorted = vec![0; hashes.len()];
        for (at, owner) in owners.into_iter().enumerate() {
            sorted[ends[owner]] = at;
            ends[owner] += 1;
        }
        Self { sorted, ends }
    }

    /// All places, sorted by owner.
    pub(super) fn sorted(&self) -> &[usize] {
        &self.sorted
    }

    /// For each node, and each [`KEYS_A_LOCK`] keys of it, where among the sorted
    /// places these are.
    pub(super) fn parts<'a>(
        &'a self,
        routing: &'a Routing,
    ) -> impl Iterator<Item = (&'a Arc<NodeHandle>, Range<usize>)> {
        let mut begin = 0;
        routing.nodes.iter().zip(&self.ends).flat_map(move |(node, &end)| {
            let begins = (std::mem::replace(&mut begin, end)..end).step_by(KEYS_A_LOCK);
            begins.map(move |begin| (node, begin..end.min(begin + KEYS_A_LOCK)))
        })
    }
}
