//! The cache takes its seat in the cluster, view by view.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use distcache_bus::mutants::{Mutant, linger};
use distcache_manager::{CacheManager, Error, Nowhere};
use tokio::sync::watch;

use super::handover::{Awaited, Tenure};
use super::replicas::Owner;
use super::{Holding, Tenant};
use crate::agreement::{NotTaken, Seat};
use crate::in_place;
use crate::lease::{Standing, Uptime};
use crate::view::{MemberId, View};

/// Gives a cache what each view says.
pub(super) struct CacheSeat {
    cache: Arc<CacheManager>,
    uptime: Arc<dyn Uptime>,
    /// What this process may do: known when its agreement has begun.
    standing: OnceLock<Arc<Standing>>,
    /// Its keys by the view that was taken last; none outside of a cluster.
    holding: ArcSwapOption<Holding>,
    /// Who works with the cache.
    tenant: Arc<dyn Tenant>,
    /// Who tells others of changes: to be known before the first view.
    owner: OnceLock<Arc<Owner>>,
    /// Since when its keys are its own, and from whom it has them.
    tenure: watch::Sender<Option<Arc<Tenure>>>,
    /// Keys of this member whose entries somebody waits for.
    awaited: Arc<Awaited>,
    /// Wakes whoever waits until copies were adopted, also those of which others were asked.
    adopted: watch::Sender<()>,
}

impl CacheSeat {
    pub(super) fn new(
        cache: Arc<CacheManager>,
        uptime: Arc<dyn Uptime>,
        tenant: Arc<dyn Tenant>,
        patience: Duration,
    ) -> Self {
        let (standing, holding) = (OnceLock::new(), ArcSwapOption::empty());
        let (owner, tenure) = (OnceLock::new(), watch::Sender::default());
        let (awaited, adopted) = (Arc::new(Awaited::new(patience)), watch::Sender::default());
        Self { cache, uptime, standing, holding, tenant, owner, tenure, awaited, adopted }
    }

    pub(super) fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    pub(super) fn cache(&self) -> &Arc<CacheManager> {
        &self.cache
    }

    /// The tenure that has begun last.
    pub(super) fn tenures(&self) -> watch::Receiver<Option<Arc<Tenure>>> {
        self.tenure.subscribe()
    }

    /// In this tenure all copies were adopted that are the latest.
    pub(super) fn note_adopted(&self, tenure: u64) {
        if let Some(standing) = self.standing.get() {
            standing.note_adopted(tenure);
        }
        self.adopted.send_replace(());
    }

    /// Whether no copies are left that may be adopted in that tenure.
    pub(super) fn has_adopted(&self, tenure: u64) -> bool {
        self.standing.get().is_some_and(|standing| tenure <= standing.adopted())
    }

    /// Waits until that is so in a tenure.
    pub(super) async fn until_adopted(&self, tenure: u64) {
        // The other end is ours: it does not go.
        let _ = self.adopted.subscribe().wait_for(|()| self.has_adopted(tenure)).await;
    }

    pub(super) fn holding(&self) -> Option<Arc<Holding>> {
        self.holding.load_full()
    }

    /// To be said before the agreement can tell of a view.
    pub(super) fn stand(&self, standing: Arc<Standing>) {
        // Whoever begins says it once.
        let _ = self.standing.set(standing);
    }

    /// To be said before the agreement can tell of a view.
    pub(super) fn tell_of_tenures(&self, owner: Arc<Owner>) {
        // Whoever begins says it once.
        let _ = self.owner.set(owner);
    }

    /// Keys have other owners from now on.
    fn settle(&self, holding: Holding, before: Option<&Arc<View>>) -> Result<(), Error> {
        let holding = Arc::new(holding);
        let view = holding.view();
        if before.is_some_and(|before| !view.follows(before.epoch())) {
            // 1. A owns a key by view 7, B by view 8, and A again by view 9.
            // 2. A is behind. B answers for the key: a write there is acknowledged.
            // 3. A takes 9 after 7. It has an entry of the key, from before that write.
            // So it owns nothing by view 8, and what it has are strays.
            self.cache.settle(view.placed_before(), Some(Arc::new(Nowhere)))?;
        }
        // What it gives and takes bears the number that it has everywhere, also if the
        // view with that number was missed.
        let mut tenure = Tenure::new(view, holding.me(), before);
        self.awaited.begin(&tenure);
        self.cache.settle(tenure.number(), Some(holding.clone()))?;
        if tenure.number() < view.epoch() {
            self.cache.settle_alike(view.epoch(), holding.clone())?;
        }
        self.drop_unconfirmed(&tenure, &holding)?;
        self.adopt(&tenure)?;
        if self.cache.orphan_copies(tenure.number())? {
            tenure = tenure.dropped_copies();
        }
        self.holding.store(Some(holding));
        if let Some(owner) = self.owner.get() {
            owner.begin(&tenure);
        }
        self.tenure.send_replace(Some(Arc::new(tenure)));
        Ok(())
    }

