//! What an heir takes from one giver: page by page, and before each what somebody waits for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_manager::{CacheManager, Error, Keyspace, Tick};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::awaited::{Awaited, Wanted};
use super::heir::Heir;
use super::page::{self, Stored};
use super::tenure::{Neighbour, Tenure};
use crate::links::{CallFailed, NotSent};
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::take_page::Place;
use crate::proto::{PageTaken, Reply, Request, TakePage};
use crate::wire;

/// How long a page is waited for: it has to be made, in its turn, and to be sent.
const PAGE_WAIT: Duration = Duration::from_secs(5);

/// How long to wait before a member is asked again that has not taken the view yet, or is
/// busy: somebody may wait for a key.
const PAUSE: Duration = Duration::from_millis(10);

/// The same, if it was not reached. Twice as long each time.
const FAILURE_PAUSE_MIN: Duration = Duration::from_millis(10);
/// At most so long.
const FAILURE_PAUSE_MAX: Duration = Duration::from_millis(640);

/// A member that was not reached so often, one time after the other, is gone: with the
/// pauses that takes two seconds, in which a view is taken and a link made anew.
const FAILURES_MAX: u32 = 9;

/// Of one giver, in one tenure.
pub(super) struct Taking<'a> {
    pub(super) heir: &'a Heir,
    pub(super) tenure: &'a Tenure,
    pub(super) giver: &'a Neighbour,
}

/// Why a member is asked for nothing more.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenUp {
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

