//! What is agreed upon: one change of the roster after the other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClusterId, Member, MemberId};

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The first: these are the members, all of them active.
    Found {
        /// The cluster's id.
        cluster: ClusterId,
        /// Under which all of them hash keys.
        hash_key: [u8; 16],
        /// Who promised to be there.
        members: Vec<Member>,
        /// Whether that is the whole electorate.
        complete: bool,
    },
    /// A process comes in; it is [`Joining`](super::MemberState::Joining).
    Join(Member),
    /// A member that has caught up becomes an owner.
    Activate(MemberId),
    /// A member is about to leave.
    Drain(MemberId),
    /// A member is gone.
    Remove {
        /// Who.
        member: MemberId,
        /// The term in which the leader has seen that it holds no lease. In another one
        /// it may have been granted another:
        ///
        /// 1. the leader L finds that the leases of A are over, is about to propose its
        ///    removal, and pauses;
        /// 2. N is elected, and grants A a lease; then L is elected again;
        /// 3. L goes on, and proposes what it was about to; it is agreed upon.
        ///
        /// None if the member has given its lease up by itself, and asks for no other.
        term: Option<u64>,
    },
    /// A keyspace is there, with these settings.
    SetKeyspace {
        /// Its name.
        name: String,
        /// As the engine wrote them.
        settings: Value,
    },
    /// A keyspace is gone.
    RemoveKeyspace {
        /// Its name.
        name: String,
    },
    /// The cluster ends; its members join another, empty.
    Dissolve {
        /// That other one.
        into: ClusterId,
    },
}

/// What has become of an entry of the log, at every member alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It made a view, of this epoch.
    Changed {
        /// Of the view.
        epoch: u64,
    },
    /// Everything was so already.
    Unchanged,
    /// It cannot be: why.
    Refused(String),
}