    /// Copies of keys that are this member's now become its own entries: before the view is
    /// reported as taken, and so before anybody is answered about such a key. Where a
    /// majority is waited for, others are [asked](super::replicas) first.
    fn adopt(&self, tenure: &Tenure) -> Result<(), Error> {
        let keyspaces = self.cache.keyspaces();
        for keyspace in keyspaces.iter().filter(|held| held.laggards() == 0) {
            tell_of_adopted(self.cache.adopt_copies(tenure.number(), keyspace, |_| true)?);
        }
        if keyspaces.iter().all(|held| held.laggards() == 0) {
            self.note_adopted(tenure.number());
        }
        Ok(())
    }

    /// Where a majority is waited for, drops copies of keys whose owner was another, and is
    /// not this member.
    ///
    /// 1. A owns a key; B and C hold it, too. It is deleted: B has made that change, C has
    ///    not. It is acknowledged.
    /// 2. A dies. B owns the key; there is nothing to tell C of.
    /// 3. B dies. C owns the key, and answers with what was deleted.
    ///
    /// C reads off B what there is.
    fn drop_unconfirmed(&self, tenure: &Tenure, holding: &Holding) -> Result<(), Error> {
        if self.cache.keyspaces().iter().all(|keyspace| keyspace.laggards() == 0) {
            return Ok(());
        }
        let (view, me) = (holding.view(), holding.me());
        self.cache.drop_copies(|copies, key| {
            if copies.laggards() == 0 {
                return false;
            }
            let place = holding.place(copies, key);
            let owner = |view: &View| view.owner(place).map(|owner| owner.id);
            let now = owner(view);
            let is_kept = |before: &Arc<View>| now == Some(me) || now == owner(before);
            !tenure.before().is_some_and(is_kept)
        })
    }

    /// Every key has the owner that it had.
    fn settle_alike(&self, holding: Holding) -> Result<(), Error> {
        let holding = Arc::new(holding);
        self.cache.settle_alike(holding.view().epoch(), holding.clone())?;
        self.holding.store(Some(holding));
        Ok(())
    }

    fn turn_to(&self, view: &Arc<View>) -> Result<(), NotTaken> {
        let epoch = view.epoch();
        let Some(holding) = self.holding() else {
            return Err(NotTaken { epoch, why: "there was none before it".to_owned() });
        };
        let (before, next) = (holding.view(), holding.next(view.clone()));
        let settled = if view.placed() <= before.epoch() {
            self.settle_alike(next)
        } else {
            self.settle(next, Some(before))
        };
        settled.map_err(|error| NotTaken { epoch, why: error.to_string() })?;
        // What was begun by the views before ends.
        self.tenant.settled(view);
        Ok(())
    }

    fn begin_by(&self, view: &Arc<View>, me: MemberId) -> Result<(), NotTaken> {
        let not_taken = |why: String| NotTaken { epoch: view.epoch(), why };
        let standing = self.standing.get().cloned();
        let standing = standing.ok_or_else(|| not_taken("nobody has begun".to_owned()))?;
        // Without a lease, which ended with the cluster before, nothing is stored any
        // more. To clear notes every key as used: so it comes before the entries that
        // others may give are expected.
        if let Some(owner) = self.owner.get() {
            owner.abandon();
        }
        self.cache.drop_copies(|_, _| true).map_err(|error| not_taken(error.to_string()))?;
        for keyspace in self.cache.keyspaces() {
            self.cache.clear_in(&keyspace).map_err(|error| not_taken(error.to_string()))?;
        }
        let holding = Holding::first(view.clone(), me, standing, self.uptime.clone())
            .awaiting(self.awaited.clone());
        self.settle(holding, None).map_err(|error| not_taken(error.to_string()))?;
        self.tenant.settled(view);
        Ok(())
    }
}

pub(super) fn tell_of_adopted(copies: u64) {
    if 0 < copies {
        log::info!("owns the keys of {copies} copies, and answers with them");
    }
}

/// A view is taken by a task, and may have every entry of the cache gone through: the
/// other tasks go on meanwhile, the one among them that keeps the lease.
impl Seat for CacheSeat {
    fn take(&self, view: &Arc<View>) -> Result<(), NotTaken> {
        in_place(|| {
            let is_first = |me| view.members().iter().all(|member| me <= member.id);
            let is_slow = self.holding().is_some_and(|holding| is_first(holding.me()));
            linger(Mutant::UnsettledViews, is_slow);
            self.turn_to(view)
        })
    }

    fn begin_anew(&self, view: &Arc<View>, me: MemberId) -> Result<(), NotTaken> {
        in_place(|| self.begin_by(view, me))
    }
}

impl fmt::Debug for CacheSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSeat").field("holding", &self.holding()).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
