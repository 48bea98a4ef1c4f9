//! From entries of the log to views.

use std::io::{self, Cursor};
use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{
    Entry, EntryPayload, LogId, OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta,
    StorageError, StorageIOError, StoredMembership,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::bounds;
use super::log::Types;
use super::message::Peer;
use crate::view::{MemberId, Outcome, Roster, View};

type Fault = StorageError<MemberId>;
type Meta = SnapshotMeta<MemberId, Peer>;

/// Applies entries to the roster, and tells of each view. Clones are one machine.
#[derive(Debug, Clone)]
pub(super) struct Machine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    views: watch::Sender<Option<Arc<View>>>,
}

#[derive(Debug, Default)]
struct State {
    roster: Roster,
    applied: Option<LogId<MemberId>>,
    membership: StoredMembership<MemberId, Peer>,
    snapshot: Option<(Meta, Vec<u8>)>,
}

impl Machine {
    /// Before the first entry.
    pub(super) fn new() -> Self {
        let (views, _) = watch::channel(None);
        Self(Arc::new(Shared { state: Mutex::default(), views }))
    }

    /// The newest view, when there is one.
    pub(super) fn views(&self) -> watch::Receiver<Option<Arc<View>>> {
        self.0.views.subscribe()
    }

    /// Tells of the roster as it is, with the state's lock held: the order of views is
    /// that of epochs.
    fn tell(&self, state: &State) {
        self.0.views.send_replace(View::new(state.roster.clone()).map(Arc::new));
    }
}

impl State {
    fn apply(&mut self, entry: Entry<Types>) -> Outcome {
        self.applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Outcome::Unchanged,
            EntryPayload::Normal(change) => {
                let LogId { leader_id, index } = entry.log_id;
                self.roster.apply(index, leader_id.term, change)
            }
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
                Outcome::Unchanged
            }
        }
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = Self;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId<MemberId>>, StoredMembership<MemberId, Peer>), Fault> {
        let state = self.0.state.lock();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, Fault>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut state = self.0.state.lock();
        let before = state.roster.epoch;
        let outcomes = entries.into_iter().map(|entry| state.apply(entry)).collect();
        if before < state.roster.epoch {
            self.tell(&state);
        }
        Ok(outcomes)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, Fault> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), Fault> {
        let bytes = snapshot.into_inner();
        let unreadable = |error| StorageIOError::read_snapshot(Some(meta.signature()), &error);
        let unfit = |why| {
            let error = io::Error::new(io::ErrorKind::InvalidData, why);
            StorageIOError::read_snapshot(Some(meta.signature()), &error)
        };
        bounds::of_snapshot(&bytes).map_err(unfit)?;
        let roster: Roster = serde_json::from_slice(&bytes).map_err(unreadable)?;
        roster.fits().map_err(unfit)?;
        let mut state = self.0.state.lock();
        *state = State {
            roster,
            applied: meta.last_log_id,
            membership: meta.last_membership.clone(),
            snapshot: Some((meta.clone(), bytes)),
        };
        self.tell(&state);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, Fault> {
        let snapshot = self.0.state.lock().snapshot.clone();
        Ok(snapshot.map(|(meta, bytes)| Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) }))
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, Fault> {
        let mut state = self.0.state.lock();
        let bytes = serde_json::to_vec(&state.roster).expect("a roster is JSON");
        let meta = Meta {
            last_log_id: state.applied,
            last_membership: state.membership.clone(),
            snapshot_id: state.applied.map(|id| id.to_string()).unwrap_or_default(),
        };
        state.snapshot = Some((meta.clone(), bytes.clone()));
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) })
    }
}
