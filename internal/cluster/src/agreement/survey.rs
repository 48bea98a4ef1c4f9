//! Looking around: who of the listed is there, and where does each stand?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use futures_util::future::join_all;

use super::agreement::Desk;
use super::message::{Answer, Question, Refusal, Whereabouts};
use crate::view::{Address, ClusterId, MemberId};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Who has no cluster, or has lost it, and could be in one that is founded.
    pub(super) free: BTreeMap<MemberId, Address>,
    /// The clusters that have a leader.
    pub(super) clusters: BTreeMap<ClusterId, Sighting>,
}

/// A cluster that has a leader, as its members tell of it.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) leader: Address,
    pub(super) size: usize,
    pub(super) epoch: u64,
    /// Whether the one who looked around is in it.
    pub(super) knows_me: bool,
}

/// How many are a majority of so many.
pub(super) fn majority(of: usize) -> usize {
    of / 2 + 1
}

impl Desk {
    /// The addresses that discovery lists, without this process's own.
    pub(super) fn others(&self) -> Vec<Address> {
        let listed = self.listed.borrow();
        let listed = listed.as_deref().unwrap_or_default();
        let others: BTreeSet<&Address> =
            listed.iter().filter(|one| **one != self.settings.address).collect();
        others.into_iter().cloned().collect()
    }

    /// How many processes make up the electorate: as many as are expected, else as are
    /// listed, this one included.
    ///
    /// 1. Three processes start. Discovery has not yet told any of them where the others
    ///    are.
    /// 2. Each takes itself for all there are, founds a cluster, and serves.
    ///
    /// So before discovery has spoken there are more than there can be.
    pub(super) fn electorate(&self) -> usize {
        let counted = || {
            if self.listed.borrow().is_none() {
                return usize::MAX;
            }
            let me = usize::from(!self.listed_otherwise.load(Ordering::Relaxed));
            self.others().len() + me
        };
        self.settings.expect.unwrap_or_else(counted)
    }

    /// Asks everybody who is listed.
    pub(super) async fn survey(&self) -> Survey {
        let Some(asker) = self.id() else { return Survey::default() };
        let others = self.others();
        let question = Question::Probe { asker };
        let patience = self.settings.patience();
        let answers = join_all(others.iter().map(|one| self.ask(one, &question, patience))).await;
        let mut survey = Survey::default();
        let mut listed_otherwise = false;
        for (address, answer) in others.into_iter().zip(answers) {
            match answer {
                Ok(Answer::Here { id, .. }) if id == asker => listed_otherwise = true,
                Ok(Answer::Here { id, whereabouts }) => survey.note(id, address, whereabouts),
                Ok(Answer::Refused { why }) => tell_of_stranger(&address, &why),
                Ok(_) | Err(_) => {}
            }
        }
        if listed_otherwise {
            self.listed_otherwise.store(true, Ordering::Relaxed);
        }
        survey
    }
}

impl Survey {
    fn note(&mut self, id: MemberId, address: Address, whereabouts: Whereabouts) {
        match whereabouts {
            Whereabouts::Outside | Whereabouts::Lost { .. } => {
                self.free.insert(id, address);
            }
            Whereabouts::Inside { cluster, epoch, size, leader: Some(leader), knows_you } => {
                let seen = Sighting { leader, size, epoch, knows_me: knows_you };
                let newest = self.clusters.get(&cluster).is_none_or(|old| old.epoch < epoch);
                if newest {
                    self.clusters.insert(cluster, seen);
                }
            }
            Whereabouts::Inside { leader: None, .. } | Whereabouts::Entering => {}
        }
    }

    /// The cluster to be in: the largest, and of two equal ones that with the larger id.
    pub(super) fn largest(&self) -> Option<(ClusterId, &Sighting)> {
        let size = |(id, seen): &(&ClusterId, &Sighting)| (seen.size, **id);
        self.clusters.iter().max_by_key(size).map(|(id, seen)| (*id, seen))
    }
}

/// Somebody listed who can never be in this cluster: that is a mistake of whoever set
/// both up.
fn tell_of_stranger(address: &Address, why: &Refusal) {
    match why {
        Refusal::OtherName { .. } | Refusal::OtherVersion { .. } => {
            log::warn!("{address} is listed, but {why}");
        }
        Refusal::Unreadable { .. }
        | Refusal::NotInside
        | Refusal::NotLeading
        | Refusal::Busy
        | Refusal::Failed { .. } => log::debug!("{address} was asked, and {why}"),
    }
}
