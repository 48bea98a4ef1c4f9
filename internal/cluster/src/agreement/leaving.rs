//! Going in good order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::agreement::{Agreement, Desk, Place};
use super::leading::is_leader;
use super::message::{Answer, Question, Refusal};
use super::stay::{Over, Stay};
use crate::view::{Address, Change, ClusterId, MemberId, MemberState, View};

/// Why a change was not agreed upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAgreed {
    /// This process is in no cluster. Nothing was changed.
    #[error("this process is in no cluster: wait until it has founded or joined one")]
    Outside,
    /// Nobody leads the cluster now. Nothing was changed.
    #[error("the cluster has no leader now: try again when it has elected one")]
    NoLeader,
    /// It cannot be. Nothing was changed.
    #[error("the cluster refused: {why}")]
    Refused {
        /// What would have to be otherwise.
        why: String,
    },
    /// It may be agreed upon, or come to be, or not.
    #[error("whether the cluster agreed is unknown: {why}")]
    Unknown {
        /// What went wrong.
        why: String,
    },
    /// It took longer than the time that was given.
    #[error("the cluster did not agree within {within:?}")]
    Late {
        /// That time.
        within: Duration,
    },
}

impl Agreement {
    /// Begins to leave: returns when the view that this member works by says that it is
    /// draining. It still owns its keys then: now is the time to hand entries over, and
    /// after that to [`depart`](Self::depart). A process that is in no cluster has nothing
    /// to wait for.
    ///
    /// # Errors
    /// [`NotAgreed::Late`] if that takes longer than `within`.
    pub async fn leave(&self, within: Duration) -> Result<(), NotAgreed> {
        let drained = tokio::time::timeout(within, self.desk.drain()).await;
        drained.map_err(|_elapsed| NotAgreed::Late { within })
    }

    /// Gives up the lease, and returns when neither the view nor the log's voters have
    /// this member any more. The process enters no cluster after that.
    ///
    /// # Errors
    /// [`NotAgreed::Late`] if that takes longer than `within`. It holds no lease then, and
    /// when it falls silent, it is removed like one that died.
    pub async fn depart(&self, within: Duration) -> Result<(), NotAgreed> {
        let departed = tokio::time::timeout(within, self.desk.depart()).await;
        departed.map_err(|_elapsed| NotAgreed::Late { within })
    }
}

impl Desk {
    async fn drain(&self) {
        while let Some(stay) = self.stay() {
            let state = self
                .view
                .borrow()
                .as_ref()
                .and_then(|view| view.member(stay.me.id).map(|member| member.state));
            match state {
                // Nobody sees whether one that never owned anything drains.
                None | Some(MemberState::Draining) => return,
                Some(MemberState::Joining | MemberState::Active) => {
                    if let Err(error) = self.propose(Change::Drain(stay.me.id)).await {
                        log::debug!("{} does not drain yet: {error}", stay.me.id);
                    }
                }
            }
            tokio::time::sleep(self.settings.renewal_eager()).await;
        }
    }

    async fn depart(self: &Arc<Self>) {
        let Some(stay) = self.stay() else {
            *self.place.lock() = Place::Gone;
            return;
        };
        stay.departing.store(true, Ordering::Relaxed);
        stay.stop_renewing().await;
        // 1. A writer has found the lease, and its change is made.
        // 2. The lease is given up.
        // 3. The writer looks again, and is told that nobody knows what comes of it.
        // So what was begun has a while to end. Meanwhile callers look for another owner.
        self.standing.close();
        tokio::time::sleep(self.settings.beat()).await;
        // The leader waits for no lease of this member: there must be none, nor an
        // answer on its way that brings one.
        self.standing.end();
        while !self.may_go(&stay).await {
            tokio::time::sleep(self.settings.renewal_eager()).await;
        }
        self.take_last_view(&stay).await;
        stay.finish(Over::Left);
        self.exit(&stay).await;
    }

    /// Waits until the seat has taken the view that is without this member: by that one
    /// it can give what it has to those who own it now.
    ///
    /// 1. The leader has it removed, and takes it off the voters; both are agreed upon.
    /// 2. It asks whether it may go, and may. What it knows is what came before 1.
    /// 3. It goes. Its heirs ask for their entries: to it, they are still its own.
    ///
    /// Whoever is off the voters is sent nothing more: that view has come by now, or is
    /// on its way, or never comes.
    async fn take_last_view(&self, stay: &Stay) {
        let is_alone = |view: &View| view.members().iter().all(|one| one.id == stay.me.id);
        if stay.agreed.borrow().as_ref().is_none_or(|view| is_alone(view)) {
            return;
        }
        let mut seated = stay.seated.subscribe();
        let is_last = |epoch: &u64| {
            let agreed = stay.agreed.borrow();
            let last = agreed.as_ref().filter(|view| view.member(stay.me.id).is_none());
            last.is_some_and(|view| view.epoch() <= *epoch)
        };
        let _elapsed =
            tokio::time::timeout(self.settings.patience(), seated.wait_for(is_last)).await;
    }

    /// Whether somebody who leads says that this member is gone, or nobody is left who
    /// could.
    async fn may_go(&self, stay: &Stay) -> bool {
        let Some(view) = stay.agreed.borrow().clone() else { return true };
        let others: Vec<Address> = view
            .members()
            .iter()
            .filter(|member| member.id != stay.me.id)
            .map(|member| member.address.clone())
            .collect();
        if others.is_empty() {
            return true;
        }
        let (cluster, member) = (stay.cluster, stay.me.id);
        if is_leader(stay) {
            return matches!(self.let_go(cluster, member).await, Answer::Done);
        }
        let question = Question::Depart { cluster, member };
        for other in others {
            match self.ask(&other, &question, self.settings.lease).await {
                Ok(Answer::Done) => return true,
                Ok(Answer::Pending) => return false,
                Ok(_) | Err(_) => {}
            }
        }
        false
    }

    /// A member has given up its lease, and wants to be gone. It is kept until the log's
    /// voters are without it, too:
    ///
    /// 1. of two members, one leaves; both agree that it is removed, and it is gone;
    /// 2. the leader wants to take it off the voters, for which both would have to vote;
    /// 3. nothing is agreed upon any more.
    pub(super) async fn let_go(&self, cluster: ClusterId, member: MemberId) -> Answer {
        let Some(stay) = self.stay().filter(|stay| stay.cluster == cluster) else {
            return Refusal::NotInside.into();
        };
        if !is_leader(&stay) {
            return Refusal::NotLeading.into();
        }
        if let Some(ledger) = &mut *stay.ledger.lock() {
            // Before it is proposed: no grant comes between.
            ledger.release(member);
        }
        let there = |stay: &Stay| {
            let view = stay.agreed.borrow();
            view.as_ref().is_some_and(|view| view.member(member).is_some())
        };
        let change = Change::Remove { member, term: None };
        if there(&stay)
            && let Err(why) = self.propose_here(&stay, change).await
        {
            return Refusal::Failed { why }.into();
        }
        let metrics = stay.raft.metrics();
        let membership = metrics.borrow().membership_config.clone();
        let known = membership.membership().get_node(&member).is_some();
        if there(&stay) || known { Answer::Pending } else { Answer::Done }
    }
}
