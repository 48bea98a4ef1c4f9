//! All connections of one member with the others: one each, shared by all calls.
//!
//! ```text
//!  caller ──► Outbox ──(alone: writes at once)──────────────► the wire
//!     │         └───(among many: rings)──► task that writes ──►  │
//!     │                                                          │
//!     └─◄── reply slot ◄── task that reads ◄─────────────────────┘
//!                               └──► Serve ── Now ──► Outbox, one write for a batch
//!                                          └─ Later ──► a task ──► Outbox
//! ```
//!
//! Three rules hold for each call:
//!
//! * it ends by its deadline;
//! * if nothing of it was handed to the connection, it fails as
//!   [`CallFailed::NotSent`]; if anything may have been, as [`CallFailed::Unknown`];
//! * whatever waits for it has a bound, and reaching one is an error by name.
//!
//! A link has two tasks. The one that reads never waits for the other end to take
//! what we write: two members that answer each other with much would wait for each
//! other for ever. When too many replies wait, requests are answered `busy` instead
//! of being served; when even that is not read, the link ends.

mod accept;
mod bounds;
mod counts;
mod dial;
mod failed;
mod farewell;
mod fields;
pub mod frames;
mod hello;
mod link;
mod member;
mod outbox;
mod peer;
mod peers;
mod read;
mod serve;
mod settings;
mod write;

pub use counts::Counts;
pub use failed::{CallFailed, Ended, Lost, NotSent};
pub use hello::Refused;
pub use member::MemberId;
pub use serve::{Serve, Serving};
pub use settings::{Settings, VERSIONS};

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use distcache_bus::{Abandoned, Deadline, Timer, Waiter};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::proto::{Reply, Request};
use crate::wire::{Address, Listener, Wire};
use bounds::Marks;
use counts::Counters;
use link::{Link, Shared};
use outbox::Outcome;
use peer::Asked;
use peers::Peers;

/// All connections of one member with the others.
///
/// Dropping it ends them; [`close`](Self::close) also waits until that is done.
pub struct Links {
    hub: Arc<Hub>,
}

/// What the tasks have of [`Links`].
struct Hub {
    shared: Arc<Shared>,
    wire: Arc<dyn Wire>,
    serve: Arc<dyn Serve>,
    peers: Peers,
    /// The number of our last connection.
    dials: AtomicU64,
    runtime: Handle,
    tasks: TaskTracker,
    /// Cancelled when we leave: no connection is begun or taken any more.
    parting: CancellationToken,
    /// Cancelled when all links end.
    closing: CancellationToken,
}

/// Who is linked with us.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linked {
    /// The member.
    pub member: MemberId,
    /// Where it is reached.
    pub address: Address,
    /// The version of the protocol that is spoken.
    pub version: u32,
    /// Calls that wait for its replies now.
    pub waiting: usize,
}

impl Links {
    /// Begins to accept others at a listener, and to answer them.
    ///
    /// # Panics
    /// Outside a runtime of tokio: it is where all of its tasks run.
    pub fn start(
        wire: Arc<dyn Wire>,
        listener: Box<dyn Listener>,
        settings: Settings,
        serve: Arc<dyn Serve>,
    ) -> Self {
        let frame_bytes_max = wire.frame_bytes_max();
        let peers = Peers::new(settings.peers_max);
        let shared = Shared {
            settings,
            counters: Counters::default(),
            marks: Marks::default(),
            frame_bytes_max,
        };
        let hub = Arc::new(Hub {
            shared: Arc::new(shared),
            wire,
            serve,
            peers,
            dials: AtomicU64::new(0),
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            parting: CancellationToken::new(),
            closing: CancellationToken::new(),
        });
        hub.spawn(hub.clone().accept(listener));
        Self { hub }
    }

