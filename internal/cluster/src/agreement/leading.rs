//! What the leader does: it has itself confirmed, judges renewals, and makes the log's
//! voters and the view follow each other.

use std::collections::BTreeSet;
use std::sync::Arc;

use openraft::{ChangeMembers, ServerState};

use super::OnMinority;
use super::agreement::Desk;
use super::message::Peer;
use super::stay::Stay;
use super::survey::majority;
use crate::lease::ledger::{Ledger, Renewal, Verdict};
use crate::view::{Change, MemberId, MemberState, View};

/// Whether the log holds this member for its leader; a majority may know better.
pub(super) fn is_leader(stay: &Stay) -> bool {
    stay.raft.metrics().borrow().state == ServerState::Leader
}

impl Desk {
    /// Does the leader's duties in each term in which this member leads.
    pub(super) async fn lead(self: Arc<Self>, stay: Arc<Stay>) {
        let mut metrics = stay.raft.metrics();
        while !stay.is_over() {
            let leads = metrics.wait_for(|now| now.state == ServerState::Leader).await;
            let Ok(term) = leads.map(|now| now.current_term) else { return };
            let ledger = Ledger::new(self.settings.terms(), self.uptime.now());
            *stay.ledger.lock() = Some(ledger);
            tokio::select! {
                _ = metrics.wait_for(|now| {
                    now.state != ServerState::Leader || now.current_term != term
                }) => {}
                () = self.be_confirmed(&stay, term) => {}
                () = self.do_duties(&stay, term) => {}
            }
            *stay.ledger.lock() = None;
        }
    }

    /// Asks a majority again and again whether this member leads.
    async fn be_confirmed(&self, stay: &Stay, term: u64) {
        while !stay.is_over() {
            // Before the question goes out: of those who will say that they follow, each
            // has said so after this moment.
            let began = self.uptime.now();
            let confirmed = stay.raft.ensure_linearizable();
            let confirmed = tokio::time::timeout(self.settings.agreement_wait(), confirmed).await;
            // It returns when everything is applied that was agreed upon before, the
            // terms of other leaders included. A log id of another term: this member
            // was deposed and elected again, and its ledger knows nothing of the leases
            // that were granted between.
            if let Ok(Ok(Some(read))) = confirmed
                && read.leader_id.term == term
            {
                self.note_confirmation(stay, began);
            }
            tokio::time::sleep(self.settings.beat()).await;
        }
    }

    fn note_confirmation(&self, stay: &Stay, began: std::time::Duration) {
        let view = stay.agreed.borrow().clone();
        if let Some(ledger) = &mut *stay.ledger.lock()
            && let Some(view) = view
        {
            // First the view: under the new confirmation nobody is granted a lease on
            // an older one.
            ledger.set_view(self.uptime.now(), &view);
            ledger.confirm(began);
        }
    }

    /// What the leader says to a member that asks for a lease; nothing if it is none.
    pub(super) fn judge(&self, stay: &Stay, renewal: Renewal) -> Option<Verdict> {
        let needed = match self.settings.on_minority {
            OnMinority::PassThrough => majority(self.electorate()),
            OnMinority::Serve => 0,
        };
        let mut ledger = stay.ledger.lock();
        let ledger = ledger.as_mut()?;
        let now = self.uptime.now();
        if let Some(view) = &*stay.agreed.borrow() {
            ledger.set_view(now, view);
        }
        Some(ledger.renew(now, renewal, needed))
    }

    async fn do_duties(&self, stay: &Stay, term: u64) {
        while !stay.is_over() {
            if let Err(error) = self.do_what_is_due(stay, term).await {
                log::debug!("the leader {} could not: {error}", stay.me.id);
            }
            tokio::time::sleep(self.settings.beat()).await;
        }
    }

