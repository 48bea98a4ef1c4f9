//! How the capacity is divided over the nodes.

use distcache_node::Limits;
use distcache_ring::HashRing;

use crate::config::{Config, ConfigError, NODE_BYTES_MIN, VALUE_BYTES_MAX};
use crate::{KeyspaceSpec, NodeId};

/// What the process may hold, divided over its nodes by their shares of the
/// ring: a node that owns a tenth more of the keys gets a tenth more of the
/// bytes. The parts are in the ring's order, and add up to the whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    bytes: u64,
}

impl Budget {
    pub(crate) fn of(config: &Config) -> Self {
        Self { bytes: config.capacity_bytes.saturating_sub(config.near_bytes) }
    }

    /// What all keyspaces together may take on each node.
    pub(crate) fn divide(self, ring: &HashRing<NodeId>) -> Result<Vec<u64>, ConfigError> {
        enough(parts(self.bytes, &ring.shares()))
    }

    /// What one keyspace may take on each node.
    pub(crate) fn divide_keyspace(
        self,
        ring: &HashRing<NodeId>,
        spec: &KeyspaceSpec,
    ) -> Result<Vec<Limits>, ConfigError> {
        let shares = ring.shares();
        let whole = spec.bytes_max.map_or(self.bytes, |bytes| bytes.min(self.bytes));
        let bytes = enough(parts(whole, &shares))?;
        let quarter = bytes.iter().copied().min().unwrap_or(0) / 4;
        let value_bytes = value_bytes(spec.value_bytes_max, quarter)?;
        let entries = entries(spec.entries_max, &shares)?;
        let limits = |(bytes, entries)| Limits { bytes, entries, value_bytes };
        Ok(bytes.into_iter().zip(entries).map(limits).collect())
    }
}

/// Refuses parts of which one would hold more tables than values.
fn enough(parts: Vec<u64>) -> Result<Vec<u64>, ConfigError> {
    let share = parts.iter().copied().min().unwrap_or(0);
    if share < NODE_BYTES_MIN { Err(ConfigError::Capacity { share }) } else { Ok(parts) }
}

fn entries(whole: Option<u64>, shares: &[f64]) -> Result<Vec<u64>, ConfigError> {
    let Some(whole) = whole else { return Ok(vec![u64::MAX; shares.len()]) };
    let entries = parts(whole, shares);
    if entries.contains(&0) {
        return Err(ConfigError::Entries { entries: whole, nodes: shares.len() });
    }
    Ok(entries)
}

fn value_bytes(asked: Option<u64>, quarter: u64) -> Result<u64, ConfigError> {
    match asked {
        Some(value) if quarter < value => Err(ConfigError::Value { value, quarter }),
        Some(value) => Ok(value),
        None => Ok(VALUE_BYTES_MAX.min(quarter)),
    }
}

/// The whole divided by shares that add up to one. What is left by rounding goes
/// to the next part, so that nothing is lost.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1, and a byte in 2^53 does not matter"
)]
fn parts(whole: u64, shares: &[f64]) -> Vec<u64> {
    let (mut share_given, mut given) = (0.0, 0);
    let part = |share: &f64| {
        share_given += share;
        let until = ((whole as f64 * share_given).round() as u64).clamp(given, whole);
        until - std::mem::replace(&mut given, until)
    };
    shares.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(nodes: u32) -> HashRing<NodeId> {
        HashRing::builder().nodes((0..nodes).map(NodeId)).build().unwrap()
    }

    fn divide(
        bytes: u64,
        entries_max: Option<u64>,
        value_bytes_max: Option<u64>,
        nodes: u32,
    ) -> Result<Vec<Limits>, ConfigError> {
        let spec = KeyspaceSpec { entries_max, value_bytes_max, ..KeyspaceSpec::default() };
        Budget { bytes }.divide_keyspace(&ring(nodes), &spec)
    }

    #[test]
    fn the_parts_are_the_whole() {
        for nodes in [1, 3, 8, 32] {
            let limits = divide(256 << 20, Some(10_000), None, nodes).unwrap();
            let bytes: u64 = limits.iter().map(|limits| limits.bytes).sum();
            let entries: u64 = limits.iter().map(|limits| limits.entries).sum();
            assert_eq!((bytes, entries), (256 << 20, 10_000));
        }
    }

    #[test]
    fn the_largest_value_fits_a_quarter_of_the_smallest_share_by_default() {
        let limits = divide(256 << 20, None, None, 4).unwrap();
        assert!(limits.iter().all(|limits| limits.value_bytes == VALUE_BYTES_MAX));
        let limits = divide(16 << 20, None, None, 4).unwrap();
        assert!(limits.iter().all(|each| each.value_bytes * 4 <= each.bytes));
    }

    #[test]
    fn a_keyspace_has_its_part_of_its_own_limit_and_never_more_than_the_process() {
        for (asked, whole) in [(8 << 20, 8 << 20), (1 << 40, 64 << 20)] {
            let spec = KeyspaceSpec { bytes_max: Some(asked), ..KeyspaceSpec::default() };
            let limits = Budget { bytes: 64 << 20 }.divide_keyspace(&ring(4), &spec).unwrap();
            assert_eq!(limits.iter().map(|limits| limits.bytes).sum::<u64>(), whole);
        }
    }

    #[test]
    fn a_larger_one_is_refused_with_both_numbers() {
        let error = divide(16 << 20, None, Some(2 << 20), 4).unwrap_err();
        let ConfigError::Value { value, quarter } = error else { panic!("{error}") };
        assert!(quarter < value);
        let message = error.to_string();
        assert!(message.contains(&value.to_string()) && message.contains(&quarter.to_string()));
    }

    #[test]
    fn too_little_for_the_nodes_is_refused() {
        let error = divide(1 << 20, None, None, 4).unwrap_err();
        assert!(matches!(error, ConfigError::Capacity { .. }), "{error}");
        let error = divide(256 << 20, Some(3), None, 4).unwrap_err();
        assert!(matches!(error, ConfigError::Entries { entries: 3, nodes: 4 }), "{error}");
    }
}
