//! The cache takes its seat in the cluster, view by view.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use distcache_manager::CacheManager;

use super::Holding;
use crate::agreement::{NotTaken, Seat};
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
}

impl CacheSeat {
    pub(super) fn new(cache: Arc<CacheManager>, uptime: Arc<dyn Uptime>) -> Self {
        let (standing, holding) = (OnceLock::new(), ArcSwapOption::empty());
        Self { cache, uptime, standing, holding }
    }

    pub(super) fn holding(&self) -> Option<Arc<Holding>> {
        self.holding.load_full()
    }

    /// To be said before the agreement can tell of a view.
    pub(super) fn stand(&self, standing: Arc<Standing>) {
        // Whoever begins says it once.
        let _ = self.standing.set(standing);
    }

    fn settle(&self, holding: Holding) -> Result<(), NotTaken> {
        let holding = Arc::new(holding);
        let epoch = holding.view().epoch();
        let settled = self.cache.settle(epoch, Some(holding.clone()));
        settled.map_err(|error| NotTaken { epoch, why: error.to_string() })?;
        self.holding.store(Some(holding));
        Ok(())
    }
}

impl Seat for CacheSeat {
    fn take(&self, view: &Arc<View>) -> Result<(), NotTaken> {
        let epoch = view.epoch();
        let Some(holding) = self.holding() else {
            return Err(NotTaken { epoch, why: "there was none before it".to_owned() });
        };
        self.settle(holding.next(view.clone()))
    }

    fn begin_anew(&self, view: &Arc<View>, me: MemberId) -> Result<(), NotTaken> {
        let not_taken = |why: String| NotTaken { epoch: view.epoch(), why };
        let standing = self.standing.get().cloned();
        let standing = standing.ok_or_else(|| not_taken("nobody has begun".to_owned()))?;
        // Without a lease, which ended with the cluster before, nothing is stored any
        // more. To clear notes every key as used: so it comes before the entries that
        // others may give are expected.
        for keyspace in self.cache.keyspaces() {
            self.cache.clear_in(&keyspace).map_err(|error| not_taken(error.to_string()))?;
        }
        self.settle(Holding::first(view.clone(), me, standing, self.uptime.clone()))
    }
}

impl fmt::Debug for CacheSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSeat").field("holding", &self.holding()).finish_non_exhaustive()
    }
}
