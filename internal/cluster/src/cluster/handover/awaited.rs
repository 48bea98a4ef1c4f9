//! Keys that somebody asks for before their entries have come.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_manager::{Keyspace, KeyspaceId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Tenure;
use crate::view::{MemberId, View};

/// Keys of one giver that are waited for at once. Of more nobody waits: they are misses
/// until their page comes.
const AWAITED_MAX: usize = 4096;

/// Nobody waits for a longer one.
const AWAITED_KEY_BYTES_MAX: usize = 1024;

/// Keys that a giver is asked for at once.
pub(in crate::cluster) const KEYS_AT_ONCE_MAX: usize = 256;

/// Which keys are waited for, and from whom.
///
/// Who asks for a key of which nothing has come is told to ask again, and the heir asks the
/// giver for it, before the next page.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// How long a key is waited for.
    patience: Duration,
    state: Mutex<State>,
    /// Wakes the heir's tasks.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By this view the givers owned the keys.
    before: Option<Arc<View>>,
    /// Of each that may have something.
    givers: BTreeMap<MemberId, Wants>,
}

/// What one giver may have.
#[derive(Debug, Default)]
struct Wants {
    /// Since when each key is waited for.
    since: HashMap<(KeyspaceId, Bytes), Duration>,
    /// Those for which it was not asked.
    next: Vec<(Keyspace, Bytes)>,
}

/// What a giver is to be asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) keyspace: Keyspace,
    pub(super) keys: Vec<Bytes>,
}

impl Awaited {
    pub(in crate::cluster) fn new(patience: Duration) -> Self {
        Self { patience, state: Mutex::default(), news: Notify::new() }
    }

    /// Before anybody is answered in a tenure.
    ///
    /// Who knows nothing of the owners before cannot tell whose an entry was.
    pub(in crate::cluster) fn begin(&self, tenure: &Tenure) {
        let before = tenure.before().cloned();
        let givers = tenure.givers().iter().filter(|_| before.is_some());
        let givers = givers.map(|giver| (giver.id, Wants::default())).collect();
        *self.state.lock() = State { before, givers };
    }

    /// Whether the entry of a key is waited for; from now on, if it may come. `place` is the
    /// key's among the members.
    pub(in crate::cluster) fn awaits(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        place: u64,
        now: Duration,
    ) -> bool {
        let mut state = self.state.lock();
        let State { before, givers } = &mut *state;
        let owner = before.as_ref().and_then(|before| before.owner(place));
        let Some(wants) = owner.and_then(|owner| givers.get_mut(&owner.id)) else { return false };
        let key = (keyspace.id(), Bytes::copy_from_slice(key));
        if let Some(since) = wants.since.get(&key) {
            return now < *since + self.patience;
        }
        if AWAITED_MAX <= wants.since.len() || AWAITED_KEY_BYTES_MAX < key.1.len() {
            return false;
        }
        wants.next.push((keyspace.clone(), key.1.clone()));
        wants.since.insert(key, now);
        drop(state);
        self.news.notify_waiters();
        true
    }

    /// For what a giver is to be asked: keys of one keyspace. `None` if for nothing.
    pub(super) fn next(&self, giver: MemberId) -> Option<Wanted> {
        let mut state = self.state.lock();
        let next = &mut state.givers.get_mut(&giver)?.next;
        let keyspace = next.last()?.0.clone();
        let mut keys = Vec::new();
        while keys.len() < KEYS_AT_ONCE_MAX
            && let Some((_, key)) = next.pop_if(|(held, _)| held.id() == keyspace.id())
        {
            keys.push(key);
        }
        Some(Wanted { keyspace, keys })
    }

    /// Waits until a giver is to be asked for something.
    pub(super) async fn until_any(&self, giver: MemberId) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // Somebody may begin to wait between the look and the wait.
            news.as_mut().enable();
            if self.has_any(giver) {
                return;
            }
            news.await;
        }
    }

    fn has_any(&self, giver: MemberId) -> bool {
        self.state.lock().givers.get(&giver).is_some_and(|wants| !wants.next.is_empty())
    }

    /// A giver has been asked for these keys, and has said what it has.
    pub(super) fn end(&self, giver: MemberId, Wanted { keyspace, keys }: Wanted) {
        if let Some(wants) = self.state.lock().givers.get_mut(&giver) {
            for key in keys {
                wants.since.remove(&(keyspace.id(), key));
            }
        }
    }

    /// A giver has nothing more.
    pub(super) fn end_all(&self, giver: MemberId) {
        self.state.lock().givers.remove(&giver);
    }
}

#[cfg(test)]
mod tests;
