//! The task that asks the leader for leases.

use std::sync::Arc;
use std::time::Duration;

use super::agreement::Desk;
use super::message::{Answer, Question};
use super::stay::{Over, Stay};
use crate::lease::ledger::{Renewal, Verdict};
use crate::view::{Address, MemberId};

impl Desk {
    /// Asks again and again, sooner while there is something to wait for.
    pub(super) async fn renew(self: Arc<Self>, stay: Arc<Stay>) {
        let mut seated = stay.seated.subscribe();
        // Before the first view there is nothing to have a lease on.
        if seated.wait_for(|epoch| 0 < *epoch).await.is_err() {
            return;
        }
        while !stay.is_over() {
            seated.mark_unchanged();
            let verdict = self.ask_for_lease(&stay).await;
            let settled = self.standing.settled() == *seated.borrow();
            let content = matches!(verdict, Some(Verdict::Granted { .. })) && settled;
            let pause =
                if content { self.settings.renewal() } else { self.settings.renewal_eager() };
            // A view that was taken is reported at once: others wait for that.
            let _elapsed = tokio::time::timeout(pause, seated.changed()).await;
        }
    }

    async fn ask_for_lease(&self, stay: &Stay) -> Option<Verdict> {
        let (leader, address) = leader(stay)?;
        // The lease is counted from here, not from the answer:
        // 1. the leader is confirmed from `u` on, and grants what is left until `u + D`;
        // 2. the answer takes a second;
        // 3. counted from the answer, the lease ends a second after `u + D`: a leader
        //    that waited for it to end has removed this member by then.
        let asked = self.uptime.now();
        let heard = stay.contact.lock().leader.filter(|(id, _)| *id == leader);
        let renewal = Renewal {
            member: stay.me.id,
            applied: *stay.seated.borrow(),
            weighs: self.weighs(stay),
            heard: heard.map(|(_, at)| at),
        };
        let verdict = self.renewal_verdict(stay, leader, &address, renewal).await?;
        self.heed(stay, leader, asked, verdict);
        Some(verdict)
    }

    /// Whether nothing lasts of what this process was counted for in another cluster.
    pub(super) fn weighs(&self, stay: &Stay) -> bool {
        let long = self.settings.weighs_after() <= self.uptime.now().saturating_sub(stay.began);
        // If all of the electorate promised to be in this cluster, nobody is in another.
        let by_all = || self.view.borrow().as_ref().is_some_and(|view| view.was_founded_by_all());
        long || stay.founds && by_all()
    }

    async fn renewal_verdict(
        &self,
        stay: &Stay,
        leader: MemberId,
        address: &Address,
        renewal: Renewal,
    ) -> Option<Verdict> {
        if leader == stay.me.id {
            return self.judge(stay, renewal);
        }
        let question = Question::Renew { cluster: stay.cluster, renewal };
        match self.ask(address, &question, self.settings.patience()).await {
            Ok(Answer::Verdict { verdict }) => Some(verdict),
            Ok(_) | Err(_) => None,
        }
    }

    fn heed(&self, stay: &Stay, leader: MemberId, asked: Duration, verdict: Verdict) {
        match verdict {
            Verdict::Granted { lease_for, settled, at } => {
                self.note_contact(stay, leader, at);
                self.standing.extend(asked + lease_for, settled);
            }
            Verdict::Held { at, why } => {
                self.note_contact(stay, leader, at);
                log::debug!("no lease for {}: {why:?}", stay.me.id);
            }
            Verdict::Unconfirmed => {}
            Verdict::Unknown => stay.finish(Over::Removed),
        }
    }

    fn note_contact(&self, stay: &Stay, leader: MemberId, at: Duration) {
        let mut contact = stay.contact.lock();
        contact.at = self.uptime.now();
        contact.leader = Some((leader, at));
    }
}

/// Whom this member holds for the leader.
pub(super) fn leader(stay: &Stay) -> Option<(MemberId, Address)> {
    let metrics = stay.raft.metrics();
    let metrics = metrics.borrow();
    let leader = metrics.current_leader?;
    let peer = metrics.membership_config.membership().get_node(&leader)?;
    Some((leader, peer.address.clone()))
}
