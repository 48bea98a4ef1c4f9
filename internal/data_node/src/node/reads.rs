//! Reads: of one key, and of many together.

use std::cell::LazyCell;

use super::DataNode;
use crate::any_store::on_store;
use crate::{KeyspaceId, Value};

impl DataNode {
    /// The value of a key if it is fresh and not due to be loaded again, or a
    /// miss. An absent one says that there is none.
    #[inline]
    pub fn get(&mut self, id: KeyspaceId, hash: u64, key: &[u8]) -> Option<Value> {
        let place = self.keyspaces.get_mut(usize::from(id.index))?;
        let keyspace = place.as_mut().filter(|keyspace| keyspace.id == id)?;
        let now = || self.clock.now();
        on_store!(&mut keyspace.store, store => store.get(hash, key, now)).map(Value::from)
    }

    /// The same beside other readers; for policies that share their hits.
    #[inline]
    pub fn get_shared(&self, id: KeyspaceId, hash: u64, key: &[u8]) -> Option<Value> {
        let keyspace = self.keyspace(id)?;
        let now = || self.clock.now();
        on_store!(&keyspace.store, store => store.get_shared(hash, key, now)).map(Value::from)
    }

    /// What [`get`](Self::get) says of each of many keys, in their order; each
    /// comes with its hash. All see the same time.
    pub fn get_many<K: AsRef<[u8]>>(
        &mut self,
        id: KeyspaceId,
        asked: &[(u64, K)],
    ) -> Vec<Option<Value>> {
        let place = self.keyspaces.get_mut(usize::from(id.index)).and_then(Option::as_mut);
        let Some(keyspace) = place.filter(|keyspace| keyspace.id == id) else {
            return asked.iter().map(|_| None).collect();
        };
        let now = LazyCell::new(|| self.clock.now());
        on_store!(&mut keyspace.store, store => store.get_many(asked, || *now))
    }

    /// The same beside other readers; for policies that share their hits.
    pub fn get_many_shared<K: AsRef<[u8]>>(
        &self,
        id: KeyspaceId,
        asked: &[(u64, K)],
    ) -> Vec<Option<Value>> {
        let Some(keyspace) = self.keyspace(id) else {
            return asked.iter().map(|_| None).collect();
        };
        let now = LazyCell::new(|| self.clock.now());
        on_store!(&keyspace.store, store => store.get_many_shared(asked, || *now))
    }

    /// Asks for the memory that looking at keys with these hashes takes, for many
    /// of them at once.
    pub fn bring_near(&self, id: KeyspaceId, hashes: &[u64]) {
        if let Some(keyspace) = self.keyspace(id) {
            on_store!(&keyspace.store, store => store.bring_near(hashes));
        }
    }
}
