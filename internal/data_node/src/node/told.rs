//! What a node tells of itself, and of a key.

use super::DataNode;
use crate::any_store::on_store;
use crate::counters::Counters;
use crate::keyspace::Keyspace;
use crate::{KeyspaceId, NodeStatus, Reached, Trace};

impl DataNode {
    /// What the node tells of itself; the inbox is the mailbox's to tell.
    pub fn status(&self) -> NodeStatus {
        let mut status = NodeStatus { capacity_bytes: self.bytes_max, ..self.own_status() };
        status.bytes = self.removals.heap_bytes();
        for keyspace in self.keyspaces.iter().flatten() {
            add(&mut status, keyspace);
        }
        // Keyspaces may have had their peaks one after the other.
        status.peaks.bytes = self.bytes_peak.max(status.bytes);
        status
    }

    /// What one keyspace has of it; `None` if it is not there.
    pub fn keyspace_status(&self, id: KeyspaceId) -> Option<NodeStatus> {
        let keyspace = self.keyspace(id)?;
        let capacity_bytes = keyspace.limits().bytes;
        let mut status = NodeStatus { capacity_bytes, ..self.own_status() };
        add(&mut status, keyspace);
        Some(status)
    }

    /// What each keyspace has counted.
    pub fn counts(&self) -> impl Iterator<Item = (KeyspaceId, NodeStatus)> {
        self.keyspaces.iter().flatten().map(|keyspace| (keyspace.id, counts_of(keyspace)))
    }

    fn own_status(&self) -> NodeStatus {
        NodeStatus {
            uptime_ms: self.clock.now().as_ms() - self.born.as_ms(),
            sequence: self.sequence,
            epoch: self.epoch.get(),
            ..NodeStatus::default()
        }
    }

    /// What it knows of a key: no use of it. `None` if the keyspace is not there.
    pub fn trace(&self, id: KeyspaceId, hash: u64, key: &[u8]) -> Option<Trace> {
        let (held, removal, flight) = self.keyspace(id)?.trace(hash, key, self.clock.now());
        Some(Trace { held, removal, flight, node_born: self.born })
    }
}

/// Adds what a keyspace has to a status.
fn add(status: &mut NodeStatus, keyspace: &Keyspace) {
    *status = status.plus(&counts_of(keyspace));
    status.entries += keyspace.len() as u64;
    status.entries_max = status.entries_max.saturating_add(keyspace.limits().entries);
    status.bytes += keyspace.bytes();
    status.value_bytes_max = status.value_bytes_max.max(keyspace.limits().value_bytes);
    status.flights += keyspace.flights.len() as u64;
    status.peaks = status.peaks.max(&keyspace.peaks());
    status.tag_records += on_store!(&keyspace.store, store => store.tag_records()) as u64;
}

/// What a keyspace has counted.
fn counts_of(keyspace: &Keyspace) -> NodeStatus {
    let counters: &Counters = on_store!(&keyspace.store, store => &store.counters);
    NodeStatus {
        hits: counters.hits.get(),
        misses: counters.misses.get(),
        inserts: counters.inserts.get(),
        updates: counters.updates.get(),
        deletes: counters.deletes.get(),
        evictions: counters.evictions.get(),
        expirations: counters.expirations.get(),
        invalidations: counters.invalidations.get(),
        refusals: counters.refusals.get(),
        moved_in: counters.moved_in.get(),
        moved_out: counters.moved_out.get(),
        evicted_ages: counters.evicted_ages,
        reached: Reached {
            flights: keyspace.flights.tally.len_reached,
            waiters: keyspace.flights.tally.waiters_reached,
            ..counters.reached
        },
        ..NodeStatus::default()
    }
}
