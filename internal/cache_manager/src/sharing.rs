//! Keys that are shared with other processes: whose they are, and what passes between them.

use std::sync::Arc;

use distcache_node::{Entry, Parcel};

use crate::membership::{Membership, Passage};
use crate::{CacheManager, Error, Keyspace, Territory};

impl CacheManager {
    /// Shares its keys with other processes from now on, as view number `view` of
    /// them says; alone again without a territory. When this has returned, no call
    /// is answered by the view before. A tenure begins, of the view's number.
    ///
    /// # Errors
    /// `NodeRefused` if the view is not later than the last one, or too late to be
    /// numbered; `Closed`.
    pub fn settle(&self, view: u64, territory: Option<Arc<dyn Territory>>) -> Result<(), Error> {
        let tenure = territory.as_ref().map_or(0, |territory| territory.tenure());
        self.shared.change(|membership, routing| {
            membership.settle_in(routing, view, territory)?;
            // 1. A near copy was granted in the tenure before.
            // 2. In this one its key has another owner, which has granted nothing, and is
            //    told that this process has taken the view.
            // 3. The key is put there. A reader here gets the near copy.
            self.shared.near.begin(tenure);
            Ok(())
        })
    }

    /// Answers for no key from now on, until it [settles](Self::settle): for a process
    /// that is to share its keys with others, and does not know yet with whom.
    ///
    /// # Errors
    /// As of `settle`.
    pub fn withdraw(&self) -> Result<(), Error> {
        self.shared.change(|_, routing| Membership::withdraw(routing))
    }

    /// Whether this process answers for a key now.
    ///
    /// # Errors
    /// `Elsewhere` if it does not.
    pub fn answers_for(&self, keyspace: &Keyspace, key: &[u8]) -> Result<(), Error> {
        self.shared.routing.load().claim(keyspace, key).map(drop)
    }

    /// The number of the tenure; 0 where there is none.
    pub fn tenure(&self) -> u64 {
        self.shared.routing.load().territory.as_ref().map_or(0, |territory| territory.tenure())
    }

    /// Whether this process answers for a key now, and the key has been its own since that
    /// tenure: if not, others may have answered for it meanwhile.
    pub fn answers_since(&self, tenure: u64, keyspace: &Keyspace, key: &[u8]) -> bool {
        let routing = self.shared.routing.load();
        let is_ours_since =
            |territory: &Arc<dyn Territory>| territory.is_ours_since(keyspace, key, tenure);
        routing.claim(keyspace, key).is_ok() && routing.territory.as_ref().is_none_or(is_ours_since)
    }

    /// Drops what this process still has of a key for which it does not answer any more,
    /// so that nobody is given it.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), but for `Elsewhere`.
    pub fn drop_stray(&self, keyspace: &Keyspace, key: &[u8]) -> Result<(), Error> {
        let hash = self.shared.hash(keyspace, key);
        let id = keyspace.id();
        self.on_node(self.owner_in(keyspace, key), |node| _ = node.hand_over(id, hash, key))
    }

    /// The same, with a view by which every key MUST have the owner that it had by the
    /// one before: the tenure goes on, and with it what is being given and taken.
    ///
    /// # Errors
    /// As of [`settle`](Self::settle).
    pub fn settle_alike(&self, view: u64, territory: Arc<dyn Territory>) -> Result<(), Error> {
        self.shared.change(|_, routing| Membership::settle_alike(routing, view, territory))
    }

    /// Takes entries of a keyspace off this process that are `heir`'s in this tenure,
    /// to be sent there: some hundreds, as far as the parcel has room. Returns where to
    /// go on; `None` at the end. Begins with `Passage::default()`.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn give(
        &self,
        tenure: u64,
        keyspace: &Keyspace,
        heir: u64,
        from: Passage,
        parcel: &mut Parcel,
    ) -> Result<Option<Passage>, Error> {
        self.shared.change(|membership, routing| {
            membership.give(routing, tenure, keyspace, heir, from, parcel)
        })
    }

    /// As [`give`](Self::give), of these keys. Returns whether the parcel had room for all.
    ///
    /// # Errors
    /// As of `give`.
    pub fn give_keys<'k>(
        &self,
        tenure: u64,
        keyspace: &Keyspace,
        heir: u64,
        keys: impl Iterator<Item = &'k [u8]>,
        parcel: &mut Parcel,
    ) -> Result<bool, Error> {
        let keys = keys.map(|key| (self.shared.hash(keyspace, key), key));
        self.shared.change(|membership, routing| {
            membership.give_keys(&routing.load(), tenure, keyspace, heir, keys, parcel)
        })
    }

    /// Takes over entries of another process, which has answered for their keys until
    /// this tenure, with their versions and ends. Returns how many: not those whose keys
    /// were used here since it began, and none that comes after
    /// [`end_arrivals`](Self::end_arrivals).
    ///
    /// # Errors
    /// `Elsewhere` in another tenure: nothing was taken over; `Closed`.
    pub fn absorb(
        &self,
        tenure: u64,
        keyspace: &Keyspace,
        entries: Vec<Entry>,
    ) -> Result<usize, Error> {
        let hash = |key: &[u8]| self.shared.hash(keyspace, key);
        self.shared.change(|membership, routing| {
            membership.absorb(routing, tenure, keyspace, hash, entries)
        })
    }

    /// Takes over nothing more of these keys: nobody who had them has anything of them. Who
    /// asks for one is answered from now on, and not [told to wait](Territory::awaits).
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn end_arrivals_for<'k>(
        &self,
        tenure: u64,
        keyspace: &Keyspace,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> Result<(), Error> {
        let hashes = keys.map(|key| self.shared.hash(keyspace, key));
        self.shared.change(|membership, routing| {
            membership.end_arrivals_for(&routing.load(), tenure, hashes)
        })
    }

    /// Takes over nothing more from other processes: who had something to give has
    /// given it, or is gone.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn end_arrivals(&self, tenure: u64) -> Result<(), Error> {
        self.shared.change(|membership, routing| membership.end_arrivals_of(routing, tenure))
    }

    /// Drops what this process holds and does not answer for in this tenure: whose it
    /// is has asked for it, or never will.
    ///
    /// # Errors
    /// `Elsewhere` in another tenure; `Closed`.
    pub fn drop_strays(&self, tenure: u64) -> Result<(), Error> {
        self.shared.change(|membership, routing| membership.drop_strays_of(&routing.load(), tenure))
    }
}
