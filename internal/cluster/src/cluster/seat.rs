//! The cache takes its seat in the cluster, view by view.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use distcache_bus::mutants::{Mutant, linger};
use distcache_manager::{CacheManager, Error, Nowhere};
use tokio::sync::watch;

use super::handover::Tenure;
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
}

impl CacheSeat {
    pub(super) fn new(
        cache: Arc<CacheManager>,
        uptime: Arc<dyn Uptime>,
        tenant: Arc<dyn Tenant>,
    ) -> Self {
        let (standing, holding) = (OnceLock::new(), ArcSwapOption::empty());
        let (owner, tenure) = (OnceLock::new(), watch::Sender::default());
        Self { cache, uptime, standing, holding, tenant, owner, tenure }
    }

    pub(super) fn cache(&self) -> &Arc<CacheManager> {
        &self.cache
    }

    /// The tenure that has begun last.
    pub(super) fn tenures(&self) -> watch::Receiver<Option<Arc<Tenure>>> {
        self.tenure.subscribe()
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
        let tenure = Tenure::new(view, holding.me(), before);
        self.cache.settle(tenure.number(), Some(holding.clone()))?;
        if tenure.number() < view.epoch() {
            self.cache.settle_alike(view.epoch(), holding.clone())?;
        }
        self.adopt(&tenure)?;
        self.cache.orphan_copies(tenure.number())?;
        self.holding.store(Some(holding));
        if let Some(owner) = self.owner.get() {
            owner.begin(&tenure);
        }
        self.tenure.send_replace(Some(Arc::new(tenure)));
        Ok(())
    }

    /// Copies of keys that are this member's now become its own entries: before the view is
    /// reported as taken, and so before anybody is answered about such a key.
    fn adopt(&self, tenure: &Tenure) -> Result<(), Error> {
        for keyspace in self.cache.keyspaces() {
            let adopted = self.cache.adopt_copies(tenure.number(), &keyspace)?;
            if 0 < adopted {
                log::info!("owns the keys of {adopted} copies, and answers with them");
            }
        }
        Ok(())
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
        let holding = Holding::first(view.clone(), me, standing, self.uptime.clone());
        self.settle(holding, None).map_err(|error| not_taken(error.to_string()))?;
        self.tenant.settled(view);
        Ok(())
    }
}

/// A view is taken by a task, and may have every entry of the cache gone through: the
/// other tasks go on meanwhile, the one among them that keeps the lease.
impl Seat for CacheSeat {
    fn take(&self, view: &Arc<View>) -> Result<(), NotTaken> {
        in_place(|| {
            let me = self.holding().map_or(0, |holding| holding.me().number());
            linger(Mutant::UnsettledViews, me.is_multiple_of(2));
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
