//! One process's part in the cluster: its cache, its links and its agreement, joined.
//!
//! ```text
//!   others ──► Links ──► Front ─┬─ agreement ──► Agreement ──views──► CacheSeat
//!                ▲ ▲            │                    │                   │ settle
//!                │ └─ LinkPost ─┼────────────────────┘                   ▼
//!                ├─── Handover ─┼──────── give, absorb ─────────► CacheManager
//!                └─── Replicas ─┼──────── copies, journal ──────► CacheManager
//!                               └─ everything else ─► Serve (the engine) ► CacheManager
//!                                                                        ▲
//!                                                Holding: which keys are ours
//! ```

mod front;
pub mod handover;
mod holding;
pub use holding::{Holding, Whose};
mod post;
mod replicas;
mod seat;
mod tenant;
pub use tenant::Tenant;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::Timer;
use distcache_manager::{Bound, CacheManager, Error, Keyspace};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::agreement::{self, Agreement, NotAgreed, SettingsInvalid};
use crate::lease::Uptime;
use crate::links::{self, CallFailed, Links};
use crate::proto::{Reply, Request};
use crate::view::{Address, View};
use crate::wire::{self, Listener, Wire};
use front::Front;
use handover::Handover;
use post::LinkPost;
use replicas::Replicas;
use seat::CacheSeat;

/// One process's part in the cluster. Dropped, it falls silent.
pub struct Cluster {
    seat: Arc<CacheSeat>,
    agreement: Arc<Agreement>,
    links: Arc<Links>,
    handover: Arc<Handover>,
    handing_over: AbortOnDropHandle<()>,
    keeping_copies: AbortOnDropHandle<()>,
}

/// What a process needs to take part.
pub struct Parts {
    /// The cache whose keys are shared.
    pub cache: Arc<CacheManager>,
    /// Carries frames to others.
    pub wire: Arc<dyn Wire>,
    /// Where they come from.
    pub listener: Box<dyn Listener>,
    /// How its links work.
    pub links: links::Settings,
    /// How it agrees with others.
    pub agreement: agreement::Settings,
    /// The clock of leases.
    pub uptime: Arc<dyn Uptime>,
    /// The addresses that discovery tells.
    pub listed: watch::Receiver<Option<Vec<Address>>>,
    /// Works with the cache, and answers what others ask of it. It MUST do nothing by a
    /// key that this process does not answer for: what asks is never passed on.
    pub tenant: Arc<dyn Tenant>,
}

