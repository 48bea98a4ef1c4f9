//! How the capacity is divided over the nodes.

use distcache_node::Limits;
use distcache_ring::HashRing;

use crate::NodeId;
use crate::config::{Config, ConfigError, NODE_BYTES_MIN, VALUE_BYTES_MAX};

/// The process's limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    bytes: u64,
    entries: Option<u64>,
    value_bytes: Option<u64>,
}

impl Budget {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            bytes: config.capacity_bytes,
            entries: config.entries_max,
            value_bytes: config.value_bytes_max,
        }
    }

    /// Each node's limits, in the ring's order, by its share of the ring: a
    /// node that owns a tenth more of the keys gets a tenth more of the bytes.
    /// Their sum is at most the whole.
    pub(crate) fn divide(&self, ring: &HashRing<NodeId>) -> Result<Vec<Limits>, ConfigError> {
        let shares = ring.shares();
        let bytes = parts(self.bytes, &shares);
        let smallest = bytes.iter().copied().min().unwrap_or(0);
        if smallest < NODE_BYTES_MIN {
            return Err(ConfigError::Capacity { share: smallest });
        }
        let value_bytes = self.value_bytes(smallest / 4)?;
        let entries = self.entries(&shares)?;
        let limits = |(bytes, entries)| Limits { bytes, entries, value_bytes };
        Ok(bytes.into_iter().zip(entries).map(limits).collect())
    }

    fn entries(&self, shares: &[f64]) -> Result<Vec<u64>, ConfigError> {
        let Some(whole) = self.entries else { return Ok(vec![u64::MAX; shares.len()]) };
        let entries = parts(whole, shares);
        if entries.contains(&0) {
            return Err(ConfigError::Entries { entries: whole, nodes: shares.len() });
        }
        Ok(entries)
    }

    fn value_bytes(&self, quarter: u64) -> Result<u64, ConfigError> {
        match self.value_bytes {
            Some(value) if quarter < value => Err(ConfigError::Value { value, quarter }),
            Some(value) => Ok(value),
            None => Ok(VALUE_BYTES_MAX.min(quarter)),
        }
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

    fn budget(bytes: u64, entries: Option<u64>, value_bytes: Option<u64>) -> Budget {
        Budget { bytes, entries, value_bytes }
    }

    #[test]
    fn the_parts_are_the_whole() {
        for nodes in [1, 3, 8, 32] {
            let limits = budget(256 << 20, Some(10_000), None).divide(&ring(nodes)).unwrap();
            let bytes: u64 = limits.iter().map(|limits| limits.bytes).sum();
            let entries: u64 = limits.iter().map(|limits| limits.entries).sum();
            assert_eq!((bytes, entries), (256 << 20, 10_000));
        }
    }

    #[test]
    fn the_largest_value_fits_a_quarter_of_the_smallest_share_by_default() {
        let limits = budget(256 << 20, None, None).divide(&ring(4)).unwrap();
        assert!(limits.iter().all(|limits| limits.value_bytes == VALUE_BYTES_MAX));
        let limits = budget(16 << 20, None, None).divide(&ring(4)).unwrap();
        assert!(limits.iter().all(|each| each.value_bytes * 4 <= each.bytes));
    }

    #[test]
    fn a_larger_one_is_refused_with_both_numbers() {
        let error = budget(16 << 20, None, Some(2 << 20)).divide(&ring(4)).unwrap_err();
        let ConfigError::Value { value, quarter } = error else { panic!("{error}") };
        assert!(quarter < value);
        let message = error.to_string();
        assert!(message.contains(&value.to_string()) && message.contains(&quarter.to_string()));
    }

    #[test]
    fn too_little_for_the_nodes_is_refused() {
        let error = budget(1 << 20, None, None).divide(&ring(4)).unwrap_err();
        assert!(matches!(error, ConfigError::Capacity { .. }), "{error}");
        let error = budget(256 << 20, Some(3), None).divide(&ring(4)).unwrap_err();
        assert!(matches!(error, ConfigError::Entries { entries: 3, nodes: 4 }), "{error}");
    }
}
