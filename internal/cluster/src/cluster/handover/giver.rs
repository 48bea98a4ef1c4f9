//! The one who gives: entries of keys that were its own, to whoever owns them now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::Error;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::super::seat::CacheSeat;
use super::counts::Counters;
use super::page;
use super::rate::Rate;
use super::tenure::Tenure;
use crate::proto::reply::Outcome;
use crate::proto::{Busy, Moved, Nothing, PageTaken, Reply, TakePage, UnknownOutcome};
use crate::view::{Address, MEMBERS_MAX, MemberId};
use crate::wire;

/// Pages that are made at once: each may have a thread go through the cache, and has its
/// bytes in memory. An heir that comes too many is told that we are busy.
const PAGES_AT_ONCE_MAX: usize = 4;

/// How long an heir may wait for its turn; after that it is told that we are busy, too.
/// Well below the time for which it waits for its page:
///
/// 1. An heir asks, and waits; so do others. The rate is low.
/// 2. It has given up when its turn comes. Its entries are taken off, and sent.
/// 3. Nobody waits for them: they are lost.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// When it makes sense to ask again then: a few pages later.
const BUSY_RETRY_MS: u64 = 20;

/// Gives entries to those who own their keys now, when they ask.
#[derive(Debug)]
pub(crate) struct Giver {
    seat: Arc<CacheSeat>,
    counters: Arc<Counters>,
    rate: Rate,
    pages: Arc<Semaphore>,
    served: watch::Sender<Served>,
}

/// Who has everything, by what whoever is reached at an address has said last: in which
/// tenure, and as which member. As many as there can be members.
type Served = BTreeMap<Address, (u64, u64)>;

impl Giver {
    pub(super) fn new(seat: Arc<CacheSeat>, counters: Arc<Counters>, rate: Rate) -> Self {
        let pages = Arc::new(Semaphore::new(PAGES_AT_ONCE_MAX));
        Self { seat, counters, rate, pages, served: watch::Sender::default() }
    }

    /// Answers the heir that is reached at an address.
    pub(crate) fn answer(
        self: &Arc<Self>,
        from: &wire::Address,
        ask: TakePage,
    ) -> BoxFuture<'static, Reply> {
        let (this, from) = (Arc::clone(self), Address::new(from.as_str()));
        Box::pin(async move {
            let outcome = this.outcome(from, ask).await;
            let epoch = this.seat.holding().map_or(0, |holding| holding.view().epoch());
            Reply { epoch, outcome: Some(outcome), ..Reply::default() }
        })
    }

    async fn outcome(&self, from: Address, ask: TakePage) -> Outcome {
        if ask.has_all {
            self.note(from, &ask);
            return Outcome::TakePage(PageTaken::default());
        }
        // As of a view that one of us has not taken yet.
        if !self.is_there(&from, ask.heir) {
            return Outcome::Moved(Moved {});
        }
        let Ok(_place) = self.pages.try_acquire() else {
            return Outcome::Busy(Busy { retry_after_ms: BUSY_RETRY_MS });
        };
        // Who waits for a key waits for no turn.
        let turn = async {
            if ask.keys.is_empty() {
                self.rate.turn().await;
            }
        };
        if timeout(TURN_WAIT, turn).await.is_err() {
            return Outcome::Busy(Busy { retry_after_ms: BUSY_RETRY_MS });
        }
        let cache = self.seat.cache().clone();
        let made = spawn_blocking(move || {
            let (parcel, next) = page::take_off(&cache, &ask)?;
            let page = page::wrap(&parcel, next, cache.now());
            Ok((page, parcel.bytes()))
        });
        match made.await {
            Ok(Ok((page, bytes))) => {
                self.rate.spend(bytes);
                self.counters.pages_given.add(1);
                self.counters.entries_given.add(page.entries.len() as u64);
                self.counters.bytes_given.add(bytes);
                Outcome::TakePage(page)
            }
            Ok(Err(Error::Elsewhere)) => Outcome::Moved(Moved {}),
            // The cache is closed: it gives nothing more.
            Ok(Err(_closed)) => Outcome::Unsupported(Nothing {}),
            Err(why) => Outcome::UnknownOutcome(UnknownOutcome { why: why.to_string() }),
        }
    }

    /// Whether that member is at that address.
    ///
    /// 1. B has gained keys of A. C asks A for a page, and says that it is B.
    /// 2. C throws it away: A has nothing of it any more, and B never gets it.
    fn is_there(&self, from: &Address, heir: u64) -> bool {
        self.seat.holding().is_some_and(|holding| {
            let member = holding.view().member(MemberId::from_number(heir));
            member.is_some_and(|member| member.address == *from)
        })
    }

    /// An heir has everything. It may have been quicker than we are, and say so of a
    /// tenure of which we do not know yet: so it counts when it is looked at.
    fn note(&self, from: Address, ask: &TakePage) {
        self.served.send_modify(|served| {
            if MEMBERS_MAX <= served.len() && !served.contains_key(&from) {
                let holding = self.seat.holding();
                let members = || holding.iter().flat_map(|holding| holding.view().members());
                served.retain(|address, _| members().any(|member| member.address == *address));
            }
            if served.len() < MEMBERS_MAX || served.contains_key(&from) {
                served.insert(from, (ask.tenure, ask.heir));
            }
        });
    }

    /// Waits until every heir has what is its own.
    pub(super) async fn served(&self, tenure: &Tenure) {
        let all = |served: &Served| {
            let mut heirs = tenure.heirs().iter();
            heirs
                .all(|heir| served.get(&heir.address) == Some(&(tenure.number(), heir.id.number())))
        };
        // The other end is ours: it does not go.
        let _ = self.served.subscribe().wait_for(all).await;
    }

    /// Gives to all heirs of a tenure, or for so long; drops what is left.
    pub(super) async fn see_to(&self, tenure: &Tenure, within: Duration) {
        if tenure.heirs().is_empty() {
            return;
        }
        let (before, began) = (self.counters.told(), Instant::now());
        let in_time = timeout(within, self.served(tenure)).await.is_ok();
        self.counters.ended_by_time.add(u64::from(!in_time));
        let after = self.counters.told();
        let entries = after.entries_given - before.entries_given;
        if !in_time || 0 < entries {
            let (heirs, took) = (tenure.heirs().len(), began.elapsed());
            let bytes = after.bytes_given - before.bytes_given;
            let how = if in_time { "all of them have everything" } else { "it was not all" };
            log::info!(
                "gave {entries} entries of {bytes} bytes to {heirs} members in {took:?}: {how}"
            );
        }
        let (cache, number) = (self.seat.cache().clone(), tenure.number());
        // Copies that are to be adopted are none of keys of others: they look like strays.
        let _ = timeout(within, self.seat.until_adopted(number)).await;
        // Nothing is to be dropped when another tenure has begun, or the cache is closed.
        let _ = spawn_blocking(move || cache.drop_strays(number)).await;
    }
}

#[cfg(test)]
mod tests;
