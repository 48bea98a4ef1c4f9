//! Which copies are the latest, where not all who keep one are waited for.
//!
//! ```text
//!   the keys of A, that is gone, are B's
//!
//!   B                                          C, D: whoever else owns keys
//!    │  has made all changes of A up to 7        │  followed A, and do so no more
//!    ├── Recall {owner: A, after: 7} ───────────►│
//!    │◄────── Recalled {places: those of 8, 9} ──┤
//!    │  adopts its copies, but of these keys     │
//! ```
//!
//! 1. A owns a key; B and C hold it, too. A puts version 5: C has it, B has not. That is a
//!    majority: it is acknowledged.
//! 2. A dies. B owns the key, and answers with version 4.
//!
//! A change was acknowledged when all who hold its key had it, but for so many **laggards**.
//! So of any that are one more than that, this one included, somebody has it: B adopts a
//! copy if so many of those who have held it tell what they have heard, and none of it is
//! of that key. None of them follows A any more: what they have not made by then, A will
//! never acknowledge.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use distcache_bus::mutants::{Mutant, is_planted};
use distcache_manager::Keyspace;
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::Holding;
use super::super::handover::{Neighbour, Tenure};
use super::super::seat::CacheSeat;
use super::courses::Courses;
use crate::links::Links;
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::{Recall, Recalled, Reply, Request};
use crate::view::{MemberId, View};

/// How long to wait before somebody is asked again who has not taken the view yet, or was
/// not reached.
const PAUSE: Duration = Duration::from_millis(10);

/// Adopts copies of keyspaces in which a majority is waited for.
pub(super) struct Adoption {
    seat: Arc<CacheSeat>,
    links: Weak<Links>,
    courses: Arc<Mutex<Courses>>,
    /// How long others have to tell.
    within: Duration,
}

/// What is known of the changes of owners that are gone.
struct Testimony {
    /// Of the tenure in which they owned keys.
    view: Arc<View>,
    owners: BTreeMap<MemberId, Heard>,
}

/// What is known of the changes of one of them.
#[derive(Default)]
struct Heard {
    /// Who has told all that it knows, this member included.
    witnesses: BTreeSet<MemberId>,
    /// The places of keys of which somebody has heard more than this member.
    places: HashSet<u64>,
    /// Somebody has heard more of many keys.
    has_whole: bool,
}

impl Adoption {
    pub(super) fn new(
        seat: Arc<CacheSeat>,
        links: Weak<Links>,
        courses: Arc<Mutex<Courses>>,
        within: Duration,
    ) -> Self {
        Self { seat, links, courses, within }
    }

    /// Adopts in a tenure what is the latest, and drops the rest.
    pub(super) async fn see_to(&self, tenure: &Tenure) {
        let number = tenure.number();
        let waits = |keyspace: &Keyspace| 0 < keyspace.laggards();
        let keyspaces: Vec<_> = self.seat.cache().keyspaces().into_iter().filter(waits).collect();
        let view = tenure.before().filter(|_| !keyspaces.is_empty());
        if let Some((view, holding)) = view.cloned().zip(self.seat.holding()) {
            let testimony = self.hear(tenure, view).await;
            let cache = self.seat.cache().clone();
            let adopt = move || {
                for keyspace in keyspaces {
                    let is_latest = |key: &[u8]| testimony.is_latest(&holding, &keyspace, key);
                    match cache.adopt_copies(number, &keyspace, is_latest) {
                        Ok(adopted) => super::super::seat::tell_of_adopted(adopted),
                        // In another tenure, or closed.
                        Err(_over) => return,
                    }
                }
            };
            // If it panics, they are strays, and dropped as such.
            let _ = spawn_blocking(adopt).await;
        }
        self.seat.note_adopted(number);
    }

    /// Asks all others about all owners that are gone.
    async fn hear(&self, tenure: &Tenure, view: Arc<View>) -> Testimony {
        let ended: Vec<(MemberId, u64)> = self.courses.lock().ended().collect();
        let until = Instant::now() + self.within;
        let asks = ended.iter().flat_map(|(owner, after)| {
            let ask = Recall { tenure: tenure.number(), owner: owner.number(), after: *after };
            tenure.others().iter().map(move |other| (*owner, other, ask))
        });
        let told = join_all(asks.map(|(owner, other, ask)| async move {
            let recalled = timeout_at(until, self.ask(other, ask)).await;
            (owner, other.id, recalled.ok().flatten())
        }));
        let told = told.await;
        let own = |owner| (owner, Heard { witnesses: [tenure.me()].into(), ..Heard::default() });
        let mut owners: BTreeMap<_, _> = ended.iter().map(|(owner, _)| own(*owner)).collect();
        for (owner, witness, recalled) in told {
            if let (Some(heard), Some(recalled)) = (owners.get_mut(&owner), recalled) {
                heard.take(witness, recalled);
            }
        }
        Testimony { view, owners }
    }

    /// What one has heard; nothing if it cannot tell.
    async fn ask(&self, other: &Neighbour, ask: Recall) -> Option<Recalled> {
        let at = other.address.as_str().parse().ok()?;
        loop {
            let links = self.links.upgrade()?;
            let epoch = self.seat.holding().map_or(0, |holding| holding.view().epoch());
            let operation = Some(Operation::Recall(ask));
            let request = Request { epoch, operation, ..Request::default() };
            let reply = links.call(&at, request, Instant::now() + self.within).await;
            match reply.map(|Reply { outcome, .. }| outcome) {
                Ok(Some(Outcome::Recall(recalled))) => return Some(recalled),
                Ok(Some(Outcome::Moved(_))) | Err(_) => sleep(PAUSE).await,
                Ok(_) => return None,
            }
        }
    }
}

impl Heard {
    fn take(&mut self, witness: MemberId, Recalled { knows, has_whole, places }: Recalled) {
        if knows {
            self.witnesses.insert(witness);
            self.places.extend(places);
            self.has_whole |= has_whole;
        }
    }
}

impl Testimony {
    /// Whether the copy of a key here is what its owner has acknowledged last.
    fn is_latest(&self, holding: &Holding, keyspace: &Keyspace, key: &[u8]) -> bool {
        if is_planted(Mutant::CopiesUnasked) {
            return true;
        }
        let place = holding.place(keyspace, key);
        let holders = self.view.holders(place, usize::from(keyspace.replicas()));
        let Some((owner, keepers)) = holders.split_first() else { return false };
        let Some(heard) = self.owners.get(&owner.id) else { return false };
        // Of fewer than there should be, fewer were behind.
        let laggards = keyspace.laggards().min(keepers.len() / 2);
        let told = keepers.iter().filter(|keeper| heard.witnesses.contains(&keeper.id)).count();
        laggards < told && !heard.has_whole && !heard.places.contains(&place)
    }
}
