//! Who the members are.

use std::num::NonZeroU32;

pub use distcache_cluster::MemberState;
use distcache_cluster::{ClusterId, MemberId};

use super::Away;
use super::start::Part;
use crate::{Event, Keyspace};

/// The cluster, as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Members {
    /// The cluster, from its founding to its end; `None` outside of one. Versions of
    /// different clusters have nothing to do with each other.
    pub cluster: Option<ClusterId>,
    /// This process; it has another id in each cluster that it enters.
    pub me: Option<MemberId>,
    /// Where others reach this process.
    pub address: String,
    /// The epoch of the view that this process works by; 0 outside of a cluster.
    pub epoch: u64,
    /// Whom it holds for the leader.
    pub leader: Option<MemberId>,
    /// Whether this process may serve from its cache.
    pub has_lease: bool,
    /// Whether it counts to the majority that others need. Whoever restarts one process
    /// after the other waits for this before the next.
    pub weighs: bool,
    /// Everybody, in the order in which they came.
    pub members: Vec<Member>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Of this stay in this cluster.
    pub id: MemberId,
    /// Where others reach it.
    pub address: String,
    /// What it does.
    pub state: MemberState,
    /// How much of the keys it owns beside the others.
    pub weight: NonZeroU32,
    /// Where it stands.
    pub zone: Option<String>,
}

impl From<&distcache_cluster::Member> for Member {
    fn from(member: &distcache_cluster::Member) -> Self {
        Self {
            id: member.id,
            address: member.address.as_str().to_owned(),
            state: member.state,
            weight: member.weight,
            zone: member.zone.clone(),
        }
    }
}

/// What has become of members between two views.
pub(super) fn changes(before: &[Member], now: &[Member]) -> Vec<Event> {
    let of = |all: &[Member], id| all.iter().find(|member| member.id == id).cloned();
    let left = before.iter().filter(|member| of(now, member.id).is_none());
    let left = left.map(|member| Event::MemberLeft { member: member.clone() });
    let there = now.iter().filter_map(|member| {
        let member = member.clone();
        match of(before, member.id) {
            None => Some(Event::MemberJoined { member }),
            Some(known) if known != member => Some(Event::MemberChanged { member }),
            Some(_) => None,
        }
    });
    left.chain(there).collect()
}

/// Whether a member has gone with what it held: one that drains hands that over.
pub(super) fn is_loss(change: &Event) -> bool {
    matches!(change, Event::MemberLeft { member } if member.state == MemberState::Active)
}

impl Away {
    /// Who the members are; `None` of an engine that is none.
    pub(crate) fn members(&self) -> Option<Members> {
        self.part().map(|part| part.members())
    }

    /// The cluster that this process works in; `None` outside of one.
    pub(crate) fn cluster_id(&self) -> Option<ClusterId> {
        self.part()?.holding().map(|holding| holding.view().cluster())
    }
}

impl Keyspace {
    /// The member that owns a key, if that is another than this one; `None` also outside of
    /// a cluster. It is as of now: the next view may give the key to somebody else.
    pub fn other_owner(&self, key: &[u8]) -> Option<MemberId> {
        let holding = self.inner.away.part()?.holding()?;
        holding.other_owner(&self.inner.cache, key)
    }
}

impl Part {
    fn members(&self) -> Members {
        let agreement = self.cluster.agreement();
        let holding = self.holding();
        let members = holding.as_ref().map(|holding| holding.view().members());
        Members {
            cluster: holding.as_ref().map(|holding| holding.view().cluster()),
            me: agreement.id(),
            address: self.address.to_string(),
            epoch: self.cluster.epoch(),
            leader: agreement.leader(),
            has_lease: holding.as_ref().is_some_and(|holding| holding.has_lease()),
            weighs: agreement.weighs(),
            members: members.unwrap_or_default().iter().map(Member::from).collect(),
        }
    }
}
