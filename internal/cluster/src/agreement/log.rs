//! The log, in memory: a process that ends forgets it, and comes back as another member.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Cursor;
use std::ops::RangeBounds;
use std::sync::Arc;

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{
    Entry, LogId, LogState, OptionalSend, RaftLogReader, StorageError, TokioRuntime, Vote,
};
use parking_lot::Mutex;

use super::message::Peer;
use crate::view::{Change, MemberId, Outcome};

openraft::declare_raft_types!(
    /// What the log is made of.
    pub(super) Types:
        D = Change,
        R = Outcome,
        NodeId = MemberId,
        Node = Peer,
        Entry = Entry<Types>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = TokioRuntime,
);

pub(super) type Raft = openraft::Raft<Types>;
type Fault = StorageError<MemberId>;

/// The log of one stay. Clones are one log. How long it can get: see
/// [`SNAPSHOT_EVERY`](super::stay::SNAPSHOT_EVERY).
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<u64, Entry<Types>>,
    purged: Option<LogId<MemberId>>,
    vote: Option<Vote<MemberId>>,
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry<Types>>, Fault> {
        Ok(self.0.lock().entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, Fault> {
        let kept = self.0.lock();
        let last = kept.entries.last_key_value().map(|(_, entry)| entry.log_id);
        Ok(LogState { last_purged_log_id: kept.purged, last_log_id: last.or(kept.purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<MemberId>) -> Result<(), Fault> {
        self.0.lock().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<MemberId>>, Fault> {
        Ok(self.0.lock().vote)
    }

    async fn append<I>(&mut self, entries: I, flushed: LogFlushed<Types>) -> Result<(), Fault>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(|entry| (entry.log_id.index, entry));
        self.0.lock().entries.extend(entries);
        flushed.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, since: LogId<MemberId>) -> Result<(), Fault> {
        self.0.lock().entries.split_off(&since.index);
        Ok(())
    }

    async fn purge(&mut self, upto: LogId<MemberId>) -> Result<(), Fault> {
        let mut kept = self.0.lock();
        kept.entries = kept.entries.split_off(&(upto.index + 1));
        kept.purged = Some(upto);
        Ok(())
    }
}
