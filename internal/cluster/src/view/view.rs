//! One view of the cluster, complete and unchanging.

use std::collections::BTreeMap;

use serde_json::Value;

use super::placement::Placement;
use super::{ClusterId, Member, MemberId, Roster};

/// Who belongs to the cluster and who owns what, as of one entry of the log.
///
/// Two members that hold views of one cluster and one epoch hold the same view.
#[derive(Debug, Clone)]
pub struct View {
    cluster: ClusterId,
    roster: Roster,
    placement: Placement,
}

impl View {
    /// Of a roster; before a cluster is founded there is none.
    pub fn new(roster: Roster) -> Option<Self> {
        let cluster = roster.cluster?;
        let placement = Placement::of(&roster.members);
        Some(Self { cluster, roster, placement })
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Grows with each view of a cluster; of two clusters it says nothing.
    pub fn epoch(&self) -> u64 {
        self.roster.epoch
    }

    /// Whether the owners of keys have changed once at most since the view of `epoch`.
    ///
    /// A member that keeps what it owned before has to know that it owned it all along:
    ///
    /// 1. A owns a key by view 7, B by view 8, and A again by view 9;
    /// 2. A is behind, and takes 9 after 7: nothing has changed, it seems;
    /// 3. A reports 9, and with that 8 is settled: B, who has not yet taken 9, serves the
    ///    key, and so does A.
    ///
    /// So whoever takes a view that does not follow the one before counts every key as
    /// gained by it, and waits until it is settled.
    pub fn follows(&self, epoch: u64) -> bool {
        self.roster.placed_before <= epoch
    }

    /// The epoch of the first view by which every key has the owner that it has by this
    /// one.
    pub fn placed(&self) -> u64 {
        self.roster.placed
    }

    /// The same of the owners before; 0 if there were none.
    pub fn placed_before(&self) -> u64 {
        self.roster.placed_before
    }

    /// Under which every member hashes keys.
    pub fn hash_key(&self) -> [u8; 16] {
        self.roster.hash_key
    }

    /// In the order in which they came.
    pub fn members(&self) -> &[Member] {
        &self.roster.members
    }

    /// The member of this id.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.roster.member(id)
    }

    /// The settings of each keyspace, by its name.
    pub fn keyspaces(&self) -> &BTreeMap<String, Value> {
        &self.roster.keyspaces
    }

    /// Whether the whole electorate has founded the cluster.
    pub fn was_founded_by_all(&self) -> bool {
        self.roster.complete
    }

    /// The cluster into which this one has dissolved: it has no later view.
    pub fn dissolved(&self) -> Option<ClusterId> {
        self.roster.dissolved
    }

    /// The member that owns the keys of this hash; nobody if all are still joining.
    pub fn owner(&self, hash: u64) -> Option<&Member> {
        self.member(self.placement.owner(hash)?)
    }

    /// The members that hold an entry of this hash if there are to be so many of them: its
    /// owner first, then who would own it next, those in zones first in which it is not yet
    /// held. A member without a zone counts as one in a zone of its own.
    pub fn holders(&self, hash: u64, count: usize) -> Vec<&Member> {
        let next = self.placement.owners(hash).filter_map(|id| self.member(id));
        if self.members().iter().all(|member| member.zone.is_none()) {
            return next.take(count).collect();
        }
        let (mut first, mut others, mut zones) = (Vec::new(), Vec::new(), Vec::new());
        for member in next {
            match member.zone.as_deref() {
                Some(zone) if zones.contains(&zone) => others.push(member),
                zone => {
                    zones.extend(zone);
                    first.push(member);
                }
            }
        }
        first.into_iter().chain(others).take(count).collect()
    }

    /// The member that would own them if the owner were gone.
    pub fn successor(&self, hash: u64) -> Option<&Member> {
        self.member(self.placement.successor(hash)?)
    }
}
