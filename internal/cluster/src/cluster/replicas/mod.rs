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
//! What lay at the owner before a keeper began is read off and sent between the changes.
//! The keeper asks, so that the time an entry has left is counted from a moment before it
//! was told, and no copy ends later than its entry.

mod keeper;
mod owner;
mod words;

pub(super) use owner::Owner;

use std::sync::{Arc, Weak};

use distcache_manager::CacheManager;

use super::seat::CacheSeat;
use crate::links::Links;
use keeper::Keeper;

/// What one member does for copies: its own at others, and others' here.
pub(super) struct Replicas {
    seat: Arc<CacheSeat>,
    owner: Arc<Owner>,
}

impl Replicas {
    pub(super) fn new(seat: Arc<CacheSeat>) -> Self {
        let owner = Arc::new(Owner::new(seat.clone()));
        Self { seat, owner }
    }

    /// Who tells others what was done here.
    pub(super) fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    /// Keeps copies of what others own, tenure after tenure, until it is dropped.
    pub(super) async fn run(self: Arc<Self>, links: Weak<Links>) {
        let cache: Arc<CacheManager> = self.seat.cache().clone();
        let mut keeper = Keeper::new(self.seat.clone(), cache, links);
        let mut tenures = self.seat.tenures();
        loop {
            let tenure = tenures.borrow_and_update().clone();
            let next = tokio::select! {
                next = tenures.changed() => next,
                () = keeper.follow_all(tenure.as_deref()) => tenures.changed().await,
            };
            if next.is_err() {
                return;
            }
        }
    }
}
