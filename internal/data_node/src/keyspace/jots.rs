//! What a keyspace writes down of what is done to its keys, for those who have copies.

use crate::any_store::on_store;
use crate::journal::Followed;
use crate::{Change, Entry, Journal};

use super::Keyspace;

impl Keyspace {
    /// Writes down what was done to all keys, if others have copies.
    #[inline]
    pub(crate) fn jot(&self, change: impl FnOnce() -> Change) {
        if let Some((journal, followed)) = self.followed(None) {
            journal.note(self.id, None, change(), followed);
        }
    }

    /// Who follows what is done to the key of this hash, or to all; `None` if nobody does.
    #[inline]
    fn followed(&self, hash: Option<u64>) -> Option<(&Journal, Followed)> {
        let journal = self.journal.as_ref().filter(|journal| journal.is_kept())?;
        let followed = Followed { near_until: journal.near_until(hash), is_copied: self.is_copied };
        (followed.is_copied || followed.near_until.is_some()).then_some((journal, followed))
    }

    /// Writes down what a key has now: what it has had is nothing to anybody. Who has a near
    /// copy drops it, whatever that is.
    #[inline]
    pub(crate) fn jot_state(&self, hash: u64, key: &[u8]) {
        let Some((journal, followed)) = self.followed(Some(hash)) else { return };
        let held = on_store!(&self.store, store => store.held(hash, key));
        let change =
            held.map_or_else(|| Change::Forget(key.into()), |entry| followed.told(entry.clone()));
        journal.note(self.id, Some(hash), change, followed);
    }

    /// Whether somebody follows what is done to the key of this hash.
    #[inline]
    pub(crate) fn is_followed(&self, hash: u64) -> bool {
        self.followed(Some(hash)).is_some()
    }

    /// Writes down that a key was given an entry.
    pub(crate) fn jot_put(&self, hash: u64, entry: Entry) {
        let Some((journal, followed)) = self.followed(Some(hash)) else { return };
        journal.note(self.id, Some(hash), followed.told(entry), followed);
    }
}