impl Taking<'_> {
    pub(super) async fn all(&self) -> Result<(), GivenUp> {
        let at = self.giver.address.as_str().parse()?;
        for keyspace in self.cache().keyspaces() {
            let mut from = Some(Place::default());
            while from.is_some() {
                self.turn(&at).await?;
                from = self.take_page(&at, &keyspace, from).await?;
            }
        }
        let done = TakePage { has_all: true, ..self.question() };
        self.ask(&at, done).await.map(drop)
    }

    fn cache(&self) -> &Arc<CacheManager> {
        self.heir.seat.cache()
    }

    fn awaited(&self) -> &Awaited {
        self.heir.seat.awaited()
    }

    fn question(&self) -> TakePage {
        let (tenure, heir) = (self.tenure.number(), self.tenure.me().number());
        TakePage { tenure, heir, ..TakePage::default() }
    }

    /// Waits for its turn to ask for a page; before it, and meanwhile, asks for keys that
    /// somebody waits for.
    ///
    /// Between two pages, and by the same task:
    ///
    /// 1. A page is on its way, and an entry with it.
    /// 2. Its key is asked for alone. The giver has nothing of it any more.
    /// 3. Who waits for it is told that there is nothing, and loads it. The page comes.
    async fn turn(&self, at: &wire::Address) -> Result<(), GivenUp> {
        loop {
            if let Some(wanted) = self.awaited().next(self.giver.id) {
                self.take_keys(at, wanted).await?;
            }
            tokio::select! {
                biased;
                () = self.heir.rate.turn() => return Ok(()),
                () = self.awaited().until_any(self.giver.id) => {}
            }
        }
    }

    /// Returns where to go on.
    async fn take_page(
        &self,
        at: &wire::Address,
        keyspace: &Keyspace,
        from: Option<Place>,
    ) -> Result<Option<Place>, GivenUp> {
        let ask = TakePage { keyspace: keyspace.name().to_owned(), from, ..self.question() };
        let (asked, page) = self.ask(at, ask).await?;
        let next = page.next;
        self.store(keyspace, page, asked).await?;
        Ok(next)
    }

    /// Takes the entries of these keys, as long as more of them come.
    async fn take_keys(&self, at: &wire::Address, wanted: Wanted) -> Result<(), GivenUp> {
        let keyspace = &wanted.keyspace;
        let mut left = wanted.keys.clone();
        let mut is_all = false;
        while !is_all && !left.is_empty() {
            let (name, keys) = (keyspace.name().to_owned(), left.clone());
            let ask = TakePage { keyspace: name, keys, ..self.question() };
            let (asked, page) = self.ask(at, ask).await?;
            is_all = page.next.is_none() || page.entries.is_empty();
            left.retain(|key| !page.entries.iter().any(|entry| entry.key == *key));
            self.store(keyspace, page, asked).await?;
        }
        self.end_arrivals_for(keyspace, left).await?;
        self.awaited().end(self.giver.id, wanted);
        Ok(())
    }

    /// Goes through the cache's nodes: not for a task.
    async fn end_arrivals_for(&self, keyspace: &Keyspace, keys: Vec<Bytes>) -> Result<(), GivenUp> {
        if keys.is_empty() {
            return Ok(());
        }
        let (cache, keyspace, tenure) =
            (self.cache().clone(), keyspace.clone(), self.tenure.number());
        let keys =
            move || cache.end_arrivals_for(tenure, &keyspace, keys.iter().map(AsRef::as_ref));
        Ok(spawn_blocking(keys).await??)
    }

    /// Goes through the cache's nodes: not for a task.
    async fn store(
        &self,
        keyspace: &Keyspace,
        page: PageTaken,
        asked: Tick,
    ) -> Result<(), GivenUp> {
        self.heir.rate.spend(page.entries.iter().map(page::bytes).sum());
        let stored = if page.entries.is_empty() {
            Stored::default()
        } else {
            let (cache, keyspace, tenure) =
                (self.cache().clone(), keyspace.clone(), self.tenure.number());
            let store = move || page::store(&cache, tenure, &keyspace, &page.entries, asked);
            spawn_blocking(store).await??
        };
        self.count(stored);
        Ok(())
    }

    fn count(&self, Stored { entries, refused, bytes }: Stored) {
        let counters = &self.heir.counters;
        counters.pages_taken.add(1);
        counters.entries_taken.add(entries);
        counters.entries_refused.add(refused);
        counters.bytes_taken.add(bytes);
    }

    /// Asks until it is answered. Returns with the answer when it was asked for, by the
    /// clock of the entries.
    ///
    /// A page whose answer is lost is not given again; the next question is for what
    /// comes after.
    async fn ask(&self, at: &wire::Address, ask: TakePage) -> Result<(Tick, PageTaken), GivenUp> {
        let (mut pause, mut failures) = (FAILURE_PAUSE_MIN, 0);
        loop {
            let asked = self.cache().now();
            match self.call(at, ask.clone()).await {
                Ok(Some(Outcome::TakePage(page))) => return Ok((asked, page)),
                Ok(Some(Outcome::Moved(_) | Outcome::Busy(_))) => {
                    (pause, failures) = (FAILURE_PAUSE_MIN, 0);
                    sleep(PAUSE).await;
                    continue;
                }
                Ok(Some(Outcome::UnknownOutcome(_)) | None) => failures += 1,
                Ok(Some(_)) => return Err(GivenUp::Answer),
                Err(error) => {
                    // It may be back soon, but nobody waits for it.
                    self.awaited().end_all(self.giver.id);
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
            pause = (pause * 2).min(FAILURE_PAUSE_MAX);
        }
    }

    async fn call(&self, at: &wire::Address, ask: TakePage) -> Result<Option<Outcome>, CallFailed> {
        let links = self.heir.links.upgrade().ok_or(NotSent::Closed)?;
        let epoch = self.heir.seat.holding().map_or(0, |holding| holding.view().epoch());
        let operation = Some(Operation::TakePage(ask));
        let request = Request { epoch, operation, ..Request::default() };
        let Reply { outcome, .. } = links.call(at, request, Instant::now() + PAGE_WAIT).await?;
        Ok(outcome)
    }
}

fn is_closed(error: &CallFailed) -> bool {
    matches!(error, CallFailed::NotSent(NotSent::Closed))
}
