//! How a cluster is founded.
//!
//! Whoever finds nobody in a cluster, and a majority of the electorate without one, and
//! has the smallest id of those, collects promises and makes a log with those who
//! promised, if they are a majority.
//!
//! Two foundings at one time:
//!
//! 1. A reaches B and C of five; D, who does not reach A, reaches C and E;
//! 2. A asks B and C for promises, and D asks C and E;
//! 3. C promises one of them, and refuses the other, who has two of five and gives up.
//!
//! A promise ends if its founder is not heard of: C may promise again. What keeps two
//! clusters from both serving then is told at `Ledger::in_touch_count`.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::agreement::Desk;
use super::message::{Answer, Peer, Question};
use super::stay::{Over, Stay};
use super::survey::{Survey, majority};
use crate::view::{Address, ClusterId, MEMBERS_MAX, MemberId};

/// What a process without a cluster, or with a lost one, is to do after it has looked
/// around.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Be in this cluster.
    Join(ClusterId, Address),
    /// Found one with these.
    Found(Vec<Address>),
    /// Look again.
    Wait,
}

/// Decides, for the process `me`; `needed` processes have to be there for a founding.
pub(super) fn next(me: MemberId, survey: &Survey, needed: usize) -> Next {
    if let Some((cluster, seen)) = survey.largest() {
        return Next::Join(cluster, seen.leader.clone());
    }
    let smallest = survey.free.keys().all(|id| me < *id);
    if smallest && needed <= survey.free.len() + 1 {
        // Who has no place in the view that it would be, is told so when it joins.
        return Next::Found(survey.free.values().take(MEMBERS_MAX - 1).cloned().collect());
    }
    Next::Wait
}

impl Desk {
    /// Founds a cluster with those at `free`, if enough of them promise.
    pub(super) async fn found(self: &Arc<Self>, free: &[Address], needed: usize) {
        let cluster = ClusterId::random();
        let Ok(stay) = self.enter(cluster, true).await else { return };
        let mut peers = self.collect_promises(cluster, free).await;
        peers.insert(stay.me.id, stay.peer());
        if peers.len() < needed {
            self.give_up(&stay, free).await;
            return;
        }
        if peers.len() < majority(self.electorate()) {
            log::warn!("founding {cluster} without a majority: what is read may be old");
        }
        log::info!("founding the cluster {cluster} of {} members", peers.len());
        if let Err(error) = stay.raft.initialize(peers).await {
            log::error!("the cluster {cluster} was not founded: {error}");
            self.give_up(&stay, free).await;
        }
    }

    async fn collect_promises(
        &self,
        cluster: ClusterId,
        free: &[Address],
    ) -> BTreeMap<MemberId, Peer> {
        let question = Question::Promise { cluster };
        let patience = self.settings.patience();
        let answers = join_all(free.iter().map(|one| self.ask(one, &question, patience))).await;
        let promised = answers.into_iter().filter_map(|answer| match answer {
            Ok(Answer::Promised { id, peer }) => Some((id, peer)),
            Ok(_) | Err(_) => None,
        });
        promised.collect()
    }

    /// Whoever does not hear it is free again when its promise ends.
    async fn give_up(&self, stay: &Arc<Stay>, free: &[Address]) {
        stay.finish(Over::NotEntered);
        self.exit(stay).await;
        let question = Question::Release { cluster: stay.cluster };
        let patience = self.settings.patience();
        join_all(free.iter().map(|one| self.ask(one, &question, patience))).await;
    }

    /// Somebody founds a cluster, and wants this process in it.
    pub(super) async fn promise(self: &Arc<Self>, cluster: ClusterId) -> Answer {
        match self.enter(cluster, true).await {
            Ok(stay) => Answer::Promised { id: stay.me.id, peer: stay.peer() },
            Err(why) => why.into(),
        }
    }

    /// A founding has failed.
    pub(super) fn release(&self, cluster: ClusterId) -> Answer {
        if let Some(stay) = self.stay()
            && stay.cluster == cluster
            && !stay.has_entered()
        {
            stay.finish(Over::NotEntered);
        }
        Answer::Done
    }
}

#[cfg(test)]
mod tests {
    use super::super::survey::Sighting;
    use super::*;

    fn id(number: u64) -> MemberId {
        MemberId::from_number(number)
    }

    fn free(ids: &[u64]) -> Survey {
        let free = ids.iter().map(|n| (id(*n), Address::new(format!("m{n}:1")))).collect();
        Survey { free, ..Survey::default() }
    }

    fn sighting(size: usize) -> Sighting {
        Sighting { leader: format!("of{size}:1").into(), size, epoch: 1, knows_me: false }
    }

    #[test]
    fn the_smallest_of_a_majority_founds_and_the_others_wait() {
        let both = vec!["m2:1".into(), "m3:1".into()];
        assert_eq!(next(id(1), &free(&[2, 3]), 3), Next::Found(both));
        assert_eq!(next(id(2), &free(&[1, 3]), 3), Next::Wait);
        assert_eq!(next(id(1), &free(&[2]), 3), Next::Wait);
        assert_eq!(next(id(1), &free(&[]), 1), Next::Found(vec![]));
    }

    #[test]
    fn no_more_are_asked_to_be_founders_than_can_be_members() {
        let all: Vec<u64> = (2..400).collect();
        let Next::Found(free) = next(id(1), &free(&all), 300) else { panic!("it founds") };
        assert_eq!(free.len(), MEMBERS_MAX - 1);
    }

    #[test]
    fn who_finds_clusters_joins_the_largest_and_founds_none() {
        let mut survey = free(&[2, 3]);
        survey.clusters.insert(ClusterId::from_number(9), sighting(1));
        survey.clusters.insert(ClusterId::from_number(8), sighting(2));
        let to_join = Next::Join(ClusterId::from_number(8), "of2:1".into());
        assert_eq!(next(id(1), &survey, 3), to_join);
    }
}
