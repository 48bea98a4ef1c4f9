//! The one who takes: entries of keys that are its own now, from whoever owned them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use distcache_manager::{CacheManager, Error, Keyspace, Tick};
use futures_util::stream::{self, StreamExt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::super::seat::CacheSeat;
use super::counts::Counters;
use super::page::{self, Stored};
use super::rate::Rate;
use super::tenure::{Neighbour, Tenure};
use crate::links::{CallFailed, Links, NotSent};
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::take_page::Place;
use crate::proto::{PageTaken, Reply, Request, TakePage};
use crate::wire;

/// Members that are asked at once, for one page each.
const GIVERS_AT_ONCE_MAX: usize = 8;

/// How long a page is waited for: it has to be made, in its turn, and to be sent.
const PAGE_WAIT: Duration = Duration::from_secs(5);

/// How long to wait before a member is asked again: it has not taken the view yet, or is
/// busy, or was not reached. Twice as long each time.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// At most so long.
const PAUSE_MAX: Duration = Duration::from_millis(640);

/// A member that was not reached so often, one time after the other, is gone: with the
/// pauses that takes two seconds, in which a view is taken and a link made anew.
const FAILURES_MAX: u32 = 9;

/// Takes entries over from those who owned their keys.
#[derive(Debug)]
pub(super) struct Heir {
    pub(super) seat: Arc<CacheSeat>,
    pub(super) links: Weak<Links>,
    pub(super) counters: Arc<Counters>,
    pub(super) rate: Rate,
}

/// Why a member is asked for nothing more.
#[derive(Debug, thiserror::Error)]
enum GivenUp {
    #[error("its address is none: {0}")]
    Address(#[from] wire::NotAnAddress),
    #[error("it was not reached: {0}")]
    Unreached(CallFailed),
    #[error("it has answered something else than a page")]
    Answer,
    #[error("nothing is taken over any more: {0}")]
    Over(#[from] Error),
    #[error("a page was not stored: {0}")]
    Panicked(#[from] tokio::task::JoinError),
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
        match self.take_all(tenure, giver).await {
            Ok(()) => {}
            // As when it was removed because it had died.
            Err(why) => log::debug!("{} at {} gives no more: {why}", giver.id, giver.address),
        }
    }

    async fn take_all(&self, tenure: &Tenure, giver: &Neighbour) -> Result<(), GivenUp> {
        let at = giver.address.as_str().parse()?;
        for keyspace in self.seat.cache().keyspaces() {
            let mut from = Some(Place::default());
            while from.is_some() {
                from = self.take_page(tenure, &at, &keyspace, from).await?;
            }
        }
        let (tenure, heir) = (tenure.number(), tenure.me().number());
        let done = TakePage { tenure, heir, has_all: true, ..TakePage::default() };
        self.ask(&at, done).await.map(drop)
    }

    /// Returns where to go on.
    async fn take_page(
        &self,
        tenure: &Tenure,
        at: &wire::Address,
        keyspace: &Keyspace,
        from: Option<Place>,
    ) -> Result<Option<Place>, GivenUp> {
        let ask = TakePage {
            keyspace: keyspace.name().to_owned(),
            heir: tenure.me().number(),
            tenure: tenure.number(),
            from,
            has_all: false,
        };
        self.rate.turn().await;
        let (asked, page) = self.ask(at, ask).await?;
        self.rate.spend(page.entries.iter().map(page::bytes).sum());
        let next = page.next;
        self.count(store(self.seat.cache(), tenure.number(), keyspace, page, asked).await?);
        Ok(next)
    }

    fn count(&self, Stored { entries, refused, bytes }: Stored) {
        self.counters.pages_taken.add(1);
        self.counters.entries_taken.add(entries);
        self.counters.entries_refused.add(refused);
        self.counters.bytes_taken.add(bytes);
    }

    /// Asks until it is answered. Returns with the answer when it was asked for, by the
    /// clock of the entries.
    ///
    /// A page whose answer is lost is not given again; the next question is for what
    /// comes after.
    async fn ask(&self, at: &wire::Address, ask: TakePage) -> Result<(Tick, PageTaken), GivenUp> {
        let (mut pause, mut failures) = (PAUSE_MIN, 0);
        loop {
            let asked = self.seat.cache().now();
            match self.call(at, ask.clone()).await {
                Ok(Some(Outcome::TakePage(page))) => return Ok((asked, page)),
                Ok(Some(Outcome::Moved(_) | Outcome::Busy(_))) => failures = 0,
                Ok(Some(Outcome::UnknownOutcome(_)) | None) => failures += 1,
                Ok(Some(_)) => return Err(GivenUp::Answer),
                Err(error) => {
                    failures += 1;
                    if failures == FAILURES_MAX || is_closed(&error) {
                        return Err(GivenUp::Unreached(error));
                    }
                }
            }
            if FAILURES_MAX <= failures {
                return Err(GivenUp::Answer);
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn call(&self, at: &wire::Address, ask: TakePage) -> Result<Option<Outcome>, CallFailed> {
        let links = self.links.upgrade().ok_or(NotSent::Closed)?;
        let epoch = self.seat.holding().map_or(0, |holding| holding.view().epoch());
        let operation = Some(Operation::TakePage(ask));
        let request = Request { epoch, operation, ..Request::default() };
        let Reply { outcome, .. } = links.call(at, request, Instant::now() + PAGE_WAIT).await?;
        Ok(outcome)
    }
}

fn is_closed(error: &CallFailed) -> bool {
    matches!(error, CallFailed::NotSent(NotSent::Closed))
}

/// Goes through the cache's nodes: not for a task.
async fn store(
    cache: &Arc<CacheManager>,
    tenure: u64,
    keyspace: &Keyspace,
    page: PageTaken,
    asked: Tick,
) -> Result<Stored, GivenUp> {
    if page.entries.is_empty() {
        return Ok(Stored::default());
    }
    let (cache, keyspace) = (cache.clone(), keyspace.clone());
    let stored =
        spawn_blocking(move || page::store(&cache, tenure, &keyspace, &page.entries, asked));
    Ok(stored.await??)
}
