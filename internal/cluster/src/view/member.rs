//! One member.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Address, MemberId};

/// The longest name of where a member stands, in bytes: it is in every snapshot.
pub const ZONE_BYTES_MAX: usize = 256;

/// A process that belongs to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Of this stay in this cluster.
    pub id: MemberId,
    /// Where the others reach it.
    pub address: Address,
    /// How much of the keys it owns, beside the others' weights.
    pub weight: NonZeroU32,
    /// Where it stands: a rack, a data centre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The epoch of the last view that its process has taken, in whatever cluster; 0
    /// before the first. A process counts its views on from cluster to cluster, so that
    /// no version that it gives is like one that it gave before.
    #[serde(default)]
    pub seen: u64,
    /// What it does.
    pub state: MemberState,
}

/// What a member does. One that is gone is not in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It follows the log, and owns nothing yet.
    Joining,
    /// It owns keys.
    Active,
    /// It is about to leave. It owns its keys until it has, so that each key has an
    /// owner while entries are handed over.
    Draining,
}

impl MemberState {
    /// Whether keys have such a member as their owner.
    pub fn owns(self) -> bool {
        match self {
            Self::Joining => false,
            Self::Active | Self::Draining => true,
        }
    }
}
