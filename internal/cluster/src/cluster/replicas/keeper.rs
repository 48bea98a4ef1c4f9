//! The one who keeps copies: follows every other owner.

use std::sync::{Arc, Weak};
use std::time::Duration;

use distcache_manager::{CacheManager, Error, Tick, Told};
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::super::handover::{Neighbour, Tenure};
use super::super::seat::CacheSeat;
use super::courses::{Courses, Heard, Wanted};
use super::owner::QUIET_MAX;
use super::words;
use crate::links::{CallFailed, Links, NotSent};
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::{Follow, Followed, Reply, Request};

/// How long an answer is waited for: an owner with nothing to tell takes its time.
const ANSWER_WAIT: Duration = QUIET_MAX.saturating_add(Duration::from_secs(1));

/// How long to wait before an owner is asked again that has not taken the view yet, is
/// busy, or was not reached. Twice as long each time.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// At most so long.
const PAUSE_MAX: Duration = Duration::from_millis(320);

/// Keeps copies of what others own.
pub(super) struct Keeper {
    seat: Arc<CacheSeat>,
    cache: Arc<CacheManager>,
    links: Weak<Links>,
    /// How far it is with each owner.
    courses: Arc<Mutex<Courses>>,
}

/// Why an owner is not followed any more in this tenure.
enum Over {
    /// The cache or the links are closed, or the tenure is another.
    Ended,
}

impl Keeper {
    pub(super) fn new(
        seat: Arc<CacheSeat>,
        links: Weak<Links>,
        courses: Arc<Mutex<Courses>>,
    ) -> Self {
        let cache = seat.cache().clone();
        Self { seat, cache, links, courses }
    }

    /// Follows every other owner of a tenure, as long as it is not dropped.
    pub(super) async fn follow_all(&self, tenure: &Tenure) {
        join_all(tenure.others().iter().map(|owner| self.follow(tenure, owner))).await;
    }

    async fn follow(&self, tenure: &Tenure, owner: &Neighbour) {
        let mut pause = PAUSE_MIN;
        loop {
            match self.step(tenure, owner).await {
                Ok(true) => pause = PAUSE_MIN,
                Ok(false) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(Over::Ended) => return,
            }
        }
    }

    /// Asks once, and makes the changes that it is told of. Returns whether it was told
    /// anything.
    async fn step(&self, tenure: &Tenure, owner: &Neighbour) -> Result<bool, Over> {
        let Wanted { after, from, had_in, replacements } = {
            let mut courses = self.courses.lock();
            courses.look_for_losses(self.cache.replacements());
            courses.with(owner.id)
        };
        if after.is_none() {
            self.begin_anew(owner).await?;
        }
        let asked = self.cache.now();
        let (number, follower) = (tenure.number(), tenure.me().number());
        let (committed, wants_committed) = self.cache.committed_copies(owner.id.number());
        let ask =
            Follow { follower, tenure: number, after, from, committed, wants_committed, had_in };
        let followed = match self.ask(owner, ask).await {
            Ok(Some(Outcome::Follow(followed))) => *followed,
            Ok(_) => return Ok(false),
            Err(CallFailed::NotSent(NotSent::Closed)) => return Err(Over::Ended),
            Err(_not_reached) => return Ok(false),
        };
        if followed.is_lost {
            self.courses.lock().forget(owner.id);
            return Ok(true);
        }
        let heard = self.heard(&followed, replacements)?;
        let up_to = followed.up_to;
        let told = |number| Told { owner: owner.id.number(), number };
        let (as_of, committed) = (told(followed.as_of.unwrap_or(up_to)), told(followed.committed));
        // The time that entries have left was told when the answer was made: that was so
        // long after the question, or longer.
        let counted_from = asked.after(Duration::from_millis(followed.waited_ms));
        if !self.keep(number, as_of, followed, counted_from).await? {
            self.courses.lock().forget(owner.id);
            return Ok(false);
        }
        self.cache.commit_copies(committed);
        self.courses.lock().note(owner.id, heard);
        Ok(true)
    }

    fn heard(&self, followed: &Followed, replacements: u64) -> Result<Heard, Over> {
        let Some(holding) = self.seat.holding() else { return Err(Over::Ended) };
        Ok(Heard {
            up_to: followed.up_to,
            next: followed.next.clone(),
            began: followed.began,
            committed: followed.committed,
            lacks: followed.keyspaces.iter().any(|name| self.cache.keyspace(name).is_none()),
            replacements,
            numbered: words::numbered(followed, &holding),
        })
    }

    /// Drops the copies of an owner's keys: of what it has told before nothing is known.
    async fn begin_anew(&self, owner: &Neighbour) -> Result<(), Over> {
        self.cache.drop_near();
        let Some(holding) = self.seat.holding() else { return Err(Over::Ended) };
        let (cache, owner) = (self.cache.clone(), owner.id);
        let dropped = spawn_blocking(move || {
            cache.drop_copies(|copies, key| holding.owns(owner, copies, key))
        });
        dropped.await.ok().and_then(Result::ok).ok_or(Over::Ended)
    }

    /// Makes changes to the copies here. Returns whether they were understood.
    async fn keep(
        &self,
        tenure: u64,
        told: Told,
        followed: Followed,
        counted_from: Tick,
    ) -> Result<bool, Over> {
        if followed.changes.is_empty() {
            return Ok(true);
        }
        let cache = self.cache.clone();
        let kept = spawn_blocking(move || {
            let Some(changes) = words::received(followed, &cache, counted_from) else {
                return Ok(false);
            };
            cache.keep_copies(tenure, told, changes).map(|()| true)
        });
        match kept.await {
            Ok(Ok(is_understood)) => Ok(is_understood),
            Ok(Err(Error::Elsewhere | Error::Closed)) => Err(Over::Ended),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    async fn ask(&self, owner: &Neighbour, ask: Follow) -> Result<Option<Outcome>, CallFailed> {
        let links = self.links.upgrade().ok_or(NotSent::Closed)?;
        let Ok(at) = owner.address.as_str().parse() else { return Ok(None) };
        let epoch = self.seat.holding().map_or(0, |holding| holding.view().epoch());
        let request =
            Request { epoch, operation: Some(Operation::Follow(ask)), ..Request::default() };
        let Reply { outcome, .. } = links.call(&at, request, Instant::now() + ANSWER_WAIT).await?;
        Ok(outcome)
    }
}
