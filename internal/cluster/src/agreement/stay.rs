//! One process's time in one cluster.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::agreement::{Desk, Place};
use super::log::{Log, Raft};
use super::machine::Machine;
use super::message::{Peer, Refusal, SNAPSHOT_PART_BYTES};
use super::network::Network;
use crate::lease::ledger::Ledger;
use crate::view::{ClusterId, Member, MemberId, MemberState, View};

/// A snapshot after so many entries, and as many are kept beside it: that bounds the log.
pub(super) const SNAPSHOT_EVERY: u64 = 64;

/// One process's time in one cluster, under one member id.
pub(super) struct Stay {
    pub(super) cluster: ClusterId,
    /// The state in it is not kept up to date: the view's counts.
    pub(super) me: Member,
    pub(super) raft: Raft,
    /// When it began, by the process's uptime.
    pub(super) began: Duration,
    /// It was promised to a founder, or founds: it was not joined later.
    pub(super) founds: bool,
    /// What the log says.
    pub(super) agreed: watch::Receiver<Option<Arc<View>>>,
    /// The epoch that the seat has taken; 0 before the first.
    pub(super) seated: watch::Sender<u64>,
    /// If this member leads: its ledger.
    pub(super) ledger: Mutex<Option<Ledger>>,
    pub(super) contact: Mutex<Contact>,
    /// Why the stay has to end, once it has.
    pub(super) over: watch::Sender<Option<Over>>,
    /// It gives its lease up, and waits to be gone.
    pub(super) departing: AtomicBool,
    tasks: Mutex<JoinSet<()>>,
    /// Apart from the others: who departs ends it first.
    renewing: Mutex<JoinSet<()>>,
}

/// When this member was last answered by a leader that a majority had confirmed.
#[derive(Debug)]
pub(super) struct Contact {
    pub(super) at: Duration,
    /// Who it was, and what it told of its clock.
    pub(super) leader: Option<(MemberId, Duration)>,
}

/// Why a stay has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The founding failed, or the cluster did not take it in.
    NotEntered,
    /// The view is without this member.
    Removed,
    /// The cluster has dissolved.
    Dissolved,
    /// The cluster is lost, and another is founded or was found.
    Lost,
    /// It has left by its own will.
    Left,
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, me, .. } = self;
        f.debug_struct("Stay").field("cluster", cluster).field("me", me).finish_non_exhaustive()
    }
}

impl Stay {
    /// Ends the stay soon; the first reason counts.
    pub(super) fn finish(&self, why: Over) {
        self.over.send_if_modified(|over| {
            let first = over.is_none();
            over.get_or_insert(why);
            first
        });
    }

    /// Whether it has to end.
    pub(super) fn is_over(&self) -> bool {
        self.over.borrow().is_some()
    }

    /// Whether the seat has taken a view in which this member is.
    pub(super) fn has_entered(&self) -> bool {
        0 < *self.seated.borrow()
    }

    /// How long ago a confirmed leader answered.
    pub(super) fn unheard(&self, now: Duration) -> Duration {
        now.saturating_sub(self.contact.lock().at)
    }

    /// Stops its tasks without waiting for them.
    pub(super) fn abandon(&self) {
        self.tasks.lock().abort_all();
        self.renewing.lock().abort_all();
    }

    /// Ends the log without waiting for it: it goes on by itself until it is told to end.
    pub(super) fn forget_log(self: &Arc<Self>, runtime: &Handle) {
        let stay = Arc::clone(self);
        runtime.spawn(async move { stay.raft.shutdown().await });
    }

    /// When it returns, nothing extends the lease any more.
    pub(super) async fn stop_renewing(&self) {
        let renewing = std::mem::take(&mut *self.renewing.lock());
        end(renewing).await;
    }

    pub(super) fn is_departing(&self) -> bool {
        self.departing.load(Ordering::Relaxed)
    }

    /// This member as the log knows it.
    pub(super) fn peer(&self) -> Peer {
        Peer::from(&self.me)
    }
}

impl Desk {
    /// Begins a stay in `cluster`. A stay that is lost ends for it; another one that is
    /// going on does not.
    pub(super) async fn enter(
        self: &Arc<Self>,
        cluster: ClusterId,
        founds: bool,
    ) -> Result<Arc<Stay>, Refusal> {
        let door = self.door.lock().await;
        if let Some(stay) = self.stay() {
            if stay.cluster == cluster && !stay.is_over() {
                return Ok(stay);
            }
            if !self.is_lost(&stay) {
                return Err(Refusal::Busy);
            }
            stay.finish(Over::Lost);
            self.close(&stay).await;
        }
        let Place::Outside(id) = *self.place.lock() else { return Err(Refusal::Busy) };
        let stay = Arc::new(self.open(cluster, id, founds).await?);
        stay.renewing.lock().spawn(Arc::clone(self).renew(Arc::clone(&stay)));
        stay.tasks.lock().spawn(Arc::clone(self).seat(Arc::clone(&stay)));
        stay.tasks.lock().spawn(Arc::clone(self).lead(Arc::clone(&stay)));
        let is_in = self.go_in(&stay);
        drop(door);
        if !is_in {
            return Err(Refusal::Busy);
        }
        self.moved.notify_one();
        Ok(stay)
    }