    async fn do_what_is_due(&self, stay: &Stay, term: u64) -> Result<(), String> {
        let Some(view) = stay.agreed.borrow().clone() else {
            return self.propose_first(stay).await;
        };
        for id in self.with_ledger(stay, |ledger| ledger.condemn(self.uptime.now())) {
            if view.member(id).is_some() {
                log::warn!("{id} is removed from the cluster {}", stay.cluster);
                let change = Change::Remove { member: id, term: Some(term) };
                self.propose_here(stay, change).await?;
            }
        }
        let Some(view) = stay.agreed.borrow().clone() else { return Ok(()) };
        self.fit_voters(stay, &view).await?;
        self.activate(stay, &view).await
    }

    fn with_ledger<T: Default>(&self, stay: &Stay, ask: impl FnOnce(&mut Ledger) -> T) -> T {
        let now = self.uptime.now();
        let mut ledger = stay.ledger.lock();
        ledger.as_mut().filter(|ledger| ledger.is_confirmed(now)).map(ask).unwrap_or_default()
    }

    /// The first view: its members are the log's voters, who promised to be, and its
    /// keyspaces those of a cluster before. Whoever leads proposes it, so that a founder may die.
    async fn propose_first(&self, stay: &Stay) -> Result<(), String> {
        let membership = stay.raft.metrics().borrow().membership_config.clone();
        let nodes = membership.membership().nodes();
        let members: Vec<_> =
            nodes.map(|(id, peer)| peer.member(*id, MemberState::Active)).collect();
        self.inherit(stay, members.iter().map(|member| member.address.clone())).await?;
        let complete = self.electorate() <= members.len();
        let mut hash_key = [0; 16];
        getrandom::fill(&mut hash_key).map_err(|error| error.to_string())?;
        let change = Change::Found { cluster: stay.cluster, hash_key, members, complete };
        self.propose_here(stay, change).await.map(drop)
    }

    /// All members are voters of the log, as soon as they have caught up; nobody else is.
    async fn fit_voters(&self, stay: &Stay, view: &View) -> Result<(), String> {
        let membership = stay.raft.metrics().borrow().membership_config.membership().clone();
        let voters: BTreeSet<MemberId> = membership.voter_ids().collect();
        let learners: BTreeSet<MemberId> = membership.learner_ids().collect();
        let unknown = |id: &MemberId| !voters.contains(id) && !learners.contains(id);
        if let Some(new) = view.members().iter().find(|member| unknown(&member.id)) {
            let node = Peer::from(new);
            return self
                .change_voters(stay, ChangeMembers::AddNodes([(new.id, node)].into()))
                .await;
        }
        if let Some(gone) = learners.iter().find(|id| view.member(**id).is_none()) {
            return self.change_voters(stay, ChangeMembers::RemoveNodes([*gone].into())).await;
        }
        let caught_up = |id: MemberId| {
            voters.contains(&id) || self.with_ledger(stay, |ledger| ledger.applied(id)) > Some(0)
        };
        let wanted: BTreeSet<MemberId> =
            view.members().iter().map(|member| member.id).filter(|id| caught_up(*id)).collect();
        let split = 1 < membership.get_joint_config().len();
        if wanted != voters || split {
            return self.change_voters(stay, ChangeMembers::ReplaceAllVoters(wanted)).await;
        }
        Ok(())
    }

    async fn change_voters(
        &self,
        stay: &Stay,
        change: ChangeMembers<MemberId, Peer>,
    ) -> Result<(), String> {
        let changed = stay.raft.change_membership(change, false);
        match tokio::time::timeout(self.settings.agreement_wait(), changed).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }

    /// Members that vote and work by the view in which they joined become owners.
    async fn activate(&self, stay: &Stay, view: &View) -> Result<(), String> {
        let membership = stay.raft.metrics().borrow().membership_config.clone();
        let voters: BTreeSet<MemberId> = membership.voter_ids().collect();
        let ready = view
            .members()
            .iter()
            .find(|member| member.state == MemberState::Joining && voters.contains(&member.id));
        match ready {
            Some(member) => self.propose_here(stay, Change::Activate(member.id)).await.map(drop),
            None => Ok(()),
        }
    }
}
