//! Reads of copies of what other processes own.

use crate::{CacheManager, Error, Hit, Keyspace};

/// The reading of a copy.
#[derive(Clone, Copy)]
struct Reading {
    tenure: u64,
    hash: u64,
}

impl CacheManager {
    /// The value of a key as this process has it as a copy, if it may say so: it has a
    /// lease, and knows that what it has is committed. `None` says nothing of the key.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); `Elsewhere` if no copy of it is kept here.
    pub fn get_copy(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Hit>, Error> {
        let Some((copies, reading)) = self.begin_copy(keyspace, key) else { return Ok(None) };
        let hit = self.get_in(copies, key)?;
        Ok(hit.filter(|_| self.is_certain(reading)))
    }

    /// Like [`get_copy`](Self::get_copy), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get_copy`.
    pub async fn get_copy_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
    ) -> Result<Option<Hit>, Error> {
        let Some((copies, reading)) = self.begin_copy(keyspace, key) else { return Ok(None) };
        let hit = self.get_in_async(copies, key).await?;
        Ok(hit.filter(|_| self.is_certain(reading)))
    }

    /// Where the copy of a key lies, if it may be read; to be confirmed when it was.
    fn begin_copy<'a>(
        &self,
        keyspace: &'a Keyspace,
        key: &[u8],
    ) -> Option<(&'a Keyspace, Reading)> {
        let copies = keyspace.copies()?;
        let reading = Reading { tenure: self.tenure(), hash: self.shared.hash(copies, key) };
        (!self.shared.tentative.has(reading.hash)).then_some((copies, reading))
    }

    /// Whether a copy that was read is certain, as it was when its reading began.
    ///
    /// 1. A copy is not tentative.
    /// 2. The next version takes its place. It is.
    /// 3. That one is read.
    fn is_certain(&self, Reading { tenure, hash }: Reading) -> bool {
        !self.shared.tentative.has(hash) && self.tenure() == tenure
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use distcache_node::{Change, Draft, Version};

    use super::*;
    use crate::{Claim, Config, Copied, KeyspaceSpec, Territory, Tick, Told};

    const KEY: &[u8] = b"key";

    /// That of a process that keeps copies of all, and owns nothing.
    #[derive(Debug)]
    struct Copies(u64);

    impl Territory for Copies {
        fn heir(&self, keyspace: &Keyspace, _: &[u8]) -> Option<u64> {
            (!keyspace.is_of_copies()).then_some(1)
        }

        fn claim(&self, keyspace: &Keyspace, _: &[u8]) -> Option<Claim> {
            keyspace.is_of_copies().then_some(Claim(1))
        }

        fn is_over(&self, _: Claim) -> bool {
            false
        }

        fn tenure(&self) -> u64 {
            self.0
        }

        fn is_ours_since(&self, _: &Keyspace, _: &[u8], _: u64) -> bool {
            false
        }
    }

    fn told(number: u64) -> Told {
        Told { owner: 1, number }
    }

    fn tell(cache: &CacheManager, things: &Keyspace, number: u64) {
        let draft = Draft::new(KEY, b"1", Tick::NEVER).expect("a short key");
        let change = Change::Put(draft.entry_of(Version::from(number)));
        let changes = vec![Copied { keyspace: things.clone(), change }];
        cache.keep_copies(cache.tenure(), told(number), changes).expect("it is in this tenure");
    }

    /// One in tenure 1 with a copy of version 1, which is committed.
    fn keeper() -> (CacheManager, Keyspace) {
        let config = Config { data_nodes: 1, capacity_bytes: 16 << 20, ..Config::default() };
        let cache = CacheManager::start(config).expect("good settings");
        let spec = KeyspaceSpec { replicas: 3, ..KeyspaceSpec::default() };
        let things = cache.add_keyspace("things", &spec).expect("it is new");
        cache.settle(1, Some(Arc::new(Copies(1)))).expect("a first view");
        tell(&cache, &things, 1);
        cache.commit_copies(told(1));
        (cache, things)
    }

    #[test]
    fn a_copy_that_is_changed_while_it_is_read_is_not_certain() {
        let (cache, things) = keeper();
        let (copies, reading) = cache.begin_copy(&things, KEY).expect("it is committed");
        assert!(cache.is_certain(reading));
        tell(&cache, &things, 2);
        let read = cache.get_in(copies, KEY).unwrap().expect("it is there");
        assert_eq!(read.value.version(), Version::from(2));
        assert!(!cache.is_certain(reading));
    }

    #[test]
    fn a_reading_does_not_begin_at_a_tentative_copy_nor_go_on_into_another_tenure() {
        let (cache, things) = keeper();
        let (_, reading) = cache.begin_copy(&things, KEY).expect("it is committed");
        cache.settle(2, Some(Arc::new(Copies(2)))).expect("a next view");
        assert!(!cache.is_certain(reading));
        tell(&cache, &things, 2);
        assert!(cache.begin_copy(&things, KEY).is_none());
        cache.orphan_copies(2).unwrap();
        assert!(cache.begin_copy(&things, KEY).is_none(), "it is an orphan");
    }
}
