//! The task that moves the process from stay to stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::OnMinority;
use super::agreement::{Desk, Place};
use super::founding::{Next, next};
use super::leading::is_leader;
use super::message::{Answer, Question};
use super::stay::{Over, Stay};
use super::survey::{Survey, majority};
use crate::view::{Address, Change, ClusterId};

impl Desk {
    /// Until the process has left for good.
    pub(super) async fn live(self: Arc<Self>) {
        let mut outside_since = Instant::now();
        loop {
            let stay = match &*self.place.lock() {
                Place::Outside(_) => None,
                Place::In(stay) => Some(Arc::clone(stay)),
                Place::Gone => return,
            };
            match stay {
                Some(stay) => {
                    self.abide(&stay).await;
                    outside_since = Instant::now();
                }
                None => self.look_for_cluster(outside_since).await,
            }
        }
    }

    /// A process without a cluster looks around, and does what is to be done.
    async fn look_for_cluster(self: &Arc<Self>, since: Instant) {
        let survey = self.survey().await;
        let needed = if since.elapsed() < self.settings.patience_for_all() {
            // Whoever is about to start is better awaited: a cluster that is founded
            // without somebody serves only after a while (`weighs_after`).
            self.electorate()
        } else {
            majority(self.electorate())
        };
        self.act(&survey, needed).await;
        if self.stay().is_none() {
            // Whoever is asked for a promise meanwhile goes on at once.
            let _moved = tokio::time::timeout(self.soon(), self.moved.notified()).await;
        }
    }

    async fn act(self: &Arc<Self>, survey: &Survey, needed: usize) {
        let Some(me) = self.id() else { return };
        match next(me, survey, needed) {
            Next::Join(cluster, leader) => self.join(cluster, &leader).await,
            Next::Found(free) => self.found(&free, needed).await,
            Next::Wait => {}
        }
    }

    async fn join(self: &Arc<Self>, cluster: ClusterId, leader: &Address) {
        let Ok(stay) = self.enter(cluster, false).await else { return };
        let question = Question::Join { cluster, member: stay.me.clone() };
        match self.ask(leader, &question, self.settings.agreement_wait()).await {
            // Or it may have been taken in: that shows soon.
            Ok(Answer::Done) | Err(_) => {}
            Ok(answer) => {
                log::debug!("{leader} did not take {} in: {answer:?}", stay.me.id);
                stay.finish(Over::NotEntered);
            }
        }
    }

    /// Sees a stay to its end, or does what is to be done about a lost cluster.
    async fn abide(self: &Arc<Self>, stay: &Arc<Stay>) {
        let mut over = stay.over.subscribe();
        let lost = tokio::select! {
            biased;
            _ = over.wait_for(Option::is_some) => None,
            survey = self.watch(stay) => survey,
        };
        if let Some(survey) = lost {
            // Not within the select above: a founding ends this stay, and is not to be
            // ended by that.
            let needed = match self.settings.on_minority {
                OnMinority::PassThrough => majority(self.electorate()),
                OnMinority::Serve => 1,
            };
            self.act(&survey, needed).await;
        } else {
            self.linger(stay).await;
            self.exit(stay).await;
        }
    }

    /// Watches over a stay until it has to end, or is lost: then it says what is around.
    async fn watch(&self, stay: &Arc<Stay>) -> Option<Survey> {
        let mut seated = stay.seated.subscribe();
        let entered = seated.wait_for(|epoch| 0 < *epoch);
        if tokio::time::timeout(self.settings.entering(), entered).await.is_err() {
            stay.finish(Over::NotEntered);
            return None;
        }
        self.watch_over(stay).await
    }

    /// A leader whose cluster dissolves lets its followers know that it is agreed: they
    /// are told with the next heartbeat.
    async fn linger(&self, stay: &Stay) {
        if *stay.over.borrow() == Some(Over::Dissolved) {
            self.standing.end();
            if is_leader(stay) {
                tokio::time::sleep(self.settings.beat() * 4).await;
            }
        }
    }

    /// Looks around from within a cluster: whether it is lost, whether it goes on
    /// without this member, whether there is a larger one.
    async fn watch_over(&self, stay: &Arc<Stay>) -> Option<Survey> {
        let mut next_look = Instant::now() + jitter(self.settings.look_afar());
        while !stay.is_over() {
            tokio::time::sleep(jitter(self.settings.patience())).await;
            let worried = self.settings.lease < stay.unheard(self.uptime.now());
            let due = is_leader(stay) && next_look <= Instant::now();
            if stay.is_departing() || !(worried || due) {
                continue;
            }
            next_look = Instant::now() + jitter(self.settings.look_afar());
            let survey = self.survey().await;
            if !worried {
                self.consider_merging(stay, &survey).await;
            } else if goes_on_without(stay, &survey) {
                stay.finish(Over::Removed);
            } else if self.is_lost(stay) {
                return Some(survey);
            }
        }
        None
    }

    /// Of two clusters the smaller one dissolves: both leaders see both, and agree on
    /// which it is, or look again.
    async fn consider_merging(&self, stay: &Stay, survey: &Survey) {
        let Some(view) = stay.agreed.borrow().clone() else { return };
        let mine = (view.members().len(), stay.cluster);
        let other = survey.clusters.iter().find(|(id, seen)| mine < (seen.size, **id));
        if let Some((into, seen)) = other.filter(|(id, _)| **id != stay.cluster) {
            let (cluster, size) = (stay.cluster, seen.size);
            log::warn!("the cluster {cluster} dissolves: {into} has {size} members");
            let change = Change::Dissolve { into: *into };
            if let Err(error) = self.propose_here(stay, change).await {
                log::warn!("the cluster {cluster} did not dissolve: {error}");
            }
        }
    }

    /// Whether this member has heard of no confirmed leader for too long.
    pub(super) fn is_lost(&self, stay: &Stay) -> bool {
        let could = stay.has_entered() && !stay.is_departing();
        could && self.settings.lost_after() < stay.unheard(self.uptime.now())
    }

    fn soon(&self) -> Duration {
        jitter(self.settings.look())
    }
}

/// Whether the stay's cluster has a leader, and a newer view, without this member.
fn goes_on_without(stay: &Stay, survey: &Survey) -> bool {
    let mine = *stay.seated.borrow();
    let seen = survey.clusters.get(&stay.cluster);
    seen.is_some_and(|seen| mine < seen.epoch && !seen.knows_me)
}

/// From a half to one and a half of a time: those who started in one instant do not go
/// on in step.
fn jitter(time: Duration) -> Duration {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("the system has random bytes");
    time / 2 + time * u32::from(byte[0]) / 255
}
