//! Having changes agreed upon.

use super::agreement::{Agreement, Desk};
use super::leading::is_leader;
use super::leaving::NotAgreed;
use super::message::{Answer, Question, Refusal};
use super::renewing::leader;
use super::stay::Stay;
use crate::view::{Change, Outcome};

impl Agreement {
    /// Has all members agree on a keyspace's settings.
    ///
    /// # Errors
    /// [`NotAgreed`]; after [`NotAgreed::Unknown`] it may still come to be.
    pub async fn set_keyspace(
        &self,
        name: impl Into<String>,
        settings: serde_json::Value,
    ) -> Result<Outcome, NotAgreed> {
        let change = Change::SetKeyspace { name: name.into(), settings };
        self.desk.propose(change).await
    }

    /// Has all members agree that there is no such keyspace.
    ///
    /// # Errors
    /// [`NotAgreed`]; after [`NotAgreed::Unknown`] it may still come to be.
    pub async fn remove_keyspace(&self, name: impl Into<String>) -> Result<Outcome, NotAgreed> {
        self.desk.propose(Change::RemoveKeyspace { name: name.into() }).await
    }
}

impl Desk {
    /// By the leader, whoever that is: one try.
    pub(super) async fn propose(&self, change: Change) -> Result<Outcome, NotAgreed> {
        let stay = self.stay().ok_or(NotAgreed::Outside)?;
        let unknown = |why: String| NotAgreed::Unknown { why };
        if is_leader(&stay) {
            return refused(self.propose_here(&stay, change).await.map_err(unknown)?);
        }
        let (_, address) = leader(&stay).ok_or(NotAgreed::NoLeader)?;
        let question = Question::Propose { cluster: stay.cluster, change };
        match self.ask(&address, &question, self.settings.lease).await {
            Ok(Answer::Agreed { outcome }) => refused(outcome),
            Ok(Answer::Refused { why: Refusal::NotLeading | Refusal::NotInside }) => {
                Err(NotAgreed::NoLeader)
            }
            Ok(other) => Err(unknown(format!("{address} answered {other:?}"))),
            Err(unreached) => Err(unknown(unreached.to_string())),
        }
    }

    /// By this member, if it leads.
    pub(super) async fn propose_here(
        &self,
        stay: &Stay,
        change: Change,
    ) -> Result<Outcome, String> {
        // 1. It is in the log, and no other member reads the message that has it.
        // 2. Nothing that comes after it is agreed upon any more.
        if let Err(why) = change.fits() {
            return Ok(Outcome::Refused(why));
        }
        let written = stay.raft.client_write(change);
        match tokio::time::timeout(self.settings.agreement_wait(), written).await {
            Ok(Ok(written)) => Ok(written.data),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(format!("it was not agreed upon in time: {elapsed}")),
        }
    }
}

fn refused(outcome: Outcome) -> Result<Outcome, NotAgreed> {
    match outcome {
        Outcome::Refused(why) => Err(NotAgreed::Refused { why }),
        Outcome::Changed { .. } | Outcome::Unchanged => Ok(outcome),
    }
}
