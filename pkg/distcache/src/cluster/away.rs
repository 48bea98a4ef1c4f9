//! The way to the other members.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use distcache_manager::Bound;

use super::start::Part;
use crate::Error;

/// The way to the other members, if the engine is one of a cluster. Every keyspace has
/// it; clones are one.
#[derive(Clone, Default)]
pub(crate) struct Away(Arc<ArcSwapOption<Part>>);

impl Away {
    /// Whether the engine is a member, or about to become one.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.load().is_some()
    }

    /// Waits until it is a member that may answer from its cache, has left, or the time is
    /// over; not at all of an engine that is alone.
    pub(crate) fn wait_for_lease(&self, within: Duration) {
        if let Some(part) = self.part() {
            let has_lease = || part.holding().is_some_and(|holding| holding.has_lease());
            part.wait_until(within, || has_lease() || !self.is_open());
        }
    }

    /// Waits until no view older than the present one can be answered by any more, it has
    /// left, or the time is over.
    pub(crate) fn wait_until_settled(&self, within: Duration) {
        if let Some(part) = self.part() {
            let is_settled = || {
                let holding = part.holding();
                holding.is_some_and(|holding| holding.view().epoch() <= holding.settled())
            };
            part.wait_until(within, || is_settled() || !self.is_open());
        }
    }

    /// The bounds of its links; none of an engine that is alone.
    pub(crate) fn bounds(&self) -> Vec<Bound> {
        self.part().map(|part| part.cluster.bounds()).unwrap_or_default()
    }

    /// The part in the cluster; an error when the engine has left it.
    pub(super) fn open_part(&self) -> Result<Arc<Part>, Error> {
        self.part().ok_or_else(|| distcache_manager::Error::Closed.into())
    }

    pub(super) fn part(&self) -> Option<Arc<Part>> {
        self.0.load_full()
    }

    pub(super) fn open(&self, part: Part) {
        self.0.store(Some(Arc::new(part)));
    }

    /// Nobody finds the way any more.
    pub(super) fn close(&self) {
        self.0.store(None);
    }
}

impl fmt::Debug for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Away").field("is_open", &self.is_open()).finish()
    }
}
