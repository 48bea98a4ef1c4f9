//! Answers to what other processes ask.

use std::sync::Arc;

use super::agreement::{Desk, Place};
use super::leading::is_leader;
use super::message::{Answer, Question, Refusal, Way, Whereabouts};
use super::renewing::leader;
use super::stay::Stay;
use crate::view::{Change, ClusterId, MemberId, Outcome};

impl Desk {
    pub(super) async fn reply(self: Arc<Self>, question: Question) -> Answer {
        match question {
            Question::Probe { asker } => self.here(asker),
            Question::Promise { cluster } => self.promise(cluster).await,
            Question::Release { cluster } => self.release(cluster),
            Question::Bequest { after } => {
                Answer::Bequest { bequest: self.bequest(after.as_ref()) }
            }
            Question::Join { cluster, member } => {
                match self.propose_for(cluster, Change::Join(member)).await {
                    Ok(Outcome::Changed { .. } | Outcome::Unchanged) => Answer::Done,
                    Ok(Outcome::Refused(why)) => Refusal::Failed { why }.into(),
                    Err(why) => why.into(),
                }
            }
            Question::Propose { change, .. } if !may_be_asked_for(&change) => {
                let why = "only a leader itself proposes such a change".to_owned();
                Refusal::Failed { why }.into()
            }
            Question::Propose { cluster, change } => {
                match self.propose_for(cluster, change).await {
                    Ok(outcome) => Answer::Agreed { outcome },
                    Err(why) => why.into(),
                }
            }
            Question::Depart { cluster, member } => self.let_go(cluster, member).await,
            Question::Renew { cluster, renewal } => {
                let stay = self.stay().filter(|stay| stay.cluster == cluster);
                match stay.and_then(|stay| self.judge(&stay, renewal)) {
                    Some(verdict) => Answer::Verdict { verdict },
                    None => Refusal::NotLeading.into(),
                }
            }
            Question::Append { way, rpc } => match self.log_of(way) {
                Ok(stay) => log_answer(stay.raft.append_entries(rpc).await, |answer| {
                    Answer::Append { answer }
                }),
                Err(why) => why.into(),
            },
            Question::Vote { way, rpc } => match self.log_of(way) {
                Ok(stay) => log_answer(stay.raft.vote(rpc).await, |answer| Answer::Vote { answer }),
                Err(why) => why.into(),
            },
            Question::Snapshot { way, rpc } => match self.log_of(way) {
                Ok(stay) => log_answer(stay.raft.install_snapshot(rpc).await, |answer| {
                    Answer::Snapshot { answer }
                }),
                Err(why) => why.into(),
            },
        }
    }

    fn here(&self, asker: MemberId) -> Answer {
        let (id, whereabouts) = match &*self.place.lock() {
            Place::Outside(id) => (*id, Whereabouts::Outside),
            Place::In(stay) => (stay.me.id, self.whereabouts(stay, asker)),
            Place::Gone => return Refusal::NotInside.into(),
        };
        Answer::Here { id, whereabouts }
    }

    fn whereabouts(&self, stay: &Stay, asker: MemberId) -> Whereabouts {
        let Some(view) = self.view.borrow().clone().filter(|_| stay.has_entered()) else {
            return Whereabouts::Entering;
        };
        let cluster = stay.cluster;
        if self.is_lost(stay) {
            return Whereabouts::Lost { cluster };
        }
        // A leader that nobody has confirmed lately may be none.
        let heard = stay.unheard(self.uptime.now()) < self.settings.lease;
        Whereabouts::Inside {
            cluster,
            epoch: view.epoch(),
            size: view.members().len(),
            leader: leader(stay).filter(|_| heard).map(|(_, address)| address),
            knows_you: view.member(asker).is_some(),
        }
    }

    /// The stay whose log is meant. A message that is meant for an earlier stay of this
    /// process must not get through: it would count what that one promised.
    fn log_of(&self, way: Way) -> Result<Arc<Stay>, Refusal> {
        let meant = |stay: &Arc<Stay>| stay.cluster == way.cluster && stay.me.id == way.to;
        self.stay().filter(meant).ok_or(Refusal::NotInside)
    }

    async fn propose_for(&self, cluster: ClusterId, change: Change) -> Result<Outcome, Refusal> {
        let stay = self.stay().filter(|stay| stay.cluster == cluster);
        let stay = stay.ok_or(Refusal::NotInside)?;
        if !is_leader(&stay) {
            return Err(Refusal::NotLeading);
        }
        let failed = |error: String| Refusal::Failed { why: error };
        self.propose_here(&stay, change).await.map_err(failed)
    }
}

/// What a leader proposes for others. It alone knows who is to be removed or activated,
/// and whether the cluster is to dissolve.
fn may_be_asked_for(change: &Change) -> bool {
    match change {
        Change::Drain(_) | Change::SetKeyspace { .. } | Change::RemoveKeyspace { .. } => true,
        Change::Found { .. }
        | Change::Join(_)
        | Change::Activate(_)
        | Change::Remove { .. }
        | Change::Dissolve { .. } => false,
    }
}

/// What the log answers; a log that has stopped is not there.
fn log_answer<A, E: std::fmt::Display>(
    answer: Result<A, E>,
    wrap: impl FnOnce(A) -> Answer,
) -> Answer {
    match answer {
        Ok(answer) => wrap(answer),
        Err(error) => Refusal::Failed { why: error.to_string() }.into(),
    }
}