    /// Asks another member, and waits for its reply.
    ///
    /// It may be dropped: the call is forgotten, carried out or not.
    ///
    /// # Errors
    /// See [`CallFailed`].
    pub async fn call(
        &self,
        to: &Address,
        request: Request,
        deadline: Instant,
    ) -> Result<Reply, CallFailed> {
        let link = match self.hub.ask(to)? {
            Ok(link) => link,
            Err(waiter) => match timeout_at(deadline, waiter).await {
                Ok(connected) => come(connected)?.map_err(|_ended| NotSent::Closed)??,
                Err(_elapsed) => return Err(NotSent::TimedOut.into()),
            },
        };
        let time_left = deadline.saturating_duration_since(Instant::now());
        let (begun, waiter) = self.hub.begin(&link, request, time_left)?;
        let outcome = match timeout_at(deadline, waiter).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => return Err(Lost::TimedOut.into()),
        };
        begun.settled();
        replied(outcome)
    }

    /// Asks another member, for a task of any executor: it is `timer` that ends its
    /// waits, not a runtime of tokio.
    ///
    /// # Errors
    /// See [`CallFailed`].
    pub async fn call_by(
        &self,
        timer: &Timer,
        to: &Address,
        request: Request,
        ends_at: std::time::Instant,
    ) -> Result<Reply, CallFailed> {
        let link = match self.hub.ask(to)? {
            Ok(link) => link,
            Err(waiter) => {
                if !timer.keep(ends_at, &waiter.expiry()) {
                    return Err(NotSent::WaitsFull.into());
                }
                come(waiter.await)?.map_err(|_ended| NotSent::Closed)??
            }
        };
        let time_left = Deadline::at(ends_at).remaining();
        let (begun, waiter) = self.hub.begin(&link, request, time_left)?;
        // It is on its way already: without a timer, the link's own end is waited for.
        timer.keep(ends_at, &waiter.expiry());
        let Some(outcome) = waiter.await else { return Err(Lost::TimedOut.into()) };
        begun.settled();
        replied(Some(outcome))
    }

    /// Asks another member, and parks the thread until its reply comes: for threads
    /// that are none of a runtime.
    ///
    /// # Errors
    /// See [`CallFailed`].
    pub fn call_blocking(
        &self,
        to: &Address,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Reply, CallFailed> {
        let link = match self.hub.ask(to)? {
            Ok(link) => link,
            Err(waiter) => come(waiter.wait(deadline))?.map_err(|_ended| NotSent::Closed)??,
        };
        let (begun, waiter) = self.hub.begin(&link, request, deadline.remaining())?;
        let Some(outcome) = waiter.wait(deadline) else { return Err(Lost::TimedOut.into()) };
        begun.settled();
        replied(Some(outcome))
    }

    /// Who is linked with us now.
    pub fn linked(&self) -> Vec<Linked> {
        let links = self.hub.peers.links();
        let told = links.iter().map(|link| Linked {
            member: link.member,
            address: link.address.clone(),
            version: link.version,
            waiting: link.waiting(),
        });
        told.collect()
    }

    /// What was counted since they began.
    pub fn counts(&self) -> Counts {
        self.hub.shared.counters.told()
    }

    /// Parts from all others, before [`close`](Self::close): they ask us nothing more, and
    /// what was asked is answered, both ways. Calls of ours are made until they wait for
    /// nothing, and fail as not sent then. It returns at the deadline in any case.
    pub async fn part(&self, deadline: Instant) {
        self.hub.part(deadline).await;
    }

    /// Ends all connections, and waits until every task has ended. Calls that wait
    /// fail; requests that are served as tasks are dropped.
    pub async fn close(&self) {
        self.hub.end();
        self.hub.tasks.wait().await;
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.hub.end();
    }
}

impl Hub {
    /// The link, or what waits for it.
    fn ask(
        self: &Arc<Self>,
        to: &Address,
    ) -> Result<Result<Arc<Link>, Waiter<peer::Connected>>, NotSent> {
        let settings = &self.shared.settings;
        let peer = self.peers.get_or_add(to)?;
        let asked = peer.ask(settings, &self.dials).inspect_err(|error| self.note(error))?;
        Ok(match asked {
            Asked::Linked(link) => Ok(link),
            Asked::Waits(waiter) => Err(waiter),
            Asked::Dials(this_try, _) if self.parting.is_cancelled() => {
                peer.fail(this_try, &NotSent::Closed, settings);
                return Err(NotSent::Closed);
            }
            Asked::Dials(this_try, waiter) => {
                self.spawn(self.clone().dial(peer, this_try));
                Err(waiter)
            }
        })
    }

    fn begin(
        &self,
        link: &Arc<Link>,
        request: Request,
        time_left: Duration,
    ) -> Result<(link::Begun, Waiter<Outcome>), NotSent> {
        // A wait that is longer than 49 days is not told exactly.
        let time_left_ms = u32::try_from(time_left.as_millis()).unwrap_or(u32::MAX);
        link.begin(Request { time_left_ms, ..request }).inspect_err(|error| self.note(error))
    }

    fn note(&self, error: &NotSent) {
        let marks = &self.shared.marks;
        let mark = match error {
            NotSent::CallsFull { .. } => &marks.calls,
            NotSent::BytesFull { .. } => &marks.call_bytes,
            _ => return,
        };
        mark.reach();
        self.shared.counters.calls_refused.one();
    }

    /// Runs something until the links close. What it leaves behind is told by its drops.
    fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.runtime);
    }

    fn end(&self) {
        self.parting.cancel();
        self.closing.cancel();
        self.tasks.close();
        for link in self.peers.links() {
            link.cut(&Ended::Closed);
        }
    }
}

/// What a wait for a connection, or for a reply, came to.
fn come<T>(waited: Option<Result<T, Abandoned>>) -> Result<Result<T, Abandoned>, NotSent> {
    waited.ok_or(NotSent::TimedOut)
}

fn replied(outcome: Option<Result<Outcome, Abandoned>>) -> Result<Reply, CallFailed> {
    match outcome {
        Some(Ok(outcome)) => outcome,
        // A link answers all who wait when it ends.
        Some(Err(Abandoned)) => Err(Lost::Link(Ended::Closed).into()),
        None => Err(Lost::TimedOut.into()),
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.hub.shared.settings;
        f.debug_struct("Links").field("member", &settings.member).finish_non_exhaustive()
    }
}
