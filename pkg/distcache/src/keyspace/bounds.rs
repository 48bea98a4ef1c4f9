//! The bounds of one keyspace.

use distcache_manager::{Bound, NodeStatus, TAG_RECORDS_MAX, WAITERS_MAX};

use super::inner::Inner;

impl Inner {
    /// Its bounds: on its nodes, which are as `nodes` say, and before its source
    /// and its store.
    pub(crate) fn bounds(&self, nodes: &[NodeStatus]) -> Vec<Bound> {
        let setup = self.setup.load();
        let mut bounds = self.bounds_on_nodes(nodes, setup.config.flights_max_per_node());
        bounds.push(self.hot.bound());
        bounds.extend(setup.bounds_of_loads(&self.marks.loads));
        bounds.extend(setup.writer.iter().flat_map(|writer| writer.bounds(&self.marks)));
        #[cfg(feature = "cluster")]
        if self.away.is_open() {
            bounds.push(self.passing.bound());
        }
        bounds.into_iter().map(|bound| bound.of(self.cache.name())).collect()
    }

    fn bounds_on_nodes(&self, nodes: &[NodeStatus], flights_max: usize) -> Vec<Bound> {
        let sum = |part: fn(&NodeStatus) -> u64| nodes.iter().map(part).sum::<u64>();
        let most = |part: fn(&NodeStatus) -> u64| nodes.iter().map(part).max().unwrap_or(0);
        let bytes = Bound::new("keyspace_bytes", "bytes", sum(|node| node.capacity_bytes))
            .filled(sum(|node| node.bytes), sum(|node| node.peaks.bytes))
            .reached(sum(|node| node.reached.bytes));
        let value_bytes = Bound::new("value_bytes", "bytes", most(|node| node.value_bytes_max))
            .reached(sum(|node| node.refusals));
        let flights = Bound::new("flights_per_node", "loads", flights_max as u64)
            .filled(most(|node| node.flights), most(|node| node.peaks.flights))
            .reached(sum(|node| node.reached.flights));
        let waiters = Bound::new("waiters_per_load", "callers", WAITERS_MAX as u64)
            .reached(sum(|node| node.reached.waiters));
        let waiters = Bound { peak: Some(most(|node| node.peaks.waiters)), ..waiters };
        let tags = Bound::new("tag_records_per_node", "records", TAG_RECORDS_MAX as u64)
            .filled(most(|node| node.tag_records), most(|node| node.peaks.tag_records))
            .reached(sum(|node| node.reached.tag_records));
        let mut bounds = vec![bytes, value_bytes, flights, waiters, tags];
        bounds.extend(self.bound_of_entries(nodes));
        bounds
    }

    /// `None` if there is none.
    fn bound_of_entries(&self, nodes: &[NodeStatus]) -> Option<Bound> {
        let max = self.setup.load().config.entries_max_or_none()?;
        let sum = |part: fn(&NodeStatus) -> u64| nodes.iter().map(part).sum::<u64>();
        let entries = Bound::new("keyspace_entries", "entries", max);
        let entries = entries.filled(sum(|node| node.entries), sum(|node| node.peaks.entries));
        Some(entries.reached(sum(|node| node.reached.entries)))
    }
}
