//! Copies of entries at other members than their owner.
//!
//! ```text
//!   keeper                                     owner
//!    │                                           │  a key is changed: a record in the journal
//!    ├── Follow {tenure, after: 7} ─────────────►│  the keeper has done all up to 7
//!    │                                           │  ... until there is something after that
//!    │◄──────────── Followed {up_to: 9, changes} ┤
//!    │  makes the changes to its copies          │
//!    ├── Follow {tenure, after: 9} ─────────────►│  all keepers have 9: it is committed, and
//!    │                                           │  who has changed the key is answered
//! ```
//!
//! **A copy is never older than what was acknowledged of its key, or read.** For an owner
//! answers nobody about a key before its last change is committed, which is when each other
//! owner of the view has made it to its copies, or has none. And copies are made of nothing
//! else: what a keeper has was told by the key's owner, in order, in a tenure of which the
//! keeper has missed no view; else it drops all of them and begins anew. So whoever owns
//! the key when its owner is gone may answer with its copy.
//!
//! Where a majority is enough, one who keeps copies may have missed what was acknowledged.
//! So whoever owns the key then asks the others what they have heard ([`adoption`]), and
//! whoever does not drops its copies of keys that have another owner now: it reads them off
//! that one.
//!
//! What lay at the owner before a keeper began is read off and sent between the changes.
//! The keeper asks, so that the time an entry has left is counted from a moment before it
//! was told, and no copy ends later than its entry.

mod adoption;
mod courses;
mod keeper;
mod owner;
mod words;

pub(super) use owner::Owner;

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::handover::Tenure;
use super::seat::CacheSeat;
use crate::links::Links;
use crate::proto::reply::Outcome;
use crate::proto::{Moved, Recall, Reply};
use adoption::Adoption;
use courses::Courses;
use keeper::Keeper;

/// What one member does for copies: its own at others, and others' here.
pub(super) struct Replicas {
    seat: Arc<CacheSeat>,
    owner: Arc<Owner>,
    courses: Arc<Mutex<Courses>>,
    /// How long others have to tell of an owner that is gone.
    recall_within: Duration,
}

impl Replicas {
    pub(super) fn new(seat: Arc<CacheSeat>, recall_within: Duration) -> Self {
        let owner = Arc::new(Owner::new(seat.clone()));
        Self { seat, owner, courses: Arc::default(), recall_within }
    }

    /// Who tells others what was done here.
    pub(super) fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    /// Answers who asks what was heard here of an owner that is none any more.
    pub(super) fn recall(&self, ask: &Recall) -> Reply {
        let epoch = self.seat.holding().map_or(0, |holding| holding.view().epoch());
        let recalled = self.courses.lock().recall(ask);
        let outcome = recalled.map_or(Outcome::Moved(Moved {}), Outcome::Recall);
        Reply { epoch, outcome: Some(outcome), ..Reply::default() }
    }

    /// Keeps copies of what others own, tenure after tenure, until it is dropped.
    pub(super) async fn run(self: Arc<Self>, links: Weak<Links>) {
        let keeper = Keeper::new(self.seat.clone(), links.clone(), self.courses.clone());
        let courses = self.courses.clone();
        let adoption = Adoption::new(self.seat.clone(), links, courses, self.recall_within);
        let mut tenures = self.seat.tenures();
        loop {
            let tenure = tenures.borrow_and_update().clone();
            let next = tokio::select! {
                next = tenures.changed() => next,
                () = self.work(&keeper, &adoption, tenure.as_deref()) => tenures.changed().await,
            };
            if next.is_err() {
                return;
            }
        }
    }

    async fn work(&self, keeper: &Keeper, adoption: &Adoption, tenure: Option<&Tenure>) {
        let Some(tenure) = tenure else { return };
        self.courses.lock().turn_to(tenure);
        tokio::join!(adoption.see_to(tenure), keeper.follow_all(tenure));
    }
}