    /// The process is in the cluster of a stay that has begun, unless it has left for good
    /// meanwhile: then nothing is left of the stay. Returns whether it is.
    fn go_in(&self, stay: &Arc<Stay>) -> bool {
        let mut place = self.place.lock();
        // 1. The log of a stay begins. The agreement is dropped meanwhile, and finds no
        //    stay that it could end.
        // 2. The process goes in: the stay's log and tasks go on, on a runtime that
        //    others use, too, for as long as that lasts.
        if matches!(*place, Place::Gone) {
            drop(place);
            stay.abandon();
            stay.forget_log(&Handle::current());
            return false;
        }
        *place = Place::In(Arc::clone(stay));
        true
    }

    /// Ends a stay that is over, if that has not been done yet.
    pub(super) async fn exit(&self, stay: &Arc<Stay>) {
        let _door = self.door.lock().await;
        if self.stay().is_some_and(|current| Arc::ptr_eq(&current, stay)) {
            self.close(stay).await;
        }
    }

    /// With the door held. The process is outside then, under a new id: the votes of
    /// this stay are forgotten with it.
    async fn close(&self, stay: &Arc<Stay>) {
        let tasks = std::mem::take(&mut *stay.tasks.lock());
        end(tasks).await;
        stay.stop_renewing().await;
        // No task is left that could extend the lease: it ends for good.
        self.standing.end();
        self.view.send_replace(None);
        if let Err(error) = stay.raft.shutdown().await {
            log::error!("the log of the cluster {} did not end well: {error}", stay.cluster);
        }
        let why = *stay.over.borrow();
        log::info!("{} is no longer in the cluster {}: {why:?}", stay.me.id, stay.cluster);
        self.go_out(stay, why);
        self.moved.notify_one();
    }

    /// Who has left for good stays away.
    fn go_out(&self, stay: &Stay, why: Option<Over>) {
        let mut place = self.place.lock();
        *place = match (&*place, why) {
            (Place::Gone, _) | (_, Some(Over::Left)) => Place::Gone,
            _ if stay.is_departing() => Place::Gone,
            (_, Some(Over::NotEntered | Over::Removed | Over::Dissolved | Over::Lost) | None) => {
                Place::Outside(MemberId::random())
            }
        };
    }

    async fn open(
        self: &Arc<Self>,
        cluster: ClusterId,
        id: MemberId,
        founds: bool,
    ) -> Result<Stay, Refusal> {
        let machine = Machine::new();
        let agreed = machine.views();
        let network = Network { desk: Arc::clone(self), cluster };
        let config = Arc::new(self.config());
        let raft = Raft::new(id, config, network, Log::default(), machine).await;
        let failed = |error| Refusal::Failed { why: format!("the log did not start: {error}") };
        let settings = &self.settings;
        let me = Member {
            id,
            address: settings.address.clone(),
            weight: settings.weight,
            zone: settings.zone.clone(),
            seen: self.last.lock().as_ref().map_or(0, |view| view.epoch()),
            state: MemberState::Joining,
        };
        Ok(Stay {
            cluster,
            me,
            raft: raft.map_err(failed)?,
            began: self.uptime.now(),
            founds,
            agreed,
            seated: watch::channel(0).0,
            ledger: Mutex::new(None),
            contact: Mutex::new(Contact { at: self.uptime.now(), leader: None }),
            over: watch::channel(None).0,
            departing: AtomicBool::new(false),
            tasks: Mutex::default(),
            renewing: Mutex::default(),
        })
    }

    fn config(&self) -> Config {
        let milliseconds =
            |time: Duration| u64::try_from(time.as_millis()).expect("a lease of no ages").max(1);
        let (least, most) = self.settings.election();
        Config {
            cluster_name: self.settings.name.clone(),
            heartbeat_interval: milliseconds(self.settings.beat()),
            election_timeout_min: milliseconds(least),
            election_timeout_max: milliseconds(most),
            install_snapshot_timeout: milliseconds(self.settings.lease),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
            max_in_snapshot_log_to_keep: SNAPSHOT_EVERY,
            replication_lag_threshold: 2 * SNAPSHOT_EVERY,
            max_payload_entries: SNAPSHOT_EVERY,
            snapshot_max_chunk_size: SNAPSHOT_PART_BYTES,
            ..Config::default()
        }
    }
}

/// A task that is cancelled ends where it waits; what it does without waiting, it does
/// to its end.
async fn end(mut tasks: JoinSet<()>) {
    tasks.shutdown().await;
}

#[cfg(test)]
mod tests;
