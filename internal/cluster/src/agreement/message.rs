//! What members say to each other, as JSON: little traffic, readable, and fields can be
//! added.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use super::bequest::Bequest;
use super::bounds;
use super::log::Types;
use crate::lease::ledger::{Renewal, Verdict};
use crate::view::{Address, Change, ClusterId, Member, MemberId, MemberState, Outcome};

/// A longer message is not read. The longest are 64 entries of the log with a keyspace's
/// settings each, and a part of a snapshot (`SNAPSHOT_PART_BYTES`) as numbers in JSON.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// A snapshot goes in parts of so many bytes.
pub(super) const SNAPSHOT_PART_BYTES: u64 = 1 << 20;

/// A question, and what is said before it.
#[derive(Debug, Serialize)]
pub(super) struct Letter<'a> {
    /// The name of the cluster.
    name: &'a str,
    /// The protocol versions that the sender speaks.
    oldest: u32,
    newest: u32,
    question: &'a Question,
}

/// What every question says first, so that strangers are told so before anything else. The
/// question is passed over until name and version fit: of another version it may be
/// anything.
#[derive(Debug, Deserialize)]
struct Head {
    name: String,
    oldest: u32,
    newest: u32,
}

/// The same letter, when they do.
#[derive(Debug, Deserialize)]
struct Body {
    question: Question,
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Question {
    /// Who is there?
    Probe { asker: MemberId },
    /// Be in the cluster that I found, and in no other.
    Promise { cluster: ClusterId },
    /// That founding has failed.
    Release { cluster: ClusterId },
    /// I lead a cluster without a view: which keyspaces, after this one, had your last?
    Bequest { after: Option<String> },
    /// Take me in.
    Join { cluster: ClusterId, member: Member },
    /// To the leader: have this agreed upon.
    Propose { cluster: ClusterId, change: Change },
    /// To the leader: my lease is given up; let me go.
    Depart { cluster: ClusterId, member: MemberId },
    /// To the leader: a lease, please.
    Renew { cluster: ClusterId, renewal: Renewal },
    /// Of the log.
    Append { way: Way, rpc: AppendEntriesRequest<Types> },
    /// Of the log.
    Vote { way: Way, rpc: VoteRequest<MemberId> },
    /// Of the log.
    Snapshot { way: Way, rpc: InstallSnapshotRequest<Types> },
}

/// Whose log, and which member of it: at the same address there may be another by now.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) cluster: ClusterId,
    pub(super) to: MemberId,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Here {
        id: MemberId,
        whereabouts: Whereabouts,
    },
    /// To a founder: this is who will be in it.
    Promised {
        id: MemberId,
        peer: Peer,
    },
    Bequest {
        bequest: Bequest,
    },
    /// It is done, or was already.
    Done,
    /// It is begun; ask again.
    Pending,
    Agreed {
        outcome: Outcome,
    },
    Verdict {
        verdict: Verdict,
    },
    Append {
        answer: AppendEntriesResponse<MemberId>,
    },
    Vote {
        answer: VoteResponse<MemberId>,
    },
    Snapshot {
        answer: InstallSnapshotResponse<MemberId>,
    },
    /// The one who was asked cannot.
    Refused {
        why: Refusal,
    },
}

/// Where a process stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whereabouts {
    /// In no cluster.
    Outside,
    /// It has promised, or is about to join.
    Entering,
    /// In a cluster of which it has heard nothing for too long.
    Lost { cluster: ClusterId },
    /// In a cluster.
    Inside {
        cluster: ClusterId,
        epoch: u64,
        size: usize,
        /// Where its leader is, if it has one.
        leader: Option<Address>,
        /// Whether the one who asks is in it.
        knows_you: bool,
    },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    #[error("it belongs to the cluster named {name:?}")]
    OtherName { name: String },
    #[error("it speaks the protocol's versions {oldest} to {newest}")]
    OtherVersion { oldest: u32, newest: u32 },
    #[error("it could not read the message: {why}")]
    Unreadable { why: String },
    #[error("it is not in that cluster")]
    NotInside,
    #[error("it does not lead that cluster")]
    NotLeading,
    #[error("it has promised to be elsewhere")]
    Busy,
    #[error("it failed: {why}")]
    Failed { why: String },
}

/// What the log needs to know of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) address: Address,
    pub(super) weight: NonZeroU32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    /// The epoch of the last view that it has taken.
    #[serde(default)]
    pub(super) seen: u64,
}

/// The log wants one; nobody is reached there.
impl Default for Peer {
    fn default() -> Self {
        Self { address: Address::default(), weight: NonZeroU32::MIN, zone: None, seen: 0 }
    }
}

impl Peer {
    pub(super) fn member(&self, id: MemberId, state: MemberState) -> Member {
        let Self { address, weight, zone, seen } = self.clone();
        Member { id, address, weight, zone, seen, state }
    }
}

impl From<&Member> for Peer {
    fn from(member: &Member) -> Self {
        let Member { id: _, address, weight, zone, seen, state: _ } = member.clone();
        Self { address, weight, zone, seen }
    }
}

impl Letter<'_> {
    /// The question as bytes.
    pub(super) fn seal(name: &str, speaks: &RangeInclusive<u32>, question: &Question) -> Bytes {
        let (oldest, newest) = (*speaks.start(), *speaks.end());
        let letter = Letter { name, oldest, newest, question };
        serde_json::to_vec(&letter).expect("our own types are JSON").into()
    }

    /// The question, if its sender is of our cluster and speaks as we do.
    pub(super) fn open(
        name: &str,
        speaks: &RangeInclusive<u32>,
        message: &[u8],
    ) -> Result<Question, Refusal> {
        let unreadable = |why: String| Refusal::Unreadable { why };
        let not_json = |error: serde_json::Error| unreadable(error.to_string());
        if MESSAGE_BYTES_MAX < message.len() {
            return Err(unreadable(format!("it has more than {MESSAGE_BYTES_MAX} bytes")));
        }
        let head: Head = serde_json::from_slice(message).map_err(not_json)?;
        if head.name != name {
            return Err(Refusal::OtherName { name: name.to_owned() });
        }
        if head.newest < *speaks.start() || *speaks.end() < head.oldest {
            let (oldest, newest) = (*speaks.start(), *speaks.end());
            return Err(Refusal::OtherVersion { oldest, newest });
        }
        bounds::of_message(message).map_err(unreadable)?;
        let Body { question } = serde_json::from_slice(message).map_err(not_json)?;
        bounds::of_question(&question).map_err(unreadable)?;
        Ok(question)
    }
}

impl Answer {
    pub(super) fn seal(&self) -> Bytes {
        serde_json::to_vec(self).expect("our own types are JSON").into()
    }

    /// Whatever cannot be read is a refusal.
    pub(super) fn open(message: &[u8]) -> Self {
        let unreadable = |why| Self::from(Refusal::Unreadable { why });
        if let Err(why) = bounds::of_message(message) {
            return unreadable(why);
        }
        let not_json = |error| unreadable(format!("the answer is not JSON: {error}"));
        serde_json::from_slice(message).unwrap_or_else(not_json)
    }
}

impl From<Refusal> for Answer {
    fn from(why: Refusal) -> Self {
        Self::Refused { why }
    }
}
