//! Entries that may be on their way here from another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::calls::Asked;
use crate::routing::Routing;
use crate::{Claim, Error};

/// Whether there may be any. One for all pictures of the ring.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals(Arc<AtomicBool>);

/// How long who asks waits to look at a node; else it counts as one that has all it will.
const LOOK_WAIT: Duration = Duration::from_millis(20);

impl Arrivals {
    /// To be said before the picture is published in which their keys are ours.
    pub(crate) fn expect(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn are_expected(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Routing {
    /// As [`claim`](Self::claim), for what is asked: nobody is answered by what a key has
    /// while its entry may arrive, and the territory waits for it.
    ///
    /// 1. A key goes from A to B; its entry is on its way. It is a counter, of 7.
    /// 2. One is added at B, which has nothing of it: it is 1.
    /// 3. The entry arrives, too late.
    ///
    /// That is a miss, as any; but one that nobody expects of a member that comes or goes
    /// in good order.
    #[inline]
    pub(crate) fn claim_for(&self, asked: Asked<'_>) -> Result<Option<Claim>, Error> {
        let claim = self.claim(asked.keyspace, asked.key)?;
        if self.arrivals.are_expected() && self.awaits(asked) {
            return Err(Error::Elsewhere);
        }
        Ok(claim)
    }

    /// Whether what is asked depends on an entry that is waited for.
    #[cold]
    fn awaits(&self, Asked { keyspace, hash, key, is_blind }: Asked<'_>) -> bool {
        let Some(territory) = &self.territory else { return false };
        if is_blind || keyspace.is_of_copies() {
            return false;
        }
        let id = keyspace.id();
        let may_arrive = self
            .owner(hash)
            .mailbox
            .looked_at(LOOK_WAIT, |node| node.may_arrive(id, hash, key))
            .unwrap_or(false);
        may_arrive && territory.awaits(keyspace, key)
    }
}