/// Why a process does not take part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotStarted {
    /// How it is to agree with others does not go together.
    #[error(transparent)]
    Settings(#[from] SettingsInvalid),
    /// Its cache is closed.
    #[error(transparent)]
    Cache(#[from] Error),
}

impl Cluster {
    /// Begins to look for a cluster, and to answer others. From now on the cache answers
    /// for those keys only that are its own by a view, and so for none before the first.
    ///
    /// # Errors
    /// [`NotStarted`].
    ///
    /// # Panics
    /// Outside a runtime of tokio: it is where everything of it runs. It SHOULD be one of
    /// several threads: a view is taken on one of them, which goes through the cache's
    /// entries then.
    pub fn start(parts: Parts) -> Result<Self, NotStarted> {
        Self::start_with(parts, handover::Settings::default())
    }

    /// The same, with other settings of how entries are handed over.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(parts: Parts, handover: handover::Settings) -> Result<Self, NotStarted> {
        let Parts { cache, wire, listener, links, agreement, uptime, listed, tenant } = parts;
        // 1. A cache is alone. A key is put there.
        // 2. Its process begins to take part. Another one owns the key, and it is put there.
        // 3. Somebody asks this one, which has no view yet, and gets what it had by itself.
        cache.withdraw()?;
        let seat =
            Arc::new(CacheSeat::new(cache, uptime.clone(), tenant.clone(), handover.patience));
        let post = Arc::new(LinkPost::default());
        let replicas = Arc::new(Replicas::new(seat.clone(), handover.recall_within));
        let handover = Arc::new(Handover::new(seat.clone(), handover));
        seat.tell_of_tenures(replicas.owner().clone());
        let front = Arc::new(Front::new(handover.giver().clone(), replicas.clone(), tenant));
        let agreement =
            Arc::new(Agreement::start(agreement, post.clone(), seat.clone(), uptime, listed)?);
        // It has no view before its post can be carried.
        seat.stand(agreement.standing());
        front.begin(Arc::downgrade(&agreement));
        let links = Arc::new(Links::start(wire, listener, links, front));
        post.begin(Arc::downgrade(&links));
        let work = tokio::spawn(handover.clone().run(Arc::downgrade(&links)));
        let handing_over = AbortOnDropHandle::new(work);
        let work = tokio::spawn(replicas.run(Arc::downgrade(&links)));
        let keeping_copies = AbortOnDropHandle::new(work);
        Ok(Self { seat, agreement, links, handover, handing_over, keeping_copies })
    }

    /// The view that the cache has settled in; none outside of a cluster.
    pub fn view(&self) -> Option<Arc<View>> {
        self.seat.holding().map(|holding| holding.view().clone())
    }

    /// What its part in the agreement is.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// This process's keys by the view that the cache has settled in; none outside of a
    /// cluster.
    pub fn holding(&self) -> Option<Arc<Holding>> {
        self.seat.holding()
    }

    /// Who is to be asked about a key.
    pub fn whose(&self, keyspace: &Keyspace, key: &[u8]) -> Whose {
        self.seat.holding().map_or(Whose::Nobody, |holding| holding.owner(keyspace, key))
    }

    /// Asks another member, for a task of any executor: see
    /// [`Links::call_by`]. The request bears the epoch of the view that is taken now.
    ///
    /// # Errors
    /// See [`CallFailed`].
    pub async fn call_by(
        &self,
        timer: &Timer,
        to: &wire::Address,
        request: Request,
        ends_at: std::time::Instant,
    ) -> Result<Reply, CallFailed> {
        let request = Request { epoch: self.epoch(), ..request };
        self.links.call_by(timer, to, request, ends_at).await
    }

    /// The epoch of the view that the cache has settled in; 0 outside of a cluster.
    pub fn epoch(&self) -> u64 {
        self.seat.holding().map_or(0, |holding| holding.view().epoch())
    }

    /// Asks another member. The request bears the epoch of the view that is taken now.
    ///
    /// # Errors
    /// See [`CallFailed`].
    pub async fn call(
        &self,
        to: &wire::Address,
        request: Request,
        within: Duration,
    ) -> Result<Reply, CallFailed> {
        let request = Request { epoch: self.epoch(), ..request };
        self.links.call(to, request, Instant::now() + within).await
    }

    /// Leaves in good order, within so long: lets the others have its keys, hands them
    /// its entries, and [closes](Self::close). Until the others have agreed that it is
    /// gone it answers for its keys; after that it gives what they ask for. What they
    /// have asked before it parts from them is answered.
    ///
    /// # Errors
    /// [`NotAgreed::Late`] if they did not agree in time. It is closed all the same, and is
    /// removed like one that died.
    pub async fn leave(&self, within: Duration) -> Result<(), NotAgreed> {
        let deadline = Instant::now() + within;
        let departed = self.depart(deadline).await;
        if departed.is_ok() {
            self.handover.given(deadline).await;
        }
        self.links.part(deadline).await;
        self.close().await;
        departed
    }

    async fn depart(&self, deadline: Instant) -> Result<(), NotAgreed> {
        self.agreement.leave(handover::left(deadline)).await?;
        self.agreement.depart(handover::left(deadline)).await
    }

    /// The bounds of its links, and how far they were ever filled.
    pub fn bounds(&self) -> Vec<Bound> {
        self.links.bounds()
    }

    /// What was handed over to this process, and from it, since it began.
    pub fn handed_over(&self) -> handover::Counts {
        self.handover.counts()
    }

    /// Ends its links, and waits until that is done.
    pub async fn close(&self) {
        self.handing_over.abort();
        self.keeping_copies.abort();
        self.links.close().await;
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("seat", &self.seat).finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("links", &self.links)
            .field("agreement", &self.agreement)
            .finish_non_exhaustive()
    }
}
