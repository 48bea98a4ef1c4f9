//! What nodes have counted, by keyspace.

use distcache_node::{KeyspaceId, NodeStatus};

/// The counts of each keyspace, in its place: as many places as there were
/// keyspaces at once. Those of a keyspace that was removed go with the next one
/// that has its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tallies {
    places: Vec<Option<(KeyspaceId, NodeStatus)>>,
}

impl Tallies {
    /// Takes over what a keyspace has counted by now.
    pub(crate) fn set(&mut self, id: KeyspaceId, counts: &NodeStatus) {
        let index = usize::from(id.index);
        self.places.resize(self.places.len().max(index + 1), None);
        self.places[index] = Some((id, *counts));
    }

    /// Adds what a keyspace has counted elsewhere.
    fn add(&mut self, id: KeyspaceId, counts: &NodeStatus) {
        let held = self.places.get(usize::from(id.index)).copied().flatten();
        match held {
            Some((held, sum)) if held == id => self.set(id, &sum.plus(counts)),
            Some((held, _)) if id.generation < held.generation => {}
            _ => self.set(id, counts),
        }
    }

    /// These counts and others.
    pub(crate) fn with(&self, others: &Self) -> Self {
        let mut sum = self.clone();
        others.places.iter().flatten().for_each(|(id, counts)| sum.add(*id, counts));
        sum
    }

    /// What one keyspace has counted.
    pub(crate) fn of(&self, id: KeyspaceId) -> NodeStatus {
        let held = self.places.get(usize::from(id.index)).copied().flatten();
        held.filter(|(held, _)| *held == id).map(|(_, counts)| counts).unwrap_or_default()
    }

    /// What all of them have counted.
    pub(crate) fn total(&self) -> NodeStatus {
        let each = self.places.iter().flatten();
        each.fold(NodeStatus::default(), |sum, (_, counts)| sum.plus(counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u16, generation: u32) -> KeyspaceId {
        KeyspaceId { index, generation }
    }

    fn hits(hits: u64) -> NodeStatus {
        NodeStatus { hits, ..NodeStatus::default() }
    }

    #[test]
    fn sums_are_of_each_keyspace_and_a_new_one_has_none_of_the_one_before() {
        let (mut one, mut other) = (Tallies::default(), Tallies::default());
        one.set(id(0, 0), &hits(1));
        one.set(id(2, 0), &hits(2));
        other.set(id(2, 0), &hits(3));
        other.set(id(0, 1), &hits(4));
        for sum in [one.with(&other), other.with(&one)] {
            assert_eq!(sum.of(id(2, 0)), hits(5));
            assert_eq!(sum.of(id(0, 1)), hits(4));
            assert_eq!(sum.of(id(0, 0)), hits(0), "it was removed");
            assert_eq!(sum.of(id(9, 0)), hits(0), "it was never here");
            assert_eq!(sum.total(), hits(9));
        }
    }
}
