//! The log's messages, on the members' post.

use std::sync::Arc;
use std::time::Duration;

use openraft::error::{InstallSnapshotError, RPCError, RaftError, Unreachable};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{RaftNetwork, RaftNetworkFactory};

use super::log::Types;
use super::message::{Answer, Peer, Question, Refusal, Way};
use super::post::Unreached;
use crate::agreement::agreement::Desk;
use crate::view::{Address, ClusterId, MemberId};

type Failed<E = RaftError<MemberId>> = RPCError<MemberId, Peer, E>;

/// Makes the lines of one cluster's log.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) desk: Arc<Desk>,
    pub(super) cluster: ClusterId,
}

/// To one member's log.
#[derive(Debug)]
pub(super) struct Line {
    desk: Arc<Desk>,
    way: Way,
    address: Address,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Line;

    async fn new_client(&mut self, to: MemberId, peer: &Peer) -> Line {
        let way = Way { cluster: self.cluster, to };
        Line { desk: Arc::clone(&self.desk), way, address: peer.address.clone() }
    }
}

/// Why a line brought no answer of the log.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Unreached(#[from] Unreached),
    #[error("{0} was asked, and {1}")]
    Refused(Address, Refusal),
    #[error("{0} answered something else")]
    Other(Address),
}

impl Line {
    async fn ask(&self, question: Question, within: Duration) -> Result<Answer, NoAnswer> {
        match self.desk.ask(&self.address, &question, within).await? {
            Answer::Refused { why } => Err(NoAnswer::Refused(self.address.clone(), why)),
            answer => Ok(answer),
        }
    }

    /// Whoever is not there is asked again after [`backoff`](RaftNetwork::backoff).
    fn failed<E: std::error::Error>(why: &NoAnswer) -> Failed<E> {
        Unreachable::new(why).into()
    }

    fn other<E: std::error::Error>(&self) -> Failed<E> {
        Self::failed(&NoAnswer::Other(self.address.clone()))
    }
}

impl RaftNetwork<Types> for Line {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<MemberId>, Failed> {
        let question = Question::Append { way: self.way, rpc };
        match self.ask(question, option.hard_ttl()).await {
            Ok(Answer::Append { answer }) => Ok(answer),
            Ok(_) => Err(self.other()),
            Err(why) => Err(Self::failed(&why)),
        }
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<Types>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<MemberId>, Failed<RaftError<MemberId, InstallSnapshotError>>>
    {
        let question = Question::Snapshot { way: self.way, rpc };
        match self.ask(question, option.hard_ttl()).await {
            Ok(Answer::Snapshot { answer }) => Ok(answer),
            Ok(_) => Err(self.other()),
            Err(why) => Err(Self::failed(&why)),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<MemberId>,
        option: RPCOption,
    ) -> Result<VoteResponse<MemberId>, Failed> {
        let question = Question::Vote { way: self.way, rpc };
        match self.ask(question, option.hard_ttl()).await {
            Ok(Answer::Vote { answer }) => Ok(answer),
            Ok(_) => Err(self.other()),
            Err(why) => Err(Self::failed(&why)),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(self.desk.settings.beat()))
    }
}
