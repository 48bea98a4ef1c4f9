//! The one who takes: entries of keys that are its own now, from whoever owned them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::super::seat::CacheSeat;
use super::counts::Counters;
use super::rate::Rate;
use super::taking::Taking;
use super::tenure::{Neighbour, Tenure};
use crate::links::Links;

/// Members that are asked at once, for one page each.
const GIVERS_AT_ONCE_MAX: usize = 8;

/// Takes entries over from those who owned their keys.
#[derive(Debug)]
pub(super) struct Heir {
    pub(super) seat: Arc<CacheSeat>,
    pub(super) links: Weak<Links>,
    pub(super) counters: Arc<Counters>,
    pub(super) rate: Rate,
}

impl Heir {
    /// Takes over what it can, from all who may have something, for so long at most.
    ///
    /// It does not wait until the view is settled, although nobody is answered before:
    /// a member that gives has taken the view, and so will not change what it gives; and
    /// what it gives, nobody before it can change any more, or it would not have had it
    /// (`Holding::is_alone`).
    pub(super) async fn see_to(&self, tenure: &Tenure, within: Duration) {
        if !tenure.givers().is_empty() {
            self.take_over(tenure, within).await;
        }
        let (cache, number) = (self.seat.cache().clone(), tenure.number());
        // Of a copy that is adopted later nobody would know whether its key was used: it
        // would be dropped.
        let _ = timeout(within, self.seat.until_adopted(number)).await;
        // Nothing is to be ended when another tenure has begun, or the cache is closed.
        let _ = spawn_blocking(move || cache.end_arrivals(number)).await;
    }

    async fn take_over(&self, tenure: &Tenure, within: Duration) {
        let (before, began) = (self.counters.told(), Instant::now());
        let all = stream::iter(tenure.givers())
            .for_each_concurrent(GIVERS_AT_ONCE_MAX, |giver| self.take_from(tenure, giver));
        let in_time = timeout(within, all).await.is_ok();
        self.counters.ended_by_time.add(u64::from(!in_time));
        let after = self.counters.told();
        let entries = after.entries_taken - before.entries_taken;
        let refused = after.entries_refused - before.entries_refused;
        if !in_time || 0 < entries + refused {
            let (givers, took) = (tenure.givers().len(), began.elapsed());
            let bytes = after.bytes_taken - before.bytes_taken;
            let how = if in_time { "" } else { "; the time was over before they had given all" };
            log::info!(
                "took {entries} entries over, of {bytes} bytes that came, from {givers} members \
                 in {took:?}; {refused} came too late{how}"
            );
        }
    }

    async fn take_from(&self, tenure: &Tenure, giver: &Neighbour) {
        let taken = Taking { heir: self, tenure, giver }.all().await;
        self.seat.awaited().end_all(giver.id);
        // As when it was removed because it had died.
        if let Err(why) = taken {
            log::debug!("{} at {} gives no more: {why}", giver.id, giver.address);
        }
    }
}
