//! One process's part in the cluster: its cache, its links and its agreement, joined.
//!
//! ```text
//!   others ──► Links ──► Front ─┬─ agreement ──► Agreement ──views──► CacheSeat
//!                ▲              │                    │                   │ settle
//!                └── LinkPost ──┼────────────────────┘                   ▼
//!                               └─ everything else ─► Serve (the engine) ► CacheManager
//!                                                                        ▲
//!                                                Holding: which keys are ours
//! ```

mod front;
mod holding;
pub use holding::Holding;
mod post;
mod seat;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{CacheManager, Keyspace};
use tokio::sync::watch;

use crate::agreement::{self, Agreement, SettingsInvalid};
use crate::lease::Uptime;
use crate::links::{self, CallFailed, Links, Serve};
use crate::proto::{Reply, Request};
use crate::view::{Address, View};
use crate::wire::{self, Listener, Wire};
use front::Front;
use post::LinkPost;
use seat::CacheSeat;

/// One process's part in the cluster. Dropped, it falls silent.
pub struct Cluster {
    seat: Arc<CacheSeat>,
    agreement: Arc<Agreement>,
    links: Arc<Links>,
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
    pub listed: watch::Receiver<Vec<Address>>,
    /// Answers what others ask of the cache. It MUST do nothing by a key that this
    /// process does not answer for: what asks is never passed on.
    pub service: Arc<dyn Serve>,
}

/// Who is to be asked about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// This process, if it has a lease.
    Ours,
    /// Another member, which is reached there.
    Theirs(Address),
    /// Nobody yet.
    Nobody,
}

impl Cluster {
    /// Begins to look for a cluster, and to answer others.
    ///
    /// # Errors
    /// [`SettingsInvalid`].
    ///
    /// # Panics
    /// Outside a runtime of tokio: it is where everything of it runs. A view is taken on
    /// one of its threads, which goes through the cache's entries then: so it SHOULD
    /// have another.
    pub fn start(parts: Parts) -> Result<Self, SettingsInvalid> {
        let Parts { cache, wire, listener, links, agreement, uptime, listed, service } = parts;
        let seat = Arc::new(CacheSeat::new(cache, uptime.clone()));
        let post = Arc::new(LinkPost::default());
        let front = Arc::new(Front::new(service));
        let agreement =
            Arc::new(Agreement::start(agreement, post.clone(), seat.clone(), uptime, listed)?);
        // It has no view before its post can be carried.
        seat.stand(agreement.standing());
        front.begin(Arc::downgrade(&agreement));
        let links = Arc::new(Links::start(wire, listener, links, front));
        post.begin(Arc::downgrade(&links));
        Ok(Self { seat, agreement, links })
    }

    /// The view that the cache has settled in; none outside of a cluster.
    pub fn view(&self) -> Option<Arc<View>> {
        self.seat.holding().map(|holding| holding.view().clone())
    }

    /// What its part in the agreement is.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Who is to be asked about a key.
    pub fn whose(&self, keyspace: &Keyspace, key: &[u8]) -> Whose {
        let Some(holding) = self.seat.holding() else { return Whose::Nobody };
        match holding.owner(keyspace, key) {
            Some(owner) if owner.id == holding.me() => Whose::Ours,
            Some(owner) => Whose::Theirs(owner.address.clone()),
            None => Whose::Nobody,
        }
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
        let epoch = self.view().map_or(0, |view| view.epoch());
        let request = Request { epoch, ..request };
        self.links.call(to, request, tokio::time::Instant::now() + within).await
    }

    /// Ends its links, and waits until that is done.
    pub async fn close(&self) {
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
