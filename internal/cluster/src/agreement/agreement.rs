//! One process's part in the cluster.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, Notify, watch};
use tokio::task::JoinHandle;

use super::message::{Answer, Letter, Question};
use super::stay::Stay;
use super::{Post, Seat, Settings, SettingsInvalid, Unreached};
use crate::lease::{Standing, Uptime};
use crate::view::{Address, MemberId, View};

/// The most addresses of discovery that are asked; the first ones.
pub(crate) const LISTED_MAX: usize = 256;

/// One process's part in the cluster: it founds or joins one, keeps its lease, tells the
/// [`Seat`] of views, and begins again when its cluster is gone. Dropped, it falls
/// silent; [`leave`](Self::leave) goes in good order.
#[derive(Debug)]
pub struct Agreement {
    pub(super) desk: Arc<Desk>,
    living: JoinHandle<()>,
    /// Where everything of it runs.
    runtime: Handle,
}

/// What all tasks of the process share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) settings: Settings,
    pub(super) post: Arc<dyn Post>,
    pub(super) seat: Arc<dyn Seat>,
    pub(super) uptime: Arc<dyn Uptime>,
    pub(super) standing: Arc<Standing>,
    /// What discovery said last; none before it said anything.
    pub(super) listed: watch::Receiver<Option<Vec<Address>>>,
    /// This process answers at a listed address that is written otherwise than its own.
    pub(super) listed_otherwise: AtomicBool,
    /// The last view that the seat has taken, in whatever cluster.
    pub(super) last: Mutex<Option<Arc<View>>>,
    /// The view that the seat has taken; none outside of a cluster.
    pub(super) view: watch::Sender<Option<Arc<View>>>,
    pub(super) place: Mutex<Place>,
    /// Somebody has moved this process from one place to another.
    pub(super) moved: Notify,
    /// Held while it is moved: one stay ends before the next begins.
    pub(super) door: AsyncMutex<()>,
}

/// Where the process is.
#[derive(Debug)]
pub(super) enum Place {
    /// In no cluster, under the id that it will have in the next one.
    Outside(MemberId),
    /// Entering or in a cluster.
    In(Arc<Stay>),
    /// It has left for good.
    Gone,
}

impl Agreement {
    /// Begins to look for a cluster, on the current tokio runtime, at the addresses that
    /// `listed` says ([`discovery::follow`](crate::discovery::follow)).
    ///
    /// # Errors
    /// [`SettingsInvalid`].
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn start(
        settings: Settings,
        post: Arc<dyn Post>,
        seat: Arc<dyn Seat>,
        uptime: Arc<dyn Uptime>,
        listed: watch::Receiver<Option<Vec<Address>>>,
    ) -> Result<Self, SettingsInvalid> {
        settings.validate()?;
        let (view, _) = watch::channel(None);
        let desk = Arc::new(Desk {
            settings,
            post,
            seat,
            uptime,
            standing: Arc::default(),
            listed,
            listed_otherwise: AtomicBool::new(false),
            last: Mutex::default(),
            view,
            place: Mutex::new(Place::Outside(MemberId::random())),
            moved: Notify::new(),
            door: AsyncMutex::new(()),
        });
        let living = tokio::spawn(Arc::clone(&desk).live());
        Ok(Self { desk, living, runtime: Handle::current() })
    }

    /// Answers a message that the post has brought `from` another process.
    pub fn answer(&self, from: &Address, message: &Bytes) -> BoxFuture<'static, Bytes> {
        let Settings { name, speaks, .. } = &self.desk.settings;
        let question = match Letter::open(name, speaks, message) {
            Ok(question) => question,
            Err(why) => {
                log::debug!("{from} was refused: {why}");
                return Box::pin(std::future::ready(Answer::from(why).seal()));
            }
        };
        let desk = Arc::clone(&self.desk);
        Box::pin(async move { desk.reply(question).await.seal() })
    }

    /// The view that the seat has taken last; none outside of a cluster.
    pub fn view(&self) -> watch::Receiver<Option<Arc<View>>> {
        self.desk.view.subscribe()
    }

    /// What this process may do now, for the data path.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.desk.standing)
    }

    /// Whether this member counts to the majority of the electorate that has to be in
    /// touch with the leader. One that joined does so a little later
    /// ([`Ledger`](crate::lease::ledger::Ledger)): whoever restarts one process after the
    /// other waits for it before the next.
    pub fn weighs(&self) -> bool {
        self.desk.stay().is_some_and(|stay| stay.has_entered() && self.desk.weighs(&stay))
    }

    /// Whom this member holds for its cluster's leader; a majority may know better.
    pub fn leader(&self) -> Option<MemberId> {
        self.desk.stay().and_then(|stay| stay.raft.metrics().borrow().current_leader)
    }

    /// This process's id in its cluster, or in the next one; none when it has left.
    pub fn id(&self) -> Option<MemberId> {
        self.desk.id()
    }
}

impl Drop for Agreement {
    fn drop(&mut self) {
        self.living.abort();
        if let Place::In(stay) = std::mem::replace(&mut *self.desk.place.lock(), Place::Gone) {
            stay.abandon();
            stay.forget_log(&self.runtime);
        }
        self.desk.standing.end();
    }
}

impl Desk {
    pub(super) fn id(&self) -> Option<MemberId> {
        match &*self.place.lock() {
            Place::Outside(id) => Some(*id),
            Place::In(stay) => Some(stay.me.id),
            Place::Gone => None,
        }
    }

    /// The stay that is going on.
    pub(super) fn stay(&self) -> Option<Arc<Stay>> {
        match &*self.place.lock() {
            Place::In(stay) => Some(Arc::clone(stay)),
            Place::Outside(_) | Place::Gone => None,
        }
    }

    /// Asks the process at an address.
    pub(super) async fn ask(
        &self,
        to: &Address,
        question: &Question,
        within: Duration,
    ) -> Result<Answer, Unreached> {
        let Settings { name, speaks, .. } = &self.settings;
        let letter = Letter::seal(name, speaks, question);
        // The post gives up by itself; a timer of our own costs little, and binds.
        match tokio::time::timeout(within, self.post.ask(to, letter, within)).await {
            Ok(answer) => answer.map(|bytes| Answer::open(&bytes)),
            Err(_elapsed) => {
                let why = format!("there was no answer within {within:?}");
                Err(Unreached { to: to.clone(), why })
            }
        }
    }
}
