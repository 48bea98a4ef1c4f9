//! The cluster that the engine is one of, if it is.

mod view;
pub(crate) use view::{Member, Members};

use distcache::{Engine, Keyspace, MemberState};

use crate::etag::Tagger;

/// Who the members are; `None` of an engine that is alone.
pub(crate) fn members(engine: &Engine) -> Option<Members> {
    engine.members().map(Members::of)
}

/// The id of this process; `None` outside of a cluster.
pub(crate) fn me(engine: &Engine) -> Option<String> {
    engine.members()?.me.map(|id| id.to_string())
}

/// The id of the member that owns a key, if that is another than this process.
pub(crate) fn other_owner(keyspace: &Keyspace, key: &[u8]) -> Option<String> {
    keyspace.other_owner(key).map(|id| id.to_string())
}

/// Who marks tags; `None` outside of a cluster.
///
/// The upper half of the cluster's id, which is random in all its bits: who knows the
/// one knows the other, and nobody else is told of either.
pub(crate) fn tagger(engine: &Engine) -> Option<Tagger> {
    let [upper @ .., _, _, _, _, _, _, _, _] = engine.cluster_id()?.number().to_be_bytes();
    Some(Tagger::of(u64::from_be_bytes(upper)))
}

impl From<distcache::Member> for Member {
    fn from(member: distcache::Member) -> Self {
        Self {
            id: member.id.to_string(),
            address: member.address,
            state: match member.state {
                MemberState::Joining => "joining",
                MemberState::Active => "active",
                MemberState::Draining => "draining",
            },
            weight: member.weight.get(),
            zone: member.zone,
        }
    }
}

impl Members {
    fn of(members: distcache::Members) -> Self {
        Self {
            mode: "node",
            cluster: members.cluster.map(|id| id.to_string()),
            me: members.me.map(|id| id.to_string()),
            address: Some(members.address),
            epoch: members.epoch,
            leader: members.leader.map(|id| id.to_string()),
            has_lease: members.has_lease,
            weighs: members.weighs,
            all: members.members.into_iter().map(Member::from).collect(),
        }
    }
}
